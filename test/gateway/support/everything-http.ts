/** `everything.ts` over HTTP: sessions in the legacy era, none in the modern one. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { NodeStreamableHTTPServerTransport, toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { createEverything, EverythingWorld } from "./everything.ts";

export class EverythingHttp implements AsyncDisposable {
  readonly #world = new EverythingWorld();
  readonly #sessions = new Map<string, NodeStreamableHTTPServerTransport>();
  readonly #modern = createMcpHandler(() => createEverything(this.#world));
  readonly #http: Server;

  private constructor(era: "legacy" | "modern") {
    const modern = toNodeHandler(this.#modern);
    this.#world.onChange = (list) =>
      list === "tools" ? this.#modern.notify.toolsChanged() : this.#modern.notify.promptsChanged();
    this.#http = createServer((request, response) =>
      era === "modern" ? void modern(request as never, response) : void this.#legacy(request, response),
    );
  }

  static async start(era: "legacy" | "modern"): Promise<EverythingHttp> {
    const server = new EverythingHttp(era);
    server.#http.listen(0, "127.0.0.1");
    await once(server.#http, "listening");
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/mcp`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#modern.close();
    await Promise.all([...this.#sessions.values()].map((transport) => transport.close()));
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, "close");
  }

  async #legacy(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = request.headers["mcp-session-id"];
    let transport = this.#sessions.get(String(id));
    if (id !== undefined && transport === undefined) return void response.writeHead(404).end();
    if (transport === undefined) {
      const opened = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (sessionId) => void this.#sessions.set(sessionId, opened),
      });
      transport = opened;
      await createEverything(this.#world).connect(opened);
    }
    await transport.handleRequest(request, response);
  }
}
