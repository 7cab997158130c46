/** Files that a command is given to read, stdin among them. */
import { readFile, stat } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { decodeText } from "../config/file/text.ts";
import { ConfigError } from "../config/problem.ts";

/** Whether `-`, or a name for what the command was given on stdin. */
export function isStdin(file: string): boolean {
  return file === "-" || file === "/dev/stdin" || file === "/dev/fd/0";
}

/**
 * The text of a file or of stdin. Not read in one blocking call: Ctrl-C has to end the wait for what is typed.
 *
 * @throws {ConfigError} `unreadable`
 */
export async function readInput(file: string, signal: AbortSignal): Promise<string> {
  const bytes = isStdin(file) ? await readStdin(signal) : await readBytes(file);
  const decoded = decodeText(bytes);
  if (decoded.ok) return decoded.text;
  throw new ConfigError("unreadable", `Cannot read ${file}: it is no UTF-8 (${decoded.wrong})`);
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

/** Whether it ends by itself, as the output of another command does (`<(…)`), and is no file. */
export async function isPipe(file: string): Promise<boolean> {
  const status = await stat(file).catch(() => undefined);
  return status !== undefined && (status.isFIFO() || status.isSocket());
}
