/**
 * Codex's own environments: those of `<Codex home>/environments.toml`, or, without that file, the one of the variable
 * CODEX_EXEC_SERVER_URL.
 *
 * The file is valid where it is to Codex 0.169. The first error is Codex's, in its words; then come all others. Codex
 * does not start with a file that has an error. test/config/environments.test.ts compares the two.
 *
 * Invariants
 *   E1. Errors of values come before those of entries as a whole, both in the order of the file; the default is last.
 *   E2. An error about `local` is kept with it: nothing may run here that was meant to run elsewhere.
 */
import { join } from "node:path";
import { fieldNamed } from "../schema/server-keys.ts";
import { readConfigFile } from "../layers/layers.ts";
import { type ConfigProblem, problem, ProblemCollector } from "../problem.ts";
import { readStruct, readValue } from "../schema/read-value.ts";
import { invalidType, unknownField } from "../schema/serde-text.ts";
import { invalidConfig } from "../show/show-problem.ts";
import { fromPlain, type TomlEntry, type TomlNode, type TomlTable } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";
import { checkEnvironment, environmentIdProblem, trimmed } from "./check-environment.ts";
import { URL_VARIABLE } from "./types.ts";
import { LOCAL_ENVIRONMENT_ID } from "../server/types.ts";
import { CODEX_ENVIRONMENT, ONLY_CODEX } from "../schema/environment-keys.ts";

const FILE_NAME = "environments.toml";
const ROOT_KEYS = ["default", "include_local", "environments"];
/** What Codex calls the one that the variable names. */
const REMOTE_ENVIRONMENT_ID = "remote";

