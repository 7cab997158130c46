/** The program of a stdio server on this machine: its file, the package it is of, and what package runners get. */
import fs from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { isObject, type JsonObject } from "../../base/json.ts";
import { LOCAL_ENVIRONMENT_ID, type McpServerConfig } from "../../config/server/types.ts";
import { findProgram } from "../../executor/local/find-program.ts";
import { resolveVariables, type Variables } from "../../servers/resolve.ts";

export interface Package {
  readonly name: string;
  readonly version: string;
}

export interface Program {
  /** The file that is started; `undefined` where there is none. */
  readonly path: string | undefined;
  /** The folder it starts in. */
  readonly folder: string;
  /** Where it is searched. */
  readonly searched: string | undefined;
  /** Where that is certain: the package whose program it is, or that a runner is told to get in one version. */
  readonly package: Package | undefined;
  /** The script that an interpreter is given, if it names a file. */
  readonly script: string | undefined;
  readonly runs: RunnerCall | undefined;
}

/** What a package runner (npx, uvx, docker run) is asked for. */
export interface RunnerCall {
  readonly kind: "npm" | "python" | "image";
  /** As written: `@scope/name@1.2.3`. */
  readonly spec: string;
  /** Its place in `args`. */
  readonly at: number;
  readonly name: string;
  /** `undefined`: whatever is newest, or a range. */
  readonly version: string | undefined;
}

/** @returns `undefined` for a server that is not started here, and on Windows, where programs are found in another way */
export function programOf(
  { transport, environment_id }: McpServerConfig,
  cwd: string,
  env: Variables,
): Program | undefined {
  if (transport.type !== "stdio" || environment_id !== LOCAL_ENVIRONMENT_ID || process.platform === "win32")
    return undefined;
  const { command, args } = transport;
  const folder = resolve(cwd, transport.cwd ?? ".");
  const searched = resolveVariables(transport, env).variables.get("PATH") ?? env["PATH"];
  const path = find(command, folder, searched);
  const runs = runnerCall(command, args);
  const script = scriptOf(command, args, folder);
  const pinned = runs?.version === undefined ? undefined : { name: runs.name, version: runs.version };
  const own = runs === undefined ? packageOf(script ?? path) : undefined;
  return { path, folder, searched, package: pinned ?? own, script, runs };
}

/** The file that the launcher would start. */
export function find(program: string, cwd: string, path: string | undefined): string | undefined {
  try {
    return resolve(cwd, findProgram({ program, cwd, path }));
  } catch {
    return undefined;
  }
}

/** The package of which a file certainly is a program: it says so in `bin`, or the file is installed in its folder. */
function packageOf(file: string | undefined): Package | undefined {
  if (file === undefined) return undefined;
  try {
    const real = fs.realpathSync(file);
    for (let folder = dirname(real); dirname(folder) !== folder; folder = dirname(folder)) {
      const found = readPackage(folder);
      if (found === undefined) continue;
      const isInstalled = folder.endsWith(join("node_modules", found.name));
      const isProgram = found.programs.some((each) => resolve(folder, each) === real);
      return isInstalled || isProgram ? { name: found.name, version: found.version } : undefined;
    }
  } catch {
    // It cannot be read, so nothing is certain.
  }
  return undefined;
}

/** The package in whose folder a file is, or would be. */
export function packageAround(
  file: string | undefined,
): { readonly folder: string; readonly json: JsonObject } | undefined {
  if (file === undefined) return undefined;
  for (let folder = dirname(file); dirname(folder) !== folder; folder = dirname(folder)) {
    try {
      const json: unknown = JSON.parse(fs.readFileSync(join(folder, "package.json"), "utf8"));
      return isObject(json) ? { folder, json: json as JsonObject } : undefined;
    } catch {
      // It is not there, or not for us.
    }
  }
  return undefined;
}

/** A `package.json` without a name says only how its folder is read. */
function readPackage(folder: string): (Package & { readonly programs: readonly string[] }) | undefined {
  const file = join(folder, "package.json");
  if (!fs.existsSync(file)) return undefined;
  const read: unknown = JSON.parse(fs.readFileSync(file, "utf8"));
  if (!isObject(read)) return undefined;
  const { name, version, bin } = read as Readonly<Record<string, unknown>>;
  if (typeof name !== "string" || typeof version !== "string") return undefined;
  const programs = isObject(bin as never) ? Object.values(bin as object) : [bin];
  return { name, version, programs: programs.filter((each) => typeof each === "string") };
}

