/** The files a command reads and the one it writes, from its flags. */
import fs from "node:fs";
import { basename, join, resolve } from "node:path";
import { shellWord } from "../../base/shell-word.ts";
import { existingCodexHome, switchyardHome, userCodexHome } from "../../config/layers/homes.ts";
import {
  type ConfigLayers,
  type LoadLayersOptions,
  loadConfigLayers,
  readConfigFile,
} from "../../config/layers/layers.ts";
import { parseOverrides } from "../../config/layers/overrides.ts";
import { ConfigError } from "../../config/problem.ts";
import { describeProblem, invalidConfig } from "../../config/show/show-problem.ts";
import { findProject, projectKey } from "../../config/layers/project-trust.ts";
import type { Source, TomlTable } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";
import { EMPTY_TABLE } from "../../toml/tree.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { Flag } from "../args/spec.ts";
import { shortPath } from "../output.ts";

/** A home without files. */
const NOWHERE = "/dev/null";

export const OWN_FILE = "switchyard.toml";

export const CD: Flag = {
  name: "cd",
  short: "C",
  value: "DIR",
  about: "work as if started in DIR, with its project",
};
const FILE: Flag = {
  name: "file",
  value: "FILE",
  about: `this file alone; ${OWN_FILE} is Switchyard's, any other name is Codex's`,
};

export const READ_FLAGS: readonly Flag[] = [
  FILE,
  { name: "codex", about: "only what Codex itself reads" },
  CD,
  { name: "profile", value: "P", about: "with Codex's profile P" },
  { name: "config", short: "c", value: "KEY=VALUE", many: true, about: "a setting that overrides all files" },
];

export const WRITE_FLAGS: readonly Flag[] = [
  FILE,
  { name: "codex", about: "Codex's config.toml instead of Switchyard's file" },
  { name: "project", about: "the project's file instead of the user's" },
  CD,
];

export interface Target {
  readonly file: string;
  /** A `switchyard.toml`. */
  readonly own: boolean;
  /** A project's, not the user's. */
  readonly project: boolean;
  /** The other layers are not looked at. */
  readonly alone: boolean;
}

/** @throws {UsageError} when the flags contradict each other */
export function writeTarget(args: Args): Target {
  const file = args.one("file");
  if (file !== undefined) {
    args.atMostOne("file", "codex");
    args.atMostOne("file", "project");
    const path = resolve(file);
    return { file: path, own: basename(path) === OWN_FILE, project: false, alone: true };
  }
  const own = !args.has("codex");
  if (args.has("project")) {
    const folder = projectFolder(args);
    const file = own ? join(folder, OWN_FILE) : join(folder, ".codex", "config.toml");
    return { file, own, project: true, alone: false };
  }
  const home = own ? switchyardHome(process.env) : existingCodexHome(process.env);
  return { file: join(home, own ? OWN_FILE : "config.toml"), own, project: false, alone: false };
}

function projectFolder(args: Args): string {
  const layers = tryLayers(args);
  // A broken file elsewhere must not prevent mending this one.
  const project = layers instanceof ConfigError ? findProject(folderOf(args), EMPTY_TABLE) : layers.project;
  return project.root ?? project.cwd;
}

/** What the flags ask for. @param flag the one that names a file which counts alone @throws {ConfigError} */
export function readLayers(args: Args, flag = "file"): ConfigLayers {
  const file = args.one(flag);
  if (file !== undefined) {
    for (const other of ["codex", "profile", "config"]) args.atMostOne(flag, other);
    return layersOfFile(resolve(file));
  }
  const options = { ...layerOptions(args), ...(args.has("codex") ? { switchyardHome: NOWHERE } : {}) };
  const layers = loadConfigLayers(options);
  if (!args.has("codex")) return layers;
  return { ...layers, layers: layers.layers.filter(({ name }) => name !== "project_switchyard") };
}

/** All layers around a file that is about to be written, or why they cannot be read. */
export function tryLayers(args: Args): ConfigLayers | ConfigError {
  try {
    return loadConfigLayers(layerOptions(args));
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function layerOptions(args: Args): LoadLayersOptions {
  const profile = args.one("profile");
  const overrides = args.all("config");
  // A wrong override is a mistake in the command line, not in a file.
  const [wrong] = overrides.length === 0 ? [] : parseOverrides(overrides).problems;
  if (wrong !== undefined) throw new UsageError(`--config: ${describeProblem(wrong)}`);
  return {
    ...(profile === undefined ? {} : { profile }),
    cwd: folderOf(args),
    overrides,
  };
}

function layersOfFile(file: string): ConfigLayers {
  const source = readConfigFile(file);
  if (source === undefined) throw new ConfigError("unreadable", `There is no file ${file}`);
  const own = basename(file) === OWN_FILE;
  const cwd = projectKey(".");
  return {
    layers: [{ name: own ? "switchyard" : "user", source, own, root: parseFile(source) }],
    project: { cwd, folders: [cwd] },
  };
}

/** @throws {ConfigError} */
export function parseFile(source: Source): TomlTable {
  const parsed = parseToml(source);
  if (parsed.ok) return parsed.document.root;
  throw invalidConfig([parsed.problem]);
}

/** The flags that make a writing command choose this file, each after a blank; nothing for the default file. */
export function flagsFor(file: string, args: Args): string {
  const isFile = (path: string): boolean => projectKey(path) === projectKey(file);
  if (isFile(join(switchyardHome(process.env), OWN_FILE))) return "";
  if (isFile(join(userCodexHome(process.env), "config.toml"))) return " --codex";
  const folder = projectFolder(args);
  if (isFile(join(folder, OWN_FILE))) return " --project";
  if (isFile(join(folder, ".codex", "config.toml"))) return " --project --codex";
  return ` --file ${shellWord(file)}`;
}

/** `--cd`, or the working directory. @throws {UsageError} */
export function folderOf(args: Args): string {
  const cwd = resolve(args.one("cd") ?? ".");
  // Otherwise the files of the project would silently be missing.
  if (fs.statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true) return cwd;
  throw new UsageError(`--cd: there is no folder ${shortPath(cwd)}`);
}
