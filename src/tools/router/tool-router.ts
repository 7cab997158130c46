/**
 * From a model's items to the tools they mean, and back to outputs: the tools of one thread and those of its host.
 *
 *   tools() ──> a snapshot: what the model may call in this step, under its visible names
 *   dispatch(items) ──> route ──> gate ──> approval ──> call ──> output, one per item, in their order
 *
 * The names are `names/`'s, which calls overlap is `gate/`'s, whether one is made `approval/`'s, and what the model is given
 * `output/`'s business; here they meet.
 *
 * Invariants
 *   R1. A call goes to the server and the declared tool behind the name that the model was given, by a map. A name that was not given is
 *       taken where it can mean one tool only.
 *   R2. Every item has one output, in its place. What goes wrong with one call is that call's output.
 *   R3. What the model is offered stays the same from `tools()` to the next `tools()`.
 *   R4. An abort reaches the calls under way, and those that wait are not made.
 */
import { abortable } from "../../base/abort.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import { messageOf } from "../../base/errors.ts";
import { nearest } from "../../base/suggest.ts";
import type { CallOutcome, McpConnectionManager, ServerView } from "../../mcp/index.ts";
import { connectorText } from "../connector.ts";
import type { Gate, Pass } from "../gate/gate.ts";
import { isParallel } from "../gate/is-parallel.ts";
import type { ToolCatalog } from "../names/tool-catalog.ts";
import { ToolNames } from "../names/tool-names.ts";
import { outputsFor } from "../output/outputs-for.ts";
import { ToolSearch } from "../search/tool-search.ts";
import { modelDescription, type ToolInfo, toolsOf } from "../tool-info.ts";
import type {
  DispatchEvent,
  DispatchOptions,
  FunctionCallItem,
  FunctionCallOutputItem,
  FunctionToolDefinition,
  HostTool,
  RoutedTool,
  StepTools,
  ToolDefinition,
  ToolOutput,
} from "./contract.ts";

/** Decides whether a call is made. */
export interface Approver {
  check(about: {
    readonly server: string;
    readonly tool: ToolInfo;
    readonly callId: string;
    readonly args: JsonObject;
    readonly signal: AbortSignal | undefined;
  }): Promise<{ readonly allowed: true } | { readonly allowed: false; readonly text: string }>;
}

/** Makes an output of how a call ended. */
export type OutputOf = (
  about: { readonly callId: string; readonly tool: ToolInfo; readonly elapsedMs: number },
  outcome: CallOutcome,
) => ToolOutput;

export interface ToolRouterOptions {
  /** The thread whose servers' tools are offered. */
  readonly thread: McpConnectionManager;
  /** The host's own tools. @default none */
  readonly hostTools?: readonly HostTool[];
  /** How the model spells a tool: in one piece of at most 64 characters, or as namespace and name. @default "flat" */
  readonly spelling?: "flat" | "namespaces";
  /** `search`: servers' tools are found through the tool `tool_search`, and offered from the next step on. @default "direct" */
  readonly exposure?: "direct" | "search";
  /** Shared by all threads whose connections may be shared. */
  readonly gate: Gate;
  /** Whether a server's hints (`readOnlyHint`) are believed. @default yes, as in Codex */
  readonly trustHints?: (server: string) => boolean;
  /** Decides whether a call is made. @default every call is made */
  readonly approver?: Approver;
  /** Makes what the model is given of how a call ended. @default `outputsFor({ thread })` */
  readonly outputOf?: OutputOf;
  /** The schema of the arguments as the model gets it; `undefined` leaves the tool out. @default as the server declares it */
  readonly schemaOf?: (tool: ToolInfo) => JsonObject | undefined;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** Where an item goes, or why it goes nowhere. */
export type Route =
  | { readonly kind: "mcp"; readonly tool: ToolInfo; readonly args: JsonObject | undefined }
  | { readonly kind: "host"; readonly tool: HostTool; readonly args: JsonObject }
  | { readonly kind: "search"; readonly args: JsonObject }
  | { readonly kind: "unknown"; readonly routed: RoutedTool; readonly text: string };

const SEARCH = "tool_search";
const SEARCH_LIMIT = 8;
const SEARCH_LIMIT_MAX = 50;

export class ToolRouter implements StepTools {
  readonly #options: ToolRouterOptions;
  readonly #clock: Clock;
  readonly #names = new ToolNames();
  readonly #host: ReadonlyMap<string, HostTool>;
  /** Found by a search, by server and declared name. */
  readonly #found = new Set<string>();
  readonly #outputOf: OutputOf;
  #catalog: ToolCatalog;
  #definitions: readonly ToolDefinition[] = [];

