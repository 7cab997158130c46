/**
 * One link of a client, from its first message to its end: handshake, requests, answers.
 *
 *   link ──text──> turns ──> strict reading ──> state: new ──initialize──> greeted ──initialized──> ready
 *                                                 └─> Peer ──> method ──> answer ──> link
 *
 * The session it is attached to outlives it, and has the processes.
 *
 * Invariants
 *   C1. Every request is answered once, while the link lives. Requests are started in the order they arrive, and
 *       answered when they are done: a slow one holds up no other.
 *   C2. A text that is not a message of the protocol is answered with the id -1, and changes nothing. A message that a
 *       client must not send (a stray answer, an unknown notification, a request without an id) ends the link, as in
 *       `codex exec-server`: such a client has lost count.
 *   C3. What belongs to the link (file handles, HTTP streams) ends with it.
 *   C4. Answers that the client has not taken are bounded: its requests are not read until it takes them.
 *   C5. Links take turns: after so many texts, or so much text, the others of this executor are heard first. A text that
 *       came before the end of its link is still read.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { messageOf } from "../../base/errors.ts";
import { Issue, showPath } from "../../base/reader.ts";
import { Peer, type RequestId } from "../../jsonrpc/index.ts";
import { readMessage } from "../wire/envelope.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { PING_INTERVAL_MS, RpcCode, rpcError, UNREADABLE_ID } from "../wire/protocol.ts";
import {
  initializeParams,
  type InitializeResult,
  type WireEnvironmentInfo,
} from "../wire/session-messages.ts";
import { noParams, readParams } from "../wire/params.ts";
import { method, type Method, type MethodContext, type MethodFamily } from "./method.ts";
import { parseBounded } from "./parse-bounded.ts";
import type { Session } from "./session.ts";
import { PROCESS_PARAMS } from "./session-processes.ts";

export interface ServedLinkOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly handshakeMs: number;
  readonly requestsMax: number;
  readonly info: () => Promise<WireEnvironmentInfo>;
  /** @throws {RpcError} when the session to resume is unknown or attached */
  readonly openSession: (resumeSessionId: string | undefined) => Session;
  /** Methods whose state belongs to this link. */
  readonly families: readonly MethodFamily[];
  /** Prefixes of methods that the owner of this executor has switched off. */
  readonly switchedOff: readonly string[];
  /** @param session the one it held */
  readonly onEnd: (link: ServedLink, reason: string, session: Session | undefined) => void;
}

type State =
  | { readonly kind: "new" }
  | { readonly kind: "greeted" | "ready"; readonly session: Session }
  | { readonly kind: "ended" };

/** How long a link has to show that it lives, when its client seems to have come back. */
const ALIVE_CHECK_MS = 3_000;

/** What one link may have read in its turn. A text counts for its characters, and for at least a part of the turn. */
const TURN_CHARS: number = 1024 * 1024;
const TEXT_CHARS_MIN: number = TURN_CHARS / 64;

/** These get through when everything else waits. */
const URGENT: ReadonlySet<string> = new Set(["process/terminate", "process/signal", "environment/status"]);

/** How `codex exec-server` calls groups of methods when it refuses them. */
const FAMILY_NAMES: readonly (readonly [prefix: string, name: string])[] = [
  ["process/", "exec"],
  ["fs/", "filesystem"],
  ["http/", "http"],
  ["environment/info", "environment info"],
  ["environment/status", "environment status"],
];

export class ServedLink {
  readonly link: Link;
  readonly #options: ServedLinkOptions;
  readonly #peer: Peer;
  readonly #own: ReadonlyMap<string, Method>;
  readonly #contexts = new Map<string, MethodContext>();
  readonly #gone = new AbortController();
  #state: State = { kind: "new" };
  #handshake: Timer | undefined;
  #keepAlive: Timer | undefined;
  /** How many signs of life there were, and how many at the last ping. */
  #signs = 0;
  #signsAtPing = -1;
  #answering = 0;
  #aliveCheck: Timer | undefined;
  /** Texts that came after the end of the turn. The link is paused: they are the rest of what it had received. */
  readonly #waiting: string[] = [];
  #turnChars = 0;
  #isResting = false;
  /** Why the link has ended, while there are texts to be read. */
  #endReason: string | undefined;

  constructor(options: ServedLinkOptions, open: (events: LinkEvents) => Link) {
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
      // A client that wrote to a process waits for its output, and not for this answer.
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

  /** The session it holds, if any. */
  get session(): Session | undefined {
    return "session" in this.#state ? this.#state.session : undefined;
  }

  drop(reason: string): void {
    this.#waiting.length = 0;
    this.link.drop(reason);
  }

  #onText(text: string): void {
    this.#signs++;
    this.#waiting.push(text);
    this.#takeTurn();
  }

