/**
 * Codex's app-server as the threads see it: always there, whatever happens to the process behind it.
 *
 *   OpenThread --process()--> the running process, or a new one
 *
 * It owns the current process, and when the next one may start. Which message belongs to which thread is known to
 * `router.ts`.
 *
 * Invariants
 *   R1. At most one process runs; a caller that comes while one starts gets that one.
 *   R2. A process that ended soon after its start delays the next start, longer each time, up to 30 s; one that
 *       lived for `STABLE_MS` clears the count. No start fails without having been tried.
 *   R3. A caller that waits for such a start is told so, and for what, when it begins to wait.
 */
import { abortable } from "../../base/abort.ts";
import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep, type Timer } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { sweepOrphans } from "../../process/process-tree.ts";
import type { Redactor } from "../../base/redact.ts";
import { AppServerProcess } from "./process.ts";
import type { CodexBinary } from "./binary.ts";
import { CodexError } from "../errors.ts";
import type { CodexEnvironment } from "../options.ts";
import { ThreadRouter } from "./router.ts";

export interface CodexAppServerOptions {
  /** Called for every start, so that a Codex that was installed in the meantime is found. */
  readonly findBinary: () => CodexBinary;
  /** Called before every start: makes sure that the home exists. @returns its path */
  readonly prepareHome: () => string;
  /** Called after every start and every end: Codex has made files. Never throws. */
  readonly onFiles: () => void;
  /** The environment of a process that is about to start. */
  readonly env: () => Readonly<Record<string, string>>;
  readonly flags: readonly string[];
  readonly environments: readonly CodexEnvironment[];
  readonly clock: Clock;
  /** Random numbers for the jitter of restarts. @default Math.random */
  readonly random?: () => number;
  readonly log: Log;
  /** Whether every message is logged too. @default false */
  readonly logWire?: boolean;
  readonly redactor: Redactor;
}

/** A process that lives this long counts as stable. */
const STABLE_MS = 10_000;
/** A wait that is too short to be worth a word. */
const UNTOLD_DELAY_MS = 1_000;

const UNTRIED: readonly CodexError["code"][] = ["codex_not_found", "codex_unsupported", "home_unusable"];

type State =
  | { readonly kind: "idle"; readonly notBefore: number }
  | { readonly kind: "starting"; readonly process: Promise<AppServerProcess>; readonly notBefore: number }
  | { readonly kind: "running"; readonly process: AppServerProcess; readonly stable: Timer }
  | { readonly kind: "closed" };

export class CodexAppServer implements AsyncDisposable {
  readonly #options: CodexAppServerOptions;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  /** Routes messages to threads. */
  readonly threads: ThreadRouter;
  #state: State = { kind: "idle", notBefore: 0 };
  #closed: Promise<void> | undefined;
  /** Why the last process or start ended. */
  #lastEnd = "";

  constructor(options: CodexAppServerOptions) {
    this.#options = options;
    this.threads = new ThreadRouter(options.log);
    const { random } = options;
    this.#backoff = new Backoff({ firstMs: 250, maxMs: 30_000, ...(random === undefined ? {} : { random }) });
  }

  /** The process that runs now, if one does. */
  get current(): AppServerProcess | undefined {
    return this.#state.kind === "running" ? this.#state.process : undefined;
  }

