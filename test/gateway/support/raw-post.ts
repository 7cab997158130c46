/** A client of a gateway that writes its requests by hand. */
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";

export interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** The message: of an event stream the last one. */
  readonly message: {
    readonly result?: Record<string, unknown>;
    readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
  };
}

export interface RawOptions {
  readonly method?: string;
  readonly bearer?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as it is. */
  readonly body?: unknown;
}

const HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const agent = new Agent();

export function begin(url: string, { method = "POST", bearer, headers, body }: RawOptions): ClientRequest {
  const begun = request(url, {
    method,
    agent,
    headers: {
      ...HEADERS,
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...headers,
    },
  });
  return begun.end(body === undefined || typeof body === "string" ? body : JSON.stringify(body));
}

/** @throws what the connection ends with */
export function raw(url: string, options: RawOptions): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  begin(url, options)
    .on("error", reject)
    .on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, text, message: lastOf(text) });
      });
    });
  return promise;
}

function lastOf(text: string): Answered["message"] {
  const last =
    text
      .match(/^data: .*$/gm)
      ?.at(-1)
      ?.slice(6) ?? text;
  return last === "" || last.startsWith(":") ? {} : (JSON.parse(last) as Answered["message"]);
}

export function rpc(id: number, method: string, params: object = {}): object {
  return { jsonrpc: "2.0", id, method, params };
}

export function initialize(id = 0): object {
  const clientInfo = { name: "raw", version: "1" };
  return rpc(id, "initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo });
}

/** A request of the modern era, with the headers that repeat what it says. */
export function modern(method: string, params: Readonly<Record<string, unknown>> = {}): RawOptions {
  const { name } = params;
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  return {
    headers: {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(typeof name === "string" ? { "mcp-name": name } : {}),
    },
    body: rpc(1, method, { ...params, _meta }),
  };
}

/** Begins a session. @returns its id */
export async function session(url: string, bearer?: string): Promise<string> {
  const { headers, text } = await raw(url, { bearer, body: initialize() });
  const id = headers["mcp-session-id"];
  if (typeof id !== "string") throw new Error(`No session: ${text}`);
  return id;
}
