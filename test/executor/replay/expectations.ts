/** What the recorder had heard by now, and we have to hear before anything else is said. */
import type { Machine } from "./normal.ts";
import { normalOutput } from "./normal.ts";
import type { ProcessEvents, ProcessTable } from "./processes.ts";
import { membersOf, type Row, textOf } from "./rows.ts";
import type { Script } from "./script.ts";
import type { Tape } from "./tape.ts";

export interface ExpectationsOptions {
  readonly tape: Tape;
  readonly script: Script;
  /** The recorder's machine, and ours. */
  readonly there: Machine;
  readonly here: Machine;
  /** What we know of processes; it is kept up to date here. */
  readonly observed: ProcessTable;
  /** How long we wait for what the recorder had heard, in milliseconds. */
  readonly patienceMs: number;
}

type Expectation = () => boolean;

const MUCH_BYTES = 4_096;

export class Expectations {
  readonly #options: ExpectationsOptions;
  /** The ids of requests to start a process, by connection and process. */
  readonly #startIds = new Map<string, unknown>();
  #open: Expectation[] = [];
  #observedRows = 0;

  constructor(options: ExpectationsOptions) {
    this.#options = options;
  }

  /** Takes note of what is asked. */
  onRequest(row: Row): void {
    const { id, method, params } = membersOf(row.msg);
    if (method !== "process/start" || this.#options.script.answerTo(row)["result"] === undefined) return;
    this.#startIds.set(`${row.conn} ${String(membersOf(params)["processId"])}`, id);
  }

  expect(isSo: Expectation): void {
    this.#open.push(isSo);
  }

  /** Expects what the recorder heard. */
  expectRow(row: Row): void {
    const { tape } = this.#options;
    const { conn } = row;
    const { id, method, params } = membersOf(row.msg);
    if (method === undefined) {
      if (id !== -1) this.expect(() => tape.hasAnswer(conn, id) || !tape.isOpen(conn));
    } else if (method === "http/request/bodyDelta") this.#expectBody(conn, membersOf(params));
    else if (textOf(method).startsWith("process/")) this.#expectEvent(row, textOf(method), membersOf(params));
  }

  /** Waits until everything was heard that is expected. What does not come is no longer expected. */
  async settle(): Promise<void> {
    let expected = this.#open;
    this.#open = [];
    await this.#options.tape.until(() => {
      this.observe();
      expected = expected.filter((isSo) => !isSo());
      return expected.length === 0;
    }, this.#options.patienceMs);
  }

  observe(): void {
    const { tape, observed } = this.#options;
    for (const row of tape.rows.slice(this.#observedRows)) observed.add(row);
    this.#observedRows = tape.rows.length;
  }

  #expectEvent(row: Row, method: string, params: Readonly<Record<string, unknown>>): void {
    const { tape, observed } = this.#options;
    const { conn } = row;
    const { processId } = params;
    const startId = this.#startIds.get(`${conn} ${String(processId)}`);
    const isSo = this.#eventCheck(row, method, params);
    this.expect(() => {
      // What was not started says nothing; that it was refused is a difference already.
      if (membersOf(tape.answered(conn, startId))["error"] !== undefined) return true;
      const events = observed.get(conn, processId);
      return events !== undefined && isSo(events);
    });
  }

  #eventCheck(
    row: Row,
    method: string,
    params: Readonly<Record<string, unknown>>,
  ): (events: ProcessEvents) => boolean {
    if (method === "process/exited") return ({ exit }) => exit !== undefined;
    if (method === "process/closed") return ({ closedSeq }) => closedSeq !== undefined;
    const { script, there, here } = this.#options;
    const stream = textOf(params["stream"]);
    const recorded = script.processOf(row);
    const seq = Number(params["seq"]);
    const bytes = recorded?.bytesOf(stream, seq) ?? 0;
    // Much output is compared in the end; here it is enough that it came.
    if (bytes > MUCH_BYTES) return (events) => events.exit !== undefined || events.bytesOf(stream) >= bytes;
    const chars = normalOutput(recorded?.text(stream, seq) ?? "", there).length;
    return (events) => events.exit !== undefined || normalOutput(events.text(stream), here).length >= chars;
  }

  #expectBody(conn: string, { requestId, done }: Readonly<Record<string, unknown>>): void {
    const { rows } = this.#options.tape;
    this.expect(() =>
      rows.some((row) => {
        const { method, params } = membersOf(row.msg);
        if (row.conn !== conn || method !== "http/request/bodyDelta") return false;
        const part = membersOf(params);
        return part["requestId"] === requestId && (done !== true || part["done"] === true);
      }),
    );
  }
}
