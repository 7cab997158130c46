/**
 * All servers of a thread as one: for clients that want a single URL.
 *
 * Tools and prompts have the flat names that a model of the `responses` engine sees (`mcp__server__tool`), and keep them. Resources
 * keep their URIs: one is read at the server that lists it, or whose template it matches first. A server that does not work is not
 * there; when it works again, that is a change of the lists.
 */
import type { Tool } from "@modelcontextprotocol/client";
import { isObject, type JsonObject } from "../../base/json.ts";
import { within } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { packageVersion } from "../../base/package-version.ts";
import {
  type McpConnectionManager,
  McpError,
  type RelayOptions,
  type RelayOutcome,
  type ServerView,
  type ThreadTool,
} from "../../mcp/index.ts";
import { type ServerTool, type ToolCatalog, ToolNames, toolsOf } from "../../tools/index.ts";
import { ofPlugin } from "../../tools/tool-info.ts";
import { type Backend, type Description, textOf, type Watcher } from "./backend.ts";
import type { ThreadNews } from "./thread-news.ts";
import { revived } from "./revived.ts";
import { throughGate } from "./through-gate.ts";

/** How long the first list waits for servers that are still starting, in milliseconds. */
const SETTLE_MS = 10_000;

export interface AllServersOptions {
  readonly thread: McpConnectionManager;
  readonly news: ThreadNews;
  readonly clock: Clock;
}

export class AllServers implements Backend {
  readonly #options: AllServersOptions;
  readonly #tools = new ToolNames();
  readonly #prompts = new ToolNames();
  #named: { readonly listed: readonly ThreadTool[]; readonly catalog: ToolCatalog } | undefined;
  #settled = false;

  constructor(options: AllServersOptions) {
    this.#options = options;
  }

  get ended(): AbortSignal {
    return this.#options.thread.ended;
  }

