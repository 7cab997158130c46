/**
 * The answer to one HTTP request, as far as it is MCP: one message as JSON, or as many as there are as an event stream.
 *
 *   first message is the answer ──> application/json
 *   anything before it, or a long silence ──> text/event-stream, and the answer ends it
 *
 * Invariants
 *   R1. A reader that does not keep up costs `QUEUE_MAX` bytes at most, and nobody else's time: above `SOFT_MAX`, progress and log
 *       messages are left out; above `QUEUE_MAX`, and when it has read nothing for `STALL_TICKS`, its connection is closed.
 *   R2. A stream on which nothing is said is kept alive.
 */
import type { ServerResponse } from "node:http";
import type { JsonObject } from "../../base/json.ts";
import type { Outlet } from "../protocol/outlet.ts";

const SOFT_MAX = 1024 * 1024;
const QUEUE_MAX: number = 32 * 1024 * 1024;
/** Ticks are 15 s apart. */
const STALL_TICKS = 4;
/** A proxy in front is not to wait for more. */
const STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/** One for all: to make one with its stack costs a twentieth of a call. */
const GONE = new Error("The client has gone");

export interface ReplyOptions {
  /** Whether the client takes an event stream. Otherwise it gets the answer alone. */
  readonly takesStream: boolean;
  /** The HTTP status for an answer that comes alone. @default 200 */
  readonly statusOf?: (message: JsonObject) => number;
  readonly headers?: Readonly<Record<string, string>>;
}

export class HttpReply implements Outlet {
  readonly #response: ServerResponse;
  readonly #options: ReplyOptions;
  readonly #gone = new AbortController();
  #streams = false;
  #ended = false;
  #ticks = 0;
  /** At the last tick: bytes that had left. */
  #left = 0;
  #stalled = 0;

  constructor(response: ServerResponse, options: ReplyOptions) {
    this.#response = response;
    this.#options = options;
    response.once("close", () => {
      this.#ended = true;
      this.#gone.abort(GONE);
    });
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Begins the stream now: the client is to know that it is heard. */
  open(): void {
    if (this.#streams || this.#ended) return;
    this.#streams = true;
    this.#response.writeHead(200, { ...STREAM_HEADERS, ...this.#options.headers });
    this.#response.flushHeaders();
  }

  send(message: JsonObject, droppable = false): boolean {
    const response = this.#response;
    if (this.#ended || !this.#options.takesStream) return false;
    if (droppable && response.writableLength > SOFT_MAX) return false;
    if (response.writableLength > QUEUE_MAX) {
      response.destroy();
      return false;
    }
    this.open();
    response.write(eventOf(message));
    return true;
  }

  end(message: JsonObject | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    const response = this.#response;
    const { takesStream, statusOf, headers } = this.#options;
    if (this.#streams || (message === undefined && takesStream)) {
      if (!this.#streams) response.writeHead(200, { ...STREAM_HEADERS, ...headers });
      response.end(message === undefined ? undefined : eventOf(message));
    } else if (message === undefined) {
      response.writeHead(204, headers).end();
    } else {
      // As text: then Node sends head and body as one piece.
      const body = textOf(message);
      response
        .writeHead(statusOf?.(message) ?? 200, {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...headers,
        })
        .end(body);
    }
  }

  /** Now and then (R1, R2). */
  tick(): void {
    const response = this.#response;
    if (response.destroyed) return;
    const left = (response.socket?.bytesWritten ?? 0) - response.writableLength;
    this.#stalled = response.writableLength > 0 && left === this.#left ? this.#stalled + 1 : 0;
    this.#left = left;
    if (this.#stalled >= STALL_TICKS) return void response.destroy();
    if (this.#ended) return;
    this.#ticks++;
    if (this.#streams) {
      if (response.writableLength === 0) response.write(":\n\n");
    } else if (this.#ticks > 1 && this.#options.takesStream) this.open();
  }

  /** The endpoint is no more. */
  cut(): void {
    this.#ended = true;
    if (this.#streams && this.#response.writableLength === 0) this.#response.end();
    else this.#response.destroy();
  }
}

function eventOf(message: JsonObject): string {
  return `event: message\ndata: ${textOf(message)}\n\n`;
}

/** `JSON.stringify` writes a surrogate as an escape only where it stands alone. */
const ESCAPE = /\\(?:(ud[89a-f][0-9a-f]{2})|.)/g;

/**
 * A server that cuts text in the middle of a character sends half of it, as an escape. Readers that know whole characters alone reject
 * the message with it: Codex then waits for an answer until the time of the call is over (0.171).
 */
function textOf(message: JsonObject): string {
  const text = JSON.stringify(message);
  if (!text.includes("\\ud")) return text;
  return text.replaceAll(ESCAPE, (found, half?: string) => (half === undefined ? found : "\\ufffd"));
}
