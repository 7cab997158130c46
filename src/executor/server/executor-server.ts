/**
 * The executor as its clients see it: links, the sessions behind them, and the limits for all of them together.
 *
 *   listener ──> ServedLink ──> Session ──> SessionProcesses ──> LocalExecutor
 *
 * `listen.ts` accepts the links.
 *
 * Invariants
 *   V1. Everything is bounded: links, sessions, processes, retained output.
 *   V2. A request beyond a bound is rejected with the bound; nobody else is disturbed. Before that, the records of closed
 *       processes and waiting sessions without a process are given up.
 *   V3. When disposal returns, no link is open, and every process that was started here has ended.
 */
import { tmpdir } from "node:os";
import { type Clock, systemClock } from "../../base/clock.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { sweepOrphans } from "../../process/process-tree.ts";
import { Reaper } from "../../process/reaper.ts";
import { Sweeper } from "../../process/sweeper.ts";
import { ExecutorError } from "../errors.ts";
import { LocalExecutor, type LocalExecutorOptions } from "../local/local-executor.ts";
import type { Graces } from "../../process/end.ts";
import { OutputBudget } from "../local/process-log.ts";
import { toFileUri } from "../wire/file-uri.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { RETENTION_MS, rpcError } from "../wire/protocol.ts";
import { IMPLEMENTATION, type WireEnvironmentInfo } from "../wire/session-messages.ts";
import type { AuditLog } from "./access/audit.ts";
import { ServedLink } from "./served-link.ts";
import { FsMethods } from "./fs/methods.ts";
import { HttpMethods } from "./http/methods.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { Session } from "./session.ts";
import type { ProcessWatcher } from "./session-processes.ts";
import { StartPolicy } from "./access/start-policy.ts";

export interface ExecutorServerOptions {
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Receives diagnostics. */
  readonly log?: Log;
  /** What clients may use. */
  readonly limits?: Partial<Limits>;
  /** Which programs may be started, and where. @default all, anywhere */
  readonly policy?: StartPolicy;
  /** Gets every start and end. @default none */
  readonly audit?: AuditLog;
  /** How long a session outlives its link, and a record its process, in milliseconds. @default 80 000 */
  readonly retentionMs?: number;
  /** How long a process is given for each step of its end. */
  readonly graces?: Partial<Graces>;
  /** The environment for children and header variables. It must not contain secrets of ours. @default `process.env` */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Work without a sandbox even when a client asks for one. @default false: such a request is rejected */
  readonly ignoreSandbox?: boolean;
  /** Offer the file system. @default true */
  readonly fs?: boolean;
  /** Offer HTTP requests from here. @default true */
  readonly http?: boolean;
}

export class ExecutorServer implements AsyncDisposable {
  readonly limits: Limits;
  readonly #options: ExecutorServerOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #policy: StartPolicy;
  readonly #audit: AuditLog | undefined;
  readonly #reaper: Reaper;
  readonly #sweeper: Sweeper;
  readonly #budget: OutputBudget;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #links = new Set<ServedLink>();
  /** In the order they were made. */
  readonly #sessions = new Map<string, Session>();
  readonly #ending = new Set<Promise<void>>();
  /** Of sessions that have not ended, including those that are ending. */
  readonly #executors = new Set<LocalExecutor>();
  #processes = 0;
  #info: Promise<WireEnvironmentInfo> | undefined;
  #disposing: Promise<void> | undefined;

  constructor(options: ExecutorServerOptions = {}) {
    this.#options = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLog;
    this.#policy = options.policy ?? new StartPolicy({});
    this.#audit = options.audit;
    this.#env = options.env ?? process.env;
    this.#reaper = new Reaper(this.#log);
    this.#sweeper = new Sweeper(this.#clock);
    this.#budget = new OutputBudget(this.limits.retainedBytesMax);
    this.#budget.onOver = () => this.#forgetRecords();
    const orphans = sweepOrphans();
    if (orphans.length > 0)
      this.#log("warn", `Ended ${orphans.length} process(es) of an executor that was killed`);
  }

