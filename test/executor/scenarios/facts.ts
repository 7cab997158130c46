/**
 * What is compared in two transcripts: facts under names, without what may differ from machine to machine and from run
 * to run.
 *
 *   rows ──> answers by link and id · processes as streams · streamed HTTP bodies · events of links
 *
 * `normalise.ts` says what is ignored.
 */
import {
  inOrder,
  type Machine,
  mapTexts,
  normalBody,
  normalHeaders,
  normalInfo,
  normalMessage,
  normalNumbers,
  normalOutput,
} from "./normalise.ts";
import { type ProcessEvents, ProcessTable } from "./processes.ts";
import { membersOf, type Row, textOf } from "./rows.ts";

export interface Fact {
  /** The scenario it belongs to. */
  readonly scenario: string;
  readonly kind: "answer" | "unreadable" | "process" | "http body" | "notification" | "event";
  /** The request that an answer is to. */
  readonly method?: string;
  readonly params?: unknown;
  readonly value: unknown;
  /** The output of a process when its client terminated it. */
  readonly outputBefore?: ProcessOutput;
}

export type ProcessOutput = Pick<ProcessFact, "stdout" | "stderr" | "pty">;

/** A process as its client saw it. */
export interface ProcessFact {
  readonly stdout: string;
  readonly stderr: string;
  readonly pty: string;
  readonly exitCode: unknown;
  readonly closed: boolean;
  /** `from 1 without holes`, or what is wrong with its numbers. */
  readonly numbers: string;
  /** Whether the client terminated it while it ran. */
  readonly terminated: boolean;
}

const INVALID_PARAMS = -32602;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function factsOf(rows: readonly Row[], machine: Machine): Map<string, Fact> {
  return new FactFinder(machine).find(rows);
}

