/**
 * One session at an executor, over as many links as it takes.
 *
 *   live ──link ends──> recovering ──resumed──> live
 *     │                      └──time is over, refused, unknown session──> lost
 *     └──close──> closed
 *
 * Invariants
 *   S1. While a link is being restored, requests wait. What was sent and not answered is sent again, if it may be; what
 *       must not be carried out twice fails with `outcome_unknown`.
 *   S2. Over a restored link the first that is asked for is what was missed, then what waited goes on.
 *   S3. Once lost, everything that waits and everything asked later fails at once with the same error.
 *   S4. A link that gives no sign of life is dropped, and restored.
 *   S5. A link that drops again at once does not begin the time anew, and is not tried without a pause.
 */
import { randomUUID } from "node:crypto";
import { abortable } from "../../base/abort.ts";
import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep, type Timer } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import type { Log } from "../../base/log.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { Peer, PeerError, RpcError } from "../../jsonrpc/index.ts";
import { ExecutorError } from "../errors.ts";
import type { Link } from "../wire/link.ts";
import { FRAME_BYTES_MAX, RpcCode } from "../wire/protocol.ts";
import { IMPLEMENTATION, initializeResult, type WireEnvironmentInfo } from "../wire/session-messages.ts";
import type { LinkOpener, OpenOutcome } from "./open-link.ts";
import { readResult } from "./rpc-errors.ts";
import { type CarrierOptions, type ProcessCarrier, RemoteProcess } from "./remote-process.ts";

export interface ExecutorSessionOptions {
  /** Of the environment, for messages. */
  readonly name: string;
  readonly opener: LinkOpener;
  readonly clock: Clock;
  /** Yields a number in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
  readonly log: Log;
  /** From the link to the answer of `initialize`, in milliseconds. */
  readonly initializeTimeoutMs: number;
  /** How long a lost link is tried to be restored, in milliseconds. */
  readonly recoveryMs: number;
}

type State =
  | { readonly kind: "connecting" }
  | { readonly kind: "live"; readonly link: Link; readonly peer: Peer }
  | { readonly kind: "recovering"; readonly done: Promise<void> }
  | { readonly kind: "over"; readonly error: ExecutorError };

/** To restore a link: until when, and how often. */
interface Effort {
  readonly deadlineMs: number;
  readonly backoff: Backoff;
}

const CLIENT_NAME = "switchyard";
const REQUEST_TIMEOUT_MS = 30_000;
/** About every 100 ms, as Codex; spread, so that many clients do not come back in step. */
const RETRY_MS = 130;
/** A restored link that lives so long is restored. */
const STABLE_MS = 1_000;
const SIGN_INTERVAL_MS = 15_000;
/** A link that drops this soon after a request may have dropped because of it. */
const QUICK_DROP_MS = 1_000;
/** So often in a row a request is sent again all the same. A large one, which is the likelier reason, is given up first. */
const DROPS_MAX = 20;
const LARGE_DROPS_MAX = 3;
const LARGE_BYTES: number = 64 * 1024;
/** The executor serves every process of ours over this one connection. */
const REQUESTS_MAX = 4096;
/**
 * Of any executor that is not ours: with a few hundred at once, and their output, `codex exec-server` 0.169 reads and
 * writes nothing any more (measured).
 */
const REQUESTS_MAX_ELSEWHERE = 64;

export class ExecutorSession implements ProcessCarrier {
  readonly clock: Clock;
  readonly #options: ExecutorSessionOptions;
  readonly #processes = new Map<string, RemoteProcess>();
  readonly #ids: string = randomUUID().slice(0, 8);
  readonly #over = new AbortController();
  #state: State = { kind: "connecting" };
  #sessionId: string | undefined;
  #info: WireEnvironmentInfo | undefined;
  /** Whether it is the original, or one like it, with its faults. */
  #isForeign = true;
  readonly #foreignGate = new Semaphore(REQUESTS_MAX_ELSEWHERE);
  #nudging = false;
  #holds = 0;
  /** When the link that there is, or was last, became usable. */
  #liveSinceMs = 0;
  /** What was done last to restore one. */
  #effort: Effort | undefined;
  #started = 0;
  #watch: Timer | undefined;
  #heard = true;

