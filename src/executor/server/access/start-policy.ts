/**
 * What may be started here, and where, as configured by the owner of the executor.
 *
 * Invariants
 *   Y1. Paths are compared after all symbolic links in them are followed, on both sides.
 *   Y2. With a list of commands nothing else is started: the file that would be run counts, not its name.
 *   Y3. With a list of folders processes are started, and files read and written, only there and below.
 *   Y4. With a list of commands no file is written for a client: it could write the program, or a file that it loads.
 *   Y5. A folder of the list is not removed for a client, nor one that contains it.
 *
 * Limits: it restricts what a client can ask for; it is not a sandbox around a started process.
 *   - A program that runs other programs still does: with `node`, `sh`, `env`, `git` or `npx` on the list, everything is
 *     allowed. And where one file is many programs (busybox, the shims of a version manager), all of them are.
 *   - Arguments and PATH are not checked: for a script that begins with `#!/usr/bin/env node` the client chooses the
 *     `node`. List programs that are harmless with any arguments.
 *   - Variables that load code are known for the loader and some interpreters only.
 *   - A process that runs here may go to other folders, and may change a link between the check and the start.
 */
import { readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { ExecutorError } from "../../errors.ts";
import { findProgram } from "../../local/find-program.ts";
import type { StartRequest } from "../../local/local-executor.ts";
import { systemErrorText } from "../../local/system-error.ts";

export interface StartPolicyOptions {
  /** Programs, by path or as found in the executor's own PATH. An empty list allows none. @default all */
  readonly allowCommands?: readonly string[];
  /** Folders, with everything below. An empty list allows none. @default all */
  readonly allowCwds?: readonly string[];
  /** The executor's own environment. @default `process.env` */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Variables that make a program run other code: those of the loaders of Linux and macOS, and of interpreters, where
 * `NODE_OPTIONS=--import=data:…` would turn any script on the list into a `node` that runs anything.
 */
const CODE_VARIABLES =
  /^(?:LD_.*|DYLD_.*|GCONV_PATH|NODE_OPTIONS|NODE_PATH|BASH_ENV|ENV|BASH_FUNC_.*|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND|PERL5OPT|PERL5LIB|PYTHONPATH|PYTHONHOME|PYTHONSTARTUP|PYTHONWARNINGS|PERLLIB|LUA_INIT|OPENSSL_CONF|RUBYOPT|RUBYLIB|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|_JAVA_OPTIONS)$/s;

export class StartPolicy {
  readonly #commands: readonly string[] | undefined;
  readonly #folders: readonly string[] | undefined;
  readonly #env: Readonly<Record<string, string | undefined>>;

  /** @throws {ExecutorError} `invalid_request`, naming every entry that does not exist on this machine */
  constructor({ allowCommands, allowCwds, env = process.env }: StartPolicyOptions) {
    this.#env = env;
    const cwd = process.cwd();
    this.#commands = resolveAll("command", allowCommands, (program) =>
      realPath(findProgram({ program, cwd, path: env["PATH"] }), cwd),
    );
    this.#folders = resolveAll("folder", allowCwds, (folder) => {
      const path = realPath(folder, cwd);
      if (!statSync(path).isDirectory()) throw new Error("it is not a folder");
      return path;
    });
  }

  /**
   * @throws {ExecutorError} `refused`, with what is allowed
   * @throws an error of the system when the program or folder does not exist
   */
  checkStart({ program, cwd, env }: StartRequest): void {
    if (this.#folders !== undefined && !isBelow(this.#folders, realPath(cwd, cwd))) {
      throw refused(`processes in "${cwd}" (allowed, with what is below: ${listOf(this.#folders)})`);
    }
    if (this.#commands === undefined) return;
    const file = realPath(findProgram({ program, cwd, path: env["PATH"] }), cwd);
    if (!this.#commands.includes(file)) {
      const found = file === program ? "" : `, which is "${file}"`;
      throw refused(`"${program}"${found} (allowed: ${listOf(this.#commands)})`);
    }
    // A variable that the owner of the executor has set is intended.
    const foreign = Object.keys(env).find(
      (name) => CODE_VARIABLES.test(name) && env[name] !== this.#env[name],
    );
    if (foreign !== undefined) {
      throw refused(
        `"${program}" with a variable ${foreign}: it could make an allowed program run other code`,
      );
    }
  }

  /** Whether a file, existing or not, may be looked at or read for a client. */
  mayRead(path: string): boolean {
    if (this.#folders === undefined) return true;
    const real = realPathOfFuture(path);
    return real !== undefined && isBelow(this.#folders, real);
  }

  /** Whether a file may be written, made, moved or removed for a client. */
  mayWrite(path: string): boolean {
    return this.#commands === undefined && this.mayRead(path);
  }

  /** Whether what may be written may also be removed. @param path without links; its last component may be one */
  mayRemove(path: string): boolean {
    return this.#folders?.some((folder) => isBelow([path], folder)) !== true;
  }
}

function resolveAll(
  what: string,
  entries: readonly string[] | undefined,
  resolve: (entry: string) => string,
): readonly string[] | undefined {
  const problems: string[] = [];
  const resolved = entries?.flatMap((entry) => {
    try {
      return [resolve(entry)];
    } catch (error) {
      problems.push(`"${entry}" (${systemErrorText(error) ?? (error as Error).message})`);
      return [];
    }
  });
  if (problems.length === 0) return resolved;
  throw new ExecutorError("invalid_request", `Cannot allow the ${what} ${problems.join(" and ")}`);
}

/** Not `resolve`: for the system `a/../b` is not `b` where `a` is a link. */
function realPath(path: string, cwd: string): string {
  return realpathSync.native(isAbsolute(path) ? path : `${cwd}/${path}`);
}

/**
 * Where a path leads to, or will once it is created. A link to a missing file is followed too: writing there creates its
 * target.
 *
 * @returns `undefined` if that cannot be determined
 */
function realPathOfFuture(path: string): string | undefined {
  if (!isAbsolute(path)) return undefined;
  try {
    return realpathSync.native(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR") return undefined;
  }
  const parent = dirname(path);
  const target = readLink(path);
  if (target !== undefined) {
    return realPathOfFuture(isAbsolute(target) ? target : `${parent}/${target}`);
  }
  const realParent = realPathOfFuture(parent);
  return realParent === undefined ? undefined : join(realParent, basename(path));
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function isBelow(folders: readonly string[], path: string): boolean {
  return folders.some((folder) => path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`));
}

function listOf(paths: readonly string[]): string {
  return paths.length === 0 ? "none" : paths.map((path) => `"${path}"`).join(", ");
}

function refused(what: string): ExecutorError {
  return new ExecutorError("refused", `This executor does not start ${what}`);
}