  constructor(options: ToolRouterOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#outputOf = options.outputOf ?? outputsFor({ thread: options.thread });
    this.#host = new Map((options.hostTools ?? []).map((tool) => [tool.name, tool]));
    this.#catalog = this.#names.name([]);
    this.tools();
  }

  tools(): readonly ToolDefinition[] {
    this.#catalog = this.#names.name(toolsOf(this.#options.thread));
    const host = [...this.#host.values()].map(({ name, description, parameters }) =>
      definition(name, description, parameters),
    );
    this.#definitions = [...host, ...(this.#searches ? [SEARCH_TOOL] : []), ...this.#offered()];
    return this.#definitions;
  }

  /** What an item means now. Pure: nothing is called. */
  route(item: FunctionCallItem): Route {
    const host = item.namespace === undefined ? this.#host.get(item.name) : undefined;
    const isSearch =
      this.#searches && host === undefined && item.name === SEARCH && item.namespace === undefined;
    if (host === undefined && !isSearch) return this.#routeToServer(item);
    const routed: RoutedTool = host === undefined ? { kind: "unknown" } : { kind: "host", name: host.name };
    const args = readArguments(item);
    if (typeof args === "string") return { kind: "unknown", routed, text: args };
    return host === undefined
      ? { kind: "search", args: args ?? {} }
      : { kind: "host", tool: host, args: args ?? {} };
  }

  async dispatch(
    items: readonly FunctionCallItem[],
    options: DispatchOptions = {},
  ): Promise<readonly FunctionCallOutputItem[]> {
    // Calls of one step are one turn for the gate: steps follow each other anyway.
    const turn = {};
    return Promise.all(
      items.map(async (item) => ({
        type: "function_call_output" as const,
        call_id: item.call_id,
        output: await this.#run(item, turn, options),
      })),
    );
  }

  get #searches(): boolean {
    return this.#options.exposure === "search";
  }

  #offered(): readonly ToolDefinition[] {
    const { spelling = "flat", schemaOf = ({ tool }) => tool.inputSchema as JsonObject } = this.#options;
    const definitions: ToolDefinition[] = [];
    for (const [namespace, tools] of this.#catalog.offered) {
      const shown = tools.filter((tool) => !this.#searches || this.#found.has(keyOf(tool)));
      const functions = shown.flatMap((tool) => {
        const parameters = schemaOf(tool);
        const name = spelling === "flat" ? tool.visible.flat : tool.visible.name;
        return parameters === undefined ? [] : [definition(name, modelDescription(tool), parameters)];
      });
      if (functions.length === 0) continue;
      if (spelling === "flat") definitions.push(...functions);
      else
        definitions.push({
          type: "namespace",
          name: namespace,
          description: this.#describe(tools, namespace),
          tools: functions,
        });
    }
    return definitions;
  }

