/**
 * One MCP client on a pipe, of either era: what `switchyard gateway --stdio` is to the client that starts it.
 *
 *   initialize ──> a session of the legacy era        a request that says itself who asks ──> the modern one
 *
 * A client may do both, because one that does not know the era of a server tries. Each has a thread of its own.
 *
 * Invariants
 *   T1. When the pipe ends, what was under way is cancelled, and its threads have ended.
 *   T2. What a client sends while it is being greeted is answered after the greeting, in order.
 */
import type { Readable, Writable } from "node:stream";
import { type Clock, systemClock } from "../../base/clock.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import { abortable } from "../../base/abort.ts";
import type { OpenBackend } from "../backend/backend.ts";
import { type ClientThreads, openFor } from "../backend/client-threads.ts";
import { errorOfThrown } from "../protocol/answers.ts";
import { LegacySession } from "../protocol/legacy-session.ts";
import {
  errorMessage,
  type Id,
  type Incoming,
  INVALID_REQUEST,
  META,
  PARSE_ERROR,
  readMessage,
  type RequestMessage,
  resultMessage,
  SERVER_ERROR,
} from "../protocol/messages.ts";
import { type Envelope, ModernClient, readEnvelope } from "../protocol/modern-client.ts";
import { Pipe } from "./pipe.ts";

/** Requests under way, and messages that wait for the greeting. */
const WAITING_MAX = 1024;

export interface ServeStdioOptions {
  /** Opens the thread of the client. */
  readonly threads: ClientThreads;
  /** A server that is passed through alone. @default all of them together */
  readonly server?: string | undefined;
  /** What the client writes. @default stdin of this process */
  readonly input?: Readable;
  /** What the client reads. @default stdout of this process */
  readonly output?: Writable;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** Serves one client, until its pipe ends or the signal aborts. Never rejects (T1). */
export async function serveStdio(options: ServeStdioOptions): Promise<void> {
  const client = new StdioClient(options);
  await client.over();
}

interface Modern {
  readonly client: ModernClient;
  readonly opened: OpenBackend;
}

class StdioClient {
  readonly #options: ServeStdioOptions;
  readonly #clock: Clock;
  readonly #pipe: Pipe;
  readonly #underWay = new Map<Id, AbortController>();
  readonly #waiting: Incoming[] = [];
  #legacy: LegacySession | "greeting" | undefined;
  #greeting: Promise<void> | undefined;
  #modern: Modern | undefined;

  constructor(options: ServeStdioOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { input = process.stdin, output = process.stdout, signal } = options;
    this.#pipe = new Pipe(input, output, (text) => this.#line(text));
    if (signal?.aborted === true) this.#pipe.end();
    signal?.addEventListener("abort", this.#pipe.end, { once: true });
  }

  async over(): Promise<void> {
    const { over } = this.#pipe;
    await abortable(new Promise<never>(() => {}), over).catch(() => {});
    this.#options.signal?.removeEventListener("abort", this.#pipe.end);
    await this.#greeting;
    if (this.#legacy instanceof LegacySession) await this.#legacy.end();
    this.#modern?.client.end();
    await this.#modern?.opened.end();
  }

  #line(text: string | undefined): void {
    if (this.#pipe.over.aborted) return;
    let body: unknown;
    try {
      body = text === undefined ? undefined : JSON.parse(text);
    } catch {
      return this.#refuse(undefined, PARSE_ERROR, "Parse error: the line is not valid JSON");
    }
    if (text === undefined) return this.#refuse(undefined, SERVER_ERROR, "The message is too long");
    const message = readMessage(body);
    if (message === undefined)
      return this.#refuse(undefined, INVALID_REQUEST, "Invalid Request: this is no JSON-RPC message");
    if (message.kind === "request" && isModern(message)) return this.#takeModern(message);
    if (message.kind === "notification" && this.#cancel(message.params)) return;
    if (this.#legacy !== "greeting") return this.#take(message);
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push(message);
    else this.#pipe.end();
  }

  /** Of a modern request. @returns whether it was one */
  #cancel({ requestId }: JsonObject): boolean {
    const isId = typeof requestId === "string" || typeof requestId === "number";
    const given = isId ? this.#underWay.get(requestId) : undefined;
    given?.abort();
    return given !== undefined;
  }

  #take(message: Incoming): void {
    const legacy = this.#legacy instanceof LegacySession ? this.#legacy : undefined;
    if (message.kind !== "request") {
      if (message.kind === "notification" && message.method === "notifications/initialized")
        legacy?.stand(this.#pipe.outlet());
      return legacy?.note(message);
    }
    const { id, method } = message;
    if (legacy !== undefined) return legacy.request(message, this.#pipe.outlet());
    if (method === "initialize") this.#greeting = this.#greet(message);
    else if (method === "ping") this.#pipe.write(resultMessage(id, {}));
    else this.#refuse(id, INVALID_REQUEST, "Invalid Request: the first request has to be initialize");
  }

  /** (T2) */
  async #greet({ id, params }: RequestMessage): Promise<void> {
    const { threads, server } = this.#options;
    this.#legacy = "greeting";
    try {
      const legacy = await LegacySession.open(
        params,
        (client) => openFor(threads, client, server, this.#clock),
        this.#pipe.over,
      );
      this.#legacy = legacy;
      this.#pipe.write(resultMessage(id, legacy.greeting));
    } catch (error) {
      this.#legacy = undefined;
      this.#pipe.write(errorMessage(id, errorOfThrown(error)));
    }
    for (const message of this.#waiting.splice(0)) this.#take(message);
  }

  #takeModern(message: RequestMessage): void {
    const { id, params } = message;
    const envelope = readEnvelope(params);
    if ("code" in envelope) return void this.#pipe.write(errorMessage(id, envelope));
    if (this.#underWay.has(id))
      return this.#refuse(id, INVALID_REQUEST, "A request with this id is under way");
    if (this.#underWay.size >= WAITING_MAX)
      return this.#refuse(id, SERVER_ERROR, "There are too many requests under way");
    let modern: Modern;
    try {
      modern = this.#modern ??= this.#openModern(envelope);
    } catch (error) {
      return void this.#pipe.write(errorMessage(id, errorOfThrown(error)));
    }
    const given = new AbortController();
    const outlet = this.#pipe.outlet(given);
    this.#underWay.set(id, given);
    modern.client.request(message, envelope, {
      ...outlet,
      end: (answer) => {
        this.#underWay.delete(id);
        outlet.end(answer);
      },
    });
  }

  #openModern(envelope: Envelope): Modern {
    const { threads, server } = this.#options;
    const opened = openFor(threads, envelope, server, this.#clock);
    return { client: new ModernClient(opened.backend, this.#clock), opened };
  }

  #refuse(id: Id | undefined, code: number, message: string): void {
    this.#pipe.write(errorMessage(id, { code, message }));
  }
}

function isModern({ params }: RequestMessage): boolean {
  const { _meta: meta } = params;
  return isObject(meta) && META.version in meta;
}