export interface CodexEnvironments {
  readonly from: "file" | "variable";
  /** As they are written, by id; of two with one id the first. */
  readonly entries: ReadonlyMap<string, TomlEntry>;
  /** The first one is Codex's. */
  readonly errors: readonly ConfigProblem[];
  /** By id, `local` included (E2). */
  readonly errorsOf: ReadonlyMap<string, readonly ConfigProblem[]>;
  /** What switches `local` off, where something does: a key of the file, or the variable. */
  readonly withoutLocal?: TomlEntry | typeof URL_VARIABLE;
  /** Where Codex works by default; absent where it has no place to work. */
  readonly defaultId?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** @throws {ConfigError} `unreadable`, or `invalid_config` for a file that is not valid TOML */
export function readCodexEnvironments(codexHome: string, env: Env): CodexEnvironments {
  const source = readConfigFile(join(codexHome, FILE_NAME));
  if (source === undefined) return ofVariable(env[URL_VARIABLE]);
  const parsed = parseToml(source);
  if (!parsed.ok) throw invalidConfig([parsed.problem]);
  return ofFile(parsed.document.root);
}

/** Codex checks the URL when it connects, so nothing is an error here. */
function ofVariable(value: string | undefined): CodexEnvironments {
  const url = trimmed(value ?? "");
  const nothing = { from: "variable", entries: new Map(), errors: [], errorsOf: new Map() } as const;
  if (url === "") return { ...nothing, defaultId: LOCAL_ENVIRONMENT_ID };
  if (url.toLowerCase() === "none") return { ...nothing, withoutLocal: URL_VARIABLE };
  const entries = new Map([[REMOTE_ENVIRONMENT_ID, { value: fromPlain({ url }) }]]);
  return { ...nothing, entries, withoutLocal: URL_VARIABLE, defaultId: REMOTE_ENVIRONMENT_ID };
}

function ofFile(root: TomlTable): CodexEnvironments {
  const problems = new ProblemCollector(false);
  const read: Entry[] = [];
  let [preset, includesLocal]: readonly unknown[] = [LOCAL_ENVIRONMENT_ID, true];
  for (const [key, { value, keyPlace }] of root.entries) {
    const node = withoutDatetimes(value);
    if (key === "default") preset = readValue({ type: "string" }, node, [key], problems);
    else if (key === "include_local") includesLocal = readValue({ type: "boolean" }, node, [key], problems);
    else if (key === "environments") read.push(...readEntries(node, problems));
    else problems.errors.push(problem(unknownField(key, ROOT_KEYS), undefined, keyPlace));
  }
  const entries = new Map<string, TomlEntry>();
  const errorsOf = new Map<string, readonly ConfigProblem[]>();
  const blame = (id: string, errors: readonly ConfigProblem[]): void => {
    if (errors.length > 0) errorsOf.set(id, [...(errorsOf.get(id) ?? []), ...errors]);
  };
  const ofLocal = problems.errors.filter(({ path }) => path?.[0] === "include_local");
  blame(LOCAL_ENVIRONMENT_ID, ofLocal);
  const ofWholes = read.flatMap(({ id, entry, ofValues, ofWhole }) => {
    // It is not known which of the two was meant.
    const twice = entries.has(id)
      ? [problem(`environment id \`${id}\` is duplicated`, ["environments"], entry.keyPlace)]
      : [];
    blame(id, [...ofValues, ...ofWhole, ...twice]);
    if (!entries.has(id) && id !== LOCAL_ENVIRONMENT_ID) entries.set(id, entry);
    return [...ofWhole, ...twice];
  });
  const ids = [...(includesLocal === false ? [] : [LOCAL_ENVIRONMENT_ID]), ...entries.keys()];
  const presetEntry = root.entries.get("default");
  const ofPreset = presetEntry === undefined ? [] : presetProblems(presetEntry, preset, ids);
  const withoutLocal = includesLocal === false ? root.entries.get("include_local") : undefined;
  const defaultId = ofPreset.length === 0 && typeof preset === "string" ? trimmed(preset) : "";
  return {
    from: "file",
    entries,
    errors: [...problems.errors, ...ofWholes, ...ofPreset],
    errorsOf,
    ...(withoutLocal === undefined ? {} : { withoutLocal }),
    // `local` is the default where it exists.
    ...(ids.includes(defaultId) ? { defaultId } : {}),
  };
}

/** An entry with an id. */
interface Entry {
  readonly id: string;
  /** The place of its key is that of the id, where the array has no name for it. */
  readonly entry: TomlEntry;
  readonly ofValues: readonly ConfigProblem[];
  readonly ofWhole: readonly ConfigProblem[];
}

function readEntries(node: TomlNode, problems: ProblemCollector): Entry[] {
  const path = ["environments"];
  if (node.kind !== "array") {
    const hint = "Write [[environments]] for each; [environments.<id>] is for switchyard.toml";
    problems.error(invalidType(node, "a sequence"), path, node, hint);
    return [];
  }
  return node.items.flatMap((item): Entry[] => {
    const errorsBefore = problems.errors.length;
    const reading = readStruct(CODEX_ENVIRONMENT, item, path, problems);
    const id = reading?.values.get("id");
    if (reading === undefined || typeof id !== "string") return [];
    const place = reading.entries.get("id")?.value.place;
    const idProblem = environmentIdProblem(id);
    const ofId = idProblem === undefined ? [] : [problem(idProblem, path, place)];
    const known = [...reading.entries].filter(([key]) => fieldNamed(CODEX_ENVIRONMENT, key) !== undefined);
    const about = known.filter(([key]) => !ONLY_CODEX.includes(key));
    return [
      {
        id,
        entry: {
          value: { kind: "table", entries: new Map(about), place: item.place },
          keyPlace: reading.entries.get("id")?.keyPlace,
        },
        ofValues: problems.errors.slice(errorsBefore),
        ofWhole: [
          ...ofId,
          ...checkEnvironment({ values: reading.values, entries: new Map(known) }, id, path, place),
        ],
      },
    ];
  });
}

function presetProblems({ value }: TomlEntry, preset: unknown, ids: readonly string[]): ConfigProblem[] {
  // A value of a wrong type has its error already.
  if (typeof preset !== "string") return [];
  const id = trimmed(preset);
  if (id === "") return [problem("default environment id cannot be empty", ["default"], value.place)];
  if (id.toLowerCase() === "none" || ids.includes(id)) return [];
  const hint = ids.length === 0 ? undefined : `There are ${ids.join(", ")}; "none" means no environment`;
  return [problem(`default environment \`${id}\` is not configured`, ["default"], value.place, hint)];
}

/** In this file, unlike in `config.toml`, a date is a table with one odd key to Codex (measured). */
function withoutDatetimes(node: TomlNode): TomlNode {
  if (node.kind === "array") return { ...node, items: node.items.map(withoutDatetimes) };
  if (node.kind === "table") {
    const entries = [...node.entries].map(
      ([key, entry]) => [key, { ...entry, value: withoutDatetimes(entry.value) }] as const,
    );
    return { ...node, entries: new Map(entries) };
  }
  if (node.kind !== "datetime") return node;
  const { place } = node;
  const value: TomlNode = { kind: "string", value: node.value, place };
  const entries = new Map([["$__toml_private_datetime", { value, keyPlace: place }]]);
  return { kind: "table", entries, place };
}
