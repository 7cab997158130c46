/**
 * One process of a remote executor, as its client sees it.
 *
 *   notifications ──> by number ──> reader           write ──> queue ──> one request at a time
 *        retained output (process/read) ──^
 *
 * The session (`executor-session.ts`) carries requests and survives dropped links; this module knows what must be sent
 * again, and what was missed.
 *
 * Invariants
 *   R1. Events reach the reader in the order of their numbers, each once, whatever order, repetition or gap they
 *       arrive in. A gap is filled from what the executor retains; one that cannot be filled ends the process with an
 *       error.
 *   R2. Writes are sent one at a time, each with an id of its own, which it keeps when it has to be sent again.
 *   R3. `closed` is the end, not `exited`. Whatever ends it, the reader gets what came before.
 *   R4. What a process that is being terminated has not been written yet is not sent any more: a stdin that is stuck
 *       would hold up the whole connection (`codex exec-server` answers one request at a time).
 *   R5. A reader that stands still stops the link, and with it everybody else on it; so it is given up after a while.
 */
import { abortable, within } from "../../base/abort.ts";
import { Channel } from "../../base/channel.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import { ExecutorError } from "../errors.ts";
import type { ExecutorProcess, ProcessEvent, ReadOptions, ReadResult, WaitOptions } from "../executor.ts";
import { RpcCode, type WireChunk, type WireReadResult, type WriteStatus } from "../wire/protocol.ts";
import { toExecutorError } from "./rpc-errors.ts";

/** What a reader may leave unread before the link is stopped, in bytes. */
const UNREAD_BYTES_MAX = 8 * 1024 * 1024;
/** How long a link is stopped for a reader that reads nothing, in milliseconds. */
const READER_STALL_MS = 30_000;
/** One request writes at most so much. */
const WRITE_BYTES_MAX = 512 * 1024;
/** More than this waiting to be written is refused. */
const WRITE_QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** Events come out of order by a few milliseconds; a gap that stays longer is asked about. */
const GAP_MS = 500;
/** More events than this do not wait for a missing one. */
const AHEAD_MAX = 16_384;
/** A process that was told to end is gone after its executor's graces; more than this is waited for nobody. */
const END_MS = 15_000;
/** What has exited, and is held open by somebody whom its executor does not end, is waited for no longer than this. */
const HELD_OPEN_MS = 1_000;
/** A terminate that is not answered behind a write means that the write holds up everything. */
const STUCK_MS = 2_000;

/** What a process needs of the session that carries it. */
export interface ProcessCarrier {
  readonly clock: Clock;
  /** @throws {RpcError | ExecutorError} */
  request(method: string, params: unknown, options: CarrierOptions): Promise<unknown>;
  /** Drops the link and has another one made. */
  relink(reason: string): void;
  /** Stops reading until the returned function is called. Counted. */
  holdLink(): () => void;
  forget(process: RemoteProcess): void;
  throwIfLost(): void;
}

export interface CarrierOptions extends WaitOptions {
  /** Whether it may be sent again over a restored link; asked when it is about to be. */
  readonly resend: boolean | (() => boolean);
  /** @default 30 000 */
  readonly timeoutMs?: number;
  /** Added to it: what the executor was asked to wait. @default 0 */
  readonly extraMs?: number;
  /** About how large the message is. @default small */
  readonly bytes?: number;
  /** Told before it is sent again. */
  readonly onResend?: () => void;
}

