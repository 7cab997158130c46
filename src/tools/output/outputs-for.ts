/** The outputs of one thread's calls: the limits of its tools, and one form for all of them. */
import type { Redactor } from "../../base/redact.ts";
import type { CallOutcome, McpConnectionManager } from "../../mcp/index.ts";
import type { ToolOutput } from "../router/contract.ts";
import { codexOutput } from "./codex-output.ts";
import type { KeptOutputs } from "./kept-outputs.ts";
import { modelOutput } from "./model-output.ts";
import type { ModelTraits } from "./model-traits.ts";

export interface ThreadOutputOptions {
  /** Its configuration has the limits: `tools.<tool>.output_token_limit`. */
  readonly thread: Pick<McpConnectionManager, "servers">;
  /** `codex`: what Codex gives a model, byte for byte. `clear`: all that the tool said, and where it was cut. @default "clear" */
  readonly form?: "clear" | "codex";
  /** What the model takes. @default images, and 10 000 tokens of one output */
  readonly model?: ModelTraits;
  /** Masks what it knows. */
  readonly redactor?: Redactor;
  /** Keeps the whole of what is cut; offer its `tool()` to the model. Of the form `clear` only. */
  readonly kept?: KeptOutputs;
}

/** @returns the `outputOf` of a `ToolRouter` */
export function outputsFor(options: ThreadOutputOptions): (
  about: {
    readonly callId: string;
    readonly tool: { readonly qualified: { readonly server: string; readonly tool: string } };
    readonly elapsedMs: number;
  },
  outcome: CallOutcome,
) => ToolOutput {
  const { thread, form = "clear", model, redactor, kept: outputs } = options;
  return ({ callId, tool: { qualified }, elapsedMs }, outcome) => {
    const { server, tool } = qualified;
    const config = thread.servers.find(({ name }) => name === server)?.config;
    const outputTokenLimit = config?.tools.get(tool)?.output_token_limit;
    const common = { server, tool, model, outputTokenLimit, redactor };
    if (form === "codex") return codexOutput(outcome, { ...common, elapsedMs });
    return modelOutput(outcome, {
      ...common,
      kept: outputs === undefined ? undefined : { outputs, callId },
    });
  };
}