/** Interpreters whose first argument without a dash is a file. */
const INTERPRETERS = /^(?:node|nodejs|bun|deno|tsx|python3?(?:\.\d+)?|ruby|perl|php|bash|sh|zsh)$/;
/** Flags of theirs that take the next word, or make it no file. */
const NO_SCRIPT = /^-(?:e|p|c|m|r|-eval|-print|-require|-import|-loader)$/;

function scriptOf(command: string, args: readonly string[], folder: string): string | undefined {
  if (!INTERPRETERS.test(basename(command))) return undefined;
  const words = basename(command) === "deno" && args[0] === "run" ? args.slice(1) : args;
  for (const word of words) {
    if (NO_SCRIPT.test(word)) return undefined;
    if (word.startsWith("-")) continue;
    // A bare word may be a subcommand.
    return word.includes("/") || extname(word) !== "" ? resolve(folder, word) : undefined;
  }
  return undefined;
}

/** By runner: the words before what is run, the flag that names the package, and flags that take a value. */
const RUNNERS: readonly {
  readonly words: readonly string[];
  readonly kind: RunnerCall["kind"];
  readonly from: RegExp;
  readonly valued: RegExp;
}[] = [
  ...[
    ["npx"],
    ["bunx"],
    ["pnpx"],
    ["npm", "exec"],
    ["npm", "x"],
    ["pnpm", "dlx"],
    ["yarn", "dlx"],
    ["bun", "x"],
  ].map((words) => ({
    words,
    kind: "npm" as const,
    from: /^(?:-p|--package)$/,
    valued: /^--(?:registry|cache)$/,
  })),
  ...[["uvx"], ["uv", "tool", "run"]].map((words) => ({
    words,
    kind: "python" as const,
    from: /^--from$/,
    valued: /^(?:-p|--python|--with|--index-url|--index|--extra-index-url|--default-index|--directory)$/,
  })),
  ...["docker", "podman"].map((program) => ({
    words: [program, "run"],
    kind: "image" as const,
    from: /^$/,
    valued:
      /^(?:-[ehlmpuvw]|--(?:add-host|cap-add|cap-drop|cpus|device|dns|entrypoint|env|env-file|gpus|group-add|hostname|label|memory|mount|name|net|network|platform|publish|pull|security-opt|shm-size|tmpfs|ulimit|user|volume|workdir))$/,
  })),
  { words: ["pipx", "run"], kind: "python", from: /^--spec$/, valued: /^--(?:python|index-url|pip-args)$/ },
];