  /**
   * The running process; when absent, a new one is started (R1, R2).
   *
   * @throws {CodexError} `closed`, or why it could not be started
   * @param onWait receives a sentence when the next start is put off (R3)
   * @throws the signal's reason when it aborts first; the start goes on for the others
   */
  process(signal?: AbortSignal, onWait?: (why: string) => void): Promise<AppServerProcess> {
    const state = this.#state;
    if (state.kind === "running") {
      if (state.process.alive) return Promise.resolve(state.process);
      // It has ended; `#onExit` runs first.
      return abortable(
        state.process.exited.then(() => this.process(signal, onWait)),
        signal,
      );
    }
    if (state.kind === "closed") return Promise.reject(closedError());
    const { notBefore } = state;
    const delayMs = notBefore - this.#options.clock.now();
    if (delayMs > UNTOLD_DELAY_MS) onWait?.(this.#whyWaiting(delayMs));
    if (state.kind === "starting") return abortable(state.process, signal);
    const process = this.#start(notBefore);
    this.#state = { kind: "starting", process, notBefore };
    // Callers get the failure; the state already has it.
    process.catch(() => {});
    return abortable(process, signal);
  }

  /** Ends the process; later use fails. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: "closed" };
    this.#closing.abort(closedError());
    if (state.kind === "running") {
      state.stable.clear();
      await state.process.stop();
      this.#options.onFiles();
    }
    // A start in flight sees the state, stops what it started, and then fails.
    if (state.kind === "starting") await state.process.catch(() => {});
  }

  async #start(notBefore: number): Promise<AppServerProcess> {
    const { clock, log, redactor } = this.#options;
    try {
      // The state is "starting" before anything fails; set later, it would keep the failure for ever.
      await Promise.resolve();
      const delayMs = notBefore - clock.now();
      if (delayMs > 0) await sleep(clock, delayMs, this.#closing.signal);
      this.threads.onStart();
      const orphans = sweepOrphans();
      if (orphans.length > 0)
        log("warn", `Ended ${orphans.length} process(es) left behind by a host that was killed`);
      const process = await AppServerProcess.start({
        binary: this.#options.findBinary(),
        codexHome: this.#options.prepareHome(),
        env: this.#options.env(),
        flags: this.#options.flags,
        environments: this.#options.environments,
        clock,
        log,
        logWire: this.#options.logWire ?? false,
        redactor,
        onNotification: (method, params, weight) => this.threads.route(method, params, weight),
        onRejectedTool: (tool) => this.threads.tellOfRejectedTool(tool),
        onRequest: (method, params, id, signal) => this.threads.answer(method, params, id, signal),
      });
      this.#options.onFiles();
      if (this.#state.kind === "closed") {
        await process.stop();
        throw closedError();
      }
      const stable = clock.schedule(STABLE_MS, () => this.#backoff.reset(), { background: true });
      this.#state = { kind: "running", process, stable };
      void process.exited.then((error) => this.#onExit(process, error));
      return process;
    } catch (error) {
      // Without a Codex or a home, nothing was started. Mending that must help at once.
      const absent = error instanceof CodexError && UNTRIED.includes(error.code);
      this.#lastEnd = messageOf(error);
      if (this.#state.kind !== "closed") {
        this.#state = { kind: "idle", notBefore: absent ? 0 : this.#nextStart() };
      }
      throw error;
    }
  }

  #onExit(process: AppServerProcess, error: CodexError): void {
    this.#options.onFiles();
    const state = this.#state;
    if (state.kind === "running" && state.process === process) {
      state.stable.clear();
      this.#options.log("error", `${error.message}${process.lastWords}`);
      this.#lastEnd = error.message;
      // Every end counts until a process is stable: the first restart is quick, a loop is not.
      this.#state = { kind: "idle", notBefore: this.#nextStart() };
    }
    this.threads.onExit(error);
  }

  #whyWaiting(delayMs: number): string {
    const { failures } = this.#backoff;
    const seconds = Math.ceil(delayMs / 1000);
    return `Waiting ${seconds} s for the next start of Codex: it ended ${failures} times in a row soon after its start. ${this.#lastEnd}`;
  }

  #nextStart(): number {
    const delayMs = this.#backoff.fail();
    const { failures } = this.#backoff;
    if (failures > 1) {
      this.#options.log(
        "warn",
        `Codex ended ${failures} times in a row soon after its start; the next start waits ${Math.round(delayMs)} ms`,
      );
    }
    // The first end after a stable process is not a loop: the next use starts at once.
    return this.#options.clock.now() + (failures === 1 ? 0 : delayMs);
  }
}

function closedError(): CodexError {
  return new CodexError("closed", "Codex was closed");
}
