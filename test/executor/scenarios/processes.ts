/**
 * What rows tell of processes: their events by number, whether they came as notifications or were read.
 *
 * Chunks are cut anywhere, so two servers number the same output differently. A number is therefore understood as the
 * output up to there.
 */
import { membersOf, type Row, textOf } from "./rows.ts";

export interface Output {
  readonly stream: string;
  readonly bytes: Buffer;
}

/** How far a number is into a process's events. */
export interface Position {
  readonly bytes: number;
  /** `exited` and `closed` among them, as far as one can tell. */
  readonly others: number | "unknown";
}

export class ProcessEvents {
  readonly #outputs = new Map<number, Output>();
  /** The scenario it was first met in. */
  readonly scenario: string;
  exit: { readonly seq: number; readonly code: unknown } | undefined;
  closedSeq: number | undefined;
  /** The numbers that were notified, in the order they came. */
  readonly notified: number[] = [];
  bytes = 0;

  constructor(scenario: string) {
    this.scenario = scenario;
  }

  addOutput(seq: number, stream: string, chunk: string): void {
    if (this.#outputs.has(seq)) return;
    const bytes = Buffer.from(chunk, "base64");
    this.#outputs.set(seq, { stream, bytes });
    this.bytes += bytes.length;
  }

  /** What a stream said, as far as it is known, one character per byte. */
  text(stream: string, until: number = Number.POSITIVE_INFINITY): string {
    const parts = [...this.#outputs]
      .filter(([seq, output]) => output.stream === stream && seq <= until)
      .sort(([a], [b]) => a - b);
    return Buffer.concat(parts.map(([, { bytes }]) => bytes)).toString("latin1");
  }

  positionOf(seq: number): Position {
    let bytes = 0;
    let others = seq;
    for (const [each, output] of this.#outputs) {
      if (each > seq) continue;
      bytes += output.bytes.length;
      others--;
    }
    return { bytes, others: others > 2 ? "unknown" : others };
  }
}

/** Keeps the processes of a conversation, row by row. */
export class ProcessTable {
  readonly processes: Map<string, ProcessEvents> = new Map();
  /** The session that a connection is attached to, once a row said so. */
  readonly #sessions = new Map<string, string>();
  readonly #asked = new Map<string, Readonly<Record<string, unknown>>>();
  /** How often an id was started with success. */
  readonly #starts = new Map<string, number>();
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
    if (asked?.["method"] === "process/start" && result !== undefined) {
      const base = this.#baseOf(row.conn, membersOf(asked["params"])["processId"]);
      this.#starts.set(base, (this.#starts.get(base) ?? 0) + 1);
    }
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

  /** The process that a connection means by an id. */
  keyOf(conn: string, processId: unknown): string {
    const base = this.#baseOf(conn, processId);
    return `${base} #${this.#generations.get(base) ?? 1}`;
  }

  /** Whether nobody here has started it, though its id was known before: that was in what is left out. */
  isOfAnother(key: string): boolean {
    const at = key.lastIndexOf(" #");
    return Number(key.slice(at + 2)) > Math.max(1, this.#starts.get(key.slice(0, at)) ?? 0);
  }

  #baseOf(conn: string, processId: unknown): string {
    return `${this.sessionOf(conn)} ${String(processId)}`;
  }

  sessionOf(conn: string): string {
    return this.#sessions.get(conn) ?? conn;
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