class FactFinder {
  readonly #machine: Machine;
  readonly #facts = new Map<string, Fact>();
  readonly #table = new ProcessTable();
  /** How many links had a name so far. */
  readonly #opened = new Map<string, number>();
  readonly #asked = new Map<
    string,
    { readonly method: string; readonly params: unknown; readonly scenario: string }
  >();
  readonly #sessions = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  /** The output of processes when they were terminated. */
  readonly #terminated = new Map<string, ProcessOutput>();
  readonly #bodies = new Map<string, { scenario: string; parts: Buffer[]; seqs: number[]; end: unknown }>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  find(rows: readonly Row[]): Map<string, Fact> {
    // A read can only be understood with all events of its process.
    for (const row of rows) this.#table.add(row);
    const soFar = new ProcessTable();
    for (const row of rows) {
      soFar.add(row);
      this.#take(row, soFar);
    }
    this.#addProcesses();
    for (const [name, { scenario, parts, seqs, end }] of this.#bodies) {
      const value = {
        body: this.#plain(normalBody(Buffer.concat(parts))),
        numbers: normalNumbers(seqs),
        end,
      };
      this.#facts.set(name, { scenario, kind: "http body", value });
    }
    return this.#facts;
  }

  #take(row: Row, soFar: ProcessTable): void {
    const { id, method, params, event } = membersOf(row.msg);
    if (row.dir === "client->server") {
      const { resumeSessionId } = membersOf(params);
      if (typeof resumeSessionId === "string") this.#sessionLabel(resumeSessionId);
      if (id !== undefined)
        this.#asked.set(this.#keyOf(row, id), { method: textOf(method), params, scenario: row.scenario });
      return;
    }
    if (row.dir === "event") return this.#takeEvent(row, textOf(event));
    if (row.dir !== "server->client") return;
    if (typeof method === "string") return this.#takeNotification(row, method, membersOf(params));
    if (id === -1 && !this.#asked.has(this.#keyOf(row, -1))) {
      return this.#add(row, `${this.#name(row.conn)} unreadable`, {
        kind: "unreadable",
        value: { code: membersOf(membersOf(row.msg)["error"])["code"] },
      });
    }
    this.#takeAnswer(row, id, soFar);
  }

  #takeEvent(row: Row, event: string): void {
    const { code, status, body, ...noted } = membersOf(row.msg);
    if (event === "ws-open") this.#opened.set(row.conn, (this.#opened.get(row.conn) ?? 0) + 1);
    if (event === "ws-close")
      this.#add(row, `${this.#name(row.conn)} closed`, { kind: "event", value: { code } });
    if (event === "answered" || event === "paged") {
      this.#add(row, `${row.conn} ${event}`, { kind: "event", value: { ...noted, status } });
    }
    if (event === "upgrade-refused")
      this.#add(row, `${row.conn} refused`, { kind: "event", value: { status, body } });
  }

  #takeNotification(row: Row, method: string, params: Readonly<Record<string, unknown>>): void {
    if (method.startsWith("process/")) return;
    if (method !== "http/request/bodyDelta") {
      return this.#add(row, `${this.#name(row.conn)} ${method}`, {
        kind: "notification",
        value: this.#plain(params),
      });
    }
    const base = `${this.#name(row.conn)} body ${textOf(params["requestId"])}`;
    let name = `${base} #${this.#counts.get(base) ?? 1}`;
    if (this.#bodies.get(name)?.end !== undefined) {
      this.#counts.set(base, (this.#counts.get(base) ?? 1) + 1);
      name = `${base} #${this.#counts.get(base)}`;
    }
    const body = this.#bodies.get(name) ?? { scenario: row.scenario, parts: [], seqs: [], end: undefined };
    this.#bodies.set(name, body);
    body.seqs.push(Number(params["seq"]));
    body.parts.push(Buffer.from(textOf(params["deltaBase64"]), "base64"));
    if (params["done"] === true) body.end = { error: params["error"] };
  }

  #takeAnswer(row: Row, id: unknown, soFar: ProcessTable): void {
    const asked = this.#asked.get(this.#keyOf(row, id)) ?? {
      method: "",
      params: undefined,
      scenario: row.scenario,
    };
    const { result, error } = membersOf(row.msg);
    const { method, params } = asked;
    const { sessionId } = membersOf(result);
    if (method === "initialize" && typeof sessionId === "string") this.#sessionLabel(sessionId);
    const { processId } = membersOf(params);
    if (method === "process/terminate" && membersOf(result)["running"] === true) {
      const key = soFar.keyOf(row.conn, processId);
      this.#terminated.set(key, this.#outputOf(soFar.processes.get(key)));
    }
    const value =
      error === undefined
        ? { result: this.#plain(this.#resultOf(row, method, membersOf(params), result, soFar)) }
        : { error: this.#plain(withoutWords(error)) };
    this.#facts.set(`${this.#name(row.conn)} answer ${JSON.stringify(id)}`, {
      scenario: asked.scenario,
      kind: "answer",
      method,
      params,
      value,
    });
  }

  #resultOf(
    row: Row,
    method: string,
    params: Readonly<Record<string, unknown>>,
    result: unknown,
    soFar: ProcessTable,
  ): unknown {
    const fields = membersOf(result);
    switch (method) {
      case "initialize":
        return { ...fields, environmentInfo: normalInfo(fields["environmentInfo"]) };
      case "environment/info":
        return normalInfo(result);
      case "process/read":
        return this.#readOf(soFar.keyOf(row.conn, params["processId"]), params, fields);
      case "fs/getMetadata":
        return fields["isDirectory"] === true ? { ...fields, size: "of a directory" } : fields;
      case "fs/readDirectory":
        return { ...fields, entries: inOrder(fields["entries"], "fileName") };
      case "fs/walk":
        return { ...fields, entries: inOrder(fields["entries"], "path") };
      case "http/request":
        return {
          ...fields,
          headers: normalHeaders(fields["headers"]),
          bodyBase64: normalBody(Buffer.from(textOf(fields["bodyBase64"]), "base64")),
        };
      default:
        return result;
    }
  }

  #readOf(
    key: string,
    params: Readonly<Record<string, unknown>>,
    fields: Readonly<Record<string, unknown>>,
  ): unknown {
    const { chunks, nextSeq, ...state } = fields;
    const parts = (Array.isArray(chunks) ? chunks : []).map(membersOf);
    const sizes = parts.map(({ chunk }) => Buffer.byteLength(textOf(chunk), "base64"));
    if (typeof params["maxBytes"] === "number") {
      // Which chunks fit depends on where they were cut.
      const isWithin = sizes.length <= 1 || sizes.reduce((sum, each) => sum + each, 0) <= params["maxBytes"];
      return { ...state, hasOutput: sizes.length > 0, isWithin };
    }
    const text = (stream: string): string =>
      normalOutput(
        Buffer.concat(
          parts
            .filter((part) => part["stream"] === stream)
            .map(({ chunk }) => Buffer.from(textOf(chunk), "base64")),
        ).toString("latin1"),
        this.#machine,
      );
    const next = this.#nextOf(key, Number(nextSeq));
    return { ...state, stdout: text("stdout"), stderr: text("stderr"), pty: text("pty"), next };
  }

  /** A number, as the output up to it. */
  #nextOf(key: string, nextSeq: number): unknown {
    const events = this.#table.processes.get(key);
    if (events === undefined) return undefined;
    const lengths = ["stdout", "stderr", "pty"].map(
      (stream) => normalOutput(events.text(stream, nextSeq - 1), this.#machine).length,
    );
    return { lengths, others: events.othersUpTo(nextSeq - 1) };
  }

  #addProcesses(): void {
    for (const [key, events] of this.#table.processes) {
      const value: ProcessFact = {
        ...this.#outputOf(events),
        exitCode: events.exit?.code,
        closed: events.closedSeq !== undefined,
        numbers: normalNumbers(events.notified),
        terminated: this.#terminated.has(key),
      };
      const outputBefore = this.#terminated.get(key);
      this.#facts.set(this.#labelled(`process ${key}`), {
        scenario: events.scenario,
        kind: "process",
        value,
        ...(outputBefore === undefined ? {} : { outputBefore }),
      });
    }
  }

  #outputOf(events: ProcessEvents | undefined): ProcessOutput {
    const text = (stream: string): string => normalOutput(events?.text(stream) ?? "", this.#machine);
    return { stdout: text("stdout"), stderr: text("stderr"), pty: text("pty") };
  }

  #add(row: Row, name: string, fact: Omit<Fact, "scenario">): void {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    this.#facts.set(`${name} #${count}`, { scenario: row.scenario, ...fact });
  }

  /** A link whose name is used again is another one. */
  #name(conn: string): string {
    return `${conn}.${this.#opened.get(conn) ?? 0}`;
  }

  #keyOf(row: Row, id: unknown): string {
    return `${this.#name(row.conn)} ${JSON.stringify(id)}`;
  }

  #sessionLabel(id: string): void {
    if (UUID.test(id) && !this.#sessions.has(id))
      this.#sessions.set(id, `session ${this.#sessions.size + 1}`);
  }

  #labelled(text: string): string {
    let out = text;
    for (const [id, label] of this.#sessions) out = out.replaceAll(id, label);
    return out;
  }

  #plain(value: unknown): unknown {
    return mapTexts(value, (text) => normalMessage(this.#labelled(text), this.#machine));
  }
}

/** The words for wrong parameters are each server's own. */
function withoutWords(error: unknown): unknown {
  const { code } = membersOf(error);
  return code === INVALID_PARAMS ? { code } : error;
}