  /** What a server, or a connector, says about itself, as Codex has it. */
  #describe(tools: readonly ToolInfo[], namespace: string): string {
    const [first] = tools;
    const view = this.#options.thread.servers.find(({ name }) => name === first?.server);
    const said = first?.connector === undefined ? view?.instructions : connectorText(first.connector);
    return said ?? `Tools in the ${namespace} namespace.`;
  }

  #routeToServer(item: FunctionCallItem): Route {
    const { namespace, name } = item;
    const found = this.#catalog.find({ namespace, name });
    const written = namespace === undefined ? name : `${namespace}.${name}`;
    const unknown = (text: string, routed: RoutedTool = { kind: "unknown" }): Route => ({
      kind: "unknown",
      routed,
      text,
    });
    switch (found.kind) {
      case "found": {
        const args = readArguments(item);
        const { server, tool } = found.tool.qualified;
        if (typeof args === "string") return unknown(args, { kind: "mcp", server, tool });
        return { kind: "mcp", tool: found.tool, args };
      }
      case "ambiguous": {
        const names = found.tools.map((tool) => this.#spell(tool)).join(", ");
        return unknown(`"${written}" may mean any of ${names}. Call one of these by its whole name.`);
      }
      case "gone": {
        const { server } = found.qualified;
        const view = this.#options.thread.servers.find((each) => each.name === server);
        const why =
          view === undefined
            ? ` The thread has MCP server "${server}" no longer.`
            : view.status.state === "ready"
              ? ` MCP server "${server}" no longer offers it.`
              : notReady(view);
        return unknown(`The tool "${written}" is gone.${why}`, { kind: "mcp", ...found.qualified });
      }
      case "unknown": {
        const near =
          found.near === undefined ? nearest(name, [...this.#host.keys()]) : this.#spell(found.near);
        const state = this.#stateOf(namespace, name);
        const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
        return unknown(`There is no tool "${written}".${hint}${state}`);
      }
    }
  }

  /** Of a server whose tools are not known, if the name may be one of its tools. */
  #stateOf(namespace: string | undefined, name: string): string {
    const whole = `${namespace ?? ""}__${name}`.toLowerCase();
    for (const view of this.#options.thread.servers) {
      if (!whole.includes(view.name.toLowerCase().replace(/[^a-z0-9_]/g, "_"))) continue;
      if (view.status.state !== "ready") return notReady(view);
    }
    return "";
  }

  #spell({ visible }: ToolInfo): string {
    return this.#options.spelling === "namespaces" ? `${visible.namespace}.${visible.name}` : visible.flat;
  }

  /** Never rejects (R2). */
  async #run(item: FunctionCallItem, turn: object, options: DispatchOptions): Promise<ToolOutput> {
    const { signal, onEvent } = options;
    const callId = item.call_id;
    const enteredMs = this.#clock.now();
    const route = this.route(item);
    const end = (output: ToolOutput, routed: RoutedTool, args: JsonObject, more: EndOf = {}): ToolOutput => {
      const durationMs = this.#clock.now() - enteredMs;
      onEvent?.({ type: "ended", callId, routed, args, durationMs, output, ...more });
      return output;
    };
    if (route.kind === "unknown") return end(route.text, route.routed, {}, { error: route.text });
    if (route.kind === "search")
      return end(this.#search(route.args), { kind: "host", name: SEARCH }, route.args);
    const routed = routedOf(route);
    const args = route.args ?? {};
    const interrupted = (): ToolOutput => {
      const seconds = ((this.#clock.now() - enteredMs) / 1000).toFixed(1);
      return end(`aborted by user after ${seconds}s`, routed, args, { error: "The turn was interrupted" });
    };
    let pass: Pass;
    try {
      pass = await this.#enter(route, turn, signal);
    } catch (error) {
      return signal?.aborted === true
        ? interrupted()
        : end(messageOf(error), routed, args, { error: messageOf(error) });
    }
    const startedMs = this.#clock.now();
    try {
      if (route.kind === "mcp") {
        const approval = await this.#options.approver?.check({
          server: route.tool.server,
          tool: route.tool,
          callId,
          args,
          signal,
        });
        if (signal?.aborted === true) return interrupted();
        if (approval?.allowed === false) return end(approval.text, routed, args, { error: approval.text });
      }
      onEvent?.({ type: "started", callId, routed, args, waitedMs: this.#clock.now() - enteredMs });
      if (route.kind === "host") {
        const run = route.tool.run(args, { callId, signal: signal ?? new AbortController().signal });
        const output = await abortable(run, signal);
        return end(output, routed, args);
      }
      const { server, tool } = route.tool.qualified;
      const outcome = await this.#options.thread.callTool(server, tool, route.args, {
        id: callId,
        ...(signal === undefined ? {} : { signal }),
        onProgress: (progress) => onEvent?.({ type: "progress", callId, progress }),
      });
      if (outcome.kind === "cancelled" && signal?.aborted === true) return interrupted();
      const elapsedMs = this.#clock.now() - startedMs;
      const failed =
        outcome.kind === "result" || outcome.kind === "tool_error" ? {} : { error: failureText(outcome) };
      return end(this.#outputOf({ callId, tool: route.tool, elapsedMs }, outcome), routed, args, {
        outcome,
        ...failed,
      });
    } catch (error) {
      if (signal?.aborted === true) return interrupted();
      return end(messageOf(error), routed, args, { error: messageOf(error) });
    } finally {
      pass.release();
    }
  }

  #enter(
    route: Route & { readonly kind: "mcp" | "host" },
    turn: object,
    signal: AbortSignal | undefined,
  ): Promise<Pass> {
    const { gate, trustHints, thread } = this.#options;
    const wait = signal === undefined ? {} : { signal };
    if (route.kind === "host") return gate.enter({ turn, parallel: route.tool.parallel === true, ...wait });
    const { server, supportsParallelToolCalls: serverFlag, annotations } = route.tool;
    const parallel = isParallel({ serverFlag, annotations, trustHints: trustHints?.(server) ?? true });
    const { connection } = thread.server(server);
    return gate.enter({ turn, ...(connection === undefined ? {} : { connection }), parallel, ...wait });
  }

  #search({ query, limit }: JsonObject): ToolOutput {
    const { schemaOf = ({ tool }) => tool.inputSchema as JsonObject } = this.#options;
    const tools = [...this.#catalog.offered.values()].flat();
    const search = new ToolSearch(tools.map((tool) => ({ tool, texts: textsOf(tool) })));
    const most = typeof limit === "number" ? Math.min(Math.max(1, limit), SEARCH_LIMIT_MAX) : SEARCH_LIMIT;
    const found = search.find(typeof query === "string" ? query : "", most).map(({ tool }) => tool);
    for (const tool of found) this.#found.add(keyOf(tool));
    const shown = found.map((tool) => ({
      name: this.#spell(tool),
      description: modelDescription(tool),
      parameters: schemaOf(tool),
    }));
    return JSON.stringify({ tools: shown, note: "You can call these from now on." });
  }
}

