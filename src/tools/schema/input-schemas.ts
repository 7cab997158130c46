/** The input schemas of a thread's tools, as a model gets them: for `ToolRouter`'s `schemaOf`. */
import type { JsonObject } from "../../base/json.ts";
import type { McpConnectionManager } from "../../mcp/index.ts";
import type { ToolInfo } from "../tool-info.ts";
import { budgetInputSchema } from "./budget-schema.ts";
import { codexInputSchema } from "./codex-schema.ts";

export interface InputSchemaOptions {
  /**
   * `budget`: as declared, cut to `tokensMax` where it is longer. `codex`: as Codex sends it, compacted above the server's
   * `tool_input_schema_max_bytes`.
   *
   * @default "budget"
   */
  readonly form?: "budget" | "codex";
  /** For `budget`: of each tool; a token counts as 4 bytes of JSON. @default 1250, the length from which Codex compacts */
  readonly tokensMax?: number;
  /** Told of each tool that a model cannot be offered, once. */
  readonly onUnusable?: (tool: ToolInfo, reason: string) => void;
}

const TOKENS_MAX = 1_250;

/** @returns the schema of a tool; `undefined` where a model cannot be offered it */
export function inputSchemasOf(
  thread: McpConnectionManager,
  { form = "budget", tokensMax = TOKENS_MAX, onUnusable }: InputSchemaOptions = {},
): (tool: ToolInfo) => JsonObject | undefined {
  // A declared schema stays the same object until its server lists its tools again.
  const known = new WeakMap<object, JsonObject | "unusable">();
  return (tool) => {
    const declared = tool.tool.inputSchema;
    const before = known.get(declared);
    if (before !== undefined) return before === "unusable" ? undefined : before;
    const made =
      form === "budget"
        ? budgetInputSchema(declared as JsonObject, tokensMax)
        : codexInputSchema(
            declared as JsonObject,
            thread.server(tool.server).config.tool_input_schema_max_bytes,
          );
    known.set(declared, made.kind === "schema" ? made.schema : "unusable");
    if (made.kind === "schema") return made.schema;
    onUnusable?.(tool, made.reason);
    return undefined;
  };
}
