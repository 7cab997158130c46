/**
 * `switchyard completion answer`: what the word at the cursor may become. The scripts for the shells ask it at every Tab.
 *
 *   switchyard mcp call memory se▮  ──script──>  answer -- mcp call memory se  ──>  words
 *                                                                                  search_nodes<TAB>Search for nodes …
 *
 * The first line says what the word is: `words` (which follow, each with a few words about it), `files`, `folders` or `programs`, which
 * the shell knows itself.
 *
 * Invariants
 *   K1. It starts nothing, asks nobody, writes nothing, and is silent about what is wrong: a person is in the middle of typing.
 *   K2. No secret of the configuration and no character that controls the terminal is in it.
 */
import { homedir } from "node:os";
import { type Flag, HELP_FLAG, type Operand, VERSION_FLAG } from "../args/spec.ts";
import { flagsByName } from "../args/parse.ts";
import { parseSoFar, type SoFar } from "../args/parse-so-far.ts";
import type { Command, CommandGroup } from "../command.ts";
import { print, printable } from "../output.ts";
import { keepStart } from "../text-width.ts";
import type { Candidate } from "./candidates.ts";

export interface Answer {
  readonly is: "words" | "files" | "folders" | "programs";
  readonly words: readonly Candidate[];
}

/** The command, for a table of commands. */
export function answerFor(commands: CommandGroup): Command {
  return {
    operands: [
      {
        name: "WORD",
        optional: true,
        many: true,
        about: "what is typed after switchyard, the last word up to the cursor",
      },
    ],
    usage: "-- WORD…",
    notes: "The scripts of switchyard completion call it. It starts no server.",
    run: async ({ operands }) => {
      const { is, words } = await answerTo(commands, operands);
      const lines = words.filter(({ word }) => isSafe(word)).map(lineOf);
      print(`${[is, ...lines].join("\n")}\n`);
      return 0;
    },
  };
}

const NOTHING: Answer = { is: "words", words: [] };
/** In columns. */
const ABOUT_MAX = 80;

function isSafe(word: string): boolean {
  return word !== "" && !/[\n\t]/.test(word) && printable(word) === word;
}

function lineOf({ word, about }: Candidate): string {
  const shown = keepStart(printable(about.trim().replaceAll(/\s+/g, " ")), ABOUT_MAX);
  return shown === "" ? word : `${word}\t${shown}`;
}

/** @param words after `switchyard`; the last one ends at the cursor, and may be empty */
export async function answerTo(commands: CommandGroup, words: readonly string[]): Promise<Answer> {
  // A file may be broken, and a flag half typed (K1).
  return await find(commands, words).catch(() => NOTHING);
}

async function find(commands: CommandGroup, words: readonly string[]): Promise<Answer> {
  let group = commands;
  const [...rest] = words;
  for (let typed = rest.shift(); typed !== undefined; typed = rest.shift()) {
    if (rest.length === 0) return commandsOf(group, typed, group === commands);
    const name =
      group.aliases !== undefined && Object.hasOwn(group.aliases, typed) ? group.aliases[typed] : typed;
    if (name === "help") continue;
    const entry = Object.hasOwn(group.commands, name ?? "") ? group.commands[name ?? ""] : undefined;
    if (entry === undefined) return NOTHING;
    if (!("commands" in entry)) return await ofCommand(await entry.load(), rest);
    group = entry;
  }
  return NOTHING;
}

function commandsOf(group: CommandGroup, typed: string, isRoot: boolean): Answer {
  if (typed.startsWith("-")) return flagsOf(isRoot ? [HELP_FLAG, VERSION_FLAG] : [HELP_FLAG]);
  return wordsOf(Object.entries(group.commands).map(([word, { about }]) => ({ word, about })));
}

async function ofCommand(command: Command, words: readonly string[]): Promise<Answer> {
  const typed = words.at(-1) ?? "";
  const soFar = parseSoFar(command, words.slice(0, -1).map(withHome));
  const { args, next, takesFlags } = soFar;
  if (next.is === "value") return await valuesOf(next.flag, next.flag.value, soFar, typed);
  if (takesFlags && typed.startsWith("-")) {
    const equals = typed.indexOf("=");
    const flag = equals === -1 ? undefined : flagsByName(command).get(typed.slice(0, equals));
    if (equals === -1) return openFlags(command, soFar);
    if (flag?.value === undefined) return NOTHING;
    const { is, words: values } = await valuesOf(flag, flag.value, soFar, typed.slice(equals + 1));
    const prefix = typed.slice(0, equals + 1);
    return { is, words: values.map(({ word, about }) => ({ word: `${prefix}${word}`, about })) };
  }
  if (next.is === "program") return { is: "files", words: [] };
  if (next.is === "operand") {
    const answer = await valuesOf(next.operand, next.operand.name, soFar, typed);
    const words = answer.words.filter(
      ({ word }) => next.operand.many === undefined || !args.operands.includes(word),
    );
    if (answer.is !== "words" || next.operand.completes !== undefined) return { is: answer.is, words };
  }
  return typed === "" && takesFlags ? openFlags(command, soFar) : NOTHING;
}

/** @param called what the value is called in the help */
async function valuesOf(
  { choices, completes }: Partial<Pick<Flag, "choices">> & Pick<Operand, "completes">,
  called: string | undefined,
  { args }: SoFar,
  typed: string,
): Promise<Answer> {
  if (completes !== undefined) {
    const { candidatesFor } = await import("./candidates.ts");
    return wordsOf(candidatesFor(completes, args, typed));
  }
  if (called?.startsWith("FILE") === true) return { is: "files", words: [] };
  if (called?.startsWith("DIR") === true) return { is: "folders", words: [] };
  if (called === "COMMAND") return { is: "programs", words: [] };
  const written = called !== undefined && /^[\w-]+(\|[\w-]+)+$/.test(called) ? called.split("|") : [];
  return wordsOf((choices ?? written).map((word) => ({ word, about: "" })));
}

/** Those that can still be given. */
function openFlags({ flags = [], overridable }: Command, { args }: SoFar): Answer {
  const open = flags.filter(({ name, many }) => many === true || overridable === true || !args.has(name));
  return flagsOf([...open, HELP_FLAG]);
}

function flagsOf(flags: readonly Flag[]): Answer {
  return wordsOf(flags.map(({ name, about }) => ({ word: `--${name}`, about })));
}

function wordsOf(words: readonly Candidate[]): Answer {
  return { is: "words", words };
}

/** The shell would put the home there. */
function withHome(word: string): string {
  return word.startsWith("~/") ? `${homedir()}${word.slice(1)}` : word;
}
