/**
 * A file to edit, and what is known about the servers in it and around it.
 *
 * Invariants
 *   A3. A file may change a server of another file only if whatever reads the first file also reads the second:
 *       otherwise the change would be half a server there.
 */
import { dirname, join } from "node:path";
import { shellWord } from "../../base/shell-word.ts";
import { missingServer } from "../../base/suggest.ts";
import {
  type ConfigLayer,
  type ConfigLayers,
  isOwnFile,
  readConfigFile,
} from "../../config/layers/layers.ts";
import type { ConfigEdit } from "../../config/edit/edits.ts";
import { type Origin, originsOf, formatOrigin } from "../../config/layers/origins.ts";
import { policyPath } from "../../config/plugins/plugin-tables.ts";
import type { LoadedPlugin } from "../../config/plugins/types.ts";
import { ConfigError } from "../../config/problem.ts";
import { formatKeys } from "../../toml/format.ts";
import { nodeAt, type TomlNode } from "../../toml/node.ts";
import type { Args } from "../args/parse.ts";
import { type Flag, JSON_FLAG, SECRETS_FLAG } from "../args/spec.ts";
import { flagsFor, parseFile, type Target, tryLayers, WRITE_FLAGS, writeTarget } from "./target.ts";

export const EDIT_FLAGS: readonly Flag[] = [
  ...WRITE_FLAGS,
  { name: "dry-run", about: "write nothing; show what would change" },
  JSON_FLAG,
  SECRETS_FLAG,
];

export interface EditContext {
  readonly args: Args;
  readonly target: Target;
  /** Names of the servers in the file. */
  readonly names: ReadonlySet<string>;
  /** What the file says about a server. */
  readonly server: (name: string) => TomlNode | undefined;
  /** All layers, or why they cannot be read; absent when the file is edited on its own. */
  readonly layers: ConfigLayers | ConfigError | undefined;
  /** The active layers other than the file. */
  readonly others: readonly ConfigLayer[];
  /** Those of them that count wherever the file does, so that it can build on them (A3). */
  readonly beneath: readonly ConfigLayer[];
}

/** What to do with the file. */
export interface EditRequest {
  readonly edits: readonly ConfigEdit[];
  /** What was done: `Added MCP server "docs" to`. The name of the file is added. */
  readonly done: string;
  /** The servers that should be there afterwards. */
  readonly names: readonly string[];
  /** The key that is set: a higher layer may hide it. */
  readonly key?: readonly string[];
  /** Whether they are meant to run now: what is missing for that on this machine is said, too. @default false */
  readonly toRun?: boolean;
  /** What the user should know besides. */
  readonly notes?: readonly string[];
}

/** @throws {ConfigError} when the file is not valid TOML */
export function openEditContext(args: Args): EditContext {
  const target = writeTarget(args);
  const source = readConfigFile(target.file);
  const servers = source === undefined ? undefined : nodeAt(parseFile(source), ["mcp_servers"]);
  const layers = target.alone ? undefined : tryLayers(args);
  const known = layers === undefined || layers instanceof ConfigError ? undefined : layers;
  const others = (known?.layers ?? []).filter(
    ({ inactive, source: { name } }) => inactive === undefined && name !== target.file,
  );
  const at = known === undefined ? 0 : positionOf(target, known);
  const below = new Set(known?.layers.filter(({ name }, index) => index < at || name === "managed"));
  return {
    args,
    target,
    names: new Set(servers?.kind === "table" ? servers.entries.keys() : []),
    server: (name) => (servers === undefined ? undefined : nodeAt(servers, [name])),
    layers,
    others,
    // Codex does not read our files.
    beneath: others.filter((layer) => below.has(layer) && (target.own || !isOwnFile(layer))),
  };
}

/** Where else a server is defined, the highest layer last. */
export function elsewhere({ others }: EditContext, name: string): readonly Origin[] {
  return originsIn(others, name);
}

export function originsIn(layers: readonly ConfigLayer[], name: string): readonly Origin[] {
  return layers.flatMap((layer) => {
    const [origin] = originsOf(["mcp_servers", name], [layer]).values();
    return origin === undefined ? [] : [origin];
  });
}

/**
 * Where a server is defined that the file only changes.
 *
 * @throws {ConfigError} when it is nowhere, or only where some who read the file do not look (A3)
 */
