/** ChatGPT's apps server, as far as its clients see it: each account has tools of its own. */
import { json, RawPeer } from "../../../src/testing/http-server/raw-peer.ts";
import { answer } from "./described-server.ts";

/** An access token, or an `id_token`: a JWT that nobody signed. */
export function token(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const payload = { exp: 4_000_000_000, "https://api.openai.com/auth": claims };
  return `${part({ alg: "none", typ: "JWT" })}.${part(payload)}.c2ln`;
}

export class AppsPeer implements AsyncDisposable {
  readonly peer: RawPeer;
  /** By account. A client that names none gets those of "". */
  readonly tools: Map<string, readonly object[]>;
  /** Requests with this token are answered with 401. */
  expired: string | undefined;

  private constructor(peer: RawPeer, tools: AppsPeer["tools"]) {
    this.peer = peer;
    this.tools = tools;
  }

  static async start(tools: Readonly<Record<string, readonly string[]>>): Promise<AppsPeer> {
    const peer = await RawPeer.start((_request, response) => void response.end());
    const named = Object.entries(tools).map(([account, names]) => [account, names.map(tool)] as const);
    const own = new AppsPeer(peer, new Map(named));
    peer.answer = ({ method, path, headers, body }, response) => {
      if (method !== "POST" || path !== "/backend-api/ps/mcp") return void response.writeHead(404).end("{}");
      if (own.expired !== undefined && headers["authorization"] === `Bearer ${own.expired}`)
        return void response.writeHead(401).end();
      const list = { tools: own.tools.get(headers["chatgpt-account-id"] ?? "") ?? [] };
      const message = answer({ answers: { "tools/list": list } }, body as object);
      if (message === undefined) return void response.writeHead(202).end();
      json(response, message);
    };
    return own;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.peer.port}/backend-api`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.peer[Symbol.asyncDispose]();
  }
}

export function tool(name: string): object {
  return { name, description: name, inputSchema: { type: "object" }, annotations: { readOnlyHint: true } };
}
