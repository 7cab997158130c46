/**
 * One connection of a client, from its first message to its end: handshake, requests, answers.
 *
 *   link ──text──> strict reading ──> state: new ──initialize──> greeted ──initialized──> ready
 *                                       └─> Peer ──> method ──> answer ──> link
 *
 * The session it is attached to outlives it; whose processes there are is the session's business.
 *
 * Invariants
 *   C1. Every request is answered once, while the connection lives. Requests are begun in the order they came, and
 *       are answered when they are done: a slow one holds up nobody.
 *   C2. What the protocol does not know as a message is answered with the id -1, and changes nothing. What a client
 *       must not send (a stray answer, an unknown notification, a request without an id) ends the connection, as in
 *       `codex exec-server`: whoever sends it has lost count.
 *   C3. What belongs to the connection (file handles, HTTP streams) ends with it.
 *   C4. What it has not taken of answers is bounded: it is not read from until it takes them.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { type Message, Peer, type RequestId, RpcError } from "../../jsonrpc/index.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { PING_INTERVAL_MS, RpcCode, UNREADABLE_ID, type WireEnvironmentInfo } from "../wire/protocol.ts";
import {
  anything,
  invalidParams,
  optional,
  type Reader,
  readParams,
  string,
  struct,
  unit,
  withDefault,
} from "../wire/schema.ts";
import { method, type Method, type MethodContext, type MethodFamily } from "./method.ts";
import type { Session } from "./session.ts";
import { PROCESS_PARAMS } from "./session-processes.ts";

const initializeParams = struct("InitializeParams", {
  clientName: string,
  resumeSessionId: withDefault(optional(string), undefined),
});

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly handshakeMs: number;
  readonly requestsMax: number;
  readonly info: () => Promise<WireEnvironmentInfo>;
  /** @throws {RpcError} when the session to resume is unknown or attached */
  readonly openSession: (resumeSessionId: string | undefined) => Session;
  /** Methods whose state belongs to this connection. */
  readonly families: readonly MethodFamily[];
  /** What methods begin with that the owner of this executor does not offer. */
  readonly switchedOff: readonly string[];
  /** @param session the one that it had */
  readonly onEnd: (connection: Connection, reason: string, session: Session | undefined) => void;
}

type State =
  | { readonly kind: "new" }
  | { readonly kind: "greeted" | "ready"; readonly session: Session }
  | { readonly kind: "ended" };

/** How long a connection is given to show that it lives, when its client seems to have come back. */
const CHALLENGE_MS = 3_000;

/** What must get through when everything else waits. */
const URGENT: ReadonlySet<string> = new Set(["process/terminate", "process/signal", "environment/status"]);

/** How `codex exec-server` calls groups of methods when it refuses them. */
const FAMILY_NAMES: readonly (readonly [prefix: string, name: string])[] = [
  ["process/", "exec"],
  ["fs/", "filesystem"],
  ["http/", "http"],
  ["environment/info", "environment info"],
  ["environment/status", "environment status"],
];

export class Connection {
  readonly link: Link;
  readonly #options: ConnectionOptions;
  readonly #peer: Peer;
  readonly #own: ReadonlyMap<string, Method>;
  readonly #contexts = new Map<string, MethodContext>();
  readonly #gone = new AbortController();
  #state: State = { kind: "new" };
  #handshake: Timer | undefined;
  #keepAlive: Timer | undefined;
  /** How often something was heard, and how often that was at the last ping. */
  #signs = 0;
  #signsAtPing = -1;
  #answering = 0;
  #challenge: Timer | undefined;
  #isDeaf = false;

