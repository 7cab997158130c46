/**
 * Every environment that anybody defines: `local`, Codex's own, and those of `switchyard.toml`, each with its fate.
 *
 *   Codex's environments.toml, or CODEX_EXEC_SERVER_URL                  low
 *   switchyard.toml of the user
 *   switchyard.toml of the project's folders, where they are trusted     high
 *
 * Tables merge by id and key, as those of servers do. Whether an executor is there and answers, only a connection will
 * tell.
 *
 * Invariants
 *   L1. "usable" means: valid, defined by a layer that counts, and not switched off. Of any other the reason is told.
 *   L2. A token is for the URL it was written for: a layer that changes the URL has to say anew what the token is.
 *   L3. No token is in a reason, nor in any property of what an environment is.
 */
import { existingCodexHome } from "../layers/homes.ts";
import {
  type ConfigLayer,
  type ConfigLayers,
  isOwnFile,
  loadConfigLayers,
  type LoadLayersOptions,
} from "../layers/layers.ts";
import { maskProblem } from "../show/mask.ts";
import { mergeTables } from "../layers/merge.ts";
import { originsOf } from "../layers/origins.ts";
import { type ConfigProblem, problem, ProblemCollector, where } from "../problem.ts";
import { readStruct } from "../schema/read-value.ts";
import { invalidType } from "../schema/serde-text.ts";
import { lineAndColumn, nodeAt, type TomlEntry, type TomlNode } from "../../toml/node.ts";
import { EMPTY_TABLE, withoutValue } from "../../toml/tree.ts";
import { checkEnvironment, environmentIdProblem } from "./check-environment.ts";
import { type CodexEnvironments, readCodexEnvironments } from "./codex-environments.ts";
import { environmentConfig } from "./environment-config.ts";
import {
  type EnvironmentOrigin,
  environmentOriginText,
  type LoadedEnvironment,
  URL_VARIABLE,
} from "./environment.ts";
import { LOCAL_ENVIRONMENT_ID } from "../server/types.ts";
import { ENVIRONMENT } from "../schema/environment-keys.ts";

export interface LoadedEnvironments {
  /** `local`, then Codex's in the order of its file, then ours. */
  readonly environments: ReadonlyMap<string, LoadedEnvironment>;
  /** Where Codex itself works unless it is told, if anywhere. A server that names no environment is on `local`. */
  readonly defaultId?: string;
  /** Those of single environments included. Codex's file comes first: with an error in it Codex does not start. */
  readonly errors: readonly ConfigProblem[];
  /** Those of single environments included. */
  readonly warnings: readonly ConfigProblem[];
}

export interface LoadEnvironmentsOptions extends LoadLayersOptions {
  /** What `loadConfigLayers` made of the same options. @default it is asked */
  readonly layers?: ConfigLayers;
}

/**
 * @throws {ConfigError} what `loadConfigLayers` throws, and of `environments.toml`: `unreadable`, or `invalid_config`
 *   where it is no TOML
 */
export function loadEnvironments(options: LoadEnvironmentsOptions = {}): LoadedEnvironments {
  const { env = process.env, codexHome = existingCodexHome(env) } = options;
  const { layers } = options.layers ?? loadConfigLayers({ ...options, env, codexHome });
  const codex = readCodexEnvironments(codexHome, env);
  const all = [codexLayer(codex), ...layers.filter(isOwnFile)];
  const active = all.filter(({ inactive }) => inactive === undefined);
  const ids = new Set(active.flatMap((layer) => [...entriesOf(layer).keys()]));
  const wishes = all.filter(({ inactive }) => inactive !== undefined);

  const environments = new Map([[LOCAL_ENVIRONMENT_ID, localEnvironment(codex, active)]]);
  for (const id of ids) if (id !== LOCAL_ENVIRONMENT_ID) environments.set(id, written(id, active, codex));
  for (const [id, environment] of environments) {
    const vain = wishes.flatMap((layer) => vainWish(id, layer));
    if (vain.length > 0)
      environments.set(id, { ...environment, warnings: [...environment.warnings, ...vain] });
  }
  for (const environment of wishes.flatMap((layer) => wished(layer, all))) {
    if (!environments.has(environment.id)) environments.set(environment.id, environment);
  }
  const ofCodex = new Set(codex.errors);
  const each = [...environments.values()];
  return {
    environments,
    ...(codex.defaultId === undefined ? {} : { defaultId: codex.defaultId }),
    errors: [
      ...codex.errors,
      ...active.flatMap(noTable),
      ...each.flatMap(({ errors }) => errors.filter((error) => !ofCodex.has(error))),
    ],
    warnings: each.flatMap(({ warnings }) => warnings),
  };
}

