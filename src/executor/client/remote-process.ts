/**
 * One process of a remote executor, as its client sees it.
 *
 *   notifications ──> by number ──> reader           write ──> queue ──> one request at a time
 *        retained output (process/read) ──^
 *
 * The session (`executor-session.ts`) carries requests and survives dropped links; this module decides what is sent again,
 * and when missed events are read. `event-order.ts` orders events, `stdin-writer.ts` queues writes.
 *
 * Invariants
 *   R1. Events reach the reader in the order of their numbers, each once, even if they arrive in another order, twice, or
 *       with gaps. A gap is filled from what the executor retains; one that cannot be filled ends the process with an
 *       error.
 *   R2. Writes are sent one at a time, each with its own id, which it keeps when it has to be sent again.
 *   R3. `closed` is the end, not `exited`. However it ends, the reader gets everything before the end.
 *   R4. Once a process is being terminated, waiting writes are not sent any more: a stuck stdin would hold up the whole
 *       link (`codex exec-server` answers one request at a time).
 *   R5. A reader that stops reading stops the link, and with it all other processes; so it is given up after some time.
 */
import { abortable, within } from "../../base/abort.ts";
import { Channel } from "../../base/channel.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { Issue } from "../../base/reader.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import { ExecutorError } from "../errors.ts";
import type { ExecutorProcess, ProcessEvent, ReadOptions, ReadResult, WaitOptions } from "../executor.ts";
import {
  readEvent,
  readResult as retainedOutput,
  terminateResult,
  toReadParams,
  writeResult,
} from "../wire/process-messages.ts";
import { CHUNK_BYTES_ACCEPTED, RpcCode } from "../wire/protocol.ts";
import { EventOrder } from "./event-order.ts";
import { readResult, toExecutorError } from "./rpc-errors.ts";
import { StdinWriter } from "./stdin-writer.ts";

/** How much a reader may leave unread before the link is stopped, in bytes; and how much may wait for a missing event. */
const UNREAD_BYTES_MAX: number = 8 * 1024 * 1024;
/** How long a link is stopped for a reader that does not read, in milliseconds. */
const READER_STALL_MS = 30_000;
/** Events arrive out of order by a few milliseconds; a longer gap is filled by a request. */
const GAP_MS = 500;
/** At most so many events wait for a missing one. */
const AHEAD_MAX = 16_384;
/** A terminated process ends within its executor's graces; nothing is waited for longer than this. */
const END_MS = 15_000;
/** How long an exited process is waited for whose output is held open by a process that its executor does not end. */
const HELD_OPEN_MS = 1_000;
/** If a terminate is not answered for so long behind a write, the write holds up everything. */
const STUCK_MS = 2_000;

/** What a process needs from its session. */
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
  /** Whether it may be sent again over a restored link; a function is called when that happens. */
  readonly resend: boolean | (() => boolean);
  /** @default 30 000 */
  readonly timeoutMs?: number;
  /** Added to the time-out: how long the executor was asked to wait. @default 0 */
  readonly extraMs?: number;
  /** The approximate size of the message. @default small */
  readonly bytes?: number;
  /** Called if the result arrives after the caller gave up. */
  readonly onLateResult?: () => void;
}

type State =
  | { readonly kind: "running" }
  /** Output may follow. */
  | { readonly kind: "exited" }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly error: ExecutorError };

export class RemoteProcess implements ExecutorProcess {
  readonly id: string;
  readonly #session: ProcessCarrier;
  readonly #channel: Channel<ProcessEvent>;
  readonly #order: EventOrder;
  readonly #stdin: StdinWriter;
  readonly #over = Promise.withResolvers<void>();
  #state: State = { kind: "running" };
  /** Whether the executor has answered the start. Before that it cannot be asked about the process. */
  #isStarted = false;
  /** Whether it is being terminated: nothing is written any more (R4). */
  #isEnding = false;
  /** Whether missed events are being read. */
  #isCatchingUp = false;
  #pendingNext: Promise<IteratorResult<ProcessEvent, undefined>> | undefined;
  #gap: Timer | undefined;
  #stall: Timer | undefined;
  #letLinkGo: (() => void) | undefined;

