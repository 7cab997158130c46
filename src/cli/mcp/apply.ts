/**
 * One edit of one file, and what it means for all layers together.
 *
 * Invariants
 *   A1. Nothing is written that would make a server invalid, alone or merged with what other files say of it.
 *   A2. The output names the file that was written, and says if the edit has no effect.
 */
import { dirname, join } from "node:path";
import type { ConfigEdit } from "../../config/edit/edits.ts";
import { configuredMcpServers, effectiveMcpServers } from "../../config/effective.ts";
import { type ConfigLayer, type ConfigLayers, readConfigFile } from "../../config/layers.ts";
import { type Origin, originsOf, originText } from "../../config/origins.ts";
import { ConfigError } from "../../config/problem.ts";
import { nodeAt } from "../../config/toml/node.ts";
import type { Args, Flag } from "../flags.ts";
import { print, printJson, say, shortPath, shortPaths, tell } from "../output.ts";
import { diffOf, shortDiff } from "./masked-diff.ts";
import { missingServer } from "../../config/suggest.ts";
import {
  flagsFor,
  JSON_FLAG,
  parseFile,
  SECRETS_FLAG,
  type Target,
  tryLayers,
  WRITE_FLAGS,
  writeTarget,
} from "./target.ts";

export const EDIT_FLAGS: readonly Flag[] = [
  ...WRITE_FLAGS,
  { name: "dry-run", about: "write nothing, show what would change" },
  JSON_FLAG,
  SECRETS_FLAG,
];

/** A file to edit, and what is known of the servers in it and around it. */
export interface Scene {
  readonly args: Args;
  readonly target: Target;
  /** Names of the servers in the file. */
  readonly names: ReadonlySet<string>;
  /** The active layers besides the file; none where the file is meant alone, or where they cannot be read. */
  readonly others: readonly ConfigLayer[];
}

/** @throws {ConfigError} when the file is no TOML */
export function openScene(args: Args): Scene {
  const target = writeTarget(args);
  const source = readConfigFile(target.file);
  const servers = source === undefined ? undefined : nodeAt(parseFile(source), ["mcp_servers"]);
  const layers = target.alone ? undefined : tryLayers(args);
  const others = (layers?.layers ?? []).filter(
    ({ inactive, source: { name } }) => inactive === undefined && name !== target.file,
  );
  return { args, target, names: new Set(servers?.kind === "table" ? servers.entries.keys() : []), others };
}

/** Where else a server is written, the highest layer last. */
export function elsewhere({ others }: Scene, name: string): readonly Origin[] {
  return others.flatMap((layer) => {
    const [origin] = originsOf(["mcp_servers", name], [layer]).values();
    return origin === undefined ? [] : [origin];
  });
}

/** The error for a server that the file does not have: where it is, or what may have been meant. */
export function notInFile(scene: Scene, name: string): ConfigError {
  const at = elsewhere(scene, name).at(-1);
  const { file } = scene.target;
  if (at !== undefined) {
    const how = at.file === undefined ? "" : `; run it ${flagsFor(at.file)}`;
    return new ConfigError(
      "invalid_edit",
      `MCP server ${JSON.stringify(name)} is not in ${file} but in ${originText(at)}${how}`,
    );
  }
  const names = [...scene.names, ...scene.others.flatMap(namesIn)];
  return new ConfigError("invalid_edit", missingServer(name, [...new Set(names)]));
}

function namesIn({ root }: ConfigLayer): string[] {
  const servers = nodeAt(root, ["mcp_servers"]);
  return servers?.kind === "table" ? [...servers.entries.keys()] : [];
}

export interface Deed {
  readonly edits: readonly ConfigEdit[];
  /** What was done: `Added MCP server "docs" to`. The file's name is put behind it. */
  readonly done: string;
  /** The servers that are meant to be there afterwards. */
  readonly names: readonly string[];
  /** The keys that were set, by which a higher layer may hide the edit. */
  readonly key?: readonly string[];
  /** Said besides. */
  readonly notes?: readonly string[];
}

/** @returns the exit code */
export async function carryOut(scene: Scene, deed: Deed, signal: AbortSignal): Promise<number> {
  const { args, target } = scene;
  const { edits, names } = deed;
  const { ConfigEditor } = await import("../../config/edit/config-editor.ts");
  const editor = new ConfigEditor(target.file, {
    own: target.own,
    partial: names.some((name) => elsewhere(scene, name).length > 0),
  });
  const enter = (): void => {
    for (const edit of edits) editor.edit(edit);
  };
  const layers = target.alone ? undefined : tryLayers(args);
  enter();
  let result = await editor.apply({ dryRun: true, signal });
  if (layers !== undefined) checkMerged(layers, target, result.after, touched(edits));
  const dryRun = args.has("dry-run");
  if (!dryRun && result.changed) {
    enter();
    result = await editor.apply({ signal });
  }
  const notes = [...(deed.notes ?? []), ...(dryRun || !result.changed ? [] : notesOn(scene, deed))];
  const showSecrets = args.has("show-secrets");
  if (args.has("json")) {
    printJson({
      ok: true,
      file: target.file,
      changed: result.changed,
      dry_run: dryRun,
      diff: diffOf(result, showSecrets),
      notes,
    });
    return 0;
  }
  if (dryRun) {
    print(shortDiff(result, showSecrets));
    tell(
      result.changed
        ? "nothing was written (--dry-run)"
        : `nothing would change in ${shortPath(target.file)}`,
    );
  } else {
    say(
      result.changed
        ? `${deed.done} ${shortPath(target.file)}`
        : `Nothing to change in ${shortPath(target.file)}`,
    );
  }
  for (const note of notes) tell(shortPaths(`note: ${note}`));
  return 0;
}