/** What Codex has, as one layer more; the variable has no better name among theirs. */
function codexLayer({ entries, from }: CodexEnvironments): ConfigLayer {
  const environments: TomlNode = { kind: "table", entries };
  return {
    name: from === "file" ? "user" : "overrides",
    source: { name: URL_VARIABLE, text: "" },
    own: false,
    root: { kind: "table", entries: new Map([["environments", { value: environments }]]) },
  };
}

function entriesOf({ root }: ConfigLayer): ReadonlyMap<string, TomlEntry> {
  const node = nodeAt(root, ["environments"]);
  return (node?.kind === "table" ? node : EMPTY_TABLE).entries;
}

function noTable({ root }: ConfigLayer): ConfigProblem[] {
  const node = nodeAt(root, ["environments"]);
  if (node === undefined || node.kind === "table") return [];
  const hint = "Write a table for each environment: [environments.<id>]";
  return [problem(invalidType(node, "a map"), ["environments"], node.place, hint)];
}

type Origins = ReadonlyMap<string, EnvironmentOrigin>;

function originsIn(layers: readonly ConfigLayer[], id: string): Origins {
  const origins = [...originsOf(["environments", id], layers)].map(([key, origin]) => {
    const variable: EnvironmentOrigin = { layer: "variable", file: URL_VARIABLE };
    return [key, origin.layer === "overrides" ? variable : origin] as const;
  });
  return new Map(origins);
}

function definition(origins: Origins): EnvironmentOrigin | undefined {
  return origins.get("url") ?? origins.get("program") ?? origins.values().next().value;
}

function localEnvironment(codex: CodexEnvironments, layers: readonly ConfigLayer[]): LoadedEnvironment {
  const id = LOCAL_ENVIRONMENT_ID;
  const redefined = layers.flatMap((layer) => {
    const entry = entriesOf(layer).get(id);
    const message = environmentIdProblem(id);
    return entry === undefined || message === undefined
      ? []
      : [problem(message, ["environments", id], entry.keyPlace, "It is always this machine")];
  });
  const errors = [...(codex.errorsOf.get(id) ?? []), ...redefined];
  const { withoutLocal } = codex;
  const common = { id, warnings: [], origins: new Map(), definedIn: undefined };
  if (errors.length > 0) return { ...common, errors, status: "invalid", reason: reasonOf(errors) };
  if (withoutLocal === undefined)
    return { ...common, errors, status: "usable", config: { id, kind: "local" } };
  if (withoutLocal === URL_VARIABLE) {
    const definedIn: EnvironmentOrigin = { layer: "variable", file: URL_VARIABLE };
    return { ...common, errors, definedIn, status: "disabled", reason: `${URL_VARIABLE} switches it off` };
  }
  const place = withoutLocal.keyPlace;
  if (place === undefined) return { ...common, errors, status: "disabled", reason: "include_local = false" };
  const definedIn: EnvironmentOrigin = { layer: "user", file: place.source.name, ...lineAndColumn(place) };
  const reason = `include_local = false in ${environmentOriginText(definedIn)}`;
  return { ...common, errors, definedIn, status: "disabled", reason };
}

/** An entry of one layer. */
interface Writing {
  readonly layer: ConfigLayer;
  readonly entry: TomlEntry;
}

function written(id: string, layers: readonly ConfigLayer[], codex: CodexEnvironments): LoadedEnvironment {
  const writings = layers.flatMap((layer): Writing[] => {
    const entry = entriesOf(layer).get(id);
    return entry === undefined ? [] : [{ layer, entry }];
  });
  const merged = mergedEntry(id, writings);
  const { keyPlace } = merged;
  const path = ["environments", id];
  const origins = originsIn(layers, id);
  const common = { id, origins, definedIn: definition(origins), warnings: tokenInFile(id, writings) };
  const ofCodex = codex.errorsOf.get(id) ?? [];
  // What is broken below is mended there; what the layers would mean together nobody knows before.
  if (ofCodex.length > 0) return { ...common, errors: ofCodex, status: "invalid", reason: reasonOf(ofCodex) };
  const findings = new ProblemCollector(true);
  const ofId = environmentIdProblem(id);
  if (ofId !== undefined) findings.errors.push(problem(ofId, path, keyPlace));
  const reading = readStruct(ENVIRONMENT, merged.value, path, findings);
  if (reading !== undefined) findings.errors.push(...checkEnvironment(reading, id, path, keyPlace));
  findings.errors.push(...tokenOfOther(id, writings));
  const { errors } = findings;
  if (reading !== undefined && errors.length === 0) {
    return { ...common, errors, status: "usable", config: environmentConfig(id, reading) };
  }
  return { ...common, errors, status: "invalid", reason: reasonOf(errors) };
}

