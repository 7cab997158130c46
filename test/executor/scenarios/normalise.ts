/**
 * What is ignored when two transcripts are compared: what differs from machine to machine, from run to run, or with the
 * HTTP libraries of the two servers.
 */
import { membersOf, textOf } from "./rows.ts";

export interface Machine {
  /** The folder of the client's files. */
  readonly scratch: string;
}

/** Times, in answers about files. */
const TIMES: ReadonlySet<string> = new Set(["createdAtMs", "modifiedAtMs"]);

/** Header fields with a time, or of the HTTP library. */
const PASSING_HEADERS: ReadonlySet<string> = new Set([
  "date",
  "keep-alive",
  "connection",
  "transfer-encoding",
]);

/** The variables that both servers have. Of others there may be more on one machine. */
const SHARED_VARIABLES: readonly string[] = [
  "CODEX_HOME",
  "EXEC_SIDE",
  "FOO_TOKEN",
  "HOME",
  "LANG",
  "MY_SECRET_KEY",
  "PATH",
  "SHELL",
];

export function normalMessage(text: string, { scratch }: Machine): string {
  return text.replaceAll(scratch, "$SCRATCH").replaceAll(/127\.0\.0\.1:\d{4,5}/g, "127.0.0.1:PORT");
}

/** A value of JSON with every text in it passed through `change`, and without times. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => [
    key,
    TIMES.has(key) && typeof item === "number" ? 0 : mapTexts(item, change),
  ]);
  return Object.fromEntries(entries);
}

/** The output of a process, with the parts that differ each time replaced. */
export function normalOutput(text: string, { scratch }: Machine): string {
  const environment = normalEnvironment(text);
  if (environment !== undefined) return environment.replaceAll(scratch, "$SCRATCH");
  const numbers = new Map<string, string>();
  // Numbers of processes and terminals: equal ones stay equal.
  return text.replaceAll(scratch, "$SCRATCH").replaceAll(/(?<![\w.])\d{3,}(?![\w.])/g, (digits) => {
    const known = numbers.get(digits) ?? `#${numbers.size + 1}`;
    numbers.set(digits, known);
    return known;
  });
}

/** The output of `env`: sorted, without our tag, and without what Codex adds to PATH. */
function normalEnvironment(text: string): string | undefined {
  if (!/^(?:[A-Za-z_]\w*=.*\n)+$/.test(text)) return undefined;
  const variables = text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("SWITCHYARD_LEASE="))
    .map((line): [string, string] => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  const isAll = variables.some(([name]) => name === "CODEX_HOME");
  const kept = isAll ? variables.filter(([name]) => SHARED_VARIABLES.includes(name)) : variables;
  return kept
    .map(([name, value]) => (isAll ? name : `${name}=${name === "PATH" ? "…" : value}`))
    .sort()
    .join("\n");
}

/** Executors describe themselves differently; only the required fields are compared. */
export function normalInfo(info: unknown): unknown {
  const { shell, cwd, platformOs } = membersOf(info);
  const { name, path } = membersOf(shell);
  return {
    shell: textOf(path).endsWith(textOf(name)) && textOf(path).startsWith("/"),
    cwd: textOf(cwd).startsWith("file://"),
    platformOs,
  };
}

export function normalHeaders(headers: unknown): unknown {
  const list = Array.isArray(headers) ? headers : [];
  return list.filter((header) => !PASSING_HEADERS.has(textOf(membersOf(header)["name"])));
}

/** The web server answers with the request as JSON, which is compared by its members. */
export function normalBody(body: Buffer): unknown {
  const text = body.toString("latin1");
  try {
    const { headers, ...rest } = membersOf(JSON.parse(text));
    const kept = Object.entries(membersOf(headers)).filter(([name]) => !PASSING_HEADERS.has(name));
    return { ...rest, headers: Object.fromEntries(kept.toSorted(([a], [b]) => a.localeCompare(b))) };
  } catch {
    return text;
  }
}

export function inOrder(list: unknown, by: string): unknown {
  if (!Array.isArray(list)) return list;
  return list.toSorted((a, b) => textOf(membersOf(a)[by]).localeCompare(textOf(membersOf(b)[by])));
}

/** How events were numbered. */
export function normalNumbers(seqs: readonly number[]): string {
  const sorted = seqs.toSorted((a, b) => a - b);
  const first = sorted[0];
  if (first === undefined) return "none";
  const isWhole = sorted.every((seq, at) => seq === first + at);
  return `from ${first === 1 ? "1" : "a later one"} ${isWhole ? "without holes" : `with holes or twice: ${seqs.join()}`}`;
}
