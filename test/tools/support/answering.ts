/** A stdio server with a tool `t` that answers what its arguments say, and what real Codex makes of the answers. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { McpServerToolConfig } from "../../../src/config/index.ts";
import { callTool, type ModelReply, say, ScriptedModel } from "../../../src/testing/index.ts";
import { pick } from "../../../src/testing/pick.ts";
import { collect, startBench } from "../../support/codex-bench.ts";

export type Arguments =
  /** The answer, besides its id. */
  | { readonly answer: { readonly result: unknown } | { readonly error: unknown } }
  /** A result of one text for each pair: so often, this. */
  | { readonly texts: readonly (readonly [times: number, text: string])[] }
  | { readonly silent: true }
  /** Asks for a form, and tells as its result what came back. */
  | { readonly ask: object };

const SCRIPT = `
  let rest = "";
  const lines = (chunk) => { const all = (rest + chunk).split("\\n"); rest = all.pop(); all.forEach(one); };
  process.stdin.setEncoding("utf8").on("data", lines);
  const inputSchema = { type: "object", properties: {} };
  const tools = JSON.parse(process.argv[1]).map((tool) => ({ name: "t", inputSchema, ...tool }));
  const capabilities = { tools: {} }, serverInfo = { name: "answering", version: "1" };
  const asked = new Map();
  function one(line) {
    const { id, method, params, result } = JSON.parse(line);
    if (id === undefined) return;
    if (method === undefined) return asked.get(id)(result);
    const send = (answer) => console.log(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
    if (method === "initialize") return send({ result: { protocolVersion: "2025-06-18", capabilities, serverInfo } });
    if (method === "tools/list") return send({ result: { tools } });
    if (method !== "tools/call") return send({ error: { code: -32601, message: "Method not found" } });
    const { answer, texts, silent, ask } = params.arguments;
    if (ask) {
      const question = { mode: "form", message: "Well?", requestedSchema: ask };
      console.log(JSON.stringify({ jsonrpc: "2.0", id: "ask-" + id, method: "elicitation/create", params: question }));
      asked.set("ask-" + id, (came) => send({ result: { content: [{ type: "text", text: JSON.stringify(came) }] } }));
      return;
    }
    if (texts) send({ result: { content: texts.map(([times, text]) => ({ type: "text", text: text.repeat(times) })) } });
    else if (!silent) send(answer);
  }`;

/** @param tools what differs from a tool `t` without annotations */
export function answering(...tools: readonly object[]): {
  readonly command: string;
  readonly args: readonly string[];
} {
  return {
    command: process.execPath,
    args: ["-e", SCRIPT, JSON.stringify(tools.length === 0 ? [{}] : tools)],
  };
}

export interface ServerKeys {
  readonly tool_timeout_sec?: number;
  readonly tools?: Readonly<Record<string, McpServerToolConfig>>;
}

/** A model for Codex's catalog. */
export interface CatalogModel {
  readonly input_modalities?: readonly string[];
  readonly truncation_policy?: { readonly mode: "tokens" | "bytes"; readonly limit: number };
}

/** The outputs that the model is given for these calls, in a turn of real Codex. */
export async function outputsInCodex(
  calls: readonly Arguments[],
  keys: ServerKeys = {},
  model: string | CatalogModel = "gpt-5.5",
): Promise<readonly unknown[]> {
  // Once, not once per history: Codex may find it too long and begin anew.
  let asked = 0;
  const script = (): ModelReply =>
    asked++ > 0 ? say("done") : calls.map((args) => callTool({ server: "svc", tool: "t", arguments: args }));
  await using scripted = await ScriptedModel.start({ script });
  await using bench = await startBench({ mcp: "direct" }, scripted);
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    ...(typeof model === "string" ? { model } : { model: "own", config: catalog(bench.cwd, model) }),
    mcpServers: { svc: { ...answering(), default_tools_approval_mode: "approve", ...keys } },
  });
  await collect(thread.runStreamed("go"));
  await thread.close();
  const input = pick(scripted.requests, 1, "body", "input") as { type: string; output: unknown }[];
  return input.flatMap((item) => (item.type === "function_call_output" ? [item.output] : []));
}

/** A catalog of this one model, `own`. */
function catalog(folder: string, model: CatalogModel): { model_catalog_json: string } {
  const path = join(folder, "catalog.json");
  const own = {
    slug: "own",
    display_name: "own",
    supported_reasoning_levels: [],
    shell_type: "shell_command",
    visibility: "list",
    supported_in_api: true,
    priority: 1,
    base_instructions: "",
    supports_reasoning_summaries: false,
    support_verbosity: false,
    truncation_policy: { mode: "tokens", limit: 10_000 },
    supports_parallel_tool_calls: false,
    experimental_supported_tools: [],
    context_window: 200_000,
    ...model,
  };
  writeFileSync(path, JSON.stringify({ models: [own] }));
  return { model_catalog_json: path };
}
