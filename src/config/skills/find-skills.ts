/**
 * The `SKILL.md` files that Codex finds for a working directory (0.171, measured).
 *
 *   repo     .codex/skills   of every folder from the working directory up to the project root; trusted or not
 *   user     <Codex home>/skills, ~/.agents/skills
 *   system   <Codex home>/skills/.system
 *   admin    <system>/skills
 *   user     the skills of plugins
 *   repo     .agents/skills  of every folder from the project root down to the working directory
 *
 * Invariants
 *   K3. A file that several roots lead to is found once, by the first of them.
 *   K4. Of a root, folders to the depth of `DEPTH_MAX` and no more than `FOLDERS_MAX` are read; more are a problem.
 */
import type { Dirent } from "node:fs";
import fs from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../base/errors.ts";
import type { ConfigProblem } from "../problem.ts";
import type { SkillFile, SkillScope } from "./read-skill.ts";

/** Codex's limits. */
const DEPTH_MAX = 6;
const FOLDERS_MAX = 2000;

export interface SkillPlugin {
  /** `plugin@marketplace`. */
  readonly id: string;
  /** The folders of its skills. */
  readonly skills: readonly string[];
}

export interface SkillPlaces {
  /** From the project root down to the working directory. */
  readonly folders: readonly string[];
  readonly codexHome: string;
  /** The user's home. */
  readonly home: string;
  /** The folder of the machine's files. */
  readonly systemDir: string;
  readonly plugins: readonly SkillPlugin[];
}

interface SkillRoot {
  readonly folder: string;
  readonly scope: SkillScope;
  readonly pluginId?: string;
}

export function findSkills(places: SkillPlaces, problems: ConfigProblem[]): readonly SkillFile[] {
  const found = new Map<string, SkillFile>();
  for (const { folder, scope, pluginId } of rootsOf(places)) {
    for (const file of filesBelow(folder, scope !== "system", problems))
      if (!found.has(file)) found.set(file, { file, scope, pluginId });
  }
  return [...found.values()];
}

function rootsOf({ folders, codexHome, home, systemDir, plugins }: SkillPlaces): readonly SkillRoot[] {
  const ofProject =
    (name: string) =>
    (folder: string): SkillRoot => ({
      folder: join(folder, name, "skills"),
      scope: "repo",
    });
  return [
    // The Codex home may be a folder of the project; what is in it is the user's.
    ...folders
      .toReversed()
      .filter((folder) => realPath(join(folder, ".codex")) !== realPath(codexHome))
      .map(ofProject(".codex")),
    { folder: join(codexHome, "skills"), scope: "user" },
    { folder: join(home, ".agents", "skills"), scope: "user" },
    { folder: join(codexHome, "skills", ".system"), scope: "system" },
    { folder: join(systemDir, "skills"), scope: "admin" },
    ...plugins.flatMap(({ id, skills }) =>
      skills.map((folder): SkillRoot => ({ folder, scope: "user", pluginId: id })),
    ),
    ...folders.map(ofProject(".agents")),
  ];
}

/** Breadth first. Folders may be links, files may not. */
function filesBelow(root: string, followsLinks: boolean, problems: ConfigProblem[]): readonly string[] {
  const start = realPath(root);
  if (fs.statSync(start, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  const seen = new Set([start]);
  const files: string[] = [];
  let level = [start];
  let isFull = false;
  for (let depth = 0; level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      for (const entry of entriesOf(folder, problems)) {
        if (entry.name.startsWith(".")) continue;
        const path = join(folder, entry.name);
        if (entry.isFile()) {
          if (entry.name === "SKILL.md") files.push(path);
          continue;
        }
        if (depth === DEPTH_MAX || !isFolder(entry, path, followsLinks)) continue;
        if (seen.size >= FOLDERS_MAX) {
          isFull = true;
          break;
        }
        const real = realPath(path);
        if (!seen.has(real)) next.push(real);
        seen.add(real);
      }
    }
    level = next;
  }
  if (isFull) {
    const message = `${root} has more than ${FOLDERS_MAX} folders, and skills in the others are not found`;
    problems.push({ message, hint: "Codex stops there, too" });
  }
  return files;
}

function entriesOf(folder: string, problems: ConfigProblem[]): readonly Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    problems.push({ message: `skills in ${folder} are not found: ${messageOf(error)}` });
    return [];
  }
}

function isFolder(entry: Dirent, path: string, followsLinks: boolean): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return followsLinks && fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function realPath(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch {
    // It does not exist, or may not be read: its name has to do.
    return path;
  }
}
