/**
 * The processes of one session, under the ids that its client gave them, and the methods about them.
 *
 *   process/start ──> entry: starting ──> running ──> closed ──(retention)──> forgotten
 *                                  log ──pump──> the attached link
 *
 * Invariants
 *   S1. An id is taken from the moment its start is received until its record is forgotten; a failed start frees it.
 *   S2. A request about a process that is being started waits for the start, so a client need not wait for the answer.
 *   S3. A write id is written once, also when it arrives again over another link.
 *   S4. Events go to the attached link, each once, in order; without one they are only retained. A link that does not
 *       take them holds back its own processes, and does not fill the memory.
 *   S5. A process with a full stdin delays the answers to its own writes, and nothing else.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import { codeOf, messageOf } from "../../base/errors.ts";
import type { Reader } from "../../base/reader.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import { ExecutorError } from "../errors.ts";
import type { LocalExecutor } from "../local/local-executor.ts";
import type { LocalProcess } from "../local/local-process.ts";
import { systemErrorText } from "../local/system-error.ts";
import type { Link } from "../wire/link.ts";
import {
  eventNotification,
  fromReadResult,
  type ReadParams,
  readParams,
  signalParams,
  type StartParams,
  startParams,
  type TerminateResult,
  terminateParams,
  type WriteParams,
  writeParams,
  type WriteResult,
} from "../wire/process-messages.ts";
import { RpcCode, rpcError, WRITE_IDS_MAX } from "../wire/protocol.ts";
import { cwdOf } from "./file-uri.ts";
import { method, type Method, type MethodContext } from "./method.ts";

/** The parameters of the methods about processes, by name: without a session, wrong ones are reported too. */
export const PROCESS_PARAMS: ReadonlyMap<string, Reader<unknown>> = new Map<string, Reader<unknown>>([
  ["process/start", startParams],
  ["process/read", readParams],
  ["process/write", writeParams],
  ["process/signal", signalParams],
  ["process/terminate", terminateParams],
]);

type WriteAnswer = Promise<WriteResult>;

interface Entry {
  readonly id: string;
  /** The id as it stands in JSON. */
  readonly idJson: string;
  /** Settles when the start has succeeded or failed; `undefined` when it failed. Never rejects. */
  readonly started: Promise<LocalProcess | undefined>;
  process: LocalProcess | undefined;
  readonly writes: Map<string, WriteAnswer>;
  endedBy: "itself" | "client" | "executor";
  forgetting: Timer | undefined;
}

/** The owner of the session: it admits processes, and is notified of their starts and ends. */
export interface ProcessWatcher {
  /** Takes one of the places for processes. @throws {ExecutorError} `refused` */
  readonly admit: () => void;
  readonly release: () => void;
  readonly onStarted: (start: ProcessStart, pid: number) => void;
  readonly onRefused: (start: ProcessStart, error: Error) => void;
  readonly onEnded: (end: ProcessEnd) => void;
}

export interface ProcessEnd {
  readonly processId: string;
  readonly pid: number;
  readonly exitCode: number | undefined;
  /** Who ended it. */
  readonly endedBy: "itself" | "client" | "executor";
}

export interface ProcessStart {
  readonly processId: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly tty: boolean;
  /** The part of the child's environment that the client sent. */
  readonly env: Readonly<Record<string, string>>;
}

export interface SessionProcessesOptions {
  readonly executor: LocalExecutor;
  readonly clock: Clock;
  readonly watcher: ProcessWatcher;
  /** How long the record of a closed process is kept, in milliseconds. */
  readonly retentionMs: number;
  /** Start processes without a sandbox even when a client asks for one. */
  readonly ignoreSandbox: boolean;
}

export class SessionProcesses {
  readonly methods: ReadonlyMap<string, Method>;
  readonly #options: SessionProcessesOptions;
  readonly #entries = new Map<string, Entry>();
  /** Answers with retained output are made one at a time. */
  readonly #answers = new Semaphore(1);
  #link: Link | undefined;

