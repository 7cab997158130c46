/**
 * One edit of one file, and what it means for all layers together.
 *
 * Invariants
 *   A1. Nothing is written that would make a server invalid, alone or merged with what other files say of it.
 *   A2. The output names the file that was written, and says if the edit has no effect.
 *   A3. An edit of a server that another file defines is made only where everybody who reads the one reads the other:
 *       elsewhere it would be half a server.
 */
import { dirname, join } from "node:path";
import { shellWord } from "../../base/shell-word.ts";
import { checkConfig } from "../../config/effective/check-root.ts";
import type { EditResult } from "../../config/edit/config-editor.ts";
import type { ConfigEdit } from "../../config/edit/edits.ts";
import { configuredMcpServers, effectiveMcpServers } from "../../config/effective/effective.ts";
import {
  type ConfigLayer,
  type ConfigLayers,
  isOwnFile,
  readConfigFile,
} from "../../config/layers/layers.ts";
import { maskProblem } from "../../config/show/mask.ts";
import { type Origin, originsOf, originText } from "../../config/layers/origins.ts";
import { ConfigError, type ConfigProblem } from "../../config/problem.ts";
import { dottedPath } from "../../config/show/show-problem.ts";
import { nodeAt, type TomlNode } from "../../toml/node.ts";
import type { Args, Flag } from "../flags.ts";
import { count, print, printJson, say, shortPath, shortPaths, tell } from "../output.ts";
import { diffOf, shortDiff } from "./masked-diff.ts";
import { missingServer } from "../../base/suggest.ts";
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
  /** What the file says of a server. */
  readonly server: (name: string) => TomlNode | undefined;
  /** All layers, or why they cannot be read; absent where the file is meant alone. */
  readonly layers: ConfigLayers | ConfigError | undefined;
  /** The active ones besides the file. */
  readonly others: readonly ConfigLayer[];
  /** Those of them that count wherever the file does: what it says can build on them (A3). */
  readonly beneath: readonly ConfigLayer[];
}

/** @throws {ConfigError} when the file is no TOML */
export function openScene(args: Args): Scene {
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
    // Codex reads none of ours.
    beneath: others.filter((layer) => below.has(layer) && (target.own || !isOwnFile(layer))),
  };
}

/** Where else a server is written, the highest layer last. */
export function elsewhere({ others }: Scene, name: string): readonly Origin[] {
  return originsIn(others, name);
}

function originsIn(layers: readonly ConfigLayer[], name: string): readonly Origin[] {
  return layers.flatMap((layer) => {
    const [origin] = originsOf(["mcp_servers", name], [layer]).values();
    return origin === undefined ? [] : [origin];
  });
}

/**
 * Where a server is defined that the file only changes.
 *
 * @throws {ConfigError} when it is nowhere, or only where not everybody looks who reads the file (A3)
 */
export function definedBeneath(scene: Scene, name: string): Origin {
  const at = originsIn(scene.beneath, name).at(-1);
  if (at !== undefined) return at;
  const above = elsewhere(scene, name).at(-1);
  if (above?.file === undefined) throw notInFile(scene, name);
  const { file, own } = scene.target;
  const isOurs = above.layer === "switchyard" || above.layer === "project_switchyard";
  const why = own || !isOurs ? `which counts on top of ${file}` : "which Codex does not read";
  const what = `MCP server ${JSON.stringify(name)} is defined in ${originText(above)}, ${why}`;
  throw new ConfigError("invalid_edit", `${what}: ${runItWith(flagsFor(above.file, scene.args))}`);
}

function runItWith(flags: string): string {
  return flags === "" ? "run it without --codex, --project and --file" : `run it with${flags}`;
}

/** The error for a server that the file does not have: where it is, or what may have been meant. */
export function notInFile(scene: Scene, name: string): ConfigError {
  // A name that is not found in half of the files may well be in the other.
  if (scene.layers instanceof ConfigError) return scene.layers;
  const at = elsewhere(scene, name).at(-1);
  const { file } = scene.target;
  if (at !== undefined) {
    const how = at.file === undefined ? "" : `; ${runItWith(flagsFor(at.file, scene.args))}`;
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
    partial: names.some((name) => originsIn(scene.beneath, name).length > 0),
  });
  for (const edit of edits) editor.edit(edit);
  let result: EditResult;
  try {
    result = await editor.apply({ dryRun: true, signal });
    checkMerged(scene, result.after, edits);
  } catch (error) {
    throw inTheFuture(error, target);
  }
  const dryRun = args.has("dry-run");
  if (!dryRun && result.changed) result = await editor.apply({ signal });
  const notes = [
    ...(deed.notes ?? []),
    ...(dryRun || !result.changed ? [] : notesOn(scene, deed, result.after)),
  ];
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

