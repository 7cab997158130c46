/** What a command prints: results on stdout, everything about them on stderr. */
import fs from "node:fs";
import { sep } from "node:path";
import type { Stop } from "./signals.ts";

/** The output cannot be written. Without a message when its reader has left, as `| head` does. */
export class OutputError extends Error {
  override readonly name = "OutputError";
}

/**
 * Written at once and to the descriptor: to set `process.stdout` up takes a tenth of a short command (measured).
 *
 * @throws {OutputError}
 */
export function print(content: string | Uint8Array): void {
  let rest: Uint8Array = Buffer.from(content);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(1, rest));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "EAGAIN") throw outputError(code, message);
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

/** For a command that prints as it goes: it is stopped when its output cannot be written. */
export function stopWhenOutputFails(stop: Stop): void {
  process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    stop.end(outputError(code, message));
  });
}

function outputError(code: string | undefined, message: string): OutputError {
  return new OutputError(code === "EPIPE" ? "" : `Cannot write the output: ${message}`);
}

export function printJson(value: unknown): void {
  print(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** For people. Text from a file must not control the terminal. */
export function say(text: string): void {
  print(`${printable(text)}\n`);
}

export function tell(text: string): void {
  writeAside(`${printable(text)}\n`);
}

let isStderrWatched = false;

/** To stderr. When nobody can read it, the command goes on: its result and its exit code count. */
export function writeAside(text: string): void {
  if (!isStderrWatched) process.stderr.on("error", () => {});
  isStderrWatched = true;
  process.stderr.write(text);
}

/**
 * Control characters, and those that change the direction of text, as escapes. Cells of a table need this before
 * they are measured.
 */
export function printable(text: string): string {
  return text.replace(
    /(?![\n\t])[\p{Control}\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Node's module is loaded only where the environment has no HOME: loading it takes a millisecond. */
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
