/**
 * MCP messages over the stdio of a process that an executor runs.
 *
 *   client --send()-->     line + "\n" --write-->  executor --> stdin of the server
 *   client <--onmessage--  whole lines <--events-- executor <-- stdout of the server
 *   log    <-------------  whole lines <--events-- executor <-- stderr of the server
 *
 * This module turns bytes into messages for one process that is already running. The executor decides where it runs,
 * a launcher starts it, and the client knows what the messages mean.
 *
 * Invariants
 *   T1. Each message is delivered once and in order, one per turn of the event loop, wherever its bytes were split. A
 *       line that is not a message is logged and skipped.
 *   T2. The server has ended when the executor reports `closed`, not `exited`: what it flushed while it died still
 *       arrives. Processes that hold its pipes for `EXIT_GRACE_MS` after `exited` are ended.
 *   T3. There is one end and one error. Every pending and later `send` rejects with it; `onerror` gets it once, unless
 *       it was closed here; then `onclose` is called, once, and nothing is delivered any more.
 *   T4. `close` ends the process once, however often it is called. It never rejects, and returns when the executor has
 *       reported the end, or after `CLOSE_MS`. Every other end ends the process too.
 *   T5. Everything that waits is bounded: `send` waits for the server to read, and rejects when `SEND_BYTES_MAX` are
 *       already waiting; a line on stdout above `LINE_BYTES_MAX` ends the server. Nothing is queued on the way in: the
 *       next bytes are asked for when the last ones are delivered.
 *   T6. stderr never enters the stream of messages.
 */
import { constants } from "node:os";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { abortable, within } from "../../base/abort.ts";
import { type Clock, systemClock, type Timer } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { Redactor } from "../../base/redact.ts";
import { ExecutorError } from "../../executor/errors.ts";
import type { ExecutorProcess, ProcessEvent } from "../../executor/executor.ts";
import { type Line, LineDecoder } from "../../base/line-decoder.ts";
import { TransportError } from "../errors.ts";
import { readMessage } from "./read-message.ts";
import { ServerLog } from "./server-log.ts";
import type { ServerTransport } from "./server-transport.ts";

export interface ProcessTransportOptions {
  /** Owned from here on: the transport ends it. */
  readonly process: ExecutorProcess;
  /** The name of the server. */
  readonly server: string;
  /** Where it runs, for messages. */
  readonly environment: string;
  /** Receives its stderr, and lines on stdout that are not messages. @default silent */
  readonly log?: Log;
  /** Knows the values that must appear neither in the log nor in an error. @default none */
  readonly redactor?: Redactor;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** Codex takes longer lines than its executors (8 MiB), and so must we, who stand between its threads and their servers. */
export const LINE_BYTES_MAX: number = 32 * 1024 * 1024;
const SEND_BYTES_MAX = 64 * 1024 * 1024;
/** Of messages written together, unless one alone is larger. */
const BATCH_BYTES_MAX = 64 * 1024;
/** How long others may hold the pipes of the server after its exit, and how long the report of its exit may take. */
const EXIT_GRACE_MS = 2_000;
/** Longer than any executor takes from closing stdin to SIGKILL. */
const CLOSE_MS = 20_000;

/** Messages that are written together. */
interface Batch {
  bytes: number;
  readonly lines: string[];
  /** Settles for all of them. */
  readonly sent: Promise<void>;
}

type State =
  | { readonly kind: "open" }
  /** It has exited, or closed its input; `timer` ends it if the executor does not report its end. */
  | { readonly kind: "ending"; readonly timer: Timer }
  /** `gone` settles when the process has ended, as far as can be known. */
  | { readonly kind: "ended"; readonly error: TransportError; readonly gone: Promise<void> };

export class ProcessTransport implements ServerTransport {
  onmessage: Transport["onmessage"];
  onerror: Transport["onerror"];
  onclose: Transport["onclose"];