export function definedBeneath(context: EditContext, name: string): Origin {
  const at = originsIn(context.beneath, name).at(-1);
  if (at !== undefined) return at;
  const above = elsewhere(context, name).at(-1);
  if (above?.file === undefined) throw notInFile(context, name);
  const { file, own } = context.target;
  const isOurs = above.layer === "switchyard" || above.layer === "project_switchyard";
  const why = own || !isOurs ? `which takes precedence over ${file}` : "which Codex does not read";
  const what = `MCP server ${JSON.stringify(name)} is defined in ${formatOrigin(above)}, ${why}`;
  throw new ConfigError("invalid_edit", `${what}: ${runItWith(flagsFor(above.file, context.args))}`);
}

function runItWith(flags: string): string {
  return flags === ""
    ? "run the command without --codex, --project and --file"
    : `run the command with${flags}`;
}

/** The error for a server that the file does not have: where it is, or what may have been meant. */
export function notInFile(context: EditContext, name: string): ConfigError {
  // The name may be in a file that cannot be read.
  if (context.layers instanceof ConfigError) return context.layers;
  const at = elsewhere(context, name).at(-1);
  const { file } = context.target;
  if (at !== undefined) {
    const how = at.file === undefined ? "" : `; ${runItWith(flagsFor(at.file, context.args))}`;
    return new ConfigError(
      "invalid_edit",
      `MCP server ${JSON.stringify(name)} is not in ${file} but in ${formatOrigin(at)}${how}`,
    );
  }
  const plugin = pluginWith(context.layers, name);
  if (plugin !== undefined) return new ConfigError("invalid_edit", ofPluginText(plugin, name, file));
  const names = [...context.names, ...context.others.flatMap(namesIn)];
  return new ConfigError("invalid_edit", missingServer(name, [...new Set(names)]));
}

/** The plugin whose server of this name counts, or would count. */
export function pluginWith(layers: ConfigLayers | undefined, name: string): LoadedPlugin | undefined {
  return layers?.plugins?.plugins.find(({ servers }) => servers.some((server) => server.name === name));
}

/** A plugin's files are the plugin's: the configuration can decide about its servers, in a table of its own. */
function ofPluginText({ id }: LoadedPlugin, name: string, file: string): string {
  const table = formatKeys(policyPath(id, name));
  return (
    `MCP server ${JSON.stringify(name)} is not in ${file}: plugin ${id} brings it. Codex's config.toml decides about it in ` +
    `[${table}]: enabled, enabled_tools, disabled_tools, default_tools_approval_mode and tools. A server of this name in a file ` +
    `takes its place, whole: switchyard mcp add ${shellWord(name)} …`
  );
}

function namesIn({ root }: ConfigLayer): string[] {
  const servers = nodeAt(root, ["mcp_servers"]);
  return servers?.kind === "table" ? [...servers.entries.keys()] : [];
}

/** What other files still say about a removed server, and how to remove that too. */
export function leftovers(context: EditContext, name: string): string[] {
  return elsewhere(context, name).map((origin) => {
    const flags = origin.file === undefined ? "" : flagsFor(origin.file, context.args);
    const what = `${formatOrigin(origin)} still mentions ${JSON.stringify(name)}`;
    return `${what}: switchyard mcp remove ${shellWord(name)}${flags}`;
  });
}

/** The layers above each layer. */
const ABOVE: Readonly<Record<ReturnType<typeof layerName>, readonly string[]>> = {
  user: ["profile", "switchyard", "project", "project_switchyard", "overrides"],
  switchyard: ["project", "project_switchyard", "overrides"],
  project: ["project", "project_switchyard", "overrides"],
  project_switchyard: ["project", "project_switchyard", "overrides"],
};

export function layerName({
  own,
  project,
}: Target): "user" | "switchyard" | "project" | "project_switchyard" {
  if (project) return own ? "project_switchyard" : "project";
  return own ? "switchyard" : "user";
}

export function positionOf(target: Target, { layers }: ConfigLayers): number {
  const there = layers.findIndex(({ source }) => source.name === target.file);
  if (there !== -1) return there;
  const beside = join(dirname(target.file), ".codex", "config.toml");
  const above = ABOVE[layerName(target)];
  const at = layers.findIndex(({ name, source }) => above.includes(name) && source.name !== beside);
  return at === -1 ? layers.length : at;
}
