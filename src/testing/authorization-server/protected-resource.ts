/**
 * The guard in front of an MCP server: requests with a token that counts are passed on, all others get 401 and are told where to
 * log in (RFC 9728).
 *
 * Invariants
 *   P1. What has no access token of the authorization server for this resource is not passed on.
 *   P2. After disposal no socket is left.
 */
import { once } from "node:events";
import {
  createServer,
  request as requestHttp,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import type { AuthorizationServer } from "./authorization-server.ts";

export interface ProtectedResourceOptions {
  /** Whose tokens count. */
  readonly authorizationServer: AuthorizationServer;
  /** URL of the MCP server behind it. */
  readonly target: string;
  /** Scopes of its metadata. @default none */
  readonly scopes?: readonly string[];
  /** Where its metadata is: at the path's place, or at the root's. @default "path" */
  readonly metadataAt?: "path" | "root" | "nowhere";
  /** Whether a 401 names the place of the metadata. @default true */
  readonly challenge?: boolean;
  /** Scopes that a request needs, by its method and headers; without them it gets 403 `insufficient_scope`. @default none */
  readonly needs?: (request: IncomingMessage) => readonly string[];
}

export class ProtectedResource implements AsyncDisposable {
  readonly #options: ProtectedResourceOptions;
  readonly #http: Server;
  /** What requests were refused with, oldest first. */
  readonly refusals: (401 | 403)[] = [];

  private constructor(options: ProtectedResourceOptions) {
    this.#options = options;
    this.#http = createServer((request, response) => void this.#serve(request, response));
    this.#http.keepAliveTimeout = 120_000;
  }

  /** Starts to listen on 127.0.0.1. */
  static async start(options: ProtectedResourceOptions): Promise<ProtectedResource> {
    const resource = new ProtectedResource(options);
    resource.#http.listen(0, "127.0.0.1");
    await once(resource.#http, "listening");
    return resource;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** The URL to configure. */
  get url(): string {
    return `${this.origin}${new URL(this.#options.target).pathname}`;
  }

  /** Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#http.listening) return;
    const closed = once(this.#http, "close");
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", this.origin);
    if (pathname === this.#metadataPath) return this.#describe(response);
    if (pathname.startsWith("/.well-known/")) return void response.writeHead(404).end();
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const grant = token === undefined ? undefined : this.#options.authorizationServer.check(token);
    if (grant === undefined || (grant.resource ?? this.url) !== this.url) {
      return this.#refuse(response, 401, token === undefined ? {} : { error: "invalid_token" });
    }
    const needed = this.#options.needs?.(request) ?? [];
    if (!needed.every((scope) => grant.scopes.includes(scope))) {
      return this.#refuse(response, 403, { error: "insufficient_scope", scope: needed.join(" ") });
    }
    await this.#pass(request, response);
  }

  get #metadataPath(): string | undefined {
    const { metadataAt = "path", target } = this.#options;
    if (metadataAt === "nowhere") return undefined;
    const root = "/.well-known/oauth-protected-resource";
    return metadataAt === "root" ? root : `${root}${new URL(target).pathname}`;
  }

  #describe(response: ServerResponse): void {
    const { authorizationServer, scopes } = this.#options;
    const metadata = {
      resource: this.url,
      authorization_servers: [authorizationServer.issuer],
      bearer_methods_supported: ["header"],
      ...(scopes === undefined ? {} : { scopes_supported: scopes }),
    };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(metadata));
  }

  #refuse(response: ServerResponse, status: 401 | 403, facts: Readonly<Record<string, string>>): void {
    this.refusals.push(status);
    const place = this.#metadataPath;
    const named = this.#options.challenge !== false && place !== undefined;
    const all = { ...facts, ...(named ? { resource_metadata: `${this.origin}${place}` } : {}) };
    const challenge = Object.entries(all).map(([name, value]) => `${name}="${value}"`);
    response.writeHead(status, { "www-authenticate": `Bearer ${challenge.join(", ")}`.trim() }).end();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = new URL(this.#options.target);
    const { host: _, ...headers } = request.headers;
    const onward = requestHttp(target, { method: request.method, headers, agent: false });
    response.on("close", () => onward.destroy());
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
      // A side that went away has taken the other one with it.
      pipeline(answer, response).catch(() => {});
    });
    onward.on("error", () => response.destroy());
    await pipeline(request, onward).catch(() => {});
  }
}
