/** A command line that is still being typed: what its words are so far, and what the next one is. */
import { Args, piecesOf } from "./parse.ts";
import type { CommandSpec, Flag, Operand } from "./spec.ts";

export interface SoFar {
  readonly args: Args;
  /** What the next word is, if it is no flag. `program`: a word of another program. */
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
  const { flags = [], operands: known = [], verbatimFrom = Number.POSITIVE_INFINITY } = spec;
  const operands: string[] = [];
  const given = new Map<string, string[]>();
  let waits: Flag | undefined;
  let isRest = false;
  for (const piece of piecesOf(spec, before)) {
    if (piece.is === "operand") operands.push(piece.word);
    else if (piece.is === "rest") {
      operands.push(...piece.words);
      isRest = true;
    } else if (piece.is === "flag") {
      const { flag, value } = piece;
      // Only the last word of all can lack its value.
      if (flag.value !== undefined && value === undefined) waits = flag;
      else given.set(flag.name, [...(given.get(flag.name) ?? []), value ?? ""]);
    }
  }
  const args = new Args(operands, given, flags);
  if (waits !== undefined) return { args, next: { is: "value", flag: waits }, takesFlags: false };
  if (isRest && operands.length >= verbatimFrom) return { args, next: { is: "program" }, takesFlags: false };
  return { args, next: operandAt(known, operands.length), takesFlags: !isRest };
}

function operandAt(known: readonly Operand[], at: number): Next {
  const last = known.at(-1);
  const operand = known[at] ?? (last?.many === true ? last : undefined);
  return operand === undefined ? { is: "nothing" } : { is: "operand", operand };
}
