/**
 * Finds the Codex binary: the option, `SWITCHYARD_CODEX_PATH`, `@openai/codex` from node_modules, `codex` on
 * PATH, in this order.
 *
 * From node_modules it takes the native file itself, not the Node wrapper around it: that saves a process and
 * 44 MB. The places of the files in that package are those of `@openai/codex` 0.169 and the resolver of
 * `@openai/codex-sdk` 0.163.
 */
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { CodexError } from "../errors.ts";

/** Versions whose wire we know: from the first (included) to the last (not included). */
export const SUPPORTED_CODEX: { readonly from: string; readonly below: string } = {
  from: "0.169.0",
  below: "0.170.0",
};

const INSTALL_HINT = "Install one with: npm install @openai/codex@0.169";

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

const versions = new Map<string, Promise<void>>();

/**
 * Checks once per binary that its version is one we support.
 *
 * @throws {CodexError} `codex_unsupported`, or `codex_not_found` when it cannot be run
 */
export function checkCodexVersion(binary: CodexBinary): Promise<void> {
  // A binary may be replaced while this process runs.
  const stat = statSync(binary.path, { throwIfNoEntry: false });
  const key = `${binary.path} ${stat?.mtimeMs} ${stat?.size}`;
  const known = versions.get(key);
  if (known !== undefined) return known;
  const check = readVersion(binary);
  versions.set(key, check);
  check.catch(() => versions.delete(key));
  return check;
}

/** A program that ignores SIGTERM would keep us waiting for ever. */
const VERSION_LIMITS = { timeout: 30_000, killSignal: "SIGKILL" } as const;

async function readVersion(binary: CodexBinary): Promise<void> {
  const where = `"${binary.path}" (from ${binary.source})`;
  let output: string;
  try {
    output = (await promisify(execFile)(binary.path, ["--version"], VERSION_LIMITS)).stdout;
  } catch (error) {
    throw new CodexError("codex_not_found", `Cannot run ${where}. ${INSTALL_HINT}`, { cause: error });
  }
  const version = /(\d+)\.(\d+)\.(\d+)/.exec(output)?.[0];
  const { from, below } = SUPPORTED_CODEX;
  if (version === undefined || compare(version, from) < 0 || compare(version, below) >= 0) {
    throw new CodexError(
      "codex_unsupported",
      `${where} is Codex ${version ?? `of unknown version ("${output.trim().slice(0, 80)}")`}; ` +
        `Switchyard works with ${from} up to, not including, ${below}. ${INSTALL_HINT}`,
    );
  }
}

function compare(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
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
