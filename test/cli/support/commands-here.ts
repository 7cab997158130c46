/**
 * A process that plays the command line again and again: with an environment, a folder and an input of its own each time, and
 * tells what it printed and its exit code. From source. `one-process.ts` starts it.
 */
import fs from "node:fs";
import { Readable } from "node:stream";
import { runCommandLine } from "../../../src/cli/command-line.ts";

export interface Command {
  readonly args: readonly string[];
  readonly input: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let printed = { stdout: "", stderr: "" };
const text = (data: string | Uint8Array): string => Buffer.from(data).toString();
const { writeSync } = fs;
fs.writeSync = ((fd: number, data: Uint8Array, ...rest: []) => {
  if (fd !== 1) return writeSync(fd, data, ...rest);
  printed.stdout += text(data);
  return data.length;
}) as typeof writeSync;
for (const name of ["stdout", "stderr"] as const) {
  process[name].write = (data: string | Uint8Array) => {
    printed[name] += text(data);
    return true;
  };
}

process.on("message", ({ args, input, env, cwd }: Command) => {
  printed = { stdout: "", stderr: "" };
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  Object.defineProperty(process, "stdin", { value: Readable.from([Buffer.from(input)]), configurable: true });
  const answer = (more: Pick<Answer, "code"> & Partial<Answer>): void => {
    process.send?.({ ...printed, ...more } satisfies Answer);
  };
  void runCommandLine(args).then(
    (code) => answer({ code }),
    (error: unknown) => answer({ code: null, stderr: String(error) }),
  );
});
