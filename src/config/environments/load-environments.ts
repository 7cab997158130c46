/**
 * Every environment that any layer defines: `local`, Codex's own, and those of `switchyard.toml`, each with its status.
 *
 *   Codex's environments.toml, or CODEX_EXEC_SERVER_URL                  low
 *   switchyard.toml of the user
 *   switchyard.toml of the project's folders, where they are trusted     high
 *
 * Tables merge by id and key, as those of servers do. Whether an executor is there and answers, only a connection
 * shows.
 *
 * Invariants
 *   L1. "usable" means: valid, defined by a layer that counts, and not switched off. Any other has a reason.
 *   L2. No token is in a reason, nor in any property of what an environment is.
 */
import { existingCodexHome } from "../layers/homes.ts";
import {
  type ConfigLayer,
  type ConfigLayers,
  isOwnFile,
  loadConfigLayers,
  type LoadLayersOptions,
} from "../layers/layers.ts";
import { maskProblem } from "../show/mask-problem.ts";
import { mergeTables } from "../layers/merge.ts";
import { originsOf } from "../layers/origins.ts";
import { type ConfigProblem, problem, ProblemCollector } from "../problem.ts";
import { readStruct } from "../schema/read-value.ts";
import { invalidType } from "../schema/serde-text.ts";
import { lineAndColumn, nodeAt, type TomlEntry, type TomlNode } from "../../toml/node.ts";
import { EMPTY_TABLE, withoutValue } from "../../toml/tree.ts";
import { checkEnvironment, environmentIdProblem } from "./check-environment.ts";
import { type CodexEnvironments, readCodexEnvironments } from "./codex-environments.ts";
import { toEnvironmentConfig } from "./read-environment.ts";
import {
  type EnvironmentOrigin,
  formatEnvironmentOrigin,
  type LoadedEnvironment,
  URL_VARIABLE,
} from "./types.ts";
import { LOCAL_ENVIRONMENT_ID } from "../server/types.ts";
import { checkTokenInFile, checkTokenUrl, type LayerEntry, tokenOf } from "./token.ts";
import { ENVIRONMENT } from "../schema/environment-keys.ts";

export interface LoadedEnvironments {
  /** `local`, then Codex's in the order of its file, then ours. */
  readonly environments: ReadonlyMap<string, LoadedEnvironment>;
  /** Where Codex itself works by default, if anywhere. A server that names no environment is on `local`. */
  readonly defaultId?: string;
  /** Those of single environments included. Codex's file comes first: with an error in it Codex does not start. */
  readonly errors: readonly ConfigProblem[];
  /** Those of single environments included. */
  readonly warnings: readonly ConfigProblem[];
}

export interface LoadEnvironmentsOptions extends LoadLayersOptions {
  /** What `loadConfigLayers` made of the same options. @default they are loaded */
  readonly layers?: ConfigLayers;
}

/**
 * @throws {ConfigError} what `loadConfigLayers` throws, and of `environments.toml`: `unreadable`, or `invalid_config`
 *   where it is not valid TOML
 */
export function loadEnvironments(options: LoadEnvironmentsOptions = {}): LoadedEnvironments {
  const { env = process.env, codexHome = existingCodexHome(env) } = options;
  const { layers } = options.layers ?? loadConfigLayers({ ...options, env, codexHome });
  const codex = readCodexEnvironments(codexHome, env);
  const all = [codexLayer(codex), ...layers.filter(isOwnFile)];
  const active = all.filter(({ inactive }) => inactive === undefined);
  const ids = new Set(active.flatMap((layer) => [...entriesOf(layer).keys()]));
  const inactive = all.filter((layer) => layer.inactive !== undefined);

  const environments = new Map([[LOCAL_ENVIRONMENT_ID, localEnvironment(codex, active)]]);
  for (const id of ids)
    if (id !== LOCAL_ENVIRONMENT_ID) environments.set(id, definedEnvironment(id, active, codex));
  for (const [id, environment] of environments) {
    const ignored = inactive.flatMap((layer) => ignoredChange(id, layer));
    const warnings = [...environment.warnings, ...ignored];
    if (ignored.length > 0) environments.set(id, { ...environment, warnings });
  }
  for (const environment of inactive.flatMap((layer) => inactiveEnvironments(layer, all))) {
    if (!environments.has(environment.id)) environments.set(environment.id, environment);
  }
  const ofCodex = new Set(codex.errors);
  const each = [...environments.values()];
  return {
    environments,
    ...(codex.defaultId === undefined ? {} : { defaultId: codex.defaultId }),
    errors: [
      ...codex.errors,
      ...active.flatMap(checkTable),
      ...each.flatMap(({ errors }) => errors.filter((error) => !ofCodex.has(error))),
    ],
    warnings: each.flatMap(({ warnings }) => warnings),
  };
}

