/** A command line that is still being typed: what its words are so far, and what the next one is. */
import { Args, splitFlag } from "./parse.ts";
import { type CommandSpec, type Flag, HELP_FLAG, type Operand } from "./spec.ts";

export interface SoFar {
  readonly args: Args;
  /** What the next word is, if it does not begin with a dash. `program`: a word of another program. */
  readonly next: Next;
  /** Whether the next word may be a flag. */
  readonly takesFlags: boolean;
}

export type Next =
  | { readonly is: "value"; readonly flag: Flag }
  | { readonly is: "operand"; readonly operand: Operand }
  | { readonly is: "program" }
  | { readonly is: "nothing" };

/** Reads as `parseArgs` does, and passes over what is wrong: nobody wants to hear of it yet. */
export function parseSoFar(spec: CommandSpec, before: readonly string[]): SoFar {
  const { flags = [], operands: known = [] } = spec;
  const operands: string[] = [];
  const given = new Map<string, string[]>();
  const soFar = (next: Next, takesFlags = false): SoFar => ({
    args: new Args(operands, given, flags),
    next,
    takesFlags,
  });
  const words = [...before];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--") {
      operands.push(...words);
      const isProgram = operands.length >= (spec.verbatimFrom ?? Number.POSITIVE_INFINITY);
      return soFar(isProgram ? { is: "program" } : operand(known, operands.length));
    }
    if (word === "-" || !word.startsWith("-")) {
      operands.push(word);
      if (operands.length === spec.verbatimFrom && spec.verbatimUnless?.test(word) !== true)
        return soFar({ is: "program" });
      continue;
    }
    const { name, inline } = splitFlag(word);
    const flag = flagNamed(flags, name);
    if (flag === undefined) continue;
    const value = flag.value === undefined ? "" : (inline ?? words.shift());
    if (value === undefined) return soFar({ is: "value", flag });
    given.set(flag.name, [...(given.get(flag.name) ?? []), value]);
  }
  return soFar(operand(known, operands.length), true);
}

/** @param name with its dashes */
export function flagNamed(flags: readonly Flag[], name: string): Flag | undefined {
  return [HELP_FLAG, ...flags].find((flag) => name === `--${flag.name}` || name === `-${flag.short}`);
}

function operand(known: readonly Operand[], at: number): Next {
  const last = known.at(-1);
  const found = known[at] ?? (last?.many === true ? last : undefined);
  return found === undefined ? { is: "nothing" } : { is: "operand", operand: found };
}
