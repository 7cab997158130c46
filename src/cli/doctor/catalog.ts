/** What the tools of servers come to for a model: how long they are, which get other names, which no model is offered. */
import type { JsonObject } from "../../base/json.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import type { ServerSnapshot } from "../../mcp/index.ts";
import { codexInputSchema, type ServerTool, ToolNames } from "../../tools/index.ts";
import { modelDescription } from "../../tools/tool-info.ts";
import { aboutOf, type Finding, finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

export interface CatalogView {
  /** Of all definitions that a model is offered. */
  readonly tokens: number;
  readonly findings: readonly Finding[];
}

/**
 * Of a definition as JSON, in a token. Measured with the tokenizer of GPT-4o and later (o200k_base) on the tools of four published
 * servers: 4.78 to 4.97. (Codex and `schemaTokens` count 4 where they bound a length.)
 */
const BYTES_PER_TOKEN = 4.8;
/** Nobody reads more names than these. */
const NAMES_MAX = 3;

/** Of each server that is ready, by name. All at once: names depend on each other. */
export function catalogViews(patients: readonly Patient[]): ReadonlyMap<string, CatalogView> {
  const ready = patients.flatMap((patient) => {
    const { server, snapshot } = patient;
    return server.config === undefined || snapshot?.status.state !== "ready"
      ? []
      : [{ patient, config: server.config, snapshot }];
  });
  const tools = ready.flatMap(({ config, snapshot }) =>
    snapshot.tools.map((tool) => serverTool(snapshot, config, tool)),
  );
  const named = new ToolNames().name(tools).tools;
  return new Map(
    ready.map(({ patient, config, snapshot }) => {
      const own = named.filter(({ qualified }) => qualified.server === snapshot.name);
      const renamed = own.filter(({ qualified, visible }) => visible.name !== qualified.tool);
      const refused: (readonly [tool: string, why: string])[] = [];
      let bytes = 0;
      for (const each of own) {
        const { qualified, visible, tool, forModel } = each;
        if (!forModel) continue;
        const made = codexInputSchema(tool.inputSchema as JsonObject, config.tool_input_schema_max_bytes);
        const why = made.kind === "unusable" ? made.reason : refusal(made.schema);
        if (why !== undefined) refused.push([qualified.tool, why]);
        if (made.kind === "unusable") continue;
        const definition = {
          type: "function",
          name: visible.name,
          description: modelDescription(each),
          strict: false,
          parameters: made.schema,
        };
        bytes += Buffer.byteLength(JSON.stringify(definition));
      }
      const findings = [
        ...schemaFindings(patient, refused),
        ...nameFindings(
          patient,
          renamed.map(({ qualified, visible }) => [qualified.tool, visible.name]),
        ),
      ];
      return [snapshot.name, { tokens: Math.round(bytes / BYTES_PER_TOKEN), findings }] as const;
    }),
  );
}

function serverTool(
  { name: server, plugin }: ServerSnapshot,
  config: McpServerConfig,
  tool: ServerSnapshot["tools"][number],
): ServerTool {
  const ui: unknown = tool._meta?.["ui"];
  const visibility: unknown =
    typeof ui === "object" && ui !== null && "visibility" in ui ? ui.visibility : undefined;
  return {
    server,
    tool,
    supportsParallelToolCalls: config.supports_parallel_tool_calls,
    annotations: tool.annotations,
    forModel: !Array.isArray(visibility) || visibility.includes("model"),
    provenance: {
      environment: config.environment_id,
      scope: config.scope,
      ...(plugin === undefined ? {} : { plugin }),
    },
  };
}

/**
 * Why a model's provider rejects a request with this schema, by the words of OpenAI's API: "schema must have type 'object' and not have
 * 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level". What else it rejects, such as arrays without items, Codex fills in.
 */
function refusal(sent: JsonObject): string | undefined {
  const { type } = sent;
  if (type !== "object")
    return `its type is ${type === undefined ? "not said" : JSON.stringify(type)}, and has to be "object"`;
  const composition = ["oneOf", "anyOf", "allOf", "enum", "not"].find((key) => Object.hasOwn(sent, key));
  return composition === undefined ? undefined : `it has ${composition} at its top level`;
}

function schemaFindings(
  { server, fixes }: Patient,
  refused: readonly (readonly [tool: string, why: string])[],
): Finding[] {
  const [first] = refused;
  if (first === undefined) return [];
  const names = refused.map(([name]) => name);
  const problem = `a model's provider rejects the input schema of ${listed(names)}: ${first[1]}`;
  const cause =
    "A turn with this tool fails as a whole, or the tool is left out. Without it, the others work";
  const off = [...new Set([...(server.config?.disabled_tools ?? []), ...names])];
  const fix = fixes.edit("set", server, "disabled_tools", JSON.stringify(off));
  return [finding("tool_schema_refused", problem, { ...aboutOf(server), cause, fix })];
}

function nameFindings({ server }: Patient, renamed: readonly (readonly [string, string])[]): Finding[] {
  if (renamed.length === 0) return [];
  const pairs = renamed.slice(0, NAMES_MAX).map(([declared, visible]) => `${declared} is ${visible}`);
  const more = renamed.length > NAMES_MAX ? ", …" : "";
  const number =
    renamed.length === 1 ? "1 tool has another name" : `${renamed.length} tools have other names`;
  const problem = `${number} for the model: ${pairs.join(", ")}${more}`;
  return [finding("tool_renamed", problem, aboutOf(server))];
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_MAX).map((name) => JSON.stringify(name));
  return `${shown.join(", ")}${names.length > NAMES_MAX ? ", …" : ""}`;
}