interface QueuedWrite {
  readonly bytes: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class RemoteProcess implements ExecutorProcess {
  readonly id: string;
  readonly #session: ProcessCarrier;
  readonly #channel: Channel<ProcessEvent>;
  readonly #over = Promise.withResolvers<void>();
  /** Events ahead of their turn. */
  readonly #ahead = new Map<number, ProcessEvent>();
  #nextSeq = 1;
  /** Until the executor has said that it has it, there is nothing it could be asked. */
  #isStarted = false;
  #exitCode: number | undefined;
  #closed = false;
  #failure: ExecutorError | undefined;
  #pendingNext: Promise<IteratorResult<ProcessEvent, undefined>> | undefined;
  #gap: Timer | undefined;
  #filling = false;
  #stall: Timer | undefined;
  #letLinkGo: (() => void) | undefined;
  readonly #writes: QueuedWrite[] = [];
  #writeBytes = 0;
  #writing = false;
  #writeId = 0;
  /** Why nothing can be written any more, once a write has failed. */
  #stdinFailure: unknown;
  #ending = false;

  constructor(session: ProcessCarrier, id: string) {
    this.#session = session;
    this.id = id;
    this.#channel = new Channel<ProcessEvent>({
      weightMax: UNREAD_BYTES_MAX,
      onFull: () => this.#holdLink(),
      onRoom: () => this.#freeLink(),
    });
  }

  /** Settles when nothing more will come: it has closed, or failed. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  async *events({ signal }: WaitOptions = {}): AsyncIterableIterator<ProcessEvent, undefined, undefined> {
    for (;;) {
      // A wait that was given up goes on, and its event is the next one's.
      this.#pendingNext ??= this.#channel.next();
      const next = await abortable(this.#pendingNext, signal);
      this.#pendingNext = undefined;
      this.#progress();
      if (next.done === true) {
        if (this.#failure !== undefined) throw this.#failure;
        return;
      }
      yield next.value;
    }
  }

  async write(bytes: Uint8Array, { signal }: WaitOptions = {}): Promise<void> {
    this.#checkWritable();
    if (bytes.length === 0) return;
    if (this.#writeBytes + bytes.length > WRITE_QUEUE_BYTES_MAX) {
      throw new ExecutorError(
        "stdin_full",
        `Process ${this.id} takes no ${bytes.length} bytes: ${this.#writeBytes} wait already, and more than ${WRITE_QUEUE_BYTES_MAX} may not`,
      );
    }
    const written = new Promise<void>((resolve, reject) => {
      this.#writeBytes += bytes.length;
      for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) {
        const isLast = at + WRITE_BYTES_MAX >= bytes.length;
        const part = bytes.subarray(at, at + WRITE_BYTES_MAX);
        this.#writes.push({ bytes: part, resolve: isLast ? resolve : () => {}, reject });
      }
    });
    if (!this.#writing) void this.#sendWrites();
    await abortable(written, signal);
  }

  async read({ afterSeq = 0, maxBytes, waitMs = 0, signal }: ReadOptions = {}): Promise<ReadResult> {
    this.#session.throwIfLost();
    const result = await this.#readWire({ afterSeq, maxBytes: maxBytes ?? null, waitMs }, signal);
    return {
      chunks: result.chunks.map(toEvent),
      nextSeq: result.nextSeq,
      exited: result.exited,
      exitCode: result.exitCode ?? undefined,
      closed: result.closed,
    };
  }

  async interrupt({ signal }: WaitOptions = {}): Promise<void> {
    if (this.#exitCode !== undefined || this.#closed) return;
    const params = { processId: this.id, signal: "interrupt" };
    await this.#session.request("process/signal", params, { signal, resend: false });
  }

  async terminate({ signal }: WaitOptions = {}): Promise<boolean> {
    if (this.#closed || this.#failure?.code === "executor_lost") return false;
    this.#ending = true;
    const { clock } = this.#session;
    const terminated = this.#session.request(
      "process/terminate",
      { processId: this.id },
      { signal, resend: true },
    );
    if (this.#writing && (await within(clock, STUCK_MS, terminated)) === "timeout") {
      // The way out of a connection that answers nothing: a new one, on which this write is not sent again (R4).
      this.#session.relink("a write holds up the connection");
    }
    const { running } = (await terminated) as { readonly running?: boolean };
    return running === true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What nobody reads must not hold up its own end.
    await this.#channel.return();
    if (!this.#closed && this.#failure === undefined) {
      // A link that is down is not waited for any longer either. The request goes out when it is restored.
      await within(this.#session.clock, END_MS, this.#terminated());
    }
    this.#finish();
  }

  /** Has it end, and waits for that. */
  async #terminated(): Promise<void> {
    try {
      if (await this.terminate()) return await this.over;
    } catch (error) {
      // Then it is the executor's to end, with the session.
      if (!(error instanceof ExecutorError)) throw error;
    }
    await within(this.#session.clock, HELD_OPEN_MS, this.over);
  }

  /**
   * The executor has said that it has it.
   *
   * @param missed whether a link dropped since it was asked to start it
   */
  started(missed: boolean): void {
    this.#isStarted = true;
    if (missed) void this.catchUp();
    else this.#watchGap();
  }

  /** Takes a notification of the executor. What cannot be one is ignored, as Codex does. */
  accept(method: string, params: Readonly<Record<string, unknown>>): void {
    const event = readEvent(method, params);
    if (event === undefined || this.#failure !== undefined) return;
    this.#take(event);
    if (this.#ahead.size > AHEAD_MAX) {
      const message = `Process ${this.id}: number ${this.#nextSeq} is missing, and ${this.#ahead.size} later ones are there`;
      return this.#giveUp(new ExecutorError("output_lost", message));
    }
    this.#watchGap();
  }

  /** Reads what was missed: after a link was restored, or when a number is missing (R1). Never rejects. */
  async catchUp(): Promise<void> {
    if (!this.#isStarted || this.#filling || this.#closed || this.#failure !== undefined) return;
    this.#filling = true;
    try {
      const result = await this.#readWire(
        { afterSeq: this.#nextSeq - 1, maxBytes: null, waitMs: 0 },
        undefined,
      );
      for (const chunk of result.chunks) this.#take(toEvent(chunk));
      this.#fillEnd(result);
    } catch (error) {
      if (error instanceof ExecutorError) this.#giveUp(error);
      else throw error;
    } finally {
      this.#filling = false;
    }
  }

  /** Nothing more will come, because of `error`. */
  fail(error: ExecutorError): void {
    if (this.#closed || this.#failure !== undefined) return;
    this.#failure = error;
    this.#channel.fail(error);
    for (const write of this.#writes.splice(0)) write.reject(error);
    this.#finish();
  }

  /** It failed here; what it does there makes no sense without the rest. */
  #giveUp(error: ExecutorError): void {
    this.fail(error);
    this.#session
      .request("process/terminate", { processId: this.id }, { resend: true })
      .catch(() => undefined);
  }

  #watchGap(): void {
    if (this.#ahead.size === 0 || this.#gap !== undefined) return;
    this.#gap = this.#session.clock.schedule(GAP_MS, () => {
      this.#gap = undefined;
      if (this.#ahead.size > 0) void this.catchUp();
    });
  }

  #finish(): void {
    this.#gap?.clear();
    this.#gap = undefined;
    this.#freeLink();
    this.#session.forget(this);
    this.#over.resolve();
  }

  #take(event: ProcessEvent): void {
    if (event.seq < this.#nextSeq || this.#ahead.has(event.seq)) return;
    this.#ahead.set(event.seq, event);
    for (
      let next = this.#ahead.get(this.#nextSeq);
      next !== undefined;
      next = this.#ahead.get(this.#nextSeq)
    ) {
      this.#ahead.delete(this.#nextSeq++);
      this.#deliver(next);
    }
    if (this.#ahead.size === 0) {
      this.#gap?.clear();
      this.#gap = undefined;
    }
  }

  #deliver(event: ProcessEvent): void {
    this.#channel.push(event, event.type === "output" ? event.chunk.length + 64 : 1);
    if (event.type === "exited") this.#exitCode = event.exitCode;
    if (event.type !== "closed") return;
    this.#closed = true;
    this.#channel.end();
    for (const write of this.#writes.splice(0)) write.reject(this.#closedError());
    this.#finish();
  }

  /** What a read tells of the end has numbers too, though it does not say which. */
  #fillEnd({ nextSeq, exited, exitCode, closed }: WireReadResult): void {
    if (closed) this.#take({ type: "closed", seq: nextSeq - 1 });
    const missing: number[] = [];
    for (let seq = this.#nextSeq; seq < nextSeq && missing.length < 2; seq++) {
      if (!this.#ahead.has(seq)) missing.push(seq);
    }
    const [only, more] = missing;
    if (only === undefined) return;
    const isExit = exited && !this.#hasExit() && more === undefined;
    if (isExit) return this.#take({ type: "exited", seq: only, exitCode: exitCode ?? 0 });
    const message = `Output of process ${this.id} from number ${only} on was missed and is not retained any more`;
    this.#giveUp(new ExecutorError("output_lost", message));
  }

  #hasExit(): boolean {
    return this.#exitCode !== undefined || [...this.#ahead.values()].some(({ type }) => type === "exited");
  }

  async #readWire(
    params: { readonly afterSeq: number; readonly maxBytes: number | null; readonly waitMs: number },
    signal: AbortSignal | undefined,
  ): Promise<WireReadResult> {
    try {
      const result = await this.#session.request(
        "process/read",
        { processId: this.id, ...params },
        { signal, resend: true, extraMs: params.waitMs },
      );
      // Parsed where it is used: every field of it is checked by what it is compared with.
      return result as WireReadResult;
    } catch (error) {
      const isUnknown = error instanceof RpcError && error.code === RpcCode.invalidRequest;
      throw toExecutorError(error, `Process ${this.id}`, isUnknown ? "unknown_process" : "executor_lost");
    }
  }

  #checkWritable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stdinFailure !== undefined) throw this.#stdinFailure;
    if (this.#closed || this.#exitCode !== undefined || this.#ending) throw this.#closedError();
  }

  #closedError(): ExecutorError {
    return new ExecutorError("stdin_closed", `Nothing can be written to process ${this.id} any more`);
  }

  async #sendWrites(): Promise<void> {
    this.#writing = true;
    while (this.#writes.length > 0) {
      const batch = this.#takeBatch();
      const bytes =
        batch.length === 1 ? (batch[0] as QueuedWrite).bytes : Buffer.concat(batch.map((each) => each.bytes));
      try {
        await this.#send(bytes, String(++this.#writeId));
        for (const write of batch) write.resolve();
      } catch (error) {
        // What comes behind something that may be missing must not be read as if it were there.
        this.#stdinFailure = error;
        for (const write of [...batch, ...this.#writes.splice(0)]) write.reject(error);
        this.#writeBytes = 0;
        break;
      }
      this.#writeBytes -= bytes.length;
    }
    this.#writing = false;
  }

  /** What waits goes together: over a slow link it would otherwise wait once for every message. */
  #takeBatch(): QueuedWrite[] {
    let bytes = 0;
    let count = 0;
    for (const write of this.#writes) {
      if (count > 0 && bytes + write.bytes.length > WRITE_BYTES_MAX) break;
      bytes += write.bytes.length;
      count++;
    }
    return this.#writes.splice(0, count);
  }

  async #send(bytes: Uint8Array, writeId: string): Promise<void> {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
    let status: WriteStatus | undefined;
    try {
      const params = { processId: this.id, chunk, writeId };
      const answer = await this.#session.request("process/write", params, {
        resend: () => !this.#ending,
        timeoutMs: Number.POSITIVE_INFINITY,
        bytes: chunk.length,
      });
      ({ status } = answer as { readonly status?: WriteStatus });
    } catch (error) {
      throw toExecutorError(error, `Cannot write to process ${this.id}`, "stdin_closed");
    }
    if (status === "accepted") return;
    if (status === "unknownProcess") {
      throw new ExecutorError("unknown_process", `The executor does not know process ${this.id} any more`);
    }
    throw this.#closedError();
  }

  #holdLink(): void {
    this.#letLinkGo ??= this.#session.holdLink();
    this.#watchReader();
  }

  #freeLink(): void {
    this.#stall?.clear();
    this.#stall = undefined;
    this.#letLinkGo?.();
    this.#letLinkGo = undefined;
  }

  /** The reader has read something. */
  #progress(): void {
    if (this.#stall === undefined) return;
    this.#stall.clear();
    this.#watchReader();
  }

  #watchReader(): void {
    this.#stall = this.#session.clock.schedule(READER_STALL_MS, () => {
      const message = `The output of process ${this.id} was not read for ${READER_STALL_MS} ms; it was given up`;
      this.#giveUp(new ExecutorError("reader_stalled", message));
    });
  }
}

function toEvent({ seq, stream, chunk }: WireChunk): ProcessEvent & { readonly type: "output" } {
  return { type: "output", seq, stream, chunk: Buffer.from(chunk, "base64") };
}

function readEvent(method: string, params: Readonly<Record<string, unknown>>): ProcessEvent | undefined {
  const { seq, stream, chunk, exitCode } = params;
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1) return undefined;
  switch (method) {
    case "process/output":
      if (stream !== "stdout" && stream !== "stderr" && stream !== "pty") return undefined;
      return typeof chunk === "string" ? toEvent({ seq, stream, chunk }) : undefined;
    case "process/exited":
      return typeof exitCode === "number" ? { type: "exited", seq, exitCode } : undefined;
    case "process/closed":
      return { type: "closed", seq };
    default:
      return undefined;
  }
}
