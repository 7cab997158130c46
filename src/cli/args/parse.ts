/**
 * From the words of a command line to flags and operands.
 *
 * Our own and not a library: `switchyard mcp` is typed all day and called by scripts, and has to answer in less than
 * twice the time of an empty Node. Loading commander took a quarter of that (measured).
 *
 * Invariants
 *   F1. No message repeats the value of a flag or an operand: it may be a secret.
 */
import { nearest } from "../../base/suggest.ts";
import {
  type CommandSpec,
  type Flag,
  HELP_FLAG,
  type NamedSpec,
  operandsText,
  usageText,
  VERSION_FLAG,
} from "./spec.ts";

/** The command line is wrong. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export class Args {
  readonly operands: readonly string[];
  readonly #given: ReadonlyMap<string, readonly string[]>;
  readonly #flags: readonly Flag[];

  constructor(
    operands: readonly string[],
    given: ReadonlyMap<string, readonly string[]>,
    flags: readonly Flag[],
  ) {
    this.operands = operands;
    this.#given = given;
    this.#flags = flags;
  }

  /** Whether it is given; a default does not count. */
  has(flag: string): boolean {
    return this.#given.has(flag);
  }

  one(flag: string): string | undefined {
    return this.#given.get(flag)?.at(-1) ?? this.#flags.find(({ name }) => name === flag)?.default;
  }

  all(flag: string): readonly string[] {
    return this.#given.get(flag) ?? [];
  }

  /** @throws {UsageError} when it is anything but digits, or less than `min` */
  wholeNumber(flag: string, min: number): number | undefined {
    const text = this.one(flag);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value >= min) return value;
    throw new UsageError(`--${flag} takes a whole number from ${min} to 999999999`);
  }

  /** @throws {UsageError} when more than one of the flags is given */
  atMostOne(...flags: readonly string[]): void {
    const [one, other] = flags.filter((flag) => this.has(flag));
    if (other !== undefined) throw new UsageError(`--${one} and --${other} cannot be given together`);
  }
}

/** A piece of a command line. */
export type Piece =
  | { readonly is: "operand"; readonly word: string }
  /** All words after `--`, or of another program. */
  | { readonly is: "rest"; readonly words: readonly string[] }
  | {
      readonly is: "flag";
      readonly flag: Flag;
      /** As it is typed, with its dashes. */
      readonly name: string;
      /** `undefined`: it is missing. Of a switch: what is attached to it. */
      readonly value: string | undefined;
    }
  | { readonly is: "unknown"; readonly name: string };

/** The pieces of a command line, right or wrong, one after the other. */
export function* piecesOf(spec: CommandSpec, argv: readonly string[]): Generator<Piece, undefined> {
  const byName = flagsByName(spec);
  const words = [...argv];
  let operands = 0;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--") {
      yield { is: "rest", words: words.splice(0) };
    } else if (word === "-" || !word.startsWith("-")) {
      yield { is: "operand", word };
      operands++;
      const isProgram = operands === spec.verbatimFrom && spec.verbatimUnless?.test(word) !== true;
      if (isProgram) yield { is: "rest", words: words.splice(0) };
    } else {
      const { name, inline } = split(word);
      const flag = byName.get(name);
      if (flag === undefined) yield { is: "unknown", name };
      else {
        const isShort = !name.startsWith("--");
        const isBundle = flag.value === undefined && isShort && inline?.startsWith("=") === false;
        // `-vC dir`: more switches in one word.
        if (isBundle) words.unshift(`-${inline}`);
        const attached = isBundle ? undefined : isShort ? inline?.replace(/^=/, "") : inline;
        const value = attached ?? (flag.value === undefined ? undefined : words.shift());
        yield { is: "flag", flag, name, value };
      }
    }
  }
}

/**
 * A request for help or for the version counts as soon as it is read, whatever else is wrong.
 *
 * @throws {UsageError}
 */
export function parseArgs(spec: NamedSpec, argv: readonly string[]): Args {
  const { flags = [], operands: known = [] } = spec;
  const operands: string[] = [];
  const given = new Map<string, string[]>();
  for (const piece of piecesOf(spec, argv)) {
    if (piece.is === "operand") operands.push(piece.word);
    else if (piece.is === "rest") operands.push(...piece.words);
    else if (piece.is === "unknown") throw unknownOption(piece.name, spec);
    else {
      const { flag, name, value } = piece;
      if (flag === HELP_FLAG || flag === VERSION_FLAG) {
        return new Args([], new Map([[flag.name, [""]]]), flags);
      }
      const before = given.get(flag.name) ?? [];
      if (before.length > 0 && flag.many === undefined && spec.overridable === undefined) {
        throw new UsageError(`${name} can be given only once`);
      }
      given.set(flag.name, [...before, valueOf(flag, name, value)]);
    }
  }
  const missing = known.find(({ optional }, at) => optional === undefined && at >= operands.length);
  if (missing !== undefined) {
    throw new UsageError(`Missing argument ${missing.name}. Usage: ${usageText(spec)}`);
  }
  if (operands.length > known.length && known.at(-1)?.many === undefined) {
    throw new UsageError(`Too many arguments. Usage: ${usageText(spec)}`);
  }
  return new Args(operands, given, flags);
}

/** By what is typed, with its dashes. */
export function flagsByName({ flags = [] }: CommandSpec): ReadonlyMap<string, Flag> {
  const byName = new Map<string, Flag>();
  for (const flag of [HELP_FLAG, VERSION_FLAG, ...flags]) {
    byName.set(`--${flag.name}`, flag);
    if (flag.short !== undefined) byName.set(`-${flag.short}`, flag);
  }
  return byName;
}

/** `--name=value`, `-Cvalue`: the name and what is attached to it. */
function split(word: string): { readonly name: string; readonly inline: string | undefined } {
  if (!word.startsWith("--")) {
    return { name: word.slice(0, 2), inline: word.length > 2 ? word.slice(2) : undefined };
  }
  const equals = word.indexOf("=");
  if (equals === -1) return { name: word, inline: undefined };
  return { name: word.slice(0, equals), inline: word.slice(equals + 1) };
}

/** @throws {UsageError} */
function valueOf(flag: Flag, name: string, value: string | undefined): string {
  if (flag.value === undefined) {
    if (value === undefined) return "";
    throw new UsageError(`${name} takes no value`);
  }
  if (value === undefined) throw new UsageError(`${name} needs a value: ${name} ${flag.value}`);
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    throw new UsageError(`${name} takes ${listText(flag.choices)}`);
  }
  return value;
}

/** `a, b or c`. */
export function listText(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function unknownOption(name: string, spec: NamedSpec): UsageError {
  if (!/^--?[a-z]/i.test(name)) {
    const usage = `switchyard ${spec.name} [options] -- ${operandsText(spec)}`;
    return new UsageError(`An argument that begins with a dash must come after "--": ${usage}`);
  }
  const flags = [...flagsByName(spec).keys()].filter((other) => other.startsWith("--"));
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
  return new UsageError(`Unknown option ${name}${hint === "" ? "" : `. Did you mean ${hint}?`}`);
}
