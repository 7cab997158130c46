/**
 * What is overlooked when two conversations are compared, and why: things that differ from machine to machine, from
 * run to run, or with the libraries of the two servers.
 */
import { membersOf, textOf } from "./rows.ts";

export interface Machine {
  /** The folder of the client's files. */
  readonly scratch: string;
}

/** In messages. */
const NORMAL: readonly { readonly pattern: RegExp; readonly is: string; readonly because: string }[] = [
  { pattern: /127\.0\.0\.1:\d{4,5}/g, is: "127.0.0.1:PORT", because: "ports are given out by the system" },
  {
    pattern:
      /^(failed to parse .*?: )(?:.* at line \d+ column \d+|(?:Unexpected|Expected|Bad|Unterminated|Invalid) .*)$/s,
    is: "$1no JSON",
    because: "serde and V8 have words of their own for it",
  },
];

/** Times, in answers about files. */
const TIMES: ReadonlySet<string> = new Set(["createdAtMs", "modifiedAtMs"]);

/** Header fields that say when, or what the server's HTTP library is like. */
const PASSING_HEADERS: ReadonlySet<string> = new Set([
  "date",
  "keep-alive",
  "connection",
  "transfer-encoding",
]);

/** Programs that say what this machine is like. That they ran, and how they ended, is compared. */
const OF_THE_MACHINE: readonly RegExp[] = [/^v\d+\.\d+\.\d+\n$/, /^ripgrep\b/, /^bin\n(?:.*\n)*usr\n/m];
/** Variables that `env` was heard to say of the recorder's machine: only their names were kept. */
const SCRUBBED = /^<scrubbed: variable names only: (.*)>$/s;
/** The variables that both machines have. */
const SHARED_VARIABLES = [
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
  const withoutScratch = text.replaceAll(scratch, "$SCRATCH");
  return NORMAL.reduce((out, { pattern, is }) => out.replace(pattern, is), withoutScratch);
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

/** What a process said, with what is different each time made alike. */
export function normalOutput(text: string, { scratch }: Machine): string {
  const messages = normalMessages(text);
  if (messages !== undefined) return messages;
  const environment = normalEnvironment(text);
  if (environment !== undefined) return environment.replaceAll(scratch, "$SCRATCH");
  if (OF_THE_MACHINE.some((pattern) => pattern.test(text))) return "of this machine";
  const numbers = new Map<string, string>();
  // Numbers of processes and terminals: the same one stays the same.
  return text.replaceAll(scratch, "$SCRATCH").replaceAll(/(?<![\w.])\d{3,}(?![\w.])/g, (digits) => {
    const known = numbers.get(digits) ?? `#${numbers.size + 1}`;
    numbers.set(digits, known);
    return known;
  });
}

/** Messages of an MCP server, with what it says of its process and its environment made alike. */
function normalMessages(text: string): string | undefined {
  if (!text.startsWith('{"jsonrpc":"2.0",')) return undefined;
  const lines = text.split("\n");
  const partial = lines.pop() ?? "";
  const whole = lines.map((line) =>
    JSON.stringify(
      mapTexts(JSON.parse(line), (inner) => {
        if (!inner.startsWith('{"pid":')) return inner;
        const { pid, ppid, env, ...rest } = membersOf(JSON.parse(inner));
        const variables = Object.entries(membersOf(env)).map(([name, value]) => `${name}=${String(value)}\n`);
        return JSON.stringify({
          ...rest,
          env: normalEnvironment(variables.join("")),
          isProcess: Number(pid) !== Number(ppid),
        });
      }),
    ),
  );
  return [...whole, partial].join("\n");
}

/** What `env` says: in no order that means something, without the tag of ours, and without what Codex puts into PATH. */
function normalEnvironment(text: string): string | undefined {
  const scrubbed = SCRUBBED.exec(text);
  if (scrubbed === null && !/^(?:[A-Za-z_]\w*=.*\n)+$/.test(text)) return undefined;
  const names = scrubbed?.[1]?.split(",");
  const lines = names === undefined ? text.split("\n") : names.map((name) => `${name}=`);
  const variables = lines
    .filter((line) => line !== "" && !line.startsWith("SWITCHYARD_LEASE="))
    .map((line): [string, string] => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  // Of all that an executor has, the machines share a few.
  const isAll = scrubbed !== null || variables.some(([name]) => name === "CODEX_HOME");
  const kept = isAll ? variables.filter(([name]) => SHARED_VARIABLES.includes(name)) : variables;
  return kept
    .map(([name, value]) => (isAll ? name : `${name}=${name === "PATH" ? "…" : value}`))
    .sort()
    .join("\n");
}

/** What an executor says of itself differs; that it says the least there must be does not. */
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

/** A body that tells what was asked for, as the stand-in server writes it, is compared as what it says. */
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
