/** What a command says: on stdout what was asked for, on stderr what is told about it. */
import { sep } from "node:path";
import { fs } from "../base/builtin.ts";

/** Nobody takes what is printed. Without a message: whoever read has left, as `| head` does. */
export class OutputError extends Error {
  override readonly name = "OutputError";
}

/**
 * Written at once and to the descriptor: to set `process.stdout` up takes a tenth of a short command (measured).
 *
 * @throws {OutputError}
 */
export function print(text: string): void {
  let rest: Uint8Array = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(1, rest));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "EAGAIN")
        throw new OutputError(code === "EPIPE" ? "" : `cannot write the output: ${message}`);
      process.stdout.once("error", () => {}).write(rest);
      return;
    }
  }
}

/** @returns the exit code */
export async function printVersion(): Promise<number> {
  const { packageVersion } = await import("../base/package-version.ts");
  print(`${packageVersion()}\n`);
  return 0;
}

export function printJson(value: unknown): void {
  print(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** For people. A file that is not the user's own must not steer the terminal. */
export function say(text: string): void {
  print(`${printable(text)}\n`);
}

export function tell(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

/**
 * Control characters, and those that turn the direction of what follows, as escapes. What is lined up in columns
 * has to be so before it is measured.
 */
export function printable(text: string): string {
  return text.replace(
    /(?![\n\t])[\p{Control}\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Node's module is asked only where the environment does not say it: to load it costs a millisecond. */
export function userHome(): string {
  return process.env["HOME"] || process.getBuiltinModule("node:os").homedir();
}

/** A path for people: the home is `~`. */
export function shortPath(path: string): string {
  const home = userHome();
  if (path === home) return "~";
  return home.length > 1 && path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}

/** Every path under the home in a text, for people. */
export function shortPaths(text: string): string {
  const home = userHome();
  return home.length > 1 ? text.replaceAll(home + sep, `~${sep}`) : text;
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
