/**
 * An executor on another machine, by Codex's executor protocol: `switchyard executor`, or `codex exec-server`.
 *
 *   RemoteExecutor ──first use──> session (links, resume) ──> processes
 *        └── after a loss: the next use makes another session; processes of the lost one stay lost
 *
 * Invariants
 *   M1. It connects at the first use, once for all its users.
 *   M2. A failed attempt rejects every call that waited for it; the next use tries again.
 *   M3. A lost process is never started again automatically.
 */
import { abortable } from "../../base/abort.ts";
import { type Clock, sleep, systemClock } from "../../base/clock.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import { ExecutorError } from "../errors.ts";
import type { EnvironmentInfo, Executor, ExecutorProcess, ProcessSpec, WaitOptions } from "../executor.ts";
import { fromFileUri } from "../wire/file-uri.ts";
import { toStartParams } from "../wire/process-messages.ts";
import { RpcCode } from "../wire/protocol.ts";
import { environmentInfo, type WireEnvironmentInfo } from "../wire/session-messages.ts";
import { ExecutorSession } from "./executor-session.ts";
import type { HttpRequestSpec, HttpResponse } from "./http-requests.ts";
import type { LinkOpener } from "./open-link.ts";
import type { RemoteProcess } from "./remote-process.ts";
import { readResult, toExecutorError } from "./rpc-errors.ts";

export interface RemoteExecutorOptions {
  /** Its name in messages: the id of its environment. */
  readonly name: string;
  /** Opens links to it. It is disposed with the executor. */
  readonly opener: LinkOpener;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Yields a number in [0, 1). @default Math.random */
  readonly random?: () => number;
  /** Receives diagnostics. */
  readonly log?: Log;
  /** Milliseconds the executor has to answer the handshake. @default 10 000 */
  readonly initializeTimeoutMs?: number;
  /** How long to try to restore a lost link, in milliseconds. The executor keeps a session for 80 s. @default 45 000 */
  readonly recoveryMs?: number;
  /** Milliseconds the executor has to start a process. @default 30 000 */
  readonly startTimeoutMs?: number;
}

/** A start is sent again at most so often: it may be the reason why the link drops. */
const DROPS_MAX = 5;
/** How often, and after how many milliseconds, an executor is asked about a start that was not answered. */
const LOOKS_MAX = 3;
const LOOK_MS = 50;

export class RemoteExecutor implements Executor {
  readonly #options: RemoteExecutorOptions;
  readonly #clock: Clock;
  #session: Promise<ExecutorSession> | undefined;
  #current: ExecutorSession | undefined;
  readonly #disposed = new AbortController();
  #disposing: Promise<void> | undefined;