  constructor(options: ConnectionOptions, open: (events: LinkEvents) => Link) {
    this.#options = options;
    this.#own = new Map(options.families.flatMap(({ methods }) => Object.entries(methods)));
    this.link = open({
      onText: (text) => this.#onText(text),
      onSign: () => {
        this.#signs++;
      },
      onEnd: (reason) => this.#onEnd(reason),
    });
    this.#peer = new Peer({
      clock: options.clock,
      // A client that has written something waits for what the process says, and not for this.
      send: (line, answering) => this.#send(line, answering === "process/write"),
      onNotification: (name) => this.#onNotification(name),
      onRequest: (name, params, id, signal) => this.#onRequest(name, params, id, signal),
    });
    this.#handshake = options.clock.schedule(
      options.handshakeMs,
      () => this.drop(`no handshake within ${options.handshakeMs} ms`),
      { background: true },
    );
    this.#watch();
  }

  /** The session it is attached to, once there is one. */
  get session(): Session | undefined {
    return "session" in this.#state ? this.#state.session : undefined;
  }

  drop(reason: string): void {
    this.link.drop(reason);
  }

  #onText(text: string): void {
    this.#signs++;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      return this.#refuse((error as Error).message);
    }
    const message = readMessage(value);
    if (typeof message === "string") return this.#refuse(message);
    if (message.kind === "result" || message.kind === "error")
      return this.drop("an answer that nobody waits for");
    this.#peer.accept(message, text);
  }

  /** A client that asks and does not take the answers is not listened to until it does (C4). */
  #send(text: string, canWait = false): void {
    if (canWait) this.link.sendSoon(text);
    else this.link.send(text);
    if (!this.link.isFull || this.#isDeaf) return;
    this.#isDeaf = true;
    this.link.pause();
    void this.#listenAgain();
  }

  async #listenAgain(): Promise<void> {
    await this.link.room();
    this.#isDeaf = false;
    this.link.resume();
  }

  #refuse(why: string): void {
    const { kind, peer } = this.link;
    const where =
      kind === "stdio"
        ? "JSON-RPC message from exec-server stdio"
        : `websocket JSON-RPC message from exec-server websocket ${peer}`;
    const error = { code: RpcCode.invalidRequest, message: `failed to parse ${where}: ${why}` };
    this.#send(JSON.stringify({ error, id: UNREADABLE_ID }));
  }

  #onNotification(name: string): void {
    if (name !== "initialized") return this.drop(`an unknown notification, "${name.slice(0, 100)}"`);
    if (this.#state.kind === "new") return this.drop('"initialized" before "initialize"');
    if (this.#state.kind !== "greeted") return;
    this.#handshake?.clear();
    const { session } = this.#state;
    this.#state = { kind: "ready", session };
    session.processes.attach(this.link);
  }

  async #onRequest(name: string, params: unknown, _id: RequestId, signal: AbortSignal): Promise<unknown> {
    if (this.#answering >= this.#options.requestsMax && !URGENT.has(name)) {
      const message = `more than ${this.#options.requestsMax} requests of this connection wait for an answer`;
      throw new RpcError({ code: RpcCode.failed, message });
    }
    this.#answering++;
    try {
      return await this.#answer(name, params, signal);
    } finally {
      this.#answering--;
    }
  }

  #answer(name: string, params: unknown, signal: AbortSignal): unknown {
    switch (name) {
      case "initialize":
        return this.#initialize(params);
      case "environment/info":
        readParams(unit, params);
        this.#contextOf(name, signal).checkReady();
        return this.#options.info();
      case "environment/status":
        readParams(unit, params);
        this.#contextOf(name, signal).checkReady();
        return { status: "ready" };
    }
    const answer =
      this.session?.processes.methods.get(name) ?? this.#own.get(name) ?? this.#beforeSession(name);
    if (answer === undefined) {
      const isOff = this.#options.switchedOff.some((prefix) => name.startsWith(prefix));
      const message = isOff
        ? `${name} is switched off on this executor`
        : `exec-server stub does not implement \`${name}\` yet`;
      throw new RpcError({ code: RpcCode.methodNotFound, message });
    }
    return answer(params, this.#contextOf(name, signal));
  }

  /** A method of a session there is not yet: its parameters are read, and then it is refused. */
  #beforeSession(name: string): Method | undefined {
    const params = PROCESS_PARAMS.get(name);
    return params === undefined ? undefined : method(params, () => undefined);
  }

  async #initialize(params: unknown): Promise<unknown> {
    const { resumeSessionId } = readParams(initializeParams, params);
    if (this.#state.kind !== "new") throw invalidRequest("initialize may only be sent once per connection");
    const session = this.#options.openSession(resumeSessionId);
    session.hold();
    this.#state = { kind: "greeted", session };
    return { sessionId: session.id, environmentInfo: await this.#options.info() };
  }

  /** One per family, made once: requests are many. */
  #contextOf(name: string, signal: AbortSignal): MethodContext {
    const family = FAMILY_NAMES.find(([prefix]) => name.startsWith(prefix))?.[1] ?? "exec";
    const known = this.#contexts.get(family);
    if (known !== undefined) return known;
    const context: MethodContext = {
      signal,
      notify: (notification, params) => this.#peer.notify(notification, params),
      room: async () => {
        await this.link.room();
        this.#gone.signal.throwIfAborted();
      },
      checkReady: () => {
        if (this.#state.kind === "ready") return;
        const missing = this.#state.kind === "greeted" ? "send initialized" : "call initialize";
        throw invalidRequest(`client must ${missing} before using ${family} methods`);
      },
    };
    this.#contexts.set(family, context);
    return context;
  }

  /**
   * Has it show that it lives, or ends it: its client came back over another connection. Without this a client whose
   * machine lost its network would be kept out until the next ping, and give up before.
   */
  challenge(): void {
    if (this.#challenge !== undefined) return;
    const before = this.#signs;
    this.link.ping();
    this.#challenge = this.#options.clock.schedule(
      CHALLENGE_MS,
      () => {
        this.#challenge = undefined;
        if (this.#signs === before) this.drop("no sign of life, and its client came back");
      },
      { background: true },
    );
  }

  /** Pings a silent client, and gives it up when it stays silent until the next ping: its machine is gone. */
  #watch(): void {
    this.#keepAlive = this.#options.clock.schedule(
      PING_INTERVAL_MS,
      () => {
        // One that is not listened to cannot be heard.
        if (this.#signs === this.#signsAtPing && !this.#isDeaf) return this.drop("no sign of life");
        this.#signsAtPing = this.#signs;
        this.link.ping();
        this.#watch();
      },
      { background: true },
    );
  }

  #onEnd(reason: string): void {
    if (this.#state.kind === "ended") return;
    this.#handshake?.clear();
    this.#keepAlive?.clear();
    this.#challenge?.clear();
    const { session } = this;
    session?.release();
    this.#state = { kind: "ended" };
    const gone = new Error(reason);
    this.#gone.abort(gone);
    this.#peer.close(gone);
    for (const family of this.#options.families) {
      family[Symbol.asyncDispose]().catch((error: unknown) => {
        this.#options.log("warn", `What belonged to a connection did not end well: ${String(error)}`);
      });
    }
    this.#options.onEnd(this, reason, session);
  }
}