  /** @throws {ExecutorError} `executor_unreachable` */
  static async connect(options: ExecutorSessionOptions, signal: AbortSignal): Promise<ExecutorSession> {
    const session = new ExecutorSession(options);
    const outcome = await session.#attempt(AbortSignal.any([signal, session.#over.signal]));
    if (outcome.kind === "failed") throw outcome.error;
    return session;
  }

  private constructor(options: ExecutorSessionOptions) {
    this.#options = options;
    this.clock = options.clock;
  }

  /** What the executor said of itself; `undefined` when it said nothing yet. */
  get info(): WireEnvironmentInfo | undefined {
    return this.#info;
  }

  get isOver(): boolean {
    return this.#state.kind === "over";
  }

  get status(): "connected" | "recovering" | "lost" {
    if (this.#state.kind === "over") return "lost";
    return this.#state.kind === "live" ? "connected" : "recovering";
  }

  throwIfLost(): void {
    if (this.#state.kind === "over") throw this.#state.error;
  }

  /** A process with an id that this session has never used. It is known before anything is sent. */
  newProcess(): RemoteProcess {
    const process = new RemoteProcess(this, `switchyard-${this.#ids}-${++this.#started}`);
    this.#processes.set(process.id, process);
    return process;
  }

  forget(process: RemoteProcess): void {
    this.#processes.delete(process.id);
  }

  /**
   * Asks the executor, over this link or the next one (S1).
   *
   * @throws {RpcError} the executor answered with an error
   * @throws {ExecutorError} `executor_lost`, `outcome_unknown`, `timeout`, `disposed`
   * @throws the signal's reason when it aborts first
   */
  async request(method: string, params: unknown, options: CarrierOptions): Promise<unknown> {
    if (!this.#isForeign) return await this.#request(method, params, options);
    const release = await this.#foreignGate.acquire(
      options.signal === undefined ? this.#over.signal : AbortSignal.any([options.signal, this.#over.signal]),
    );
    try {
      return await this.#request(method, params, options);
    } finally {
      release();
    }
  }

  async #request(method: string, params: unknown, options: CarrierOptions): Promise<unknown> {
    const { signal, resend, timeoutMs = REQUEST_TIMEOUT_MS, extraMs = 0, bytes = 0, onLateResult } = options;
    const { name } = this.#options;
    if (bytes > FRAME_BYTES_MAX) {
      const message = `"${method}" would be a message of ${bytes} bytes; executors take up to ${FRAME_BYTES_MAX}`;
      throw new ExecutorError("invalid_request", message);
    }
    for (let drops = 0; ; ) {
      const peer = this.#state.kind === "live" ? this.#state.peer : await this.#live(signal);
      const sentMs = this.clock.now();
      try {
        return await peer.request(method, params, { timeoutMs: timeoutMs + extraMs, signal, onLateResult });
      } catch (error) {
        if (!(error instanceof PeerError)) throw error;
        if (error.code === "timeout") throw new ExecutorError("timeout", error.message, { cause: error });
        this.throwIfLost();
        if (resend === false || (resend !== true && !resend())) {
          const message = `The link to executor "${name}" dropped before "${method}" was answered`;
          throw new ExecutorError("outcome_unknown", message, { cause: error });
        }
        drops = this.clock.now() - sentMs < QUICK_DROP_MS ? drops + 1 : 0;
        if (drops >= (bytes > LARGE_BYTES ? LARGE_DROPS_MAX : DROPS_MAX)) {
          const message = `Executor "${name}" dropped the link ${drops} times as soon as it got "${method}": ${error.message}`;
          throw new ExecutorError("outcome_unknown", message, { cause: error });
        }
      }
    }
  }

  /** Drops the link and has another one made. Everything goes on over that. */
  relink(reason: string): void {
    if (this.#state.kind === "live") this.#state.link.drop(reason);
  }

  /** Stops reading until the returned function is called. Counted. */
  holdLink(): () => void {
    if (this.#holds++ === 0 && this.#state.kind === "live") this.#state.link.pause();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      // What came meanwhile was not heard.
      this.#heard = true;
      if (--this.#holds === 0 && this.#state.kind === "live") this.#state.link.resume();
    };
  }

  /** Ends it from this side, with all its processes. What still waits then fails with `disposed`. */
  async dispose(): Promise<void> {
    // Not while nobody knows whether the other side is still there.
    if (this.#state.kind === "live") {
      await Promise.allSettled(
        [...this.#processes.values()].map((process) => process[Symbol.asyncDispose]()),
      );
    }
    this.#end(new ExecutorError("disposed", `Executor "${this.#options.name}" was disposed`));
  }

  #end(error: ExecutorError): void {
    if (this.#state.kind === "over") return;
    const before = this.#state;
    this.#state = { kind: "over", error };
    this.#watch?.clear();
    this.#over.abort(error);
    if (before.kind === "live") {
      before.link.drop(error.message);
      before.peer.close(error);
    }
    for (const process of [...this.#processes.values()]) process.fail(error);
  }

  /** @throws {ExecutorError} when it is over */
  async #live(signal: AbortSignal | undefined): Promise<Peer> {
    for (;;) {
      switch (this.#state.kind) {
        case "live":
          return this.#state.peer;
        case "over":
          throw this.#state.error;
        case "recovering":
          await abortable(this.#state.done, signal);
          break;
        case "connecting":
          throw new Error("A session is not used before it is connected");
      }
    }
  }

  /** Makes a link and shakes hands over it, anew or for the session there was. */
  async #attempt(signal: AbortSignal): Promise<OpenOutcome> {
    const { opener, clock, initializeTimeoutMs } = this.#options;
    // The peer is there before the link: what comes first must find it.
    const wire: { link?: Link } = {};
    let ended: string | undefined;
    const peer = new Peer({
      clock,
      send: (line) => wire.link?.send(line),
      inFlightMax: REQUESTS_MAX,
      // An answer may wait behind what nobody reads.
      isPaused: () => this.#holds > 0,
      onNotification: (method, params) => this.#onNotification(method, params),
      onRequest: (method) => {
        const message = `exec-server client does not implement \`${method}\` yet`;
        return Promise.reject(new RpcError({ code: RpcCode.methodNotFound, message }));
      },
    });
    const outcome = await opener.open(
      {
        onText: (text) => this.#onText(peer, text),
        onSign: () => {
          this.#heard = true;
        },
        onEnd: (reason) => {
          ended = reason;
          this.#onLinkEnd(peer, reason);
        },
      },
      signal,
    );
    if (outcome.kind === "failed") return outcome;
    const { link } = outcome;
    wire.link = link;
    try {
      const answer = await peer.request(
        "initialize",
        { clientName: CLIENT_NAME, resumeSessionId: this.#sessionId ?? null },
        { timeoutMs: initializeTimeoutMs, signal },
      );
      this.#greeted(answer);
      peer.notify("initialized", {});
    } catch (error) {
      link.drop("the handshake failed");
      peer.close(error as Error);
      return this.#refused(error);
    }
    if (ended !== undefined) return this.#refused(new Error(ended));
    if (this.#state.kind === "over") {
      link.drop("given up");
      return { kind: "failed", error: this.#state.error, final: true };
    }
    this.#state = { kind: "live", link, peer };
    this.#liveSinceMs = this.clock.now();
    if (this.#holds > 0) link.pause();
    this.#heard = true;
    this.#watchLink(link);
    return outcome;
  }

  #greeted(answer: unknown): void {
    const { sessionId, environmentInfo } = readResult("initialize", initializeResult, answer);
    if (this.#sessionId !== undefined && sessionId !== this.#sessionId) {
      throw new RpcError({ code: RpcCode.invalidRequest, message: "it opened another session instead" });
    }
    this.#sessionId = sessionId;
    if (environmentInfo === undefined) return;
    this.#info = environmentInfo;
    this.#isForeign = environmentInfo.implementation !== IMPLEMENTATION;
  }

  #refused(cause: unknown): OpenOutcome {
    const { name, opener } = this.#options;
    const why = messageOf(cause);
    const message = `Executor "${name}" at ${opener.target} does not shake hands: ${why}`;
    const error = new ExecutorError("executor_unreachable", message, { cause });
    // What it says of a session it does not know is final; that another connection still has it, is not.
    const final = cause instanceof RpcError && cause.code !== RpcCode.sessionAttached;
    return { kind: "failed", error, final };
  }

  #onText(peer: Peer, text: string): void {
    this.#heard = true;
    peer.receive(text);
    // Without a frame of ours its next small packet would wait 40 ms for an acknowledgement: codex exec-server leaves
    // Nagle's algorithm on. One for everything that came at once.
    if (!this.#isForeign || this.#nudging || this.#state.kind !== "live") return;
    const { link } = this.#state;
    this.#nudging = true;
    queueMicrotask(() => {
      this.#nudging = false;
      link.nudge();
    });
  }

  #onNotification(method: string, params: unknown): void {
    const processId = isObject(params) ? params["processId"] : undefined;
    if (typeof processId === "string") this.#processes.get(processId)?.accept(method, params);
  }

  #onLinkEnd(peer: Peer, reason: string): void {
    peer.close(new Error(reason));
    if (this.#state.kind !== "live" || this.#state.peer !== peer) return;
    this.#watch?.clear();
    const { name, opener, log } = this.#options;
    if (!opener.resumable) {
      return this.#lose(reason, undefined);
    }
    log("warn", `The link to executor "${name}" dropped: ${reason}; resuming`, { executor: name });
    // A link that drops as soon as it is restored was not restored: the same effort goes on.
    const isFlapping = this.#effort !== undefined && this.clock.now() - this.#liveSinceMs < STABLE_MS;
    const effort = (isFlapping ? this.#effort : undefined) ?? this.#newEffort();
    this.#effort = effort;
    this.#state = { kind: "recovering", done: this.#recover(reason, effort, isFlapping) };
  }

  #newEffort(): Effort {
    const { clock, recoveryMs, random } = this.#options;
    const chance = random === undefined ? {} : { random };
    const backoff = new Backoff({ firstMs: RETRY_MS, maxMs: RETRY_MS, ...chance });
    return { deadlineMs: clock.now() + recoveryMs, backoff };
  }

  async #recover(reason: string, { deadlineMs, backoff }: Effort, isFlapping: boolean): Promise<void> {
    const { clock, recoveryMs, log, name } = this.#options;
    // After this function has returned its promise, which is the state meanwhile.
    await Promise.resolve();
    if (isFlapping && !(await this.#pause(backoff.fail()))) return;
    let last: ExecutorError | undefined;
    for (;;) {
      const leftMs = deadlineMs - clock.now();
      if (leftMs <= 0) return this.#lose(`${reason}; not restored within ${recoveryMs} ms`, last);
      const time = new AbortController();
      const timer = clock.schedule(leftMs, () => time.abort(new Error("the time is over")));
      const outcome = await this.#attempt(AbortSignal.any([time.signal, this.#over.signal]));
      timer.clear();
      if (this.isOver) return;
      if (outcome.kind === "open") break;
      // What our own time-out cut off says less than what was said before.
      if (!time.signal.aborted || last === undefined) last = outcome.error;
      if (outcome.final && !time.signal.aborted) return this.#lose(reason, last);
      if (!(await this.#pause(Math.min(backoff.fail(), Math.max(0, deadlineMs - clock.now()))))) return;
    }
    log("info", `The link to executor "${name}" is restored`, { executor: name });
    // What waits is sent again by whoever waits; who has nothing to send would not notice what was missed.
    for (const process of this.#processes.values()) void process.catchUp();
  }

  /** @returns whether there still is something to do */
  async #pause(delayMs: number): Promise<boolean> {
    try {
      await sleep(this.clock, delayMs, this.#over.signal);
      return true;
    } catch {
      return false;
    }
  }

  #lose(reason: string, cause: ExecutorError | undefined): void {
    const { name, log } = this.#options;
    const why = cause === undefined ? "" : `: ${cause.message}`;
    const message = `Executor "${name}" is lost (${reason})${why}`;
    log("error", message, { executor: name });
    this.#end(new ExecutorError("executor_lost", message, { cause }));
  }

  /** Asks a silent executor for a sign, and gives the link up when none comes (S4). */
  #watchLink(link: Link): void {
    this.#watch?.clear();
    this.#watch = this.clock.schedule(
      SIGN_INTERVAL_MS,
      () => {
        // A link that we do not read cannot bring signs.
        if (!this.#heard && this.#holds === 0) return link.drop("no sign of life");
        this.#heard = false;
        link.ping();
        this.#watchLink(link);
      },
      { background: true },
    );
  }
}