  readonly server: string;
  /**
   * By these two the SDK recognises a transport over stdio, where a server of the older era may leave
   * `server/discover` unanswered. Over HTTP that would be an error.
   */
  readonly pid: null = null;
  readonly stderr: null = null;
  readonly #process: ExecutorProcess;
  readonly #clock: Clock;
  readonly #log: ServerLog;
  readonly #decoder = new LineDecoder(LINE_BYTES_MAX);
  readonly #exited = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<TransportError>();
  /** Ends what waits to be sent. */
  readonly #sends = new AbortController();
  /** Ends the reading of a process that does not end. */
  readonly #reads = new AbortController();
  #state: State = { kind: "open" };
  /** From `start` or `close` on. */
  #reading: Promise<void> | undefined;
  #waitingBytes = 0;
  /** What will be written at the end of this turn. */
  #batch: Batch | undefined;
  #exitCode: number | undefined;

  constructor(options: ProcessTransportOptions) {
    const { server, environment, log = silentLog, redactor = new Redactor() } = options;
    this.server = server;
    this.#process = options.process;
    this.#clock = options.clock ?? systemClock;
    this.#log = new ServerLog({ server, environment, log, redactor });
  }

  get localPid(): number | undefined {
    return this.#process.pid;
  }

  get stderrLines(): readonly string[] {
    return this.#log.stderrLines;
  }

  get ended(): Promise<TransportError> {
    return this.#ended.promise;
  }

  /**
   * Begins to read; the callbacks must be set. The client of the SDK calls it.
   *
   * @throws {TransportError} when it has ended
   */
  async start(): Promise<void> {
    if (this.#state.kind === "ended") throw this.#state.error;
    if (this.#reading !== undefined) throw new Error(`MCP server "${this.server}" was started already`);
    this.#reading = this.#read();
  }

  /**
   * Sends a message, and waits until its bytes are on their way to the server.
   *
   * @throws {TransportError} `server_stalled`, `message_too_large`, or why the transport has ended (T3)
   */
  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#state.kind === "ended") throw this.#state.error;
    const line = `${JSON.stringify(message)}\n`;
    const bytes = Buffer.byteLength(line);
    if (bytes > SEND_BYTES_MAX) {
      const what = `cannot be sent a message of ${bytes} bytes; the limit is ${SEND_BYTES_MAX}`;
      throw this.#error("message_too_large", what);
    }
    if (this.#waitingBytes + bytes > SEND_BYTES_MAX) throw this.#stalled();
    this.#waitingBytes += bytes;
    try {
      await this.#batchFor(bytes, line).sent;
    } finally {
      this.#waitingBytes -= bytes;
    }
  }

  /** What is sent in one turn of the event loop is written at once: a write costs more than all else of a short message. */
  #batchFor(bytes: number, line: string): Batch {
    if (this.#batch !== undefined && this.#batch.bytes + bytes <= BATCH_BYTES_MAX) {
      this.#batch.bytes += bytes;
      this.#batch.lines.push(line);
      return this.#batch;
    }
    const { promise: sent, resolve, reject } = Promise.withResolvers<void>();
    const batch: Batch = { bytes, lines: [line], sent };
    this.#batch = batch;
    process.nextTick(() => {
      if (this.#batch === batch) this.#batch = undefined;
      const written = this.#process.write(Buffer.from(batch.lines.join("")));
      abortable(written, this.#sends.signal).then(resolve, async (error: unknown) =>
        reject(await this.#sendError(error)),
      );
    });
    return batch;
  }

  /** Ends the server and waits for its end (T4). */
  close(): Promise<void> {
    return this.#end(this.#error("closed", "was closed"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Reads to the end, also after ours: unread output would hold the process back. */
  async #read(): Promise<void> {
    try {
      for await (const event of this.#process.events({ signal: this.#reads.signal })) await this.#take(event);
      await this.#takeLines(this.#decoder.end());
      this.#log.end();
      void this.#end(this.#exitError());
    } catch (error) {
      this.#log.end();
      void this.#end(this.#lost(error));
    }
  }

  async #take(event: ProcessEvent): Promise<void> {
    if (event.type === "exited") {
      this.#exitCode = event.exitCode;
      this.#exited.resolve();
      this.#expectEnd();
    } else if (event.type === "output" && event.stream === "stderr") {
      this.#log.pushStderr(event.chunk);
    } else if (event.type === "output" && this.#state.kind !== "ended") {
      // Output may still arrive: over a restored link it comes late.
      if (this.#state.kind === "ending") this.#expectEndLater(this.#state.timer);
      await this.#takeLines(this.#decoder.push(event.chunk));
    }
  }

  async #takeLines(lines: readonly Line[]): Promise<void> {
    for (const line of lines) {
      this.#takeLine(line);
      // The SDK delivers a notification in the next turn and a response at once: a progress that came together with the
      // result of its call would find no handler.
      await Promise.resolve();
    }
  }

  #takeLine(line: Line): void {
    // One of the lines before it may have been the end.
    if (this.#state.kind === "ended") return;
    if (line.kind === "too_long") {
      void this.#end(
        this.#error("message_too_large", `wrote a line of more than ${LINE_BYTES_MAX} bytes and was ended`),
      );
      return;
    }
    const message = readMessage(line.text);
    if (typeof message === "string") return this.#log.strayLine(message, line.text);
    try {
      this.onmessage?.(message);
    } catch (error) {
      // The client failed; the stream is intact.
      this.#notify(() => this.onerror?.(error instanceof Error ? error : new Error(String(error))));
    }
  }

  /** Calls a callback of the client; what it throws is logged. */
  #notify(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#log.write("error", `has a client whose callback threw: ${String(error)}`);
    }
  }

