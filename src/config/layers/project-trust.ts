/**
 * Which folders belong to a project, and whether the user trusts it.
 *
 * A project's configuration starts programs, so it counts only where the user trusts the folder, in Codex's own words:
 * `[projects."<folder>"] trust_level = "trusted"`. The rules are Codex's (measured with 0.169).
 *
 * Invariants
 *   T1. Trust is looked up in the settings of the user and the system. Nothing inside a project is read for it, except git's
 *       own files, and of those only a worktree's link to its repository that the repository links back.
 *   T2. The folder itself decides, then the project root, then the git repository; the first that is named wins. A
 *       folder in between or above decides nothing.
 */
import fs from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { nodeAt, type Place, type TomlTable } from "../../toml/node.ts";

export type TrustLevel = "trusted" | "untrusted";

export interface Trust {
  /** Absent where no entry decides, which counts as untrusted. */
  readonly level?: TrustLevel;
  /** The folder of the entry that decides. */
  readonly folder?: string;
  /** Where that entry is written; also absent for what a program handed over as an object. */
  readonly place?: Place | undefined;
}

export interface Project {
  /** The working directory without links. */
  readonly cwd: string;
  /** The folder that holds a marker (`.git`), and contains `cwd` or is it. */
  readonly root?: string;
  /** The repository `cwd` is in; for a worktree, the repository it was made from. */
  readonly gitRoot?: string;
  /** From the root down to `cwd`; only `cwd` where there is no root. */
  readonly folders: readonly string[];
}

/** A folder as Codex writes it into `[projects]`: absolute, and without links where it exists. */
export function projectKey(folder: string): string {
  const absolute = resolve(folder);
  try {
    return fs.realpathSync(absolute);
  } catch {
    // It does not exist, or may not be read: its name has to do.
    return absolute;
  }
}

/** @param settings the settings of the user and the system, merged: `project_root_markers` is read from it */
export function findProject(folder: string, settings: TomlTable): Project {
  const cwd = projectKey(folder);
  const above = ancestors(cwd);
  const markers = rootMarkers(settings);
  const at = above.findIndex((ancestor) => markers.some((marker) => hasMarker(ancestor, marker)));
  const root = at === -1 ? undefined : above[at];
  const gitRoot = findGitRoot(above);
  return {
    cwd,
    ...(root === undefined ? {} : { root }),
    ...(gitRoot === undefined ? {} : { gitRoot }),
    folders: at === -1 ? [cwd] : above.slice(0, at + 1).toReversed(),
  };
}

/**
 * @param folder one of `project.folders`
 * @param settings the settings of the user and the system, merged
 * @param asGiven the working directory as the caller spelled it: looked up after its real path
 */
export function trustOf(folder: string, project: Project, settings: TomlTable, asGiven?: string): Trust {
  const keys = [folder, folder === project.cwd ? asGiven : undefined, project.root, project.gitRoot];
  for (const key of keys) {
    if (key === undefined) continue;
    const level = nodeAt(settings, ["projects", key, "trust_level"]);
    if (level === undefined) continue;
    // Any other value is an error, which `checkConfig` reports, and gives no trust.
    const trusted = level.kind === "string" && level.value === "trusted";
    return { level: trusted ? "trusted" : "untrusted", folder: key, place: level.place };
  }
  return {};
}

function rootMarkers(settings: TomlTable): readonly string[] {
  const markers = nodeAt(settings, ["project_root_markers"]);
  if (markers?.kind !== "array") return [".git"];
  return markers.items.flatMap((item) => (item.kind === "string" ? [item.value] : []));
}

function ancestors(folder: string): string[] {
  const all = [folder];
  for (let at = folder; dirname(at) !== at; ) all.push((at = dirname(at)));
  return all;
}

function hasMarker(folder: string, marker: string): boolean {
  return marker === ".git" ? gitEntry(folder) !== undefined : fs.existsSync(join(folder, marker));
}

/** `.git` of a repository or a worktree. A folder without HEAD is not a repository (an empty `.git` is a common trick). */
function gitEntry(folder: string): { readonly path: string; readonly isFolder: boolean } | undefined {
  const path = join(folder, ".git");
  if (!fs.existsSync(path)) return undefined;
  const isFolder = fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isFolder && !fs.existsSync(join(path, "HEAD")) ? undefined : { path, isFolder };
}

function findGitRoot(folders: readonly string[]): string | undefined {
  for (const folder of folders) {
    const entry = gitEntry(folder);
    if (entry !== undefined) return entry.isFolder ? folder : repositoryOfWorktree(entry.path);
  }
  return undefined;
}

/**
 * The repository that a worktree's `.git` file names. Anybody can write such a file and name a trusted repository in
 * it, so the repository must name the worktree too (T1); Codex asks for the same (measured).
 */
function repositoryOfWorktree(gitFile: string): string | undefined {
  const link = readLine(gitFile)?.match(/^gitdir:\s*(.+)$/)?.[1];
  if (link === undefined) return undefined;
  const entry = projectKey(resolve(dirname(gitFile), link));
  const worktrees = dirname(entry);
  const common = dirname(worktrees);
  const back = readLine(join(entry, "gitdir"));
  const commonLink = readLine(join(entry, "commondir"));
  if (basename(worktrees) !== "worktrees" || basename(common) !== ".git") return undefined;
  if (back === undefined || projectKey(resolve(entry, back)) !== projectKey(gitFile)) return undefined;
  if (commonLink === undefined || projectKey(resolve(entry, commonLink)) !== common) return undefined;
  return dirname(common);
}

function readLine(file: string): string | undefined {
  try {
    return fs.statSync(file).isFile() ? fs.readFileSync(file, "utf8").trim() : undefined;
  } catch {
    // It does not exist, or may not be read: either way it decides nothing.
    return undefined;
  }
}