  #takeTurn(): void {
    while (!this.#isResting) {
      const text = this.#waiting.shift();
      if (text === undefined) break;
      this.#read(text);
      this.#turnChars += Math.max(text.length, TEXT_CHARS_MIN);
      if (this.#turnChars >= TURN_CHARS) void this.#rest();
    }
    if (this.#endReason !== undefined && this.#waiting.length === 0) this.#end(this.#endReason);
  }

  /** Lets the others have their turn (C5), and while the client does not take the answers, reads nothing (C4). */
  async #rest(): Promise<void> {
    if (this.#isResting) return;
    this.#isResting = true;
    this.link.pause();
    await new Promise(setImmediate);
    await this.link.room();
    this.#isResting = false;
    this.#turnChars = 0;
    this.#takeTurn();
    if (!this.#isResting) this.link.resume();
  }

  #read(text: string): void {
    let value: unknown;
    try {
      value = parseBounded(text);
    } catch (error) {
      return this.#reject(messageOf(error));
    }
    const message = readMessage(value);
    if (message instanceof Issue) return this.#reject(`${showPath(message.path)} ${message.what}`.trim());
    if (message.kind === "result" || message.kind === "error")
      return this.drop("an answer without a request");
    this.#peer.accept(message, text);
  }

  #send(text: string, canWait = false): void {
    if (canWait) this.link.sendSoon(text);
    else this.link.send(text);
    if (this.link.isFull) void this.#rest();
  }

  #reject(why: string): void {
    const error = {
      code: RpcCode.invalidRequest,
      message: `this is not a message of the executor protocol: ${why}`,
    };
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
      const message = `more than ${this.#options.requestsMax} requests of this client wait for an answer`;
      throw rpcError("failed", message);
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
        readParams(noParams, params);
        this.#contextOf(name, signal).checkReady();
        return this.#options.info();
      case "environment/status":
        readParams(noParams, params);
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
      throw rpcError("methodNotFound", message);
    }
    return answer(params, this.#contextOf(name, signal));
  }

  /** A method that needs a session, without one: its parameters are read, and then it is rejected. */
  #beforeSession(name: string): Method | undefined {
    const params = PROCESS_PARAMS.get(name);
    return params === undefined ? undefined : method(params, () => undefined);
  }

  async #initialize(params: unknown): Promise<InitializeResult> {
    const { resumeSessionId } = readParams(initializeParams, params);
    if (this.#state.kind !== "new")
      throw rpcError("invalidRequest", "initialize may only be sent once per connection");
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
        throw rpcError("invalidRequest", `client must ${missing} before using ${family} methods`);
      },
    };
    this.#contexts.set(family, context);
    return context;
  }

  /**
   * Asks it for a sign of life, and ends it without one: its client came back over another link. Otherwise a client
   * whose machine lost its network would be rejected until the next ping, and give up before.
   */
  checkAlive(): void {
    if (this.#aliveCheck !== undefined) return;
    const before = this.#signs;
    this.link.ping();
    this.#aliveCheck = this.#options.clock.schedule(
      ALIVE_CHECK_MS,
      () => {
        this.#aliveCheck = undefined;
        if (this.#signs === before) this.drop("no sign of life, and its client came back");
      },
      { background: true },
    );
  }

  /** Pings a silent client, and gives it up when it is silent until the next ping: its machine is gone. */
  #watch(): void {
    this.#keepAlive = this.#options.clock.schedule(
      PING_INTERVAL_MS,
      () => {
        // What is not read cannot show that it lives.
        if (this.#signs === this.#signsAtPing && !this.#isResting) return this.drop("no sign of life");
        this.#signsAtPing = this.#signs;
        this.link.ping();
        this.#watch();
      },
      { background: true },
    );
  }

  #onEnd(reason: string): void {
    this.#endReason = reason;
    if (this.#waiting.length === 0) this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#state.kind === "ended") return;
    this.#handshake?.clear();
    this.#keepAlive?.clear();
    this.#aliveCheck?.clear();
    const { session } = this;
    session?.release();
    this.#state = { kind: "ended" };
    const gone = new Error(reason);
    this.#gone.abort(gone);
    this.#peer.close(gone);
    for (const family of this.#options.families) {
      family[Symbol.asyncDispose]().catch((error: unknown) => {
        this.#options.log("warn", `Part of a link did not end well: ${String(error)}`);
      });
    }
    this.#options.onEnd(this, reason, session);
  }
}
