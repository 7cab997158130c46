/** Files that a command reads, stdin included. */
import { readFile, stat } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { decodeText } from "../config/file/text.ts";
import { ConfigError } from "../config/problem.ts";

/** Whether `-`, or a file name that means stdin. */
export function isStdin(file: string): boolean {
  return file === "-" || file === "/dev/stdin" || file === "/dev/fd/0";
}

/**
 * The text of a file or of stdin. Stdin is not read in one blocking call: Ctrl-C has to end the wait for it.
 *
 * @throws {ConfigError} `unreadable`
 */
export async function readInput(file: string, signal: AbortSignal): Promise<string> {
  const bytes = isStdin(file) ? await readStdin(signal) : await readBytes(file);
  const decoded = decodeText(bytes);
  if (decoded.ok) return decoded.text;
  throw new ConfigError("unreadable", `Cannot read ${file}: it is not valid UTF-8 (${decoded.wrong})`);
}

/**
 * The secret in a file. The error does not name the file: by mistake, the flag may have the secret itself (F1).
 *
 * @throws {ConfigError} `unreadable`
 */
export async function readSecret(flag: string, file: string, signal: AbortSignal): Promise<string> {
  try {
    return await readInput(file, signal);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
    const why = code ?? "it is not valid UTF-8";
    const what = `--${flag} takes the name of a file, and this one cannot be read (${why})`;
    throw new ConfigError("unreadable", what, { cause: error });
  }
}

export async function readStdin(signal: AbortSignal): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of addAbortSignal(signal, process.stdin)) chunks.push(chunk as Uint8Array);
  } catch (error) {
    signal.throwIfAborted();
    throw new ConfigError("unreadable", `Cannot read stdin: ${(error as Error).message}`, { cause: error });
  }
  return Buffer.concat(chunks);
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? `There is no file ${file}` : `Cannot read ${file}: ${message}`;
    throw new ConfigError("unreadable", why, { cause: error });
  }
}

/** Whether a file is really the output of another command, as in `<(…)`. */
export async function isPipe(file: string): Promise<boolean> {
  const status = await stat(file).catch(() => undefined);
  return status !== undefined && (status.isFIFO() || status.isSocket());
}