  async describe(signal: AbortSignal): Promise<Description> {
    await this.#settle(signal);
    const said = this.#options.thread.servers.flatMap(({ name, instructions }) =>
      instructions === undefined || instructions === "" ? [] : [`# ${name}\n\n${instructions}`],
    );
    return {
      serverInfo: { name: "switchyard", version: packageVersion() },
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        completions: {},
        logging: {},
      },
      instructions: said.length === 0 ? undefined : said.join("\n\n"),
    };
  }

  tool(name: string): Tool | undefined {
    const found = this.#catalog().find({ name });
    if (found.kind !== "found" || !found.exact) return undefined;
    const { server, tool } = found.tool.qualified;
    return this.#options.thread.tool(server, tool);
  }

  async request(method: string, params: JsonObject, options: RelayOptions): Promise<RelayOutcome> {
    try {
      return await this.#request(method, params, options);
    } catch (error) {
      if (options.signal?.aborted === true) return { kind: "cancelled", sent: false };
      if (!(error instanceof McpError)) throw error;
      return { kind: "not_sent", reason: "server_unavailable", message: error.message };
    }
  }

  async subscribe(uri: string, signal: AbortSignal): Promise<AsyncDisposable> {
    const { thread } = this.#options;
    for (const { name } of await this.#readers(uri, signal)) return thread.subscribe(name, uri, { signal });
    throw new McpError("unsupported", `No MCP server of this thread lists the resource ${uri}`);
  }

  watch(watcher: Watcher): Disposable {
    return this.#options.news.watch(undefined, watcher);
  }

  async #request(method: string, params: JsonObject, options: RelayOptions): Promise<RelayOutcome> {
    const { thread } = this.#options;
    const { signal = NEVER } = options;
    switch (method) {
      case "logging/setLevel":
        return answer({});
      case "tools/list": {
        await this.#settle(signal);
        return answer({
          tools: [...this.#catalog().offered.values()]
            .flat()
            .map(({ tool, visible, provenance: { plugin } }) => ({
              ...ofPlugin(tool, plugin),
              name: visible.flat,
            })),
        });
      }
      case "tools/call": {
        await this.#settle(signal);
        return this.#routed(this.#catalog(), params["name"], "tool", async (server, name) => {
          const call = { ...params, name };
          return throughGate(thread, server, name, signal, () =>
            revived(thread, server, () => thread.relay(server, method, call, options)),
          );
        });
      }
      case "prompts/list": {
        const prompts = await this.#promptCatalog(signal);
        return answer({
          prompts: prompts.tools.map(({ tool, visible }) => ({ ...tool, name: visible.flat })),
        });
      }
      case "prompts/get": {
        const prompts = await this.#promptCatalog(signal);
        return this.#routed(prompts, params["name"], "prompt", (server, name) =>
          thread.relay(server, method, { ...params, name }, options),
        );
      }
      case "resources/list":
        return answer({ resources: await this.#gather("resources", signal) });
      case "resources/templates/list":
        return answer({ resourceTemplates: await this.#gather("resourceTemplates", signal) });
      case "resources/read":
        return this.#read(params, options);
      case "completion/complete":
        return this.#complete(params, options);
      default:
        return { kind: "protocol_error", code: -32601, message: "Method not found" };
    }
  }

  async #settle(signal: AbortSignal): Promise<void> {
    const { thread, clock } = this.#options;
    if (!this.#settled) await within(clock, SETTLE_MS, thread.ready(undefined, { signal }));
    this.#settled = true;
  }

  /** Named anew only when the tools have changed: to name a thousand takes 2 ms. */
  #catalog(): ToolCatalog {
    const { thread } = this.#options;
    const listed = thread.listTools();
    const isSame =
      listed.length === this.#named?.listed.length &&
      listed.every(({ server, tool }, at) => {
        const before = this.#named?.listed[at];
        return tool === before?.tool && server === before.server;
      });
    if (!isSame) this.#named = { listed, catalog: this.#tools.name(toolsOf(thread)) };
    return this.#named?.catalog ?? this.#tools.name([]);
  }

  async #promptCatalog(signal: AbortSignal): Promise<ToolCatalog> {
    const { thread } = this.#options;
    const lists = this.#able("prompts").map(async ({ name }) => {
      const prompts = await thread.listPrompts(name, { signal });
      return prompts.map((prompt) => asTool(name, prompt as unknown as ServerTool["tool"]));
    });
    return this.#prompts.name((await settledOf(lists, signal)).flat());
  }

  async #routed(
    catalog: ToolCatalog,
    name: unknown,
    what: string,
    go: (server: string, name: string) => Promise<RelayOutcome>,
  ): Promise<RelayOutcome> {
    const found = catalog.find({ name: textOf(name) });
    if (found.kind === "found" && found.exact) {
      const { server, tool } = found.tool.qualified;
      return go(server, tool);
    }
    const message = `Unknown ${what}: ${textOf(name)}`;
    return { kind: "protocol_error", code: -32602, message };
  }

  async #gather(kind: "resources" | "resourceTemplates", signal: AbortSignal): Promise<readonly object[]> {
    const { thread } = this.#options;
    await this.#settle(signal);
    const lists = this.#able("resources").map(({ name }) =>
      kind === "resources"
        ? thread.listResources(name, { signal })
        : thread.listResourceTemplates(name, { signal }),
    );
    return (await settledOf<readonly object[]>(lists, signal)).flat();
  }

  async #read(params: JsonObject, options: RelayOptions): Promise<RelayOutcome> {
    const { thread } = this.#options;
    const { signal = NEVER } = options;
    const uri = textOf(params["uri"]);
    let last: RelayOutcome | undefined;
    for (const { name } of await this.#readers(uri, signal)) {
      last = await thread.relay(name, "resources/read", params, options);
      if (last.kind === "answer" || last.kind === "cancelled") return last;
    }
    return last ?? { kind: "protocol_error", code: -32002, message: `Resource not found: ${uri}` };
  }

  /** The server that lists a resource, or else all that might have it: a template may yield it. */
  async #readers(uri: string, signal: AbortSignal): Promise<readonly ServerView[]> {
    const { thread } = this.#options;
    await this.#settle(signal);
    const able = this.#able("resources");
    const owns = able.map(async ({ name }) =>
      (await thread.listResources(name, { signal })).some((resource) => resource.uri === uri),
    );
    const owned = await Promise.all(owns.map((each) => each.catch(() => false)));
    const owners = able.filter((_, at) => owned[at] === true);
    return owners.length > 0 ? owners : able;
  }

  async #complete(params: JsonObject, options: RelayOptions): Promise<RelayOutcome> {
    const { thread } = this.#options;
    const { signal = NEVER } = options;
    const ref = isObject(params["ref"]) ? params["ref"] : {};
    if (ref["type"] === "ref/prompt")
      return this.#routed(await this.#promptCatalog(signal), ref["name"], "prompt", (server, name) =>
        thread.relay(server, "completion/complete", { ...params, ref: { ...ref, name } }, options),
      );
    for (const { name } of this.#able("resources")) {
      const templates = await thread.listResourceTemplates(name, { signal }).catch(() => []);
      if (templates.some(({ uriTemplate }) => uriTemplate === ref["uri"]))
        return thread.relay(name, "completion/complete", params, options);
    }
    return { kind: "protocol_error", code: -32602, message: `Unknown resource: ${textOf(ref["uri"])}` };
  }

  #able(capability: "prompts" | "resources"): readonly ServerView[] {
    return this.#options.thread.servers.filter(
      ({ capabilities }) => capabilities?.[capability] !== undefined,
    );
  }
}

const NEVER = new AbortController().signal;

function answer(result: object): RelayOutcome {
  return { kind: "answer", era: "legacy", result: result as JsonObject };
}

/** Of those that did not fail: a server that does not answer is not there. @throws the signal's reason */
async function settledOf<T>(lists: readonly Promise<T>[], signal: AbortSignal): Promise<readonly T[]> {
  const settled = await Promise.allSettled(lists);
  signal.throwIfAborted();
  return settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
}

/** Prompts are named as tools are. */
function asTool(server: string, tool: ServerTool["tool"]): ServerTool {
  const provenance = { environment: "", scope: "thread" } as const;
  return {
    server,
    tool,
    supportsParallelToolCalls: false,
    annotations: undefined,
    forModel: true,
    provenance,
  };
}