/** A problem of a text that was never written says so. */
function inTheFuture(error: unknown, { file }: Target): unknown {
  if (!(error instanceof ConfigError) || error.code !== "invalid_edit") return error;
  const problems = error.problems.map((problem): ConfigProblem => {
    if (problem.place?.source.name !== file) return problem;
    const hint = problem.hint === undefined ? "" : `${problem.hint}\n  `;
    return { ...problem, hint: `${hint}This is how the line would be; nothing was written` };
  });
  return new ConfigError(error.code, error.message, { cause: error.cause, problems });
}

/** A1, for what several files say together. */
function checkMerged(scene: Scene, after: string, edits: readonly ConfigEdit[]): void {
  const { layers, target } = scene;
  if (layers === undefined || layers instanceof ConfigError) return;
  const names = touched(edits);
  const there = layers.layers.find(({ source }) => source.name === target.file);
  if (there?.inactive !== undefined) return;
  const source = { name: target.file, text: after };
  const layer: ConfigLayer = { name: layerName(target), own: target.own, source, root: parseFile(source) };
  const changed = layers.layers.toSpliced(positionOf(target, layers), there === undefined ? 0 : 1, layer);
  const identity = ({ message, path }: ConfigProblem): string => JSON.stringify([path, message]);
  const before = new Set(configuredMcpServers(layers).errors.map(identity));
  const errors = configuredMcpServers({ ...layers, layers: changed }).errors.filter(
    (error) => isOfServers(error, names) && !before.has(identity(error)),
  );
  const [first] = errors;
  if (first === undefined) return;
  const where = `${target.file}, together with what other files say of it`;
  const message = `The edit would break ${dottedPath(first.path ?? [])} in ${where}: ${maskProblem(first).message}`;
  throw new ConfigError("invalid_edit", message, { problems: errors });
}

/** What other files still say of a server that goes, and how to take it away. */
export function leftovers(scene: Scene, name: string): string[] {
  return elsewhere(scene, name).map((origin) => {
    const flags = origin.file === undefined ? "" : flagsFor(origin.file, scene.args);
    const what = `${originText(origin)} still speaks of ${JSON.stringify(name)}`;
    return `${what}: switchyard mcp remove ${shellWord(name)}${flags}`;
  });
}

/** What is above a layer. */
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
  const there = layers.findIndex(({ source }) => source.name === target.file);
  if (there !== -1) return there;
  const beside = join(dirname(target.file), ".codex", "config.toml");
  const above = ABOVE[layerName(target)];
  const at = layers.findIndex(({ name, source }) => above.includes(name) && source.name !== beside);
  return at === -1 ? layers.length : at;
}

/** What the user should know about an edit that was made (A2). */
function notesOn({ args, target }: Scene, { names, key = [] }: Deed, after: string): string[] {
  if (target.alone) {
    const { errors } = checkConfig(parseFile({ name: target.file, text: after }), { own: target.own });
    // What is missing in one file may be in another.
    return otherErrors(
      target,
      names,
      errors.filter(({ message }) => message !== "invalid transport"),
    );
  }
  const layers = tryLayers(args);
  if (layers instanceof ConfigError) {
    return ["the configuration as a whole has errors: switchyard mcp check shows them"];
  }
  const inactive = layers.layers.find(({ source }) => source.name === target.file)?.inactive;
  if (inactive !== undefined) return [`it has no effect yet: ${inactive.reason}. ${inactive.hint}`];
  const own = layers.layers.find(({ source }) => source.name === target.file)?.root;
  const { servers } = effectiveMcpServers(layers);
  const others = otherErrors(target, names, configuredMcpServers(layers).errors);
  const ownNotes = names.flatMap((name) => {
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
    const byHand = server?.config?.disabled_reason?.type === "by_hand";
    if ((server?.status === "disabled" && !byHand) || server?.status === "unstartable") {
      notes.push(`${JSON.stringify(name)} will not run: ${server.reason ?? "no reason is known"}`);
    }
    return notes;
  });
  return [...ownNotes, ...others];
}

/** The edit is good, and may be in vain: one invalid server, and Codex refuses the whole file. */
function otherErrors(
  { file, own }: Target,
  names: readonly string[],
  errors: readonly ConfigProblem[],
): string[] {
  const others = errors.filter((error) => error.place?.source.name === file && !isOfServers(error, names));
  if (others.length === 0) return [];
  const worth = own ? "" : ", for which Codex refuses all of it";
  return [
    `${file} has ${count(others.length, "other error")}${worth}: switchyard mcp check ${shellWord(file)}`,
  ];
}

function isOfServers({ path = [] }: ConfigProblem, names: readonly string[]): boolean {
  return path[0] === "mcp_servers" && path[1] !== undefined && names.includes(path[1]);
}

function isBelow(path: string, key: string): boolean {
  return key === "" || path === key || path.startsWith(`${key}.`);
}
