/**
 * Finds the Codex binary: the option, `SWITCHYARD_CODEX_PATH`, `@openai/codex` from node_modules, `codex` on
 * PATH, in this order.
 *
 * From node_modules it takes the native file itself, not the Node wrapper around it: that saves a process and
 * 44 MB. The places of the files in that package are those of `@openai/codex` 0.169 to 0.171 and the resolver of
 * `@openai/codex-sdk` 0.163.
 */
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { type Log, silentLog } from "../../base/log.ts";
import { CodexError } from "../errors.ts";
import { missingFrom, readSchema } from "./needs.ts";

/** The minor versions of Codex that the tests run on, oldest first. The last one is what we tell users to install. */
export const HELD_CODEX = ["0.169", "0.171"] as const;

const INSTALL_HINT = `Install one with: npm install @openai/codex@${HELD_CODEX.at(-1)}`;

export interface CodexBinary {
  readonly path: string;
  /** Where the path came from, in words for a message. */
  readonly source: string;
  /** Folders that Codex wants in front of PATH (it ships `rg` there). */
  readonly pathDirs: readonly string[];
}

/**
 * @param env where `SWITCHYARD_CODEX_PATH` and `PATH` are looked up
 * @throws {CodexError} `codex_not_found`, naming every place that was searched
 */
export function findCodex(
  option: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): CodexBinary {
  if (option !== undefined) return existing(option, "the option codexPathOverride");
  const fromEnv = env.SWITCHYARD_CODEX_PATH;
  if (fromEnv !== undefined && fromEnv !== "") return existing(fromEnv, "SWITCHYARD_CODEX_PATH");
  const packaged = findPackaged();
  if (packaged !== undefined) return packaged;
  // Windows calls it "Path", which a copy of its environment no longer hides.
  for (const dir of (env.PATH ?? env.Path ?? "").split(delimiter)) {
    const candidate = resolve(dir, executableName());
    if (dir !== "" && isExecutable(candidate)) return { path: candidate, source: "PATH", pathDirs: [] };
  }
  throw new CodexError(
    "codex_not_found",
    "Cannot find Codex: no option, SWITCHYARD_CODEX_PATH is not set, @openai/codex is not in node_modules, " +
      `and there is no "codex" on PATH. ${INSTALL_HINT}`,
  );
}

interface Verdict {
  readonly version: string;
  /** What a user should know of a Codex that the tests do not run on. */
  readonly warning: string | undefined;
}

const verdicts = new Map<string, Promise<Verdict>>();
const warned = new Set<Verdict>();

/**
 * Checks once per binary that we can work with it: a held version, or a newer one whose own schema has every message that
 * we use. The second kind is logged as a warning, once per process.
 *
 * @returns the version, as in `0.171.0`
 * @throws {CodexError} `codex_unsupported`, or `codex_not_found` when it cannot be run
 */
export async function checkCodexVersion(binary: CodexBinary, log: Log): Promise<string> {
  // A binary may be replaced while this process runs.
  const stat = statSync(binary.path, { throwIfNoEntry: false });
  const key = `${binary.path} ${stat?.mtimeMs} ${stat?.size}`;
  let pending = verdicts.get(key);
  if (pending === undefined) {
    pending = judge(binary);
    verdicts.set(key, pending);
    pending.catch(() => verdicts.delete(key));
  }
  const verdict = await pending;
  const { version, warning } = verdict;
  if (warning !== undefined && log !== silentLog && !warned.has(verdict)) {
    warned.add(verdict);
    log("warn", warning);
  }
  return version;
}

/** A program that ignores SIGTERM would keep us waiting for ever. */
const VERSION_LIMITS = { timeout: 30_000, killSignal: "SIGKILL" } as const;
/** What is named of all that is missing. */
const NAMED_MAX = 5;

