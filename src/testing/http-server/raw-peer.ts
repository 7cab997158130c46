/** A plain HTTP server whose every answer a test writes itself: what no library would send. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isObject } from "../../base/json.ts";
import { Watch, type WaitOptions } from "../watch.ts";
import { flattenHeaders, readBody } from "./http-message.ts";

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed, if it is JSON. */
  readonly body: unknown;
  /** Of the JSON-RPC message in it. */
  readonly rpcMethod: string | undefined;
  readonly id: string | number | undefined;
  /** Whether its connection broke, or its answer ended. */
  isOver: boolean;
}

export type RawAnswer = (request: RawRequest, response: ServerResponse) => void | Promise<void>;

export class RawPeer implements AsyncDisposable {
  /** Writes the answers; may be changed at any time. */
  answer: RawAnswer;
  readonly requests: RawRequest[] = [];
  readonly #server: Server;
  readonly #watch = new Watch();
  #connections = 0;

  private constructor(answer: RawAnswer) {
    this.answer = answer;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.keepAliveTimeout = 120_000;
    this.#server.on("connection", (socket) => {
      this.#connections++;
      socket.on("close", () => {
        this.#connections--;
        this.#watch.changed();
      });
    });
  }

  /** @param port @default any free one */
  /** @param host an address of this machine. On one of its own, nobody else can come to listen at a port that was closed */
  static async start(answer: RawAnswer, port = 0, host = "127.0.0.1"): Promise<RawPeer> {
    const peer = new RawPeer(answer);
    peer.#server.listen(port, host);
    await once(peer.#server, "listening");
    return peer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.port}/mcp?key=in-the-query`);
  }

  get connections(): number {
    return this.#connections;
  }

  /** Requests with this method of JSON-RPC, or of HTTP. */
  asked(method: string): readonly RawRequest[] {
    return this.requests.filter((request) => request.rpcMethod === method || request.method === method);
  }

  waitFor<T>(check: (peer: this) => T | undefined | false, options?: WaitOptions): Promise<T> {
    return this.#watch.waitFor(() => check(this), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch.end(new Error("The peer was disposed"));
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(incoming).catch(() => undefined);
    const rpcMethod = isObject(body) && typeof body["method"] === "string" ? body["method"] : undefined;
    const id = isObject(body) ? body["id"] : undefined;
    const request: RawRequest = {
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      headers: flattenHeaders(incoming),
      body,
      rpcMethod,
      id: typeof id === "string" || typeof id === "number" ? id : undefined,
      isOver: false,
    };
    response.on("close", () => {
      request.isOver = true;
      this.#watch.changed();
    });
    this.requests.push(request);
    this.#watch.changed();
    await this.answer(request, response);
  }
}

/** Answers with JSON. */
export function json(response: ServerResponse, value: unknown, status = 200, headers: object = {}): void {
  const text = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(text);
}

/** Writes the head of an event stream, and events. */
export function events(response: ServerResponse, ...messages: readonly unknown[]): void {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  for (const message of messages) response.write(`data: ${JSON.stringify(message)}\n\n`);
}
