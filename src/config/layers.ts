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
 * `requirements.toml` is no layer: it takes away from the merged result (`requirements.ts`). The order is Codex's
 * (measured with 0.169), with our files above the Codex file they stand beside. What the layers say about servers is
 * not looked at here: Codex validates after merging, and so does `effective.ts`.
 *
 * Invariants
 *   L1. A project's file of either kind is active only where the user trusts its folder; the files of the projects
 *       have no say in it. An inactive layer is kept, with the reason, and can make nothing fail.
 *   L2. Everything else that is there and cannot be read fails the loading: a file that is skipped in silence would
 *       run servers its owner has switched off.
 */
import { join, resolve } from "node:path";
import { fs } from "../base/builtin.ts";
import { switchyardHome, userCodexHome } from "./homes.ts";
import { EMPTY_TABLE, mergeTables } from "./merge.ts";
import { parseOverrides } from "./overrides.ts";
import { ConfigError, type ConfigProblem } from "./problem.ts";
import { findProject, type Project, projectKey, trustOf } from "./project-trust.ts";
import { OWN_ROOT_KEYS } from "./root-keys.ts";
import { readRequirements, type Requirements } from "./requirements.ts";
import { lineAndColumn, type Place, type Source, type TomlEntry, type TomlTable } from "./toml/node.ts";
import { parseToml } from "./toml/parse.ts";

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
}

type Env = Readonly<Record<string, string | undefined>>;

export interface LoadLayersOptions {
  /** @default process.cwd() */
  readonly cwd?: string;
  /** Where the homes are looked up. @default process.env */
  readonly env?: Env;
  /** @default $CODEX_HOME or ~/.codex */
  readonly codexHome?: string;
  /** @default $SWITCHYARD_HOME or ~/.switchyard */
  readonly switchyardHome?: string;
  /** @default "/etc/codex" */
  readonly systemDir?: string;
  /** Name of a profile; without a file of that name it says nothing, as in Codex. */
  readonly profile?: string;
  /** `key=value`, as behind `-c`, in order. */
  readonly overrides?: readonly string[];
  /** The configuration of one thread: tables as objects, keys at the top may be dotted. */
  readonly threadConfig?: Readonly<Record<string, unknown>>;
}

export const DEFAULT_SYSTEM_DIR = "/etc/codex";
/** A profile is a name, not a path. */
const PROFILE_NAME = /^[A-Za-z0-9_-]+$/;
/** Keys of Codex's that it does not even look at in a project's file (each was tried with 0.169). */
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
/** Of a server, in our files only. */
const OWN_KEY = "scope";

export { switchyardHome as switchyardHomeOf, userCodexHome as codexHomeOf } from "./homes.ts";

/**
 * What the files say about servers, or at their root, is not checked yet: `configuredMcpServers` does.
 *
 * @throws {ConfigError} `invalid_config` with every error of the overrides, the requirements and of TOML;
 *   `unreadable` for the first file that is there and cannot be read
 */
export function loadConfigLayers(options: LoadLayersOptions = {}): ConfigLayers {
  const { env = process.env, systemDir = DEFAULT_SYSTEM_DIR, profile, cwd = process.cwd() } = options;
  const codexHome = options.codexHome ?? userCodexHome(env);
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
  for (const folder of project.folders) {
    const { level, place } = trustOf(folder, project, settings, resolve(cwd));
    for (const [name, file] of [
      ["project", join(folder, ".codex", "config.toml")],
      ["project_switchyard", join(folder, "switchyard.toml")],
    ] as const) {
      if (users.includes(projectKey(file))) continue;
      const own = name === "project_switchyard";
      if (level === "trusted") between.push(...layerOf(name, file, own));
      else between.push(...inertLayer(name, file, own, project.root ?? folder, place));
    }
  }

  if (problems.length > 0) throw invalidConfig(problems);
  return {
    layers: [...below, ...between, ...above],
    ...(requirements === undefined ? {} : { requirements }),
    project,
  };
}

/** Layers as one table, low to high, without what does not count where it stands. */
export function mergeLayers(layers: readonly ConfigLayer[]): TomlTable {
  return layers.reduce((merged, layer) => mergeTables(merged, countedRoot(layer)), EMPTY_TABLE);
}