  constructor(options: RemoteExecutorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** `idle`: not used yet, or lost and not used since. */
  get status(): "idle" | "connecting" | "connected" | "recovering" {
    if (this.#current !== undefined && !this.#current.isOver) {
      return this.#current.status === "connected" ? "connected" : "recovering";
    }
    return this.#session === undefined || this.#current?.isOver === true ? "idle" : "connecting";
  }

  async info({ signal }: WaitOptions = {}): Promise<EnvironmentInfo> {
    const session = await this.#connected(signal);
    return toInfo(session.info ?? (await this.#ask(session, signal)));
  }

  /** Requests its status. @returns the milliseconds until the answer */
  async ping({ signal }: WaitOptions = {}): Promise<number> {
    const session = await this.#connected(signal);
    const startMs = this.#clock.now();
    try {
      await session.request("environment/status", {}, { signal, resend: true, timeoutMs: 10_000 });
    } catch (error) {
      // An error is an answer too.
      if (!(error instanceof RpcError)) throw error;
    }
    return this.#clock.now() - startMs;
  }

  async start(spec: ProcessSpec, { signal }: WaitOptions = {}): Promise<ExecutorProcess> {
    const session = await this.#connected(signal);
    const process = session.newProcess();
    try {
      await this.#startIn(session, process, spec, signal);
      return process;
    } catch (error) {
      const what = `Executor "${this.#options.name}" cannot start "${spec.argv[0]}" in ${spec.cwd}`;
      const failure = toExecutorError(error, what, "start_failed");
      this.#abandon(session, process, failure);
      throw failure;
    }
  }

  /**
   * Makes an HTTP request from the machine of the executor, and waits for the head of the answer. Redirects are not
   * followed. The signal ends it at any time.
   *
   * With `codex exec-server` a request that is given up goes on there, for ten minutes at most.
   *
   * @throws {ExecutorError} `connect_failed`, `http_failed`, `outcome_unknown`, `unsupported`, `executor_unreachable`, …
   */
  async httpRequest(request: HttpRequestSpec, { signal }: WaitOptions = {}): Promise<HttpResponse> {
    const session = await this.#connected(signal);
    return await session.http.request(request, signal);
  }

  /** Ends what it started, and closes the link. Idempotent; joins a disposal in flight. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose();
    return this.#disposing;
  }

  async #dispose(): Promise<void> {
    this.#disposed.abort(disposed(this.#options.name));
    try {
      const session = await this.#session?.catch(() => undefined);
      await session?.dispose();
    } finally {
      await this.#options.opener[Symbol.asyncDispose]();
    }
  }

  async #startIn(
    session: ExecutorSession,
    process: RemoteProcess,
    spec: ProcessSpec,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { startTimeoutMs: timeoutMs = 30_000 } = this.#options;
    const params = toStartParams(process.id, spec);
    const bytes = JSON.stringify(params).length;
    // With concurrent requests a terminate can overtake the start in codex exec-server, and then finds no process.
    const onLateResult = (): void => terminate(session, process);
    const options = { signal, timeoutMs, resend: false, bytes, onLateResult };
    for (let drops = 0; ; drops++) {
      try {
        await session.request("process/start", params, options);
        return process.started(drops > 0);
      } catch (error) {
        if (!(error instanceof ExecutorError) || error.code !== "outcome_unknown") throw error;
        if (drops === DROPS_MAX) throw error;
        if (await this.#isStarted(process, error, signal)) return process.started(true);
      }
    }
  }

  /** Whether a start that was not answered has arrived. @throws `dropped` when that cannot be determined */
  async #isStarted(
    process: RemoteProcess,
    dropped: ExecutorError,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    for (let left = LOOKS_MAX; left > 0; left--) {
      try {
        await process.read({ maxBytes: 0, signal });
        return true;
      } catch (error) {
        if (!(error instanceof ExecutorError) || error.code !== "unknown_process") throw error;
        // codex exec-server abandons a start whose link dropped, and reports it as starting forever.
        if (!error.message.endsWith("is starting")) return false;
      }
      await sleep(this.#clock, LOOK_MS, signal);
    }
    throw dropped;
  }

  /** A start with an unknown outcome must not leave a process behind. */
  #abandon(session: ExecutorSession, process: RemoteProcess, error: unknown): void {
    const failure =
      error instanceof ExecutorError
        ? error
        : new ExecutorError("disposed", "The start was given up", { cause: error });
    process.fail(failure);
    if (!(failure.cause instanceof RpcError) && !session.isOver) terminate(session, process);
  }

  async #connected(signal: AbortSignal | undefined): Promise<ExecutorSession> {
    this.#disposed.signal.throwIfAborted();
    signal?.throwIfAborted();
    if (this.#current?.isOver === true) {
      this.#current = undefined;
      this.#session = undefined;
    }
    this.#session ??= this.#connect();
    try {
      return await abortable(this.#session, signal);
    } catch (error) {
      // The disposal is the better reason than the attempt that it ended.
      this.#disposed.signal.throwIfAborted();
      throw error;
    }
  }

  #connect(): Promise<ExecutorSession> {
    const { name, opener, random, log = silentLog } = this.#options;
    const connecting = ExecutorSession.connect(
      {
        name,
        opener,
        random,
        log,
        clock: this.#clock,
        initializeTimeoutMs: this.#options.initializeTimeoutMs ?? 10_000,
        recoveryMs: this.#options.recoveryMs ?? 45_000,
      },
      this.#disposed.signal,
    );
    connecting.then(
      (session) => {
        this.#current = session;
      },
      () => {
        // M2
        if (this.#session === connecting) this.#session = undefined;
      },
    );
    return connecting;
  }

  async #ask(
    session: ExecutorSession,
    signal: AbortSignal | undefined,
  ): Promise<WireEnvironmentInfo | undefined> {
    try {
      const result = await session.request("environment/info", {}, { signal, resend: true });
      return readResult("environment/info", environmentInfo, result);
    } catch (error) {
      if (error instanceof RpcError && error.code === RpcCode.methodNotFound) return undefined;
      throw toExecutorError(error, `Executor "${this.#options.name}"`, "executor_lost");
    }
  }
}

/** Does not wait for it, and ignores a failure. */
function terminate(session: ExecutorSession, { id }: RemoteProcess): void {
  session.request("process/terminate", { processId: id }, { resend: true }).catch(() => undefined);
}

function disposed(name: string): ExecutorError {
  return new ExecutorError("disposed", `Executor "${name}" was disposed`);
}

/** Another executor may leave anything out. */
function toInfo(info: WireEnvironmentInfo | undefined): EnvironmentInfo {
  return {
    shell: info?.shell ?? { name: "sh", path: "/bin/sh" },
    executorVersion: info?.executorVersion,
    platformOs: info?.platformOs,
    cwd: fromFileUri(info?.cwd),
    userHomeDir: fromFileUri(info?.userHomeDir),
    capabilities: info?.capabilities ?? {},
  };
}
