/**
 * The session of a client: its processes, while it has a link, and for some time after.
 *
 *   held by a link ──drop──> waiting ──(retention)──> ended
 *          ^──── resume ──────┘
 *
 * Invariants
 *   N1. At most one link holds a session.
 *   N2. A session that is not resumed ends after its retention, with everything it started.
 */
import { randomUUID } from "node:crypto";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { LocalExecutor } from "../local/local-executor.ts";
import { type ProcessWatcher, SessionProcesses } from "./session-processes.ts";

export interface SessionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly retentionMs: number;
  readonly ignoreSandbox: boolean;
  readonly executor: LocalExecutor;
  readonly watcher: (session: Session) => ProcessWatcher;
  readonly onEnd: (session: Session, done: Promise<void>) => void;
}

type State =
  | { readonly kind: "held" }
  | { readonly kind: "waiting"; readonly timer: Timer }
  | { readonly kind: "ended"; readonly done: Promise<void> };

export class Session {
  readonly id: string = randomUUID();
  readonly processes: SessionProcesses;
  readonly #options: SessionOptions;
  #state: State = { kind: "held" };

  constructor(options: SessionOptions) {
    this.#options = options;
    this.processes = new SessionProcesses({ ...options, watcher: options.watcher(this) });
  }

  get isHeld(): boolean {
    return this.#state.kind === "held";
  }

  get executor(): LocalExecutor {
    return this.#options.executor;
  }

  /** A link holds it from now on (N1). */
  hold(): void {
    if (this.#state.kind === "waiting") this.#state.timer.clear();
    if (this.#state.kind !== "ended") this.#state = { kind: "held" };
  }

  /** The link that held it has ended. */
  release(): void {
    if (this.#state.kind !== "held") return;
    this.processes.detach();
    const { clock, retentionMs } = this.#options;
    const timer = clock.schedule(retentionMs, () => void this.end(), { background: true });
    this.#state = { kind: "waiting", timer };
  }

  /** Ends it and everything it started. Idempotent; joins an end in flight. */
  end(): Promise<void> {
    if (this.#state.kind === "ended") return this.#state.done;
    if (this.#state.kind === "waiting") this.#state.timer.clear();
    const done = this.#end();
    this.#state = { kind: "ended", done };
    this.#options.onEnd(this, done);
    return done;
  }

  async #end(): Promise<void> {
    this.processes.clear();
    try {
      await this.executor[Symbol.asyncDispose]();
    } catch (error) {
      this.#options.log("error", `Session ${this.id} did not end well: ${String(error)}`);
    }
  }
}
