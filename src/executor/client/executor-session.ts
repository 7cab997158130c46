/**
 * One session at an executor, over as many links as it takes: its handshake, its requests, its processes.
 *
 * `link-keeper.ts` opens and restores the links.
 *
 * Invariants
 *   S1. While a link is being restored, requests wait. A request that was sent and not answered is sent again, if that
 *       is allowed; one that must not be carried out twice fails with `outcome_unknown`.
 *   S2. Over a restored link the missed output is requested first; then the requests that waited go on.
 *   S3. Once the session is lost, everything that waits and everything requested later fails at once with the same error.
 */
import { randomUUID } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { isObject } from "../../base/json.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { type Peer, PeerError } from "../../jsonrpc/index.ts";
import { ExecutorError } from "../errors.ts";
import type { Link } from "../wire/link.ts";
import { FRAME_BYTES_MAX, rpcError } from "../wire/protocol.ts";
import { IMPLEMENTATION, initializeResult, type WireEnvironmentInfo } from "../wire/session-messages.ts";
import { HttpRequests } from "./http-requests.ts";
import { LinkKeeper, type LinkKeeperOptions } from "./link-keeper.ts";
import { type CarrierOptions, type ProcessCarrier, RemoteProcess } from "./remote-process.ts";
import { readResult } from "./rpc-errors.ts";

export interface ExecutorSessionOptions extends LinkKeeperOptions {
  /** From the link to the answer of `initialize`, in milliseconds. */
  readonly initializeTimeoutMs: number;
}

const CLIENT_NAME = "switchyard";
const REQUEST_TIMEOUT_MS = 30_000;
/** A link that drops this soon after a request may have dropped because of it. */
const QUICK_DROP_MS = 1_000;
/** So often in a row a request is sent again all the same. A large one, the likelier reason, is given up sooner. */
const DROPS_MAX = 20;
const LARGE_DROPS_MAX = 3;
const LARGE_BYTES: number = 64 * 1024;
/**
 * Of any executor that is not ours: with a few hundred at once, and their output, `codex exec-server` 0.169 stops
 * reading and writing (measured).
 */
const REQUESTS_MAX_ELSEWHERE = 64;

export class ExecutorSession implements ProcessCarrier {
  readonly clock: Clock;
  /** HTTP from the executor's machine. What is in progress ends with its link. */
  readonly http: HttpRequests;
  readonly #options: ExecutorSessionOptions;
  readonly #keeper: LinkKeeper;
  readonly #processes = new Map<string, RemoteProcess>();
  readonly #ids: string = randomUUID().slice(0, 8);
  #sessionId: string | undefined;
  #info: WireEnvironmentInfo | undefined;
  /** Whether it is the original, or one like it, with its faults. */
  #isForeign = true;
  readonly #foreignGate = new Semaphore(REQUESTS_MAX_ELSEWHERE);
  #nudging = false;
  #started = 0;

  /** @throws {ExecutorError} `executor_unreachable` */
  static async connect(options: ExecutorSessionOptions, signal: AbortSignal): Promise<ExecutorSession> {
    const session = new ExecutorSession(options);
    await session.#keeper.connect(signal);
    return session;
  }

  private constructor(options: ExecutorSessionOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.http = new HttpRequests(options.name, this);
    this.#keeper = new LinkKeeper(options, {
      greet: (peer, signal) => this.#greet(peer, signal),
      onNotification: (method, params) => this.#onNotification(method, params),
      onReceived: (link) => this.#acknowledge(link),
      onDropped: (reason) => {
        const message = `The link to executor "${options.name}" dropped: ${reason}`;
        this.http.fail(new ExecutorError("http_failed", message));
      },
      onRestored: () => {
        // Requests that waited are sent again; a process without one would not notice what it missed (S2).
        for (const process of this.#processes.values()) void process.catchUp();
      },
      onOver: (error) => {
        this.http.fail(error);
        for (const process of [...this.#processes.values()]) process.fail(error);
      },
    });
  }

  /** Whether the executor is ours, and can do what the original cannot. */
  get isOwn(): boolean {
    return !this.#isForeign;
  }

  /** What the executor said about itself; `undefined` when it said nothing yet. */
  get info(): WireEnvironmentInfo | undefined {
    return this.#info;
  }

  get isOver(): boolean {
    return this.#keeper.status === "over";
  }

  get status(): "connected" | "recovering" | "lost" {
    if (this.isOver) return "lost";
    return this.#keeper.status === "live" ? "connected" : "recovering";
  }

  throwIfLost(): void {
    this.#keeper.throwIfOver();
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

  relink(reason: string): void {
    this.#keeper.relink(reason);
  }

  holdLink(): () => void {
    return this.#keeper.hold();
  }

  /**
   * Sends a request, over this link or the next one (S1).
   *
   * @throws {RpcError} the executor answered with an error
   * @throws {ExecutorError} `executor_lost`, `outcome_unknown`, `timeout`, `disposed`
   * @throws the signal's reason when it aborts first
   */
  async request(method: string, params: unknown, options: CarrierOptions): Promise<unknown> {
    if (!this.#isForeign) return await this.#request(method, params, options);
    const { over } = this.#keeper;
    const release = await this.#foreignGate.acquire(
      options.signal === undefined ? over : AbortSignal.any([options.signal, over]),
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
      const found = this.#keeper.peer(signal);
      const peer = found instanceof Promise ? await found : found;
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

  /** Ends it from this side, with all its processes. What still waits then fails with `disposed`. */
  async dispose(): Promise<void> {
    // A link that is down is not waited for: nobody knows whether the other side still exists.
    if (this.#keeper.status === "live") {
      await Promise.allSettled(
        [...this.#processes.values()].map((process) => process[Symbol.asyncDispose]()),
      );
    }
    this.#keeper.end(new ExecutorError("disposed", `Executor "${this.#options.name}" was disposed`));
  }

  async #greet(peer: Peer, signal: AbortSignal): Promise<void> {
    const params = { clientName: CLIENT_NAME, resumeSessionId: this.#sessionId ?? null };
    const timeoutMs = this.#options.initializeTimeoutMs;
    const answer = await peer.request("initialize", params, { timeoutMs, signal });
    const { sessionId, environmentInfo } = readResult("initialize", initializeResult, answer);
    if (this.#sessionId !== undefined && sessionId !== this.#sessionId) {
      throw rpcError("invalidRequest", "it opened another session instead");
    }
    this.#sessionId = sessionId;
    if (environmentInfo !== undefined) {
      this.#info = environmentInfo;
      this.#isForeign = environmentInfo.implementation !== IMPLEMENTATION;
    }
    peer.notify("initialized", {});
  }

  #onNotification(method: string, params: unknown): void {
    if (method === "http/request/bodyDelta") return this.http.accept(params);
    const processId = isObject(params) ? params["processId"] : undefined;
    if (typeof processId === "string") this.#processes.get(processId)?.accept(method, params);
  }

  /**
   * `codex exec-server` leaves Nagle's algorithm on: without a frame of ours its next small packet would wait 40 ms for
   * an acknowledgement. One frame for everything that came at once.
   */
  #acknowledge(link: Link): void {
    if (!this.#isForeign || this.#nudging) return;
    this.#nudging = true;
    queueMicrotask(() => {
      this.#nudging = false;
      link.nudge();
    });
  }
}