/** Also those that are taken away: another file may say something on top of them. */
function touched(edits: readonly ConfigEdit[]): string[] {
  return edits.flatMap((edit) => {
    if (!("name" in edit)) return [];
    return edit.kind === "rename" ? [edit.name, edit.to] : [edit.name];
  });
}

/** A1, for what several files say together. */
function checkMerged(layers: ConfigLayers, target: Target, after: string, names: readonly string[]): void {
  const at = layers.layers.findIndex(({ source }) => source.name === target.file);
  const there = layers.layers[at];
  if (there?.inactive !== undefined) return;
  const source = { name: target.file, text: after };
  const layer: ConfigLayer = { name: layerName(target), own: target.own, source, root: parseFile(source) };
  const changed =
    there === undefined
      ? layers.layers.toSpliced(positionOf(target, layers), 0, layer)
      : layers.layers.with(at, layer);
  const isOfServer = ({ path = "" }: { readonly path?: string | undefined }): boolean =>
    names.some((name) => path === `mcp_servers.${name}` || path.startsWith(`mcp_servers.${name}.`));
  const before = new Set(
    configuredMcpServers(layers).errors.map(({ message, path }) => `${path} ${message}`),
  );
  const errors = configuredMcpServers({ ...layers, layers: changed }).errors.filter(
    (error) => isOfServer(error) && !before.has(`${error.path} ${error.message}`),
  );
  const [first] = errors;
  if (first === undefined) return;
  const where = `${target.file}, together with what other files say of it`;
  throw new ConfigError("invalid_edit", `The edit would break ${first.path} in ${where}: ${first.message}`, {
    problems: errors,
  });
}

/** What is above a layer, for a file that is not there yet. */
const ABOVE: Readonly<Record<ReturnType<typeof layerName>, readonly string[]>> = {
  user: ["profile", "switchyard", "project", "project_switchyard", "overrides"],
  switchyard: ["project", "project_switchyard", "overrides"],
  project: ["project", "project_switchyard", "overrides"],
  project_switchyard: ["project", "project_switchyard", "overrides"],
};

function layerName({ own, project }: Target): "user" | "switchyard" | "project" | "project_switchyard" {
  if (project) return own ? "project_switchyard" : "project";
  return own ? "switchyard" : "user";
}

function positionOf(target: Target, { layers }: ConfigLayers): number {
  const beside = join(dirname(target.file), ".codex", "config.toml");
  const above = ABOVE[layerName(target)];
  const at = layers.findIndex(({ name, source }) => above.includes(name) && source.name !== beside);
  return at === -1 ? layers.length : at;
}

/** What the user should know about an edit that was made (A2). */
function notesOn({ args, target }: Scene, { names, key = [] }: Deed): string[] {
  const layers = target.alone ? undefined : tryLayers(args);
  if (layers === undefined) {
    return target.alone ? [] : ["the configuration as a whole has errors: switchyard mcp check shows them"];
  }
  const inactive = layers.layers.find(({ source }) => source.name === target.file)?.inactive;
  if (inactive !== undefined) return [`it has no effect yet: ${inactive.reason}. ${inactive.hint}`];
  const own = layers.layers.find(({ source }) => source.name === target.file)?.root;
  const servers = effectiveMcpServers(layers);
  return names.flatMap((name) => {
    const server = servers.find((each) => each.name === name);
    const said = own === undefined ? undefined : nodeAt(own, ["mcp_servers", name, ...key]);
    const foreign = [...(server?.origins ?? [])].find(
      ([path, { file }]) => isBelow(path, key.join(".")) && file !== target.file,
    )?.[1];
    const notes: string[] = [];
    if (foreign !== undefined && said !== undefined) {
      const at = originText(foreign);
      notes.push(
        key.length > 0 && said.kind !== "table"
          ? `it has no effect: ${at} is above and wins`
          : `${JSON.stringify(name)} is also in ${at}; the two count together, key by key`,
      );
    }
    // Who has just switched it off, or found it so, need not be told.
    if (server?.status === "disabled" && server.disabledReason?.type !== "by_hand") {
      notes.push(`${JSON.stringify(name)} will not run: ${server.reason ?? "no reason is known"}`);
    }
    return notes;
  });
}

function isBelow(path: string, key: string): boolean {
  return key === "" || path === key || path.startsWith(`${key}.`);
}
