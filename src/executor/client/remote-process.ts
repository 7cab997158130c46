/**
 * One process of a remote executor, as its client sees it.
 *
 *   notifications ──> by number ──> reader           write ──> queue ──> one request at a time
 *        retained output (process/read) ──^
 *
 * The session (`executor-session.ts`) carries requests and survives dropped links; this module knows what must be sent
 * again, and when to ask what was missed. The order of events is `event-order.ts`, the queue of writes `stdin-writer.ts`.
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

/** What a reader may leave unread before the link is stopped, in bytes; and what may wait for a missing event. */
const UNREAD_BYTES_MAX: number = 8 * 1024 * 1024;
/** How long a link is stopped for a reader that reads nothing, in milliseconds. */
const READER_STALL_MS = 30_000;
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
  /** Told of the result if it comes after the caller gave up. */
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
        // The way out of a connection that answers nothing: a new one, on which this write is not sent again (R4).
        this.#session.relink("a write holds up the connection");
      }
      return readResult("process/terminate", terminateResult, await terminated).running;
    } catch (error) {
      throw toExecutorError(error, `Cannot end process ${this.id}`, "unknown_process");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What nobody reads must not hold up its own end.
    await this.#channel.return();
    if (!this.#isOver) {
      // A link that is down is not waited for any longer either. The request goes out when it is restored.
      await within(this.#session.clock, END_MS, this.#terminated());
    }
    this.#finish();
  }

  /** Has it end, and waits for that. */
  async #terminated(): Promise<void> {
    try {
      if (await this.terminate()) return await this.over;
    } catch {
      // Then it is the executor's to end, with the session.
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

  /** Reads what was missed: after a link was restored, or when a number is missing (R1). Never rejects. */
  async catchUp(): Promise<void> {
    if (!this.#isStarted || this.#isCatchingUp || this.#isOver) return;
    this.#isCatchingUp = true;
    try {
      const lost = this.#order.fill(await this.read({ afterSeq: this.#order.nextSeq - 1 }));
      if (lost !== undefined) {
        const message = `Output of process ${this.id} from number ${lost} on was missed and is not retained any more`;
        throw new ExecutorError("output_lost", message);
      }
    } catch (error) {
      this.#giveUp(error);
    } finally {
      this.#isCatchingUp = false;
      // A gap that came meanwhile has to be asked about, too.
      this.#watchGap();
    }
  }

  /** Nothing more will come, because of `error`. */
  fail(error: ExecutorError): void {
    if (this.#isOver) return;
    this.#state = { kind: "failed", error };
    this.#channel.fail(error);
    this.#stdin.fail(error);
    this.#finish();
  }

  /** It failed here; what it does there makes no sense without the rest. */
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
      const message = `Process ${this.id}: number ${nextSeq} is missing, and ${waiting} later ones are there`;
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
