/**
 * Keeps a link to an executor: opens it, restores it when it drops, and gives up when that takes too long.
 *
 *   connecting ──> live ──link ends──> recovering ──restored──> live
 *                   │                      └──time is over, or a final failure──> over
 *                   └──end──> over
 *
 * What is sent over the link, the handshake included, is the session's (`executor-session.ts`).
 *
 * Invariants
 *   K1. A link that gives no sign of life is dropped, and restored.
 *   K2. A link that drops again at once does not start the time for its recovery anew, and is not retried without a
 *       pause.
 *   K3. Once it is over, everything that waits for a link and everything that asks for one later fails at once with the
 *       same error.
 */
import { abortable } from "../../base/abort.ts";
import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep, type Timer } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { Peer, RpcError } from "../../jsonrpc/index.ts";
import { ExecutorError } from "../errors.ts";
import type { Link } from "../wire/link.ts";
import { RpcCode, rpcError } from "../wire/protocol.ts";
import type { LinkOpener, OpenOutcome } from "./open-link.ts";

export interface LinkKeeperOptions {
  /** Of the environment, for messages. */
  readonly name: string;
  readonly opener: LinkOpener;
  readonly clock: Clock;
  /** Yields a number in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
  readonly log: Log;
  /** How long a lost link is tried to be restored, in milliseconds. */
  readonly recoveryMs: number;
}

export interface LinkUser {
  /** Shakes hands over a new link. Its rejection is the failure of the attempt. */
  readonly greet: (peer: Peer, signal: AbortSignal) => Promise<void>;
  readonly onNotification: (method: string, params: unknown) => void;
  /** A message was received, and handled. */
  readonly onReceived: (link: Link) => void;
  /** The link dropped, and with it what belonged to it alone. */
  readonly onDropped: (reason: string) => void;
  /** There is a link again, and requests that waited for one go on. */
  readonly onRestored: () => void;
  readonly onOver: (error: ExecutorError) => void;
}

type State =
  | { readonly kind: "connecting" }
  | { readonly kind: "live"; readonly link: Link; readonly peer: Peer }
  | { readonly kind: "recovering"; readonly done: Promise<void> }
  | { readonly kind: "over"; readonly error: ExecutorError };

interface Recovery {
  readonly deadlineMs: number;
  readonly backoff: Backoff;
}

/** About every 100 ms, as Codex; spread, so that many clients do not come back in step. */
const RETRY_MS = 130;
/** A restored link that lives this long counts as restored. */
const STABLE_MS = 1_000;
const SIGN_INTERVAL_MS = 15_000;
/** The executor serves every process of ours over this one link. */
const REQUESTS_MAX = 4096;

export class LinkKeeper {
  readonly #options: LinkKeeperOptions;
  readonly #user: LinkUser;
  readonly #over = new AbortController();
  #state: State = { kind: "connecting" };
  #holds = 0;
  /** When the current or last link became usable. */
  #liveSinceMs = 0;
  #lastRecovery: Recovery | undefined;
  #watch: Timer | undefined;
  /** Whether there was a sign of life since the last ping. */
  #hasSign = true;

  constructor(options: LinkKeeperOptions, user: LinkUser) {
    this.#options = options;
    this.#user = user;
  }

  get status(): "connecting" | "live" | "recovering" | "over" {
    return this.#state.kind;
  }

  /** Aborts when it is over. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  throwIfOver(): void {
    if (this.#state.kind === "over") throw this.#state.error;
  }

  /** @throws {ExecutorError} `executor_unreachable` */
  async connect(signal: AbortSignal): Promise<void> {
    const outcome = await this.#attempt(AbortSignal.any([signal, this.#over.signal]));
    if (outcome.kind === "failed") throw outcome.error;
  }

  /** The other side of the link; a promise while there is none. @throws {ExecutorError} when it is over */
  peer(signal: AbortSignal | undefined): Peer | Promise<Peer> {
    return this.#state.kind === "live" ? this.#state.peer : this.#whenLive(signal);
  }

  async #whenLive(signal: AbortSignal | undefined): Promise<Peer> {
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