type EndOf = Partial<Pick<DispatchEvent & { readonly type: "ended" }, "outcome" | "error">>;

const SEARCH_TOOL: FunctionToolDefinition = definition(
  SEARCH,
  "Finds tools by words that describe what they do. What it finds can be called in the next step.",
  {
    type: "object",
    properties: {
      query: { type: "string", description: "Words, e.g. of a name or of what the tool does" },
      limit: { type: "integer", description: `How many tools at most; ${SEARCH_LIMIT} if absent` },
    },
    required: ["query"],
    additionalProperties: false,
  },
);

function definition(name: string, description: string, parameters: JsonObject): FunctionToolDefinition {
  return { type: "function", name, description, parameters, strict: false };
}

/** @returns `undefined` for no arguments, as in Codex; a text that says what is wrong */
function readArguments({ arguments: written, name }: FunctionCallItem): JsonObject | undefined | string {
  if (written.trim() === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(written);
  } catch (error) {
    return `The arguments of "${name}" are not valid JSON: ${messageOf(error).slice(0, 200)}. Nothing was called; send a JSON object.`;
  }
  if (isObject(value)) return value as JsonObject;
  const kind = Array.isArray(value) ? "a list" : value === null ? "null" : `a ${typeof value}`;
  return `The arguments of "${name}" must be a JSON object, not ${kind}. Nothing was called.`;
}

function notReady({ name, status }: ServerView): string {
  const why =
    "reason" in status
      ? `: ${typeof status.reason === "string" ? status.reason : status.reason.message}`
      : "";
  return ` MCP server "${name}" is not ready (${status.state}${why}).`;
}

function routedOf(route: Route & { readonly kind: "mcp" | "host" }): RoutedTool {
  return route.kind === "host"
    ? { kind: "host", name: route.tool.name }
    : { kind: "mcp", ...route.tool.qualified };
}

function failureText(outcome: CallOutcome): string {
  return "message" in outcome ? outcome.message : outcome.kind;
}

function keyOf({ qualified }: ToolInfo): string {
  return JSON.stringify([qualified.server, qualified.tool]);
}

function textsOf(info: ToolInfo): readonly string[] {
  const { visible, server, tool } = info;
  const { properties } = tool.inputSchema;
  return [
    visible.namespace,
    visible.name,
    server,
    tool.name,
    tool.title ?? "",
    modelDescription(info),
    ...(isObject(properties) ? Object.keys(properties) : []),
  ];
}