/** Codex's environments as one more layer; the variable has no better name among theirs. */
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

function checkTable({ root }: ConfigLayer): ConfigProblem[] {
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

function definingOrigin(origins: Origins): EnvironmentOrigin | undefined {
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
  const reason = `include_local = false in ${formatEnvironmentOrigin(definedIn)}`;
  return { ...common, errors, definedIn, status: "disabled", reason };
}

function definedEnvironment(
  id: string,
  layers: readonly ConfigLayer[],
  codex: CodexEnvironments,
): LoadedEnvironment {
  const entries = layers.flatMap((layer): LayerEntry[] => {
    const entry = entriesOf(layer).get(id);
    return entry === undefined ? [] : [{ layer, entry }];
  });
  const merged = mergedEntry(id, entries);
  const { keyPlace } = merged;
  const path = ["environments", id];
  const origins = originsIn(layers, id);
  const common = { id, origins, definedIn: definingOrigin(origins), warnings: checkTokenInFile(id, entries) };
  const ofCodex = codex.errorsOf.get(id) ?? [];
  // What is broken below has to be mended there before the layers mean anything together.
  if (ofCodex.length > 0) return { ...common, errors: ofCodex, status: "invalid", reason: reasonOf(ofCodex) };
  const problems = new ProblemCollector(true);
  const ofId = environmentIdProblem(id);
  if (ofId !== undefined) problems.errors.push(problem(ofId, path, keyPlace));
  const reading = readStruct(ENVIRONMENT, merged.value, path, problems);
  if (reading !== undefined) problems.errors.push(...checkEnvironment(reading, id, path, keyPlace));
  problems.errors.push(...checkTokenUrl(id, entries));
  const { errors } = problems;
  if (reading !== undefined && errors.length === 0) {
    return { ...common, errors, status: "usable", config: toEnvironmentConfig(id, reading) };
  }
  return { ...common, errors, status: "invalid", reason: reasonOf(errors) };
}

function mergedEntry(id: string, entries: readonly LayerEntry[]): TomlEntry {
  const merged = entries.reduce(
    (low, { entry }) => mergeTables(low, { kind: "table", entries: new Map([[id, entry]]) }),
    EMPTY_TABLE,
  );
  const { dropped } = tokenOf(entries);
  return withoutValue(merged, [id, dropped]).entries.get(id) ?? { value: EMPTY_TABLE };
}

/** What an inactive layer would have changed about an environment of others. */
function ignoredChange(id: string, layer: ConfigLayer): ConfigProblem[] {
  const { inactive } = layer;
  const entry = entriesOf(layer).get(id);
  if (entry === undefined || inactive === undefined) return [];
  const message = `what this file says about environment \`${id}\` does not count`;
  const hint = `${inactive.reason}. ${inactive.hint}`;
  return [problem(message, ["environments", id], entry.keyPlace, hint)];
}

/** The environments that an inactive layer asks for. */
function inactiveEnvironments(layer: ConfigLayer, layers: readonly ConfigLayer[]): LoadedEnvironment[] {
  const { inactive } = layer;
  if (inactive === undefined) return [];
  return [...entriesOf(layer).keys()].map((id) => {
    const origins = originsIn(layers, id);
    const reason = `${inactive.reason}. ${inactive.hint}`;
    const definedIn = definingOrigin(origins);
    return { id, status: "inactive", reason, errors: [], warnings: [], origins, definedIn };
  });
}

function reasonOf([first]: readonly ConfigProblem[]): string {
  if (first === undefined) return "it is invalid";
  const { message, hint } = maskProblem(first);
  return hint === undefined ? message : `${message}. ${hint}`;
}
