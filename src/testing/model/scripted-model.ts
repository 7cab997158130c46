/**
 * A model that does what a script says, over OpenAI's Responses API on a real socket.
 *
 *   POST /v1/responses   the script decides; server-sent events, or one object without `stream: true`
 *   GET  /v1/models      one model
 *   anything else        404; WebSocket upgrades are refused with 426
 *
 * It records every request, so a test waits for what has arrived and looks at what was sent. How a request is
 * read, a script told from a prompt and an answer rendered is each a file of its own.
 *
 * Invariants
 *   M1. Between requests the model remembers nothing but the record; two threads cannot disturb one another.
 *   M2. The record holds at most `requestsMax` requests; the oldest are dropped, `order` goes on counting.
 *   M3. After disposal no socket and no timer of the model is left, even in the middle of an answer.
 *   M4. A script that throws becomes a 400 with its message: the turn fails legibly and is not tried again.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { abortable } from "../../base/abort.ts";
import { sleep, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { flattenHeaders, readBody } from "../http-server/http-message.ts";
import { playPrompt } from "./prompt-script.ts";
import type { ModelReply, ReplyPart, Usage } from "./reply.ts";
import { fail } from "./reply.ts";
import { toWireItem } from "./responses-items.ts";
import { parseModelRequest } from "./responses-request.ts";
import type { ModelRequest } from "./responses-request.ts";
import { ResponseStream } from "./responses-stream.ts";
import { Watch } from "../watch.ts";
import type { WaitOptions } from "../watch.ts";

/** Decides the answer to one request. It may wait; `request.signal` aborts when the client has left. */
export type Script = (request: ModelRequest) => ModelReply | Promise<ModelReply>;

export interface ScriptedModelOptions {
  /** What it answers to each request. @default playPrompt: the script is in the prompt */
  readonly script?: Script;
  /** Address to listen on. @default "127.0.0.1" */
  readonly host?: string;
  /** The port to listen on. @default 0: any free port */
  readonly port?: number;
  /** How many requests the record keeps. @default 1000 */
  readonly requestsMax?: number;
}

/** One HTTP request as it arrived. */
export interface RecordedModelRequest {
  /** Counts all requests from 0, in the order their bodies were complete. */
  readonly order: number;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Names in lower case; repeated headers are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, or the text when it is not JSON; `undefined` without a body. */
  readonly body: unknown;
  /** The request as the script saw it; only for `POST /v1/responses`. */
  readonly request?: ModelRequest;
}

export class ScriptedModel implements AsyncDisposable {
  readonly #http: Server;
  readonly #script: Script;
  readonly #requestsMax: number;
  readonly #watch = new Watch();
  readonly #closing = new AbortController();
  readonly #requests: RecordedModelRequest[] = [];
  /** Keeps call ids apart when a thread goes on with another model process. */
  readonly #tag = randomBytes(3).toString("hex");
  #received = 0;
  #answers = 0;
  #answering = 0;
  #closed: Promise<void> | undefined;