  /** Drops the link and has another one made. */
  relink(reason: string): void {
    if (this.#state.kind === "live") this.#state.link.drop(reason);
  }

  /** Stops reading until the returned function is called. Counted. */
  hold(): () => void {
    if (this.#holds++ === 0 && this.#state.kind === "live") this.#state.link.pause();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      // Signs that came meanwhile were not read.
      this.#hasSign = true;
      if (--this.#holds === 0 && this.#state.kind === "live") this.#state.link.resume();
    };
  }

  end(error: ExecutorError): void {
    if (this.#state.kind === "over") return;
    const before = this.#state;
    this.#state = { kind: "over", error };
    this.#watch?.clear();
    this.#over.abort(error);
    if (before.kind === "live") {
      before.link.drop(error.message);
      before.peer.close(error);
    }
    this.#user.onOver(error);
  }

  /** Opens a link and shakes hands over it. */
  async #attempt(signal: AbortSignal): Promise<OpenOutcome> {
    const { opener, clock } = this.#options;
    // The peer exists before the link, to take its first message.
    const opened: { link?: Link } = {};
    let ended: string | undefined;
    const peer = new Peer({
      clock,
      send: (line) => opened.link?.send(line),
      inFlightMax: REQUESTS_MAX,
      // An answer may wait behind output that nobody reads.
      isPaused: () => this.#holds > 0,
      onNotification: this.#user.onNotification,
      onRequest: (method) =>
        Promise.reject(rpcError("methodNotFound", `exec-server client does not implement \`${method}\` yet`)),
    });
    const outcome = await opener.open(
      {
        onText: (text) => {
          this.#hasSign = true;
          peer.receive(text);
          if (this.#state.kind === "live") this.#user.onReceived(this.#state.link);
        },
        onSign: () => {
          this.#hasSign = true;
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
    opened.link = link;
    try {
      await this.#user.greet(peer, signal);
    } catch (error) {
      link.drop("the handshake failed");
      peer.close(error as Error);
      return this.#failed(error);
    }
    if (ended !== undefined) return this.#failed(new Error(ended));
    if (this.#state.kind === "over") {
      link.drop("given up");
      return { kind: "failed", error: this.#state.error, final: true };
    }
    this.#state = { kind: "live", link, peer };
    this.#liveSinceMs = clock.now();
    if (this.#holds > 0) link.pause();
    this.#hasSign = true;
    this.#watchLink(link);
    return outcome;
  }

  #failed(cause: unknown): OpenOutcome {
    const { name, opener } = this.#options;
    const message = `Executor "${name}" at ${opener.target} does not shake hands: ${messageOf(cause)}`;
    const error = new ExecutorError("executor_unreachable", message, { cause });
    // An error of the executor is final, unless it only says that another link still has the session.
    const final = cause instanceof RpcError && cause.code !== RpcCode.sessionAttached;
    return { kind: "failed", error, final };
  }

  #onLinkEnd(peer: Peer, reason: string): void {
    peer.close(new Error(reason));
    if (this.#state.kind !== "live" || this.#state.peer !== peer) return;
    this.#watch?.clear();
    this.#user.onDropped(reason);
    const { name, opener, log, clock } = this.#options;
    if (!opener.resumable) return this.#lose(reason, undefined);
    log("warn", `The link to executor "${name}" dropped: ${reason}; resuming`, { executor: name });
    // A link that drops as soon as it is restored was not restored: the same recovery goes on (K2).
    const isFlapping = this.#lastRecovery !== undefined && clock.now() - this.#liveSinceMs < STABLE_MS;
    const recovery = (isFlapping ? this.#lastRecovery : undefined) ?? this.#newRecovery();
    this.#lastRecovery = recovery;
    this.#state = { kind: "recovering", done: this.#recover(reason, recovery, isFlapping) };
  }

  #newRecovery(): Recovery {
    const { clock, recoveryMs, random } = this.#options;
    const chance = random === undefined ? {} : { random };
    const backoff = new Backoff({ firstMs: RETRY_MS, maxMs: RETRY_MS, ...chance });
    return { deadlineMs: clock.now() + recoveryMs, backoff };
  }

  async #recover(reason: string, { deadlineMs, backoff }: Recovery, isFlapping: boolean): Promise<void> {
    const { clock, recoveryMs, log, name } = this.#options;
    // The state has to be set first; it holds the promise of this function.
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
      if (this.#over.signal.aborted) return;
      if (outcome.kind === "open") break;
      // An attempt that our own time-out ended says less than the one before.
      if (!time.signal.aborted || last === undefined) last = outcome.error;
      if (outcome.final && !time.signal.aborted) return this.#lose(reason, last);
      if (!(await this.#pause(Math.min(backoff.fail(), Math.max(0, deadlineMs - clock.now()))))) return;
    }
    log("info", `The link to executor "${name}" is restored`, { executor: name });
    this.#user.onRestored();
  }

  /** @returns whether to go on: `false` when it is over */
  async #pause(delayMs: number): Promise<boolean> {
    try {
      await sleep(this.#options.clock, delayMs, this.#over.signal);
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
    this.end(new ExecutorError("executor_lost", message, { cause }));
  }

  /** Pings a silent executor, and drops the link when no sign of life follows (K1). */
  #watchLink(link: Link): void {
    this.#watch?.clear();
    this.#watch = this.#options.clock.schedule(
      SIGN_INTERVAL_MS,
      () => {
        // A link that we do not read shows no signs.
        if (!this.#hasSign && this.#holds === 0) return link.drop("no sign of life");
        this.#hasSign = false;
        link.ping();
        this.#watchLink(link);
      },
      { background: true },
    );
  }
}