/** What a command line gets from a registry, wherever it runs. */
export function runnerCall(command: string, args: readonly string[]): RunnerCall | undefined {
  const line = [basename(command), ...args];
  const runner = RUNNERS.find(({ words }) => words.every((word, at) => line[at] === word));
  if (runner === undefined) return undefined;
  for (let at = runner.words.length; at < line.length; at++) {
    const word = line[at] ?? "";
    const [, flag, value] = /^(--?[\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const isFrom = flag !== undefined && runner.from.test(flag);
    if (isFrom && value !== undefined) return undefined;
    if (isFrom) return callOf(runner.kind, line[at + 1] ?? "", at);
    if (flag !== undefined && value === undefined && runner.valued.test(flag)) at++;
    // The last word of the runner stands at 0 in `args`' own count.
    else if (!word.startsWith("-")) return callOf(runner.kind, word, at - 1);
  }
  return undefined;
}

/** Not what is no package of a registry: a folder, a repository, an archive. */
function callOf(kind: RunnerCall["kind"], spec: string, at: number): RunnerCall | undefined {
  if (kind === "npm") {
    const [, name, version] = /^((?:@[\w.-]+\/)?[\w.-]+)(?:@(.+))?$/.exec(spec) ?? [];
    if (name === undefined || name.startsWith(".")) return undefined;
    return { kind, spec, at, name, version: exact(version) };
  }
  if (kind === "image") {
    const [, name, tag, digest] = /^([a-z0-9][\w./:-]*?)(?::([\w.-]+))?(?:@(sha256:\w+))?$/.exec(spec) ?? [];
    return name === undefined ? undefined : { kind, spec, at, name, version: digest ?? exact(tag) };
  }
  const [, name, version] = /^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?(?:(?:==|@)(.+))?$/.exec(spec) ?? [];
  return name === undefined ? undefined : { kind, spec, at, name, version: exact(version) };
}

/** As a word of a shell, which looks the newest version up; of an image, the one that is there. */
export function pinned({ kind, name, spec }: RunnerCall): string {
  if (kind === "image") return `"$(docker image inspect --format '{{index .RepoDigests 0}}' ${spec})"`;
  return kind === "npm"
    ? `"${name}@$(npm view ${name} version)"`
    : `"${name}==$(curl -fsS https://pypi.org/pypi/${name}/json | python3 -c 'import json, sys; print(json.load(sys.stdin)["info"]["version"])')"`;
}

function exact(version: string | undefined): string | undefined {
  return version !== undefined && /^v?\d+(?:\.\d+)+[\w.+-]*$/.test(version) ? version : undefined;
}

/** What a script's first line asks for, if that is not there; `\r` at its end, from another system, is part of it. */
export interface Interpreter {
  readonly name: string;
  readonly hasCarriageReturn: boolean;
}

/** The interpreter that the file's first line names, if there is none. */
export function missingInterpreter({ path, folder, searched }: Program): Interpreter | undefined {
  if (path === undefined) return undefined;
  const [, line] = /^#!([^\n]{1,255})/.exec(headOf(path)) ?? [];
  if (line === undefined) return undefined;
  const hasCarriageReturn = line.endsWith("\r");
  const [program = "", ...rest] = line.trim().split(/[ \t]+/);
  const isEnv = basename(program) === "env" && fs.existsSync(program);
  const name = isEnv ? (rest.find((word) => !/^-|=/.test(word)) ?? "") : program;
  const isThere = find(name, folder, searched) !== undefined;
  return isThere && !hasCarriageReturn ? undefined : { name, hasCarriageReturn };
}

function headOf(path: string): string {
  const head = Buffer.alloc(258);
  try {
    const descriptor = fs.openSync(path, "r");
    try {
      return head.subarray(0, fs.readSync(descriptor, head, 0, head.length, 0)).toString("latin1");
    } finally {
      fs.closeSync(descriptor);
    }
  } catch {
    return "";
  }
}

/** Where programs are that a PATH often lacks. */
export function elsewhere(name: string, folder: string, home: string): string | undefined {
  const folders = [
    ...upwards(folder).map((each) => join(each, "node_modules", ".bin")),
    dirname(process.execPath),
    ...[".local/bin", ".cargo/bin", ".bun/bin", ".deno/bin", "go/bin", ".npm-global/bin", ".volta/bin"].map(
      (each) => join(home, each),
    ),
    ...[".pyenv/shims", ".asdf/shims", ".rbenv/shims", ".local/share/mise/shims"].map((each) =>
      join(home, each),
    ),
    ...foldersIn(join(home, ".nvm/versions/node")).map((each) => join(each, "bin")),
    ...["/usr/local/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin", "/snap/bin", "/usr/bin"],
  ];
  return name.includes("/") ? undefined : find(name, folder, folders.join(":"));
}

/** The newest first. */
function foldersIn(folder: string): string[] {
  try {
    const names = fs.readdirSync(folder);
    return names
      .toSorted((one, other) => other.localeCompare(one, "en", { numeric: true }))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function upwards(folder: string): string[] {
  const folders = [folder];
  for (let at = folder; dirname(at) !== at; at = dirname(at)) folders.push(dirname(at));
  return folders;
}

/** The programs of a PATH, to find a misspelt one. */
export function programsIn(path: string | undefined): string[] {
  return (path ?? "").split(":").flatMap((folder) => {
    try {
      return fs.readdirSync(folder === "" ? "." : folder);
    } catch {
      return [];
    }
  });
}