  /** The end must be reported soon (T2). */
  #expectEnd(): void {
    if (this.#state.kind !== "open") return;
    const timer = this.#clock.schedule(EXIT_GRACE_MS, () => void this.#end(this.#exitError()));
    this.#state = { kind: "ending", timer };
  }

  #expectEndLater(timer: Timer): void {
    timer.clear();
    this.#state = { kind: "open" };
    this.#expectEnd();
  }

  #end(error: TransportError): Promise<void> {
    if (this.#state.kind === "ended") return this.#state.gone;
    if (this.#state.kind === "ending") this.#state.timer.clear();
    // Before any callback: a callback may call `close`.
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    this.#state = { kind: "ended", error, gone };
    this.#sends.abort(error);
    this.#ended.resolve(error);
    resolve(this.#endProcess());
    if (error.code !== "closed") this.#notify(() => this.onerror?.(error));
    this.#notify(() => this.onclose?.());
    return gone;
  }

  async #endProcess(): Promise<void> {
    this.#reading ??= this.#read();
    const ended = await within(this.#clock, CLOSE_MS, this.#terminate(this.#reading));
    if (ended !== "timeout") return;
    this.#log.write(
      "error",
      `was asked to end ${CLOSE_MS / 1000} s ago, and the executor has not reported its end`,
    );
    this.#reads.abort();
  }

  /** Never rejects: an executor that is lost ends the process without us. */
  async #terminate(reading: Promise<void>): Promise<void> {
    await Promise.allSettled([this.#process.terminate()]);
    // To the end of its output: its last lines belong in the log. But a process that holds the pipes of a server that
    // has exited may be one the executor cannot end.
    const exited = this.#exited.promise.then(() => within(this.#clock, EXIT_GRACE_MS, reading));
    await Promise.race([reading, exited]);
    await Promise.allSettled([this.#process[Symbol.asyncDispose]()]);
  }

  async #sendError(error: unknown): Promise<unknown> {
    if (!(error instanceof ExecutorError)) return error;
    switch (error.code) {
      case "stdin_full":
        return this.#stalled(error);
      case "stdin_closed":
      case "unknown_process":
        // It has just ended, and the report of how is on its way; or it closed its stdin, and is of no use.
        this.#expectEnd();
        return this.ended;
      default:
        // Part of a line may have got through: what follows could not be read.
        void this.#end(this.#lost(error));
        return this.ended;
    }
  }

  #stalled(cause?: ExecutorError): TransportError {
    return this.#error("server_stalled", "is not reading its input, and no more can wait for it", cause);
  }

  #exitError(): TransportError {
    const how =
      this.#exitCode === undefined ? "no longer reads its input" : `ended with ${exitName(this.#exitCode)}`;
    const { lastWords } = this.#log;
    return new TransportError("process_exited", this.server, how, { lastWords });
  }

  #lost(cause: unknown): TransportError {
    const why = messageOf(cause);
    return this.#error("executor_lost", `can no longer be reached: ${why}`, cause);
  }

  #error(code: TransportError["code"], what: string, cause?: unknown): TransportError {
    return new TransportError(code, this.server, what, cause === undefined ? undefined : { cause });
  }
}

/** 128 + n stands for signal n, by the numbers of this machine. */
function exitName(exitCode: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
  return `exit code ${exitCode}${signal === undefined ? "" : ` (${signal})`}`;
}