function mergedEntry(id: string, writings: readonly Writing[]): TomlEntry {
  const merged = writings.reduce(
    (low, { entry }) => mergeTables(low, { kind: "table", entries: new Map([[id, entry]]) }),
    EMPTY_TABLE,
  );
  const { dropped } = tokenOf(writings);
  return withoutValue(merged, [id, dropped]).entries.get(id) ?? { value: EMPTY_TABLE };
}

function entryIn({ entry: { value } }: Writing, key: string): TomlEntry | undefined {
  return value.kind === "table" ? value.entries.get(key) : undefined;
}

const [TOKEN, TOKEN_VARIABLE] = ["auth_bearer_token", "auth_bearer_token_env_var"] as const;

interface Token {
  /** The key that counts, and the one that does not: of two tokens the higher one, in one layer the variable. */
  readonly key: string;
  readonly dropped: string;
  /** The layer it is written in; -1 where there is no token. */
  readonly at: number;
}

function tokenOf(writings: readonly Writing[]): Token {
  const [variable, literal] = [TOKEN_VARIABLE, TOKEN].map((key) =>
    writings.findLastIndex((writing) => entryIn(writing, key) !== undefined),
  ) as [number, number];
  return literal > variable
    ? { key: TOKEN, dropped: TOKEN_VARIABLE, at: literal }
    : { key: TOKEN_VARIABLE, dropped: TOKEN, at: variable };
}

/** L2. The same URL once more is no change. */
function tokenOfOther(id: string, writings: readonly Writing[]): ConfigProblem[] {
  const { key, at } = tokenOf(writings);
  const urlIn = (among: readonly Writing[]): TomlEntry | undefined =>
    among.flatMap((writing) => entryIn(writing, "url") ?? []).at(-1);
  const [meant, used] = [urlIn(writings.slice(0, at + 1)), urlIn(writings)];
  if (at === -1 || used === undefined || meant === used || sameText(meant?.value, used.value)) return [];
  const token = writings.flatMap((writing) => entryIn(writing, key) ?? []).at(-1)?.keyPlace;
  return [
    problem(
      `environment \`${id}\` has the token of another url`,
      ["environments", id],
      used.keyPlace,
      `${key} is in ${token === undefined ? "a lower layer" : where(token)}: write ${TOKEN_VARIABLE} beside this url, too`,
    ),
  ];
}

function sameText(a: TomlNode | undefined, b: TomlNode): boolean {
  return a?.kind === "string" && b.kind === "string" && a.value === b.value;
}

/** In Codex's file there is no other way. */
function tokenInFile(id: string, writings: readonly Writing[]): ConfigProblem[] {
  return writings.flatMap((writing): ConfigProblem[] => {
    const entry = writing.layer.own ? entryIn(writing, TOKEN) : undefined;
    if (entry === undefined) return [];
    return [
      problem(
        `the token of environment \`${id}\` is in a file`,
        ["environments", id, TOKEN],
        entry.keyPlace,
        'Put it into an environment variable and set auth_bearer_token_env_var = "NAME"',
      ),
    ];
  });
}

/** What a layer that does not count would have said about an environment of others. */
function vainWish(id: string, layer: ConfigLayer): ConfigProblem[] {
  const { inactive } = layer;
  const entry = entriesOf(layer).get(id);
  if (entry === undefined || inactive === undefined) return [];
  const message = `what this file says of environment \`${id}\` does not count`;
  const hint = `${inactive.reason}. ${inactive.hint}`;
  return [problem(message, ["environments", id], entry.keyPlace, hint)];
}

/** The environments of a layer that does not count. */
function wished(layer: ConfigLayer, layers: readonly ConfigLayer[]): LoadedEnvironment[] {
  const { inactive } = layer;
  if (inactive === undefined) return [];
  return [...entriesOf(layer).keys()].map((id) => {
    const origins = originsIn(layers, id);
    const reason = `${inactive.reason}. ${inactive.hint}`;
    const definedIn = definition(origins);
    return { id, status: "inactive", reason, errors: [], warnings: [], origins, definedIn };
  });
}

function reasonOf([first]: readonly ConfigProblem[]): string {
  if (first === undefined) return "it is invalid";
  const { message, hint } = maskProblem(first);
  return hint === undefined ? message : `${message}. ${hint}`;
}
