/** What the real Codex offers a model, given servers with these lists of tools. */
import assert from "node:assert/strict";
import { isObject } from "../../../src/base/json.ts";
import { json, RawPeer } from "../../../src/testing/http-server/raw-peer.ts";
import type { CodexBench } from "../../support/codex-bench.ts";
import { collect } from "../../support/codex-bench.ts";

/** A namespace as it stands in the request to the model. */
export interface OfferedNamespace {
  readonly name: string;
  readonly description: string;
  readonly tools: readonly {
    readonly name: string;
    readonly description: string;
    readonly parameters: unknown;
  }[];
}

/** By name of the server: its tools, whatever they are. */
export type Catalogs = Readonly<Record<string, readonly object[]>>;

/** Many MCP servers behind one port: one for each path. */
export class CatalogServers implements AsyncDisposable {
  readonly #peer: RawPeer;

  private constructor(peer: RawPeer) {
    this.#peer = peer;
  }

  static async start(catalogs: Catalogs): Promise<CatalogServers> {
    const lists = Object.values(catalogs);
    const peer = await RawPeer.start(({ method, path, rpcMethod, id }, response) => {
      if (method !== "POST") return void response.writeHead(405).end();
      if (id === undefined) return void response.writeHead(202).end();
      const tools = lists[Number(path.slice(1))];
      const result =
        rpcMethod === "initialize"
          ? {
              protocolVersion: "2025-06-18",
              capabilities: { tools: {} },
              serverInfo: { name: "x", version: "1" },
            }
          : { tools };
      json(response, { jsonrpc: "2.0", id, result });
    });
    return new CatalogServers(peer);
  }

  url(index: number): string {
    return `http://127.0.0.1:${this.#peer.port}/${index}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#peer[Symbol.asyncDispose]();
  }
}

/** Runs one turn, and reads the namespaces of MCP servers out of its request to the model. */
export async function offeredByCodex(
  bench: CodexBench,
  catalogs: Catalogs,
  rules: Readonly<Record<string, object>> = {},
): Promise<readonly OfferedNamespace[]> {
  await using servers = await CatalogServers.start(catalogs);
  const mcpServers = Object.fromEntries(
    Object.keys(catalogs).map((name, index) => [name, { url: servers.url(index), ...rules[name] }]),
  );
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, model: "some-model", mcpServers });
  const events = await collect(thread.runStreamed("hello"));
  await thread.close();
  assert.equal(events.at(-1)?.type, "turn.completed", JSON.stringify(events));
  const { request } = bench.model.requests.findLast(({ request: found }) => found !== undefined) ?? {};
  const tools = request?.body["tools"];
  assert.ok(Array.isArray(tools));
  return tools.filter(
    (tool): tool is OfferedNamespace =>
      isObject(tool) && tool["type"] === "namespace" && !OWN.has(String(tool["name"])),
  );
}

/** Namespaces of Codex's own tools. */
const OWN = new Set(["multi_agent", "collaboration"]);
