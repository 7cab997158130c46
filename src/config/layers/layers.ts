/**
 * The files a configuration comes from, in order, read and kept apart, so that every key can say where it is from.
 *
 *   system             <system>/config.toml              low
 *   user               <Codex home>/config.toml
 *   profile            <Codex home>/<profile>.config.toml
 *   switchyard         <Switchyard home>/switchyard.toml
 *   project            .codex/config.toml    } of every folder from the project root
 *   project_switchyard switchyard.toml       } down to the working directory
 *   overrides          -c key=value, the configuration of a thread
 *   managed            <system>/managed_config.toml      high
 *
 * `requirements.toml` is not a layer: it takes away from the merged result (`requirements.ts`). The order is Codex's
 * (measured with 0.169), with our files above the Codex file they stand beside. What the layers say about servers is
 * not checked here: Codex validates after merging, and so does `effective/`.
 *
 * Invariants
 *   L1. A project's file of either kind is active only where the user trusts its folder; the files of the projects
 *       have no say in it. An inactive layer is kept, with the reason, and can make nothing fail.
 *   L2. Any other file that exists and cannot be read makes loading fail: silently skipping it could run servers that
 *       its owner has disabled. Files of plugins make nothing fail (`plugins/`).
 */
import fs from "node:fs";
import { join, resolve } from "node:path";
import { shellWord } from "../../base/shell-word.ts";
import { decodeText, FILE_BYTES_MAX, TOO_LARGE } from "../file/text.ts";
import { existingCodexHome, switchyardHome } from "./homes.ts";
import { mergeTables } from "./merge.ts";
import { parseOverrides } from "./overrides.ts";
import { withoutStrayKeys } from "./own-keys.ts";
import { loadPlugins } from "../plugins/load-plugins.ts";
import type { LoadedPlugins, SelectedPlugin } from "../plugins/types.ts";
import { ConfigError, type ConfigProblem, ProblemCollector, formatPlace } from "../problem.ts";
import { findProject, type Project, projectKey, trustOf } from "./project-trust.ts";
import { readValue } from "../schema/read-value.ts";
import { CODEX_ROOT_KEYS, OWN_ROOT_KEYS } from "../schema/root-keys.ts";
import { readRequirements, type Requirements } from "../requirements/requirements.ts";
import { invalidConfig, problemText } from "../show/show-problem.ts";
import type { Place, Source, TomlTable } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";
import { EMPTY_TABLE, withoutValue } from "../../toml/tree.ts";

export type ConfigLayerName =
  | "system"
  | "user"
  | "profile"
  | "switchyard"
  | "project"
  | "project_switchyard"
  | "overrides"
  | "managed";

export interface ConfigLayer {
  readonly name: ConfigLayerName;
  /** Of a file: its path and text. Values of the overrides have sources of their own. */
  readonly source: Source;
  /** A file or setting of ours, where our own keys count (`scope`). Codex ignores them in its files, so we do too. */
  readonly own: boolean;
  readonly root: TomlTable;
  /** Why it does not count, and what would make it count. */
  readonly inactive?: { readonly reason: string; readonly hint: string };
}

export interface ConfigLayers {
  /** Low to high, inactive ones included. */
  readonly layers: readonly ConfigLayer[];
  readonly requirements?: Requirements;
  readonly project: Project;
  /** What the plugins bring that the layers switch on. @default no plugin counts */
  readonly plugins?: LoadedPlugins;
}

type Env = Readonly<Record<string, string | undefined>>;

export interface LoadLayersOptions {
  /** The folder whose project counts. @default process.cwd() */
  readonly cwd?: string;
  /** Where the homes are looked up. @default process.env */
  readonly env?: Env;
  /** The home of Codex's files. @default $CODEX_HOME, which has to be there, or ~/.codex, which need not */
  readonly codexHome?: string;
  /** The home of our own file. @default $SWITCHYARD_HOME or ~/.switchyard */
  readonly switchyardHome?: string;
  /** The folder of the machine's files. @default "/etc/codex" */
  readonly systemDir?: string;
  /** Name of a profile; it has no effect without a file of that name, as in Codex. */
  readonly profile?: string;
  /** `key=value`, as behind `-c`, in order. */
  readonly overrides?: readonly string[];
  /** The configuration of one thread: tables as objects, keys at the top may be dotted. */
  readonly threadConfig?: Readonly<Record<string, unknown>>;
  /** Plugins that count for one thread, beside the installed ones that the layers switch on. @default none */
  readonly selectedPlugins?: readonly SelectedPlugin[];
}