  constructor(options: SessionProcessesOptions) {
    this.#options = options;
    this.methods = new Map([
      ["process/start", method(startParams, (params) => this.#start(params))],
      ["process/read", method(readParams, (params, context) => this.#read(params, context))],
      ["process/write", method(writeParams, (params) => this.#write(params))],
      ["process/signal", method(signalParams, (params) => this.#interrupt(params.processId))],
      ["process/terminate", method(terminateParams, (params) => this.#terminate(params.processId))],
    ]);
  }

  /** How many processes it knows, running or not. */
  get size(): number {
    return this.#entries.size;
  }

  /** From now on events go to `link`. Earlier ones are not sent again; the client reads them. */
  attach(link: Link): void {
    this.#link = link;
    for (const entry of this.#entries.values()) {
      if (entry.process === undefined) continue;
      entry.process.log.attach(entry.process.log.nextSeq - 1);
      void this.#pump(entry, entry.process, link);
    }
  }

  detach(): void {
    this.#link = undefined;
    for (const { process } of this.#entries.values()) process?.log.detach();
  }

  /** Forgets the record of a process that has closed, if there is one. @returns whether there was */
  forgetOne(): boolean {
    for (const entry of this.#entries.values()) {
      if (entry.forgetting === undefined) continue;
      this.#forget(entry);
      return true;
    }
    return false;
  }

  /** Forgets everything. The executor ends the processes. */
  clear(): void {
    this.detach();
    for (const entry of this.#entries.values()) {
      if (entry.process?.running === true && entry.endedBy === "itself") entry.endedBy = "executor";
      this.#forget(entry);
    }
  }

  async #start(params: StartParams): Promise<unknown> {
    const { processId, argv, env, tty } = params;
    const cwd = cwdOf(params.cwd);
    checkLength("processId", processId);
    const [program, ...args] = argv;
    if (program === undefined) throw rpcError("invalidParams", "argv must not be empty");
    const start = { processId, argv, cwd, tty, env: { ...params.envPolicy?.set, ...env } };
    try {
      this.#checkEnforceable(params);
      if (this.#entries.has(processId))
        throw rpcError("invalidRequest", `process ${processId} already exists`);
    } catch (error) {
      this.#options.watcher.onRefused(start, error as Error);
      throw error;
    }
    const { promise: started, resolve } = Promise.withResolvers<LocalProcess | undefined>();
    const entry: Entry = {
      id: processId,
      idJson: JSON.stringify(processId),
      started,
      process: undefined,
      writes: new Map(),
      endedBy: "itself",
      forgetting: undefined,
    };
    const { watcher, executor } = this.#options;
    this.#entries.set(processId, entry);
    let admitted = false;
    try {
      watcher.admit();
      admitted = true;
      const process = await executor.start({
        argv: [program, ...args],
        cwd,
        env,
        tty,
        pipeStdin: params.pipeStdin,
        ...(params.envPolicy === undefined ? {} : { envPolicy: params.envPolicy }),
        ...(params.arg0 === undefined ? {} : { arg0: params.arg0 }),
      });
      entry.process = process;
      watcher.onStarted(start, process.pid);
      void process.closed.then(() => this.#onClosed(entry, process));
      if (this.#link === undefined) process.log.detach();
      else void this.#pump(entry, process, this.#link);
      resolve(process);
    } catch (error) {
      if (admitted) watcher.release();
      if (this.#entries.get(processId) === entry) this.#entries.delete(processId);
      resolve(undefined);
      watcher.onRefused(start, error as Error);
      throw startError(error);
    }
    return { processId, sandboxType: "none" };
  }

  async #read(params: ReadParams, context: MethodContext): Promise<unknown> {
    const { signal } = context;
    const process = await this.#started(params.processId);
    if (process === undefined) throw rpcError("invalidRequest", `unknown process id ${params.processId}`);
    // One at a time, and only for a client that takes them: each may be a megabyte and more.
    const result = await process.read({
      signal,
      afterSeq: params.afterSeq ?? 0,
      waitMs: params.waitMs ?? 0,
      ...(params.maxBytes === undefined ? {} : { maxBytes: params.maxBytes }),
    });
    const release = await this.#answers.acquire(context.signal);
    try {
      await context.room();
      return fromReadResult(result);
    } finally {
      // The next one only when this one is on its way.
      setImmediate(release);
    }
  }

  #write({ processId, chunk, writeId }: WriteParams): WriteAnswer | WriteResult {
    if (writeId === "") throw rpcError("invalidParams", "writeId must not be empty");
    checkLength("writeId", writeId);
    const entry = this.#entries.get(processId);
    if (entry === undefined) return { status: "unknownProcess" };
    const known = entry.writes.get(writeId);
    if (known !== undefined) return known;
    const answer = this.#writeOnce(entry, chunk);
    entry.writes.set(writeId, answer);
    const [oldest] = entry.writes.keys();
    if (entry.writes.size > WRITE_IDS_MAX && oldest !== undefined) entry.writes.delete(oldest);
    return answer;
  }

  async #writeOnce(entry: Entry, chunk: Uint8Array): WriteAnswer {
    const process = entry.process ?? (await entry.started);
    if (process === undefined) return { status: "unknownProcess" };
    if (!process.hasStdin) return { status: "stdinClosed" };
    try {
      await process.write(chunk);
      return { status: "accepted" };
    } catch (error) {
      if (!(error instanceof ExecutorError)) throw error;
      const message = error.code === "stdin_closed" ? "failed to write to process stdin" : error.message;
      throw rpcError("failed", message, error);
    }
  }

  async #interrupt(processId: string): Promise<unknown> {
    const process = await this.#started(processId);
    await process?.interrupt();
    return {};
  }

  async #terminate(processId: string): Promise<TerminateResult> {
    const entry = this.#entries.get(processId);
    const process = entry?.process ?? (await entry?.started);
    if (entry === undefined || process === undefined) return { running: false };
    if (process.running) entry.endedBy = "client";
    return { running: await process.terminate() };
  }

  #started(processId: string): Promise<LocalProcess | undefined> | LocalProcess | undefined {
    const entry = this.#entries.get(processId);
    return entry?.process ?? entry?.started;
  }

  /** Without the protection that it asked for, a client would be less safe than it believes. */
  #checkEnforceable(params: StartParams): void {
    const wanted = [
      ...(this.#options.ignoreSandbox ? [] : (["sandbox"] as const)),
      "managedNetwork" as const,
      "networkProxy" as const,
    ].filter((name) => params[name] !== undefined);
    if (params.enforceManagedNetwork) wanted.push("managedNetwork");
    const [first] = wanted;
    if (first !== undefined) {
      throw rpcError(
        "invalidParams",
        `${first} is not supported by this executor: it starts processes without a sandbox` +
          (first === "sandbox" ? " (switchyard executor --ignore-sandbox runs them all the same)" : ""),
      );
    }
  }

  async #pump(entry: Entry, { log }: LocalProcess, link: Link): Promise<void> {
    try {
      // A link that replaced this one has a pump of its own.
      while (this.#link === link && !log.isReadOut) {
        const event = log.take();
        if (event === undefined) await log.changed();
        else {
          link.send(eventNotification(entry.idJson, event));
          if (link.isFull) await link.room();
        }
      }
    } catch (error) {
      // Nothing unread is dropped while a link is attached, so the log is not to be trusted any more.
      link.drop(messageOf(error));
    }
  }

  #onClosed(entry: Entry, process: LocalProcess): void {
    this.#options.watcher.release();
    const { pid, log } = process;
    const { id: processId, endedBy } = entry;
    this.#options.watcher.onEnded({ processId, pid, exitCode: log.exitCode, endedBy });
    if (this.#entries.get(entry.id) !== entry) return;
    entry.forgetting = this.#options.clock.schedule(this.#options.retentionMs, () => this.#forget(entry), {
      background: true,
    });
  }

  #forget(entry: Entry): void {
    entry.forgetting?.clear();
    entry.process?.log.release();
    if (this.#entries.get(entry.id) === entry) this.#entries.delete(entry.id);
  }
}

/** Many ids are kept for a while. */
const ID_CHARS_MAX = 1024;

function checkLength(name: string, id: string): void {
  if (id.length > ID_CHARS_MAX)
    throw rpcError("invalidParams", `${name} has more than ${ID_CHARS_MAX} characters`);
}

/** How the original (0.171) classes what kept a program from starting. All else is `spawnFailed`. */
const SPAWN_KINDS: Readonly<Record<string, string>> = {
  ENOENT: "spawnNotFound",
  EACCES: "spawnPermissionDenied",
  EPERM: "spawnPermissionDenied",
};

function startError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  // As in the original, without the name of the program.
  const { cause } = error as Error;
  const bare =
    error instanceof ExecutorError && error.code === "start_failed" && cause instanceof Error ? cause : error;
  const message = systemErrorText(bare) ?? messageOf(bare);
  // For our client: the protocol has only one number for these.
  const isTold = error instanceof ExecutorError && (error.code === "refused" || error.code === "unsupported");
  const data = {
    kind: SPAWN_KINDS[codeOf(bare) ?? ""] ?? "spawnFailed",
    ...(isTold ? { code: error.code } : {}),
  };
  return new RpcError({ code: RpcCode.failed, message, data }, { cause: error });
}
