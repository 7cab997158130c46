/**
 * Which file a process is started from, and whether the operating system would start it.
 *
 * This is what `execvp` of musl does, in the environment and the folder of the new process, because `codex exec-server`
 * 0.169 does the same (`test/executor/find-program-differential.test.ts` holds us to it). The process is then started
 * from the file found, so that there is no second search in another PATH.
 *
 * Interpreters are not looked at. So unlike in the original, the search does not go on after a script whose interpreter
 * is missing.
 *
 * Invariants
 *   F1. A name with a slash is that file, seen from the process's folder. Any other is searched in PATH, where an empty
 *       entry is the process's folder. The executor's own folder and PATH play no part.
 *   F2. The search goes on after a missing file and one that may not be executed.
 *   F3. Errors are reported in this order: no name, a NUL in an argument, one in the environment, the folder, the
 *       program.
 *   F4. The search for a start gives up its turn at every folder, and ends with the executor.
 */
import fs from "node:fs";
import { isAbsolute } from "node:path";
import { ExecutorError } from "../errors.ts";
import { hasExecFormat } from "./exec-format.ts";
import { systemError } from "./system-error.ts";
import { codeOf } from "../../base/errors.ts";

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
export function findProgram(search: Search): string {
  const steps = searchSteps(search);
  for (let step = steps.next(); ; ) {
    if (step.done === true) return step.value;
    step = steps.next(errorOf(step.value, search.cwd));
  }
}

/**
 * The same, for a search in many or slow folders: other work goes on between them (F4).
 *
 * @throws the signal's reason when it aborts first
 */
export async function lookUpProgram(search: Search, signal: AbortSignal): Promise<string> {
  const steps = searchSteps(search);
  for (let step = steps.next(); ; ) {
    if (step.done === true) return step.value;
    const missing = await fs.promises.stat(seenFrom(search.cwd, step.value)).then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    signal.throwIfAborted();
    // What exists is looked at at once: it is one file, and was just read.
    step = steps.next(missing ?? errorOf(step.value, search.cwd));
  }
}

/** Yields the files to look at, and wants to know why each cannot be started, if so. */
function* searchSteps({
  program,
  cwd,
  path = DEFAULT_PATH,
}: Search): Generator<string, string, Error | undefined> {
  if (program === "") throw missingProgram("pipe");
  checkFolder(cwd);
  if (program.includes("/")) {
    const error = yield program;
    if (error !== undefined) throw error;
    return program;
  }
  if (Buffer.byteLength(program) > NAME_BYTES_MAX) throw systemError("ENAMETOOLONG");
  let answer: "ENOENT" | "EACCES" = "ENOENT";
  for (const entry of path.split(":")) {
    if (Buffer.byteLength(entry) > ENTRY_BYTES_MAX) continue;
    const candidate = `${entry === "" ? "." : entry}/${program}`;
    const error = yield candidate;
    if (error === undefined) return candidate;
    const code = codeOf(error);
    if (code === "EACCES") answer = code;
    else if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
  }
  throw systemError(answer);
}

function errorOf(file: string, cwd: string): Error | undefined {
  try {
    checkExecutable(seenFrom(cwd, file));
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function checkExecutable(path: string): void {
  if (!fs.statSync(path).isFile()) throw systemError("EACCES");
  fs.accessSync(path, fs.constants.X_OK);
  if (!hasExecFormat(path)) throw systemError("ENOEXEC");
}

function seenFrom(cwd: string, file: string): string {
  return isAbsolute(file) ? file : `${cwd}/${file}`;
}

function checkFolder(cwd: string): void {
  if (!fs.statSync(cwd).isDirectory()) throw systemError("ENOTDIR");
  fs.accessSync(cwd, fs.constants.X_OK);
}

function missingProgram(kind: "pipe" | "PTY"): ExecutorError {
  return startFailed(`missing program for ${kind} spawn`);
}

function startFailed(message: string): ExecutorError {
  return new ExecutorError("start_failed", message);
}