async function judge(binary: CodexBinary): Promise<Verdict> {
  const where = `"${binary.path}" (from ${binary.source})`;
  let output: string;
  try {
    output = (await promisify(execFile)(binary.path, ["--version"], VERSION_LIMITS)).stdout;
  } catch (error) {
    throw new CodexError("codex_not_found", `Cannot run ${where}. ${INSTALL_HINT}`, { cause: error });
  }
  // A pre-release counts as its release.
  const [version, major, minor] = /(\d+)\.(\d+)\.\d+/.exec(output) ?? [];
  const unsupported = (is: string, why: string): CodexError =>
    new CodexError("codex_unsupported", `${where} is Codex ${is}${why}. ${INSTALL_HINT}`);
  if (version === undefined) {
    const shown = output.trim().slice(0, 80);
    throw unsupported(`of unknown version ("${shown}")`, `; Switchyard needs ${HELD_CODEX[0]} or newer`);
  }
  if (HELD_CODEX.some((held) => held === `${Number(major)}.${Number(minor)}`))
    return { version, warning: undefined };
  if (Number(major) === 0 && Number(minor) < Number(HELD_CODEX[0].split(".")[1]))
    throw unsupported(version, `; Switchyard needs ${HELD_CODEX[0]} or newer`);

  const untested = `${where} is Codex ${version}; Switchyard is tested with ${HELD_CODEX.join(" and ")}`;
  let missing: string[] | undefined;
  try {
    missing = missingFrom(await readSchema(binary.path));
  } catch {
    // It writes no schema, or not where we look: see below.
  }
  if (missing === undefined) {
    const warning = `${untested}. The schema of its messages could not be read, so nothing of it was checked`;
    return { version, warning };
  }
  if (missing.length > 0) {
    const more = missing.length > NAMED_MAX ? `, and ${missing.length - NAMED_MAX} more` : "";
    throw unsupported(
      version,
      `, which lacks what Switchyard uses: ${missing.slice(0, NAMED_MAX).join(", ")}${more}`,
    );
  }
  return {
    version,
    warning: `${untested}. It has every message that Switchyard uses; its behaviour was not checked`,
  };
}

function existing(given: string, source: string): CodexBinary {
  // A name without a slash would be looked up on PATH when it is started.
  const path = resolve(given);
  if (isFile(path)) return { path, source, pathDirs: pathDirsOf(path) };
  throw new CodexError(
    "codex_not_found",
    `Cannot find Codex at "${given}" (from ${source}). ${INSTALL_HINT}`,
  );
}

/** Platform and architecture as Node names them, to the triple that names Codex's folder. */
const TRIPLES: Readonly<Record<string, string>> = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
  "win32-x64": "x86_64-pc-windows-msvc",
  "win32-arm64": "aarch64-pc-windows-msvc",
};

function findPackaged(): CodexBinary | undefined {
  const platform = `${process.platform === "android" ? "linux" : process.platform}-${process.arch}`;
  const triple = TRIPLES[platform];
  if (triple === undefined) return undefined;
  // Beside this package, or beside the program that runs. Never in the working directory: a repository must not choose
  // what is run.
  const program = process.argv[1];
  for (const from of [import.meta.url, ...(program === undefined ? [] : [realPath(program)])]) {
    try {
      const wrapper = createRequire(from).resolve("@openai/codex/package.json");
      const native = createRequire(wrapper).resolve(`@openai/codex-${platform}/package.json`);
      const path = join(dirname(native), "vendor", triple, "bin", executableName());
      if (isFile(path)) return { path, source: "@openai/codex", pathDirs: pathDirsOf(path) };
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

function pathDirsOf(binary: string): string[] {
  const dir = join(dirname(dirname(binary)), "codex-path");
  return existsSync(dir) ? [dir] : [];
}

function executableName(): string {
  return process.platform === "win32" ? "codex.exe" : "codex";
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    // No permission to look there, or not a valid path.
    return false;
  }
}

/** Like a shell, the search of PATH skips files that cannot be run. */
function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return isFile(path);
  } catch {
    return false;
  }
}