/** `switchyard.toml`, which may say less at its root than Codex's files, and more about a server. */
export function isOwnFile({ name }: ConfigLayer): boolean {
  return name === "switchyard" || name === "project_switchyard";
}

export function isProjectFile({ name }: ConfigLayer): boolean {
  return name === "project" || name === "project_switchyard";
}

/** Our own keys of servers in a layer of Codex's kind. */
export function strayOwnKeys({
  own,
  root,
}: ConfigLayer): { readonly name: string; readonly entry: TomlEntry }[] {
  const servers = root.entries.get("mcp_servers")?.value;
  if (own || servers?.kind !== "table") return [];
  return [...servers.entries].flatMap(([name, { value }]) => {
    const entry = value.kind === "table" ? value.entries.get(OWN_KEY) : undefined;
    return entry === undefined ? [] : [{ name, entry }];
  });
}

function countedRoot(layer: ConfigLayer): TomlTable {
  let { root } = layer;
  for (const { name } of strayOwnKeys(layer)) root = withoutKey(root, ["mcp_servers", name, OWN_KEY]);
  for (const key of root.entries.keys()) {
    const counts = isOwnFile(layer)
      ? key === "mcp_servers" || OWN_ROOT_KEYS.has(key)
      : !(isProjectFile(layer) && NOT_FOR_PROJECTS.includes(key));
    if (!counts) root = withoutKey(root, [key]);
  }
  return root;
}

function withoutKey(table: TomlTable, [key = "", ...rest]: readonly string[]): TomlTable {
  const entries = new Map(table.entries);
  const entry = entries.get(key);
  if (rest.length === 0) entries.delete(key);
  else if (entry?.value.kind === "table")
    entries.set(key, { ...entry, value: withoutKey(entry.value, rest) });
  return { kind: "table", entries, place: table.place };
}

/** An error with every problem; its message says the first. */
export function invalidConfig(problems: readonly ConfigProblem[]): ConfigError {
  const [first, ...others] = problems;
  const at = first?.place === undefined ? undefined : where(first.place);
  const path = first?.path === undefined ? "" : ` (in ${first.path})`;
  const more = others.length === 0 ? "" : `, and ${others.length} more`;
  const message = `${at === undefined ? "" : `${at}: `}${first?.message}${path}${more}`;
  return new ConfigError("invalid_config", `Invalid configuration: ${message}`, { problems });
}

/** `file:line:column`. */
export function where(place: Place): string {
  const { line, column } = lineAndColumn(place);
  return `${place.source.name}:${line}:${column}`;
}

/**
 * The text of a file, `undefined` where there is none.
 *
 * @throws {ConfigError} `unreadable`, in Codex's words
 */
export function readConfigFile(file: string): Source | undefined {
  const refuse = (why: string, cause?: unknown): never => {
    throw new ConfigError("unreadable", `Failed to read config file ${file}: ${why}`, { cause });
  };
  let bytes: Buffer;
  try {
    // Looked at first: reading a pipe would wait forever.
    if (!fs.statSync(file).isFile()) return refuse(`path \`${file}\` is not a file`);
    bytes = fs.readFileSync(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    return refuse(message, error);
  }
  try {
    return { name: file, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (error) {
    return refuse("invalid utf-8 sequence", error);
  }
}

/** A layer that does not count. Whatever is wrong with its file is only told (L1). */
function inertLayer(
  name: ConfigLayerName,
  file: string,
  own: boolean,
  folder: string,
  place: Place | undefined,
): ConfigLayer[] {
  const untrusted =
    place === undefined ? "its project is not trusted" : `its project is untrusted (${where(place)})`;
  const inert = (source: Source, root: TomlTable, flaw: string): ConfigLayer[] => {
    const hint = `To use it: switchyard trust ${folder}`;
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
  const { message, place: at } = parsed.problem;
  return inert(source, EMPTY_TABLE, `; besides: ${at === undefined ? "" : `${where(at)}: `}${message}`);
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

function checkProfileName(profile: string | undefined): ConfigProblem[] {
  if (profile === undefined || PROFILE_NAME.test(profile)) return [];
  return [{ message: `invalid --profile value \`${profile}\`; pass a plain name such as \`work\`` }];
}