  private constructor(options: ScriptedModelOptions) {
    this.#script = options.script ?? playPrompt;
    this.#requestsMax = options.requestsMax ?? 1000;
    this.#http = createServer((request, response) => void this.#serve(request, response));
    // Node closes an idle connection after 5 s. A client that uses it at that moment loses its request, and Codex
    // does not send a tool call twice: on a busy machine a test would fail now and then.
    this.#http.keepAliveTimeout = 120_000;
    // A client that gets no answer to its upgrade would wait; one that is refused falls back or fails.
    this.#http.on("upgrade", (_request, socket) => {
      socket.on("error", () => socket.destroy());
      socket.end("HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    });
  }

  /**
   * Starts to listen.
   *
   * @throws the socket's error, e.g. `EADDRINUSE`
   */
  static async start(options: ScriptedModelOptions = {}): Promise<ScriptedModel> {
    const model = new ScriptedModel(options);
    model.#http.listen(options.port ?? 0, options.host ?? "127.0.0.1");
    await once(model.#http, "listening");
    return model;
  }

  /** What a client calls its base URL, e.g. `http://127.0.0.1:4711/v1`. */
  get baseUrl(): string {
    const { address, family, port } = this.#http.address() as AddressInfo;
    return `http://${family === "IPv6" ? `[${address}]` : address}:${port}/v1`;
  }

  /** The record, oldest first; see M2. */
  get requests(): readonly RecordedModelRequest[] {
    return this.#requests;
  }

  /** How many requests have arrived since the start, dropped ones included. */
  get received(): number {
    return this.#received;
  }

  /** How many requests are being answered right now. */
  get answering(): number {
    return this.#answering;
  }

  /**
   * Waits until that many requests have arrived since the start, or until the predicate holds for one in the
   * record.
   *
   * @returns the record then
   * @throws the signal's reason, or an error once the model is disposed
   */
  async waitForRequests(
    wanted: number | ((request: RecordedModelRequest) => boolean),
    options?: WaitOptions,
  ): Promise<readonly RecordedModelRequest[]> {
    const holds = (): boolean =>
      typeof wanted === "number" ? this.#received >= wanted : this.#requests.some(wanted);
    await this.#watch.waitFor(holds, options);
    return [...this.#requests];
  }

  /** Waits until no request is being answered. */
  async waitUntilIdle(options?: WaitOptions): Promise<void> {
    await this.#watch.waitFor(() => this.#answering === 0, options);
  }

  /** Closes every socket, including those in the middle of an answer. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#closing.abort(new Error("The scripted model was disposed"));
    this.#http.closeAllConnections();
    await closed;
    this.#watch.end(new Error("Cannot wait for requests: the scripted model was disposed"));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) gone.abort(new Error("The client went away"));
    });
    const signal = AbortSignal.any([gone.signal, this.#closing.signal]);
    this.#answering++;
    try {
      await this.#answer(request, await readBody(request), response, signal);
    } catch (error) {
      // If the client left or we are closing (M3), nobody is left to answer.
      if (signal.aborted || response.headersSent) response.destroy();
      else refuse(response, 500, messageOf(error));
    } finally {
      this.#answering--;
      this.#watch.changed();
    }
  }

  async #answer(
    http: IncomingMessage,
    body: unknown,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    const method = http.method ?? "GET";
    const path = http.url ?? "/";
    const headers = flattenHeaders(http);
    const route = `${method} ${path.replace(/\?.*/s, "")}`;
    const entry = { order: this.#received, method, path, headers, body };
    if (route === "POST /v1/responses") {
      let request: ModelRequest;
      try {
        request = parseModelRequest(body, headers, signal);
      } catch (error) {
        this.#record(entry);
        return refuse(response, 400, messageOf(error));
      }
      this.#record({ ...entry, request });
      return this.#play(request, response);
    }
    this.#record(entry);
    // `data` is OpenAI's field and `models` the one Codex reads when it asks for its own catalog.
    const model = { id: "mock-model", object: "model", created: 0, owned_by: "scripted" };
    if (route === "GET /v1/models")
      return sendJson(response, 200, { object: "list", data: [model], models: [] });
    refuse(response, 404, `No such route: ${route}`);
  }

  #record(entry: RecordedModelRequest): void {
    this.#received++;
    this.#requests.push(entry);
    if (this.#requests.length > this.#requestsMax) this.#requests.shift();
    this.#watch.changed();
  }

  async #play(request: ModelRequest, response: ServerResponse): Promise<void> {
    let parts: readonly ReplyPart[];
    try {
      const reply = await this.#script(request);
      parts = Array.isArray(reply) ? reply : [reply as ReplyPart];
    } catch (error) {
      request.signal.throwIfAborted();
      parts = [fail(400, errorBody(`The script threw: ${messageOf(error)}`))];
    }
    const answer = `${this.#tag}_${this.#answers++}`;
    await sendReply(parts, request, response, answer);
  }
}

/** Plays the parts of one reply over one connection. */
async function sendReply(
  parts: readonly ReplyPart[],
  request: ModelRequest,
  response: ServerResponse,
  answer: string,
): Promise<void> {
  const { signal } = request;
  const stream = new ResponseStream(`resp_${answer}`, request.model);
  let tokens: Usage = {};
  let chunkLength = Number.POSITIVE_INFINITY;
  let chunkDelayMs = 0;
  let items = 0;
  const write = async (text: string): Promise<void> => {
    if (!request.stream) return;
    if (!response.headersSent) {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
      response.write(stream.created());
    }
    if (text !== "" && !response.write(text)) await once(response, "drain", { signal });
  };
  for (const part of parts) {
    signal.throwIfAborted();
    switch (part.kind) {
      case "delay":
        await sleep(systemClock, part.delayMs, signal);
        break;
      case "usage":
        tokens = part.usage;
        break;
      case "pace":
        ({ chunkLength, chunkDelayMs } = part);
        break;
      case "fail":
        if (response.headersSent) return void response.destroy();
        return sendJson(response, part.status, part.body, part.headers);
      case "hang":
        await abortable(new Promise<never>(() => {}), signal);
        break;
      case "cut":
        // Opens the stream if need be, so that the client sees a stream that broke off.
        await write("");
        if (response.headersSent) await flushed(response);
        return void response.destroy();
      case "message":
      case "reasoning":
      case "tool":
      case "command":
      case "patch":
      case "search":
      case "plan":
      case "raw": {
        const item = toWireItem(part, request, `${answer}_${items++}`);
        for (const text of stream.item(item, chunkLength)) {
          if (chunkDelayMs > 0) await sleep(systemClock, chunkDelayMs, signal);
          await write(text);
        }
      }
    }
  }
  if (!request.stream) return sendJson(response, 200, stream.object(tokens));
  await write(stream.completed(tokens));
  response.end();
}

/** Resolves when what was written has left for the socket. */
function flushed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.write("\n", () => resolve()));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, errorBody(message));
}

function errorBody(message: string): unknown {
  return { error: { message, type: "invalid_request_error", code: null } };
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
}