  get connections(): number {
    return this.#links.size;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** Processes that have not closed. */
  get processes(): number {
    return this.#processes;
  }

  /** Why no further link is accepted, if so. */
  get fullBecause(): string | undefined {
    if (this.#disposing !== undefined) return "this executor is ending";
    if (this.#links.size < this.limits.connectionsMax) return undefined;
    return `this executor has ${this.limits.connectionsMax} connections, and takes no more`;
  }

  /** Writes to the audit log that a client was not let in. */
  noteRefusal(peer: string, reason: string): void {
    this.#audit?.refusedConnection({ peer, reason });
  }

  /** Serves a client over a link, until the link ends. */
  serve(open: (events: LinkEvents) => Link): ServedLink {
    const { fs, http } = this.#options;
    const families = [
      ...(fs === false
        ? []
        : [
            new FsMethods({
              mayRead: (path) => this.#policy.mayRead(path),
              mayWrite: (path) => this.#policy.mayWrite(path),
              mayRemove: (path) => this.#policy.mayRemove(path),
              ignoreSandbox: this.#options.ignoreSandbox === true,
            }),
          ]),
      ...(http === false ? [] : [new HttpMethods({ clock: this.#clock, env: this.#env })]),
    ];
    const connection = new ServedLink(
      {
        clock: this.#clock,
        log: this.#log,
        handshakeMs: this.limits.handshakeMs,
        requestsMax: this.limits.requestsMax,
        info: () => (this.#info ??= this.#describe()),
        openSession: (resumeId) => this.#openSession(resumeId),
        families,
        switchedOff: [...(fs === false ? ["fs/"] : []), ...(http === false ? ["http/"] : [])],
        onEnd: (ended, reason, session) => {
          this.#links.delete(ended);
          this.#audit?.disconnected({ peer: ended.link.peer, session: session?.id, reason });
        },
      },
      open,
    );
    this.#links.add(connection);
    this.#audit?.connected({ peer: connection.link.peer });
    return connection;
  }

  /** Ends every link, session and process. Idempotent; joins a disposal in flight. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose();
    return this.#disposing;
  }

  /** Kills everything at once, without graces, before it returns. */
  killAll(): void {
    for (const executor of this.#executors) executor.killAll();
  }

  async #dispose(): Promise<void> {
    for (const connection of this.#links) connection.drop("this executor is ending");
    for (const session of this.#sessions.values()) void session.end();
    await Promise.all(this.#ending);
    this.#reaper[Symbol.dispose]();
  }

  #openSession(resumeId: string | undefined): Session {
    if (resumeId !== undefined) {
      const session = this.#sessions.get(resumeId);
      if (session === undefined) throw rpcError("invalidRequest", `unknown session id ${resumeId}`);
      if (session.isHeld) {
        this.#linkOf(session)?.checkAlive();
        throw rpcError("sessionAttached", `session ${resumeId} is already attached to another connection`);
      }
      return session;
    }
    if (this.#sessions.size >= this.limits.sessionsMax) this.#endIdleSession();
    if (this.#sessions.size >= this.limits.sessionsMax) {
      throw rpcError("failed", `this executor has ${this.limits.sessionsMax} sessions, and takes no more`);
    }
    const executor = new LocalExecutor(this.#executorOptions(), {
      reaper: this.#reaper,
      sweeper: this.#sweeper,
      budget: this.#budget,
    });
    this.#executors.add(executor);
    const session = new Session({
      clock: this.#clock,
      log: this.#log,
      retentionMs: this.#options.retentionMs ?? RETENTION_MS,
      ignoreSandbox: this.#options.ignoreSandbox === true,
      executor,
      watcher: (own) => this.#watcherOf(own),
      onEnd: (ended, done) => {
        this.#sessions.delete(ended.id);
        this.#ending.add(done);
        void this.#forgetEnded(done, executor);
      },
    });
    this.#sessions.set(session.id, session);
    return session;
  }

  #executorOptions(): LocalExecutorOptions {
    return {
      clock: this.#clock,
      log: this.#log,
      env: this.#env,
      checkStart: (start) => this.#policy.checkStart(start),
      ...(this.#options.graces === undefined ? {} : { graces: this.#options.graces }),
    };
  }

  #watcherOf(session: Session): ProcessWatcher {
    const peer = (): string | undefined => this.#linkOf(session)?.link.peer;
    return {
      admit: () => {
        if (this.#processes >= this.limits.processesMax) {
          const message = `this executor runs ${this.limits.processesMax} processes, and starts no more`;
          throw new ExecutorError("refused", message);
        }
        this.#processes++;
      },
      release: () => {
        this.#processes--;
      },
      onStarted: (start, pid) => this.#audit?.started({ ...start, session: session.id, peer: peer(), pid }),
      onRefused: (start, error) =>
        this.#audit?.refused({ ...start, session: session.id, peer: peer(), reason: error.message }),
      onEnded: (end) => this.#audit?.ended({ ...end, session: session.id, peer: peer() }),
    };
  }

  #linkOf(session: Session): ServedLink | undefined {
    return [...this.#links].find((connection) => connection.session === session);
  }

  /** Drops the retained output of closed processes, from the oldest session on. */
  #forgetRecords(): void {
    for (const session of this.#sessions.values()) {
      while (this.#budget.isOver && session.processes.forgetOne());
      if (!this.#budget.isOver) return;
    }
  }

  async #forgetEnded(done: Promise<void>, executor: LocalExecutor): Promise<void> {
    await done;
    this.#ending.delete(done);
    this.#executors.delete(executor);
  }

  #endIdleSession(): void {
    for (const session of this.#sessions.values()) {
      if (session.isHeld || session.processes.size > 0) continue;
      return void session.end();
    }
  }

  async #describe(): Promise<WireEnvironmentInfo> {
    await using local = new LocalExecutor({ env: this.#env });
    const { shell, executorVersion, platformOs, cwd, userHomeDir } = await local.info();
    return {
      shell,
      implementation: IMPLEMENTATION,
      tempDir: toFileUri(tmpdir()),
      ...(executorVersion === undefined ? {} : { executorVersion }),
      ...(platformOs === undefined ? {} : { platformOs }),
      ...(cwd === undefined ? {} : { cwd: toFileUri(cwd) }),
      ...(userHomeDir === undefined ? {} : { userHomeDir: toFileUri(userHomeDir) }),
      capabilities: {
        ...(this.#options.http === false ? {} : { httpHeaderEnvVars: true }),
        ...(this.#options.fs === false ? {} : { fileWriteStreaming: true }),
      },
    };
  }
}
