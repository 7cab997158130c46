/** An executor of its own process on loopback, and our client of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { systemClock } from "../../../src/base/clock.ts";
import { RemoteExecutor, websocketOpener } from "../../../src/executor/index.ts";
import { ExecutorStdioLauncher } from "../../../src/mcp/index.ts";
import type { Machine, Place } from "./placement.ts";

export interface ExecutorCommand {
  /** Prints its URL as its first line. */
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** How long our client tries to get a lost link back. */
const RECOVERY_MS = 1_000;

export async function startExecutorPlace(
  environment: string,
  { dir, host }: Machine,
  { argv: [program, ...args], env }: ExecutorCommand,
): Promise<Place> {
  const child = spawn(program, args, { cwd: dir, env, stdio: ["ignore", "pipe", "pipe"] });
  const url = await firstLine(child);
  const opener = websocketOpener({ url, clock: systemClock });
  const executor = new RemoteExecutor({ name: environment, opener, recoveryMs: RECOVERY_MS });
  const exited = once(child, "exit");
  return {
    launcher: new ExecutorStdioLauncher({ executor, environment, env: host }),
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
    [Symbol.asyncDispose]: async () => {
      await executor[Symbol.asyncDispose]();
      child.kill("SIGTERM");
      await exited;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("no pipes");
  let said = "";
  stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4_000);
  });
  for await (const line of createInterface({ input: stdout })) {
    // The rest of both is of no interest, but must not fill the pipes.
    stdout.resume();
    return line;
  }
  throw new Error(`The executor ended and said: ${said}`);
}