  constructor(session: ProcessCarrier, id: string) {
    this.#session = session;
    this.id = id;
    this.#channel = new Channel<ProcessEvent>({
      weightMax: UNREAD_BYTES_MAX,
      onFull: () => this.#holdLink(),
      onRoom: () => this.#freeLink(),
    });
    this.#order = new EventOrder((event) => this.#deliver(event));
    this.#stdin = new StdinWriter(id, (bytes, writeId) => this.#send(bytes, writeId));
  }

  get #isOver(): boolean {
    return this.#state.kind === "closed" || this.#state.kind === "failed";
  }

  /** Settles when there will be no more events: it has closed, or failed. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  async *events({ signal }: WaitOptions = {}): AsyncIterableIterator<ProcessEvent, undefined, undefined> {
    for (;;) {
      // A wait that was given up goes on; its event belongs to the next call.
      this.#pendingNext ??= this.#channel.next();
      const next = await abortable(this.#pendingNext, signal);
      this.#pendingNext = undefined;
      this.#progress();
      if (next.done === true) {
        if (this.#state.kind === "failed") throw this.#state.error;
        return;
      }
      yield next.value;
    }
  }

  async write(bytes: Uint8Array, { signal }: WaitOptions = {}): Promise<void> {
    if (this.#state.kind === "failed") throw this.#state.error;
    if (this.#state.kind !== "running" || this.#isEnding) throw this.#closedError();
    await abortable(this.#stdin.write(bytes), signal);
  }

  async read(options: ReadOptions = {}): Promise<ReadResult> {
    this.#session.throwIfLost();
    try {
      const result = await this.#session.request("process/read", toReadParams(this.id, options), {
        signal: options.signal,
        resend: true,
        extraMs: options.waitMs ?? 0,
      });
      return readResult("process/read", retainedOutput, result);
    } catch (error) {
      const isUnknown = error instanceof RpcError && error.code === RpcCode.invalidRequest;
      throw toExecutorError(error, `Process ${this.id}`, isUnknown ? "unknown_process" : "executor_lost");
    }
  }

  async interrupt({ signal }: WaitOptions = {}): Promise<void> {
    if (this.#state.kind === "exited" || this.#state.kind === "closed") return;
    const params = { processId: this.id, signal: "interrupt" };
    try {
      await this.#session.request("process/signal", params, { signal, resend: false });
    } catch (error) {
      throw toExecutorError(error, `Cannot interrupt process ${this.id}`, "unknown_process");
    }
  }

  async terminate({ signal }: WaitOptions = {}): Promise<boolean> {
    const state = this.#state;
    if (state.kind === "closed" || (state.kind === "failed" && state.error.code === "executor_lost"))
      return false;
    this.#isEnding = true;
    try {
      const terminated = this.#session.request(
        "process/terminate",
        { processId: this.id },
        { signal, resend: true },
      );
      if (this.#stdin.isSending && (await within(this.#session.clock, STUCK_MS, terminated)) === "timeout") {
        // The link answers nothing any more: over a new one this write is not sent again (R4).
        this.#session.relink("a write holds up the link");
      }
      return readResult("process/terminate", terminateResult, await terminated).running;
    } catch (error) {
      throw toExecutorError(error, `Cannot end process ${this.id}`, "unknown_process");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Unread output must not hold up the end.
    await this.#channel.return();
    if (!this.#isOver) {
      // The same limit applies while the link is down. The request is sent when it is restored.
      await within(this.#session.clock, END_MS, this.#terminated());
    }
    this.#finish();
  }

  /** Terminates it, and waits for its end. */
  async #terminated(): Promise<void> {
    try {
      if (await this.terminate()) return await this.over;
    } catch {
      // The executor will end it with the session.
    }
    await within(this.#session.clock, HELD_OPEN_MS, this.over);
  }

  /**
   * The executor has answered the start.
   *
   * @param missed whether a link dropped since the start was requested
   */
  started(missed: boolean): void {
    this.#isStarted = true;
    if (missed) void this.catchUp();
    else this.#watchGap();
  }

  /** Takes a notification of the executor. Anything else is ignored, as in Codex. */
  accept(method: string, params: unknown): void {
    if (this.#state.kind === "failed") return;
    const event = readEvent(method, params);
    if (event === undefined || event instanceof Issue) return;
    try {
      this.#take(event);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** Reads missed events: after a link was restored, or when a number is missing (R1). Never rejects. */
  async catchUp(): Promise<void> {
    if (!this.#isStarted || this.#isCatchingUp || this.#isOver) return;
    this.#isCatchingUp = true;
    try {
      const lost = this.#order.fill(await this.read({ afterSeq: this.#order.nextSeq - 1 }));
      if (lost !== undefined) {
        const message = `Output of process ${this.id} from number ${lost} on was missed, and is no longer retained`;
        throw new ExecutorError("output_lost", message);
      }
    } catch (error) {
      this.#giveUp(error);
    } finally {
      this.#isCatchingUp = false;
      // There may be a new gap meanwhile.
      this.#watchGap();
    }
  }

  /** There will be no more events, because of `error`. */
  fail(error: ExecutorError): void {
    if (this.#isOver) return;
    this.#state = { kind: "failed", error };
    this.#channel.fail(error);
    this.#stdin.fail(error);
    this.#finish();
  }

  /** It failed on this side; on the other side it is terminated. */
  #giveUp(cause: unknown): void {
    const message = `Process ${this.id}: its output cannot be followed any more`;
    this.fail(cause instanceof ExecutorError ? cause : new ExecutorError("output_lost", message, { cause }));
    this.#session
      .request("process/terminate", { processId: this.id }, { resend: true })
      .catch(() => undefined);
  }

  #take(event: ProcessEvent): void {
    if (event.type === "output" && event.chunk.length > CHUNK_BYTES_ACCEPTED) {
      const message = `The executor sent an event of more than ${CHUNK_BYTES_ACCEPTED} bytes`;
      throw new ExecutorError("protocol_error", message);
    }
    this.#order.take(event);
    const { waiting, waitingBytes, nextSeq } = this.#order;
    if (waiting === 0) {
      this.#gap?.clear();
      this.#gap = undefined;
    } else if (waiting > AHEAD_MAX || waitingBytes > UNREAD_BYTES_MAX) {
      const message = `Process ${this.id}: event ${nextSeq} is missing, and ${waiting} later ones have arrived`;
      throw new ExecutorError("output_lost", message);
    } else this.#watchGap();
  }

  #watchGap(): void {
    if (this.#order.waiting === 0 || this.#gap !== undefined || this.#state.kind === "failed") return;
    this.#gap = this.#session.clock.schedule(GAP_MS, () => {
      this.#gap = undefined;
      if (this.#order.waiting > 0) void this.catchUp();
    });
  }

  #deliver(event: ProcessEvent): void {
    this.#channel.push(event, event.type === "output" ? event.chunk.length + 64 : 1);
    if (event.type === "exited" && this.#state.kind === "running") this.#state = { kind: "exited" };
    if (event.type !== "closed") return;
    this.#state = { kind: "closed" };
    this.#channel.end();
    this.#stdin.fail(this.#closedError());
    this.#finish();
  }

  #finish(): void {
    this.#gap?.clear();
    this.#gap = undefined;
    this.#freeLink();
    this.#session.forget(this);
    this.#over.resolve();
  }

  #closedError(): ExecutorError {
    return new ExecutorError("stdin_closed", `Nothing can be written to process ${this.id} any more`);
  }

  async #send(bytes: Uint8Array, writeId: string): Promise<void> {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
    const params = { processId: this.id, chunk, writeId };
    try {
      const answer = await this.#session.request("process/write", params, {
        resend: () => !this.#isEnding,
        timeoutMs: Number.POSITIVE_INFINITY,
        bytes: chunk.length,
      });
      switch (readResult("process/write", writeResult, answer).status) {
        case "accepted":
          return;
        case "unknownProcess":
          throw new ExecutorError(
            "unknown_process",
            `The executor does not know process ${this.id} any more`,
          );
        case "starting":
        case "stdinClosed":
          throw this.#closedError();
      }
    } catch (error) {
      throw toExecutorError(error, `Cannot write to process ${this.id}`, "stdin_closed");
    }
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

  /** The reader has read an event. */
  #progress(): void {
    if (this.#stall === undefined) return;
    this.#stall.clear();
    this.#watchReader();
  }

  #watchReader(): void {
    this.#stall = this.#session.clock.schedule(READER_STALL_MS, () => {
      const message = `The output of process ${this.id} was not read for ${READER_STALL_MS} ms, so it was given up`;
      this.#giveUp(new ExecutorError("reader_stalled", message));
    });
  }
}