const DEFAULT_SYSTEM_DIR = "/etc/codex";
/** A profile is a name, not a path. */
const PROFILE_NAME = /^[A-Za-z0-9_-]+$/;
/** Codex's keys that it ignores in a project's file (each was tried with 0.169). */
const NOT_FOR_PROJECTS: readonly string[] = [
  "apps_mcp_product_sku",
  "chatgpt_base_url",
  "experimental_realtime_webrtc_call_base_url",
  "experimental_realtime_ws_base_url",
  "model_provider",
  "model_providers",
  "notify",
  "openai_base_url",
  "otel",
  "profile",
  "profiles",
  "responses_api_metadata",
];

/**
 * What the files say is not checked yet: `configuredMcpServers` does that.
 *
 * @throws {ConfigError} `invalid_config` with every error of the overrides, the requirements and of TOML;
 *   `unreadable` for the first file that exists and cannot be read, and for a CODEX_HOME that does not exist
 */
export function loadConfigLayers(options: LoadLayersOptions = {}): ConfigLayers {
  const { env = process.env, systemDir = DEFAULT_SYSTEM_DIR, profile, cwd = process.cwd() } = options;
  const codexHome = options.codexHome ?? existingCodexHome(env);
  const ownHome = options.switchyardHome ?? switchyardHome(env);
  const overrides = parseOverrides(options.overrides, options.threadConfig);
  const problems: ConfigProblem[] = [...overrides.problems, ...checkProfileName(profile)];
  const requirements = loadRequirements(join(systemDir, "requirements.toml"), problems);
  const layerOf = (name: ConfigLayerName, file: string, own = false): ConfigLayer[] => {
    const source = readConfigFile(file);
    if (source === undefined) return [];
    const parsed = parseToml(source);
    if (parsed.ok) return [{ name, source, own, root: parsed.document.root }];
    problems.push(parsed.problem);
    return [];
  };

  const below = [
    ...layerOf("system", join(systemDir, "config.toml")),
    ...layerOf("user", join(codexHome, "config.toml")),
    ...(profile !== undefined && PROFILE_NAME.test(profile)
      ? layerOf("profile", join(codexHome, `${profile}.config.toml`))
      : []),
    ...layerOf("switchyard", join(ownHome, "switchyard.toml"), true),
  ];
  const above: ConfigLayer[] = [
    { name: "overrides", source: { name: "-c", text: "" }, own: true, root: overrides.root },
    ...layerOf("managed", join(systemDir, "managed_config.toml")),
  ];

  const settings = mergeLayers([...below, ...above]);
  const project = findProject(cwd, settings);
  const users = [join(codexHome, "config.toml"), join(ownHome, "switchyard.toml")].map(projectKey);
  const between: ConfigLayer[] = [];
  const problemsBefore = problems.length;
  for (const folder of project.folders) {
    const { level, folder: decides, place } = trustOf(folder, project, settings, resolve(cwd));
    for (const [name, file] of [
      ["project", join(folder, ".codex", "config.toml")],
      ["project_switchyard", join(folder, "switchyard.toml")],
    ] as const) {
      if (users.includes(projectKey(file))) continue;
      const own = name === "project_switchyard";
      if (level === "trusted") between.push(...layerOf(name, file, own));
      else between.push(...inertLayer(name, file, own, decides ?? project.root ?? folder, place));
    }
  }

  // The settings that decide about projects are read before their files, so their errors come first, as in Codex.
  if (problems.length > problemsBefore) problems.splice(problemsBefore, 0, ...checkProjectSettings(settings));
  if (problems.length > 0) throw invalidConfig(problems);
  const layers = [...below, ...between, ...above];
  return {
    layers,
    ...(requirements === undefined ? {} : { requirements }),
    project,
    plugins: loadPlugins(mergeLayers(layers.filter(({ inactive }) => inactive === undefined)), codexHome, {
      selected: options.selectedPlugins,
      feature: requirements?.usePlugins,
    }),
  };
}

