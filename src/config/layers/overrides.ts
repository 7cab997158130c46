/**
 * What a command line (`-c key=value`) or a program sets above all files but the managed one.
 *
 * The rules are Codex's own (measured), odd ones included: a key is split at every dot, quotes or not, and a later
 * override of the same key replaces the earlier one whole. Only then the result is merged over the files.
 *
 * Invariants
 *   O1. The name of an override's source holds its key and never its value, which may be a secret.
 */
import { type ConfigProblem, problem } from "../problem.ts";
import {
  fromPlain,
  PlainValueError,
  type Place,
  type PlainValue,
  type Source,
  toPlain,
  type TomlNode,
  type TomlTable,
} from "../../toml/node.ts";
import { parseTomlValue } from "../../toml/parse.ts";
import { EMPTY_TABLE, isTooDeep, withValue } from "../../toml/tree.ts";

export interface Overrides {
  readonly root: TomlTable;
  readonly problems: readonly ConfigProblem[];
}

/**
 * @param texts as they stand behind `-c`, in the order of the command line
 * @param threadConfig of one thread, above the texts: tables as objects, keys may be dotted at the top
 */
export function parseOverrides(
  texts: readonly string[] = [],
  threadConfig: Readonly<Record<string, unknown>> = {},
): Overrides {
  let root: TomlTable = EMPTY_TABLE;
  const problems: ConfigProblem[] = [];
  for (const text of texts) {
    const parsed = parseOverride(text);
    if ("problem" in parsed) problems.push(parsed.problem);
    else root = withValue(root, parsed.key.split("."), parsed.value, parsed.place);
  }
  for (const [key, value] of Object.entries(threadConfig)) {
    if (value === undefined) continue;
    if (isTooDeep(value)) {
      const what = "holds itself, or is too deep for TOML";
      problems.push(problem({ message: `${key} ${what}`, what }, key.split("."), undefined));
      continue;
    }
    try {
      root = withValue(root, key.split("."), fromPlain(value, key.split(".")));
    } catch (error) {
      if (!(error instanceof PlainValueError)) throw error;
      problems.push(problem({ message: error.message, what: error.what }, error.path, undefined));
    }
  }
  return { root, problems };
}

type ParsedOverride =
  | { readonly key: string; readonly value: TomlNode; readonly place: Place }
  | { readonly problem: ConfigProblem };

/** All of it may be a secret. */
function wrongOverride(what: string, text: string): ConfigProblem {
  return problem({ message: `${what}: ${text}`, what, quoted: text }, undefined, undefined);
}

function parseOverride(text: string): ParsedOverride {
  const equals = text.indexOf("=");
  if (equals === -1) return { problem: wrongOverride("Invalid override (missing '=')", text) };
  const key = text.slice(0, equals).trim();
  if (key === "") return { problem: wrongOverride("Empty key in override", text) };
  const source: Source = { name: `-c ${key}`, text: text.slice(equals + 1).trim(), kind: "override" };
  const place: Place = { source, start: 0, end: source.text.length };
  return { key, value: overrideValue(source, place), place };
}

/** The value behind `key=` as plain data. */
export function plainOverrideValue(text: string): PlainValue {
  const source: Source = { name: "-c", text: text.trim(), kind: "override" };
  return toPlain(overrideValue(source, { source, start: 0, end: source.text.length }));
}

/** TOML, or else text, without the quotes at its ends. */
function overrideValue(source: Source, place: Place): TomlNode {
  const text = source.text.replace(/^["']+|["']+$/g, "");
  return parseTomlValue(source) ?? { kind: "string", value: text, place };
}