function invalidRequest(message: string): RpcError {
  return new RpcError({ code: RpcCode.invalidRequest, message });
}

/**
 * An id comes back as it was sent. A number above 2^53 would not: JavaScript has no such integers, so it is none here.
 */
const requestId: Reader<RequestId> = {
  read: (value) => {
    if (typeof value === "string" || (typeof value === "number" && Number.isSafeInteger(value))) return value;
    throw invalidParams("data did not match any variant of untagged enum RequestId");
  },
};

const integer: Reader<number> = {
  read: (value) => {
    if (typeof value === "number" && Number.isInteger(value)) return value;
    throw invalidParams("invalid type, expected i64");
  },
};

const traceContext = struct("W3cTraceContext", {
  traceparent: optional(string),
  tracestate: optional(string),
});
const call = { method: string, params: withDefault(anything, undefined), trace: optional(traceContext) };
const request = struct("JSONRPCRequest", { id: requestId, ...call });
const notification = struct("JSONRPCNotification", call);
const result = struct("JSONRPCResponse", { id: requestId, result: anything });
const failure = struct("JSONRPCError", {
  error: struct("JSONRPCErrorError", { code: integer, message: string, data: optional(anything) }),
  id: requestId,
});

/** @returns the message, or why it is none, in the words of `codex exec-server` */
function readMessage(value: unknown): Message | string {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return "expected a JSON-RPC object";
  try {
    if ("method" in value) {
      return "id" in value
        ? { kind: "request", ...request.read(value) }
        : { kind: "notification", ...notification.read(value) };
    }
    return "result" in value
      ? { kind: "result", ...result.read(value) }
      : { kind: "error", ...failure.read(value) };
  } catch (error) {
    return (error as RpcError).message;
  }
}