/** Layers as one table, low to high, without the keys that do not count in their layer. */
export function mergeLayers(layers: readonly ConfigLayer[]): TomlTable {
  return layers.reduce((merged, layer) => mergeTables(merged, countedRoot(layer)), EMPTY_TABLE);
}

/** `switchyard.toml`, which has fewer keys at its root than Codex's files, and more for a server. */
export function isOwnFile({ name }: ConfigLayer): boolean {
  return name === "switchyard" || name === "project_switchyard";
}

export function isProjectFile({ name }: ConfigLayer): boolean {
  return name === "project" || name === "project_switchyard";
}

function countedRoot(layer: ConfigLayer): TomlTable {
  let root = withoutStrayKeys(layer);
  for (const key of root.entries.keys()) {
    const counts = isOwnFile(layer)
      ? key === "mcp_servers" || OWN_ROOT_KEYS.has(key)
      : !(isProjectFile(layer) && NOT_FOR_PROJECTS.includes(key));
    if (!counts) root = withoutValue(root, [key]);
  }
  return root;
}

/**
 * The text of a file, or `undefined` where it does not exist.
 *
 * @throws {ConfigError} `unreadable`, in Codex's words
 */
export function readConfigFile(file: string): Source | undefined {
  const refuse = (why: string, cause?: unknown): never => {
    throw new ConfigError("unreadable", `Failed to read config file ${file}: ${why}`, { cause });
  };
  let bytes: Buffer;
  try {
    // Checked first, because reading a pipe would wait forever.
    const status = fs.statSync(file);
    if (!status.isFile()) return refuse(`path \`${file}\` is not a file`);
    if (status.size > FILE_BYTES_MAX) return refuse(TOO_LARGE);
    bytes = fs.readFileSync(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    return refuse(message, error);
  }
  const decoded = decodeText(bytes);
  if (decoded.ok) return { name: file, text: decoded.text };
  return refuse(`invalid utf-8 sequence (${decoded.wrong}). Save it as UTF-8`, decoded.cause);
}

/** A layer that does not count. What is wrong with its file is part of the reason (L1). */
function inertLayer(
  name: ConfigLayerName,
  file: string,
  own: boolean,
  folder: string,
  place: Place | undefined,
): ConfigLayer[] {
  const untrusted =
    place === undefined ? "its project is not trusted" : `its project is untrusted (${formatPlace(place)})`;
  const inert = (source: Source, root: TomlTable, flaw: string): ConfigLayer[] => {
    const hint = `To use it: switchyard trust ${shellWord(folder)}`;
    return [
      { name, source, own, root, inactive: { reason: `${file} does not count: ${untrusted}${flaw}`, hint } },
    ];
  };
  let source: Source | undefined;
  try {
    source = readConfigFile(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return inert({ name: file, text: "" }, EMPTY_TABLE, `; besides: ${error.message}`);
  }
  if (source === undefined) return [];
  const parsed = parseToml(source);
  if (parsed.ok) return inert(source, parsed.document.root, "");
  return inert(source, EMPTY_TABLE, `; besides: ${problemText(parsed.problem)}`);
}

function loadRequirements(file: string, problems: ConfigProblem[]): Requirements | undefined {
  const source = readConfigFile(file);
  if (source === undefined) return undefined;
  const parsed = parseToml(source);
  if (!parsed.ok) {
    const message = `failed to parse requirements layer ${file}: ${parsed.problem.message}`;
    problems.push({ ...parsed.problem, message });
    return undefined;
  }
  const read = readRequirements(parsed.document.root, file);
  problems.push(...read.problems);
  return read.requirements;
}

function checkProjectSettings({ entries }: TomlTable): readonly ConfigProblem[] {
  const problems = new ProblemCollector(false);
  for (const key of ["project_root_markers", "projects"]) {
    const [value, entry] = [CODEX_ROOT_KEYS.get(key), entries.get(key)];
    if (value !== undefined && entry !== undefined) readValue(value, entry.value, [key], problems);
  }
  return problems.errors;
}

function checkProfileName(profile: string | undefined): ConfigProblem[] {
  if (profile === undefined || PROFILE_NAME.test(profile)) return [];
  const message = `invalid --profile value \`${profile}\`; pass a plain name such as \`work\``;
  return [{ message }];
}
