/**
 * Command lines as data: what a command takes, its help, and what it was given.
 *
 * `switchyard mcp` is typed all day and called by scripts, and has to answer in less than twice the time of an empty
 * Node. A library for this costs a quarter of that (commander, measured), so these commands do without one.
 *
 * Invariants
 *   F1. No message repeats the value of a flag: it may be a secret.
 */

import { nearest } from "../base/suggest.ts";

/** The command line makes no sense. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** What its value is called in the help; absent for a switch. */
  readonly value?: string;
  /** It may be given again and again. */
  readonly many?: true;
  readonly about: string;
}

export interface CommandSpec {
  /** As it is typed: `mcp add`. */
  readonly name: string;
  /** What follows the name: `NAME KEY VALUE`. */
  readonly operands: string;
  readonly about: string;
  /** How many operands there must and may be. */
  readonly count: readonly [min: number, max: number];
  /** From this operand on all words are taken as they stand, flags too: they belong to another program. */
  readonly verbatimFrom?: number;
  readonly flags: readonly Flag[];
  /** What the help says below the flags. */
  readonly notes?: string;
}

const HELP: Flag = { name: "help", short: "h", about: "show this" };

export class Args {
  readonly operands: readonly string[];
  readonly #flags: ReadonlyMap<string, readonly string[]>;

  constructor(operands: readonly string[], flags: ReadonlyMap<string, readonly string[]>) {
    this.operands = operands;
    this.#flags = flags;
  }

  has(flag: string): boolean {
    return this.#flags.has(flag);
  }

  one(flag: string): string | undefined {
    return this.#flags.get(flag)?.at(-1);
  }

  all(flag: string): readonly string[] {
    return this.#flags.get(flag) ?? [];
  }

  /** @throws {UsageError} when more than one of the flags is given */
  atMostOne(...flags: readonly string[]): void {
    const [one, other] = flags.filter((flag) => this.has(flag));
    if (other !== undefined) throw new UsageError(`--${one} and --${other} cannot be given together`);
  }
}

/** @throws {UsageError} */
export function parseArgs(spec: CommandSpec, argv: readonly string[]): Args {
  const known = new Map<string, Flag>();
  for (const flag of [HELP, ...spec.flags]) {
    known.set(`--${flag.name}`, flag);
    if (flag.short !== undefined) known.set(`-${flag.short}`, flag);
  }
  const operands: string[] = [];
  const flags = new Map<string, string[]>();
  const words = [...argv];
  while (words.length > 0) {
    const word = words.shift() as string;
    if (word === "--") {
      operands.push(...words.splice(0));
    } else if (word === "-" || !word.startsWith("-")) {
      operands.push(word);
      if (operands.length === spec.verbatimFrom) operands.push(...words.splice(0));
    } else {
      const { name, inline } = split(word);
      const flag = known.get(name);
      if (flag === undefined) throw unknownOption(name, spec, known);
      flags.set(flag.name, [...(flags.get(flag.name) ?? []), valueOf(flag, name, inline, words)]);
      if (flag.many === undefined && (flags.get(flag.name)?.length ?? 0) > 1) {
        throw new UsageError(`${name} is given twice`);
      }
    }
  }
  if (!flags.has(HELP.name)) checkCount(spec, operands.length);
  return new Args(operands, flags);
}

/** `--name=value`, `-Cvalue`: the name and what hangs on it. */
function split(word: string): { readonly name: string; readonly inline: string | undefined } {
  if (!word.startsWith("--")) {
    return { name: word.slice(0, 2), inline: word.length > 2 ? word.slice(2).replace(/^=/, "") : undefined };
  }
  const equals = word.indexOf("=");
  if (equals === -1) return { name: word, inline: undefined };
  return { name: word.slice(0, equals), inline: word.slice(equals + 1) };
}

function valueOf(flag: Flag, name: string, inline: string | undefined, words: string[]): string {
  if (flag.value === undefined) {
    if (inline !== undefined) throw new UsageError(`${name} takes no value`);
    return "";
  }
  const value = inline ?? words.shift();
  if (value === undefined) throw new UsageError(`${name} needs a value: ${name} ${flag.value}`);
  return value;
}

function unknownOption(name: string, spec: CommandSpec, known: ReadonlyMap<string, Flag>): UsageError {
  if (/^-[\d.]/.test(name)) {
    const usage = `switchyard ${spec.name} -- ${spec.operands}`;
    return new UsageError(`what begins with a dash is a value only behind "--": ${usage}`);
  }
  const flags = [...known.keys()].filter((other) => other.startsWith("--"));
  const misspelt = nearest(
    name.slice(2),
    flags.map((other) => other.slice(2).replaceAll("-", "_")),
  );
  const start = name.slice(0, 5);
  const near = [
    ...(misspelt === undefined ? [] : [`--${misspelt.replaceAll("_", "-")}`]),
    ...flags.filter((other) => other.startsWith(start) || name.startsWith(other)),
  ];
  const hint = [...new Set(near)].slice(0, 3).join(" or ");
  return new UsageError(`unknown option ${name}${hint === "" ? "" : ` (did you mean ${hint}?)`}`);
}

function checkCount({ name, operands, count: [min, max] }: CommandSpec, given: number): void {
  if (given >= min && given <= max) return;
  const usage = `usage: switchyard ${name} ${operands}`.trimEnd();
  throw new UsageError(`${given < min ? "something is missing" : "that is too much"}; ${usage}`);
}

/** @param width of the terminal */
export function helpText(spec: CommandSpec, width: number = process.stdout.columns || 80): string {
  const flags = [...spec.flags, HELP].map((flag) => {
    const short = flag.short === undefined ? "    " : `-${flag.short}, `;
    return [`${short}--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`, flag] as const;
  });
  const lines = flags.map(([text, { about, many }]) => {
    const indent = " ".repeat(COLUMN + 2);
    const words = wrap(`${about}${many ? " (repeatable)" : ""}`, width - COLUMN - 2).join(`\n${indent}`);
    return text.length < COLUMN ? `  ${text.padEnd(COLUMN)}${words}` : `  ${text}\n${indent}${words}`;
  });
  return [
    `Usage: switchyard ${spec.name} [options] ${spec.operands}`.trimEnd(),
    "",
    `${spec.about[0]?.toUpperCase()}${spec.about.slice(1)}.`,
    "",
    "Options:",
    ...lines,
    ...(spec.notes === undefined ? [] : ["", ...spec.notes.split("\n").flatMap((line) => wrap(line, width))]),
    "",
  ].join("\n");
}

/** Where what is said of a flag begins; a long flag has a line of its own. */
const COLUMN = 34;

/** Lines of whole words. What is indented is to be copied, and stays. */
function wrap(text: string, width: number): string[] {
  if (text.startsWith(" ")) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

export function helpOfGroup(
  usage: string,
  about: string,
  commands: readonly (readonly [string, string])[],
): string {
  const width = Math.max(...commands.map(([name]) => name.length)) + 2;
  const lines = commands.map(([name, what]) => `  ${name.padEnd(width)}${what}`);
  return [`Usage: ${usage}`, "", about, "", "Commands:", ...lines, ""].join("\n");
}
