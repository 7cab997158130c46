/**
 * The skills that Codex finds, and what they need: its `skills/list` without Codex.
 *
 *   findSkills ──> readSkill: SKILL.md, agents/openai.yaml ──> sorted by scope, name and file
 */
import os from "node:os";
import { isAbsolute } from "node:path";
import { compareBytes } from "../../base/byte-order.ts";
import { nodeAt, type TomlNode } from "../../toml/node.ts";
import { existingCodexHome } from "../layers/homes.ts";
import type { ConfigLayers } from "../layers/layers.ts";
import { projectKey } from "../layers/project-trust.ts";
import type { ConfigProblem } from "../problem.ts";
import { findSkills, type SkillPlugin } from "./find-skills.ts";
import { PluginNames } from "./plugin-names.ts";
import { readSkill, type Skill, type SkillScope } from "./read-skill.ts";
import { loadYaml } from "./yaml-file.ts";

export interface LoadSkillsOptions {
  /** Where the homes are looked up. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The home of Codex's files. @default $CODEX_HOME, which has to be there, or ~/.codex, which need not */
  readonly codexHome?: string;
  /** The folder of the machine's files. @default "/etc/codex" */
  readonly systemDir?: string;
  /** Plugins that are switched on, each with the folders of its skills. @default those of the layers */
  readonly plugins?: readonly SkillPlugin[];
}

export interface LoadedSkills {
  /** Sorted by scope, then by name in the order of bytes, then by file. Those that are switched off are among them. */
  readonly skills: readonly Skill[];
  /** Files and folders that are broken, and dependencies that Codex ignores. None keeps the others from being found. */
  readonly problems: readonly ConfigProblem[];
}

const SCOPES: readonly SkillScope[] = ["repo", "user", "system", "admin"];

/**
 * @param layers name the working directory and its project, and say which skills are switched off
 * @throws {ConfigError} `unreadable` for a CODEX_HOME that does not exist
 */
export async function loadSkills(
  layers: ConfigLayers,
  options: LoadSkillsOptions = {},
): Promise<LoadedSkills> {
  const { env = process.env, systemDir = "/etc/codex", plugins = layers.plugins?.plugins ?? [] } = options;
  const problems: ConfigProblem[] = [];
  const files = findSkills(
    {
      folders: layers.project.folders,
      codexHome: options.codexHome ?? existingCodexHome(env),
      home: isAbsolute(env["HOME"] ?? "") ? (env["HOME"] as string) : os.userInfo().homedir,
      systemDir,
      plugins,
    },
    problems,
  );
  if (files.length === 0) return { skills: [], problems };
  const reader = { yaml: await loadYaml(), plugins: new PluginNames(), problems };
  const isOn = switchesOf(layers);
  const skills = files.flatMap((file) => {
    const skill = readSkill(file, reader);
    return skill === undefined ? [] : [{ ...skill, enabled: isOn(skill) }];
  });
  return { skills: skills.sort(inOrder), problems };
}

function inOrder(a: Skill, b: Skill): number {
  return (
    SCOPES.indexOf(a.scope) - SCOPES.indexOf(b.scope) ||
    compareBytes(a.name, b.name) ||
    compareBytes(a.file, b.file)
  );
}

/** `[[skills.config]]` of the user: the last entry that names the skill, or its file, decides. */
function switchesOf({ layers }: ConfigLayers): (skill: Pick<Skill, "name" | "file">) => boolean {
  const entries = layers
    .filter(({ name }) => name === "user" || name === "overrides")
    .flatMap(({ root }) => itemsAt(root, ["skills", "config"]));
  const switches = entries.flatMap((entry) => {
    const [enabled, name, path] = ["enabled", "name", "path"].map((key) => nodeAt(entry, [key]));
    // Codex ignores an entry with both.
    const which = name === undefined ? path : path === undefined ? name : undefined;
    if (enabled?.kind !== "boolean" || which?.kind !== "string") return [];
    return [{ on: enabled.value, name: name === undefined ? undefined : which.value, path: which.value }];
  });
  const files = new Map(switches.map(({ path }) => [path, projectKey(path)]));
  return (skill) =>
    switches.findLast(({ name, path }) =>
      name === undefined ? files.get(path) === skill.file : name === skill.name,
    )?.on ?? true;
}

function itemsAt(root: TomlNode, path: readonly string[]): readonly TomlNode[] {
  const found = nodeAt(root, path);
  return found?.kind === "array" ? found.items : [];
}
