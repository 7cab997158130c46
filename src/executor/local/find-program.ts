/**
 * Which file a process is started from, and whether the operating system would start it.
 *
 * This is what `execvp` of musl does, in the environment and the folder of the new process, because `codex exec-server`
 * 0.169 does the same (`test/executor/find-program-differential.test.ts` holds us to it). The process is then started
 * from the file found, so that there is no second search in another PATH.
 *
 * Invariants
 *   F1. A name with a slash is that file, seen from the process's folder. Any other is searched in PATH, where an empty
 *       entry is the process's folder. The executor's own folder and PATH play no part.
 *   F2. The search goes on after what is not there and what may not be executed, and ends at the first file that is
 *       neither a script nor a program.
 *   F3. Errors are reported in this order: no name, a NUL in an argument, one in the environment, the folder, the
 *       program.
 */
import { accessSync, constants as fsConstants, statSync } from "node:fs";
import { constants } from "node:os";
import { isAbsolute } from "node:path";
import { ExecutorError } from "../errors.ts";
import { type ErrnoName, execProblem } from "./exec-problem.ts";

/** Where musl searches when there is no PATH. */
const DEFAULT_PATH = "/usr/local/bin:/bin:/usr/bin";
const NAME_BYTES_MAX = 255;
/** A longer entry of PATH is skipped. */
const ENTRY_BYTES_MAX = 4095;

export interface Arguments {
  readonly argv: readonly string[];
  readonly arg0?: string | undefined;
  readonly cwd: string;
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  readonly tty?: boolean | undefined;
}

/**
 * Rejects a NUL, which the operating system takes for the end of a text, and an empty program.
 *
 * @throws {ExecutorError} `start_failed`, in the words of `codex exec-server`
 */
export function checkArguments({ argv, arg0, cwd, env, tty }: Arguments): void {
  if (argv[0] === undefined || argv[0] === "") throw missingProgram(tty === true ? "PTY" : "pipe");
  const hasNul = (text: string): boolean => text.includes("\0");
  if ([...argv, arg0 ?? "", cwd].some(hasNul)) throw startFailed("nul byte found in provided data");
  if (Object.entries(env).flat().some(hasNul)) throw startFailed("data provided contains a nul byte");
}

export interface Search {
  readonly program: string;
  /** The folder of the process, an absolute path. */
  readonly cwd: string;
  /** PATH in the environment of the process. */
  readonly path: string | undefined;
}

/**
 * @returns the file to start, absolute or seen from `cwd`; never a bare name
 * @throws an error of the system, as `node:fs` throws them: `ENOENT`, `EACCES`, `ENOEXEC`, …
 * @throws {ExecutorError} `start_failed` when there is no name to search for
 */
export function findProgram({ program, cwd, path = DEFAULT_PATH }: Search): string {
  if (program === "") throw missingProgram("pipe");
  checkFolder(cwd);
  if (program.includes("/")) {
    const problem = execProblem(program, cwd);
    if (problem === undefined) return program;
    // The system says why a file is missing.
    if (problem === "ENOENT") statSync(isAbsolute(program) ? program : `${cwd}/${program}`);
    throw systemError(problem, program);
  }
  if (Buffer.byteLength(program) > NAME_BYTES_MAX) throw systemError("ENAMETOOLONG", program);
  let answer: ErrnoName = "ENOENT";
  for (const entry of path.split(":")) {
    if (Buffer.byteLength(entry) > ENTRY_BYTES_MAX) continue;
    const candidate = `${entry === "" ? "." : entry}/${program}`;
    const problem = execProblem(candidate, cwd);
    if (problem === undefined) return candidate;
    if (problem === "EACCES") answer = problem;
    else if (problem !== "ENOENT" && problem !== "ENOTDIR") throw systemError(problem, candidate);
  }
  throw systemError(answer, program);
}

function checkFolder(cwd: string): void {
  if (!statSync(cwd).isDirectory()) throw systemError("ENOTDIR", cwd);
  accessSync(cwd, fsConstants.X_OK);
}

function missingProgram(kind: "pipe" | "PTY"): ExecutorError {
  return startFailed(`missing program for ${kind} spawn`);
}

function startFailed(message: string): ExecutorError {
  return new ExecutorError("start_failed", message);
}

function systemError(code: ErrnoName, path: string): NodeJS.ErrnoException {
  const errnos: Readonly<Record<string, number>> = constants.errno;
  const error: NodeJS.ErrnoException = new Error(`${code}: cannot execute "${path}"`);
  return Object.assign(error, { code, errno: -(errnos[code] ?? 0), syscall: "execve", path });
}
