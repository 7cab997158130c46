/**
 * The processes of a transcript: their events by number, from notifications and from reads.
 *
 * Chunks are cut anywhere, so two servers number the same output differently. A number therefore stands for the output
 * up to it.
 */
import { membersOf, type Row, textOf } from "./rows.ts";

interface Output {
  readonly stream: string;
  readonly bytes: Buffer;
}

export class ProcessEvents {
  readonly #outputs = new Map<number, Output>();
  /** The scenario it first occurred in. */
  readonly scenario: string;
  exit: { readonly seq: number; readonly code: unknown } | undefined;
  closedSeq: number | undefined;
  /** The numbers that were notified, in the order they came. */
  readonly notified: number[] = [];

  constructor(scenario: string) {
    this.scenario = scenario;
  }

  addOutput(seq: number, stream: string, chunk: string): void {
    if (this.#outputs.has(seq)) return;
    this.#outputs.set(seq, { stream, bytes: Buffer.from(chunk, "base64") });
  }

  /** What a stream said, as far as it is known, one character per byte. */
  text(stream: string, until: number = Number.POSITIVE_INFINITY): string {
    const parts = [...this.#outputs]
      .filter(([seq, output]) => output.stream === stream && seq <= until)
      .sort(([a], [b]) => a - b);
    return Buffer.concat(parts.map(([, { bytes }]) => bytes)).toString("latin1");
  }

  /** How many of the numbers up to `seq` are not output: `exited` and `closed`, as far as they are known. */
  othersUpTo(seq: number): number | "unknown" {
    const others = seq - [...this.#outputs.keys()].filter((each) => each <= seq).length;
    return others > 2 ? "unknown" : others;
  }
}

/** The processes of a transcript, row by row. */
export class ProcessTable {
  readonly processes: Map<string, ProcessEvents> = new Map();
  /** The session of a link, once it is known. */
  readonly #sessions = new Map<string, string>();
  readonly #asked = new Map<string, Readonly<Record<string, unknown>>>();
  /** How often an id was closed and used again. */
  readonly #generations = new Map<string, number>();

  add(row: Row): void {
    const { id, method, params, result } = membersOf(row.msg);
    if (row.dir === "event" && membersOf(row.msg)["event"] === "ws-open") this.#sessions.delete(row.conn);
    if (row.dir === "client->server" && id !== undefined)
      this.#asked.set(`${row.conn} ${JSON.stringify(id)}`, membersOf(row.msg));
    if (row.dir !== "server->client") return;
    if (typeof method === "string") return this.#notified(row, method, membersOf(params));
    const asked = this.#asked.get(`${row.conn} ${JSON.stringify(id)}`);
    const { sessionId, chunks } = membersOf(result);
    if (asked?.["method"] === "initialize" && typeof sessionId === "string")
      this.#sessions.set(row.conn, sessionId);
    if (asked?.["method"] !== "process/read" || !Array.isArray(chunks)) return;
    const key = this.keyOf(row.conn, membersOf(asked["params"])["processId"]);
    const events = this.#get(key, row.scenario);
    for (const chunk of chunks) {
      const { seq, stream, chunk: text } = membersOf(chunk);
      events.addOutput(Number(seq), textOf(stream), textOf(text));
    }
  }

  /** The process that an id stands for on a link. */
  keyOf(conn: string, processId: unknown): string {
    const base = this.#baseOf(conn, processId);
    return `${base} #${this.#generations.get(base) ?? 1}`;
  }

  #baseOf(conn: string, processId: unknown): string {
    return `${this.#sessions.get(conn) ?? conn} ${String(processId)}`;
  }

  #get(key: string, scenario: string): ProcessEvents {
    const known = this.processes.get(key);
    if (known !== undefined) return known;
    const events = new ProcessEvents(scenario);
    this.processes.set(key, events);
    return events;
  }

  #notified(row: Row, method: string, params: Readonly<Record<string, unknown>>): void {
    if (!method.startsWith("process/")) return;
    const { processId, stream, chunk, exitCode } = params;
    const seq = Number(params["seq"]);
    let key = this.keyOf(row.conn, processId);
    const before = this.processes.get(key);
    if (before?.closedSeq !== undefined && seq <= before.notified.length && before.notified.includes(seq)) {
      const base = key.slice(0, key.lastIndexOf(" #"));
      this.#generations.set(base, (this.#generations.get(base) ?? 1) + 1);
      key = this.keyOf(row.conn, processId);
    }
    const events = this.#get(key, row.scenario);
    events.notified.push(seq);
    if (method === "process/output") events.addOutput(seq, textOf(stream), textOf(chunk));
    if (method === "process/exited") events.exit = { seq, code: exitCode };
    if (method === "process/closed") events.closedSeq = seq;
  }
}
