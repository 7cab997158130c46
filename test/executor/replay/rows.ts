/**
 * Conversations with an executor's server as rows: what was said, heard and met, in the order it was.
 *
 * `test/fixtures/exec-server-conversations.jsonl` is a recording of `codex exec-server` in this shape; a `Tape` makes
 * such rows of a live conversation, with whatever server.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export type Direction = "client->server" | "client->server(raw)" | "server->client" | "event";

export interface Row {
  /** The situation it belongs to; "" between situations. */
  readonly case: string;
  /** Milliseconds since the recorder started. */
  readonly t: number;
  readonly conn: string;
  readonly dir: Direction;
  readonly msg: unknown;
}

/** Situations that one recorder met with one server, in order: connections and processes outlive a situation. */
export interface Recording {
  readonly name: string;
  readonly rows: readonly Row[];
}

/** The connection of rows that have none: the pipes of `--listen stdio`. */
export const STDIO = "stdio";

export function readFixture(name: string): readonly Record<string, unknown>[] {
  const file = join(import.meta.dirname, "../../fixtures", name);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The recordings of a fixture. The recorder's clock starts again with each. */
export function readRecordings(name: string): readonly Recording[] {
  const recordings: Row[][] = [];
  let last: Row | undefined;
  for (const raw of readFixture(name)) {
    const row = toRow(raw);
    if (last === undefined || row.t < last.t) recordings.push([]);
    recordings.at(-1)?.push(row);
    last = row;
  }
  return recordings.map((rows) => ({ rows, name: nameOf(rows) }));
}

/** What a message says, member by member, whatever it is. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

/** The text of a member that is one. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Its number: `15 process happy path` is 15. */
export function caseNumber(name: string): number {
  return Number.parseInt(name, 10);
}

function toRow(raw: Readonly<Record<string, unknown>>): Row {
  const dir = textOf(raw["dir"]).replace("(stdio line)", "") as Direction;
  return {
    case: textOf(raw["case"]),
    t: Number(raw["t"]),
    conn: textOf(raw["conn"]) || STDIO,
    dir,
    msg: wholeStrings(raw["msg"]),
  };
}

function nameOf(rows: readonly Row[]): string {
  const numbers = rows.map((row) => caseNumber(row.case)).filter((number) => !Number.isNaN(number));
  return `${numbers[0]} to ${numbers.at(-1)}`;
}

const SHORTENED = /^([A-Za-z0-9+/=]+)…<(\d+) chars total>$/;

/** Long strings were recorded as their beginning and their length; they were one pattern over and over. */
export function wholeStrings(value: unknown): unknown {
  if (typeof value === "string") {
    const match = SHORTENED.exec(value);
    return match === null ? value : wholeBase64(match[1] as string, Number(match[2]));
  }
  if (Array.isArray(value)) return value.map((item) => wholeStrings(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, wholeStrings(item)]));
}

/**
 * Base64 text of `chars` characters that begins with `start` and goes on with its pattern, or with its last byte if it
 * has none; of the byte counts it may have, the roundest.
 */
function wholeBase64(start: string, chars: number): string {
  const pattern = Buffer.from(start.slice(0, start.length - (start.length % 4)), "base64");
  const period = periodOf(pattern);
  const bytesMost = (chars / 4) * 3;
  const bytes = [bytesMost, bytesMost - 1, bytesMost - 2].reduce((best, each) =>
    trailingZeros(each) > trailingZeros(best) ? each : best,
  );
  const rest = period < pattern.length ? pattern.subarray(0, period) : pattern.subarray(-1);
  const whole = Buffer.alloc(bytes, rest);
  if (period === pattern.length) pattern.copy(whole);
  return whole.toString("base64");
}

function periodOf(bytes: Buffer): number {
  for (let period = 1; period < bytes.length; period++) {
    if (bytes.subarray(period).equals(bytes.subarray(0, bytes.length - period))) return period;
  }
  return bytes.length;
}

function trailingZeros(value: number): number {
  return 31 - Math.clz32(value & -value);
}
