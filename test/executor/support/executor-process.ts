/** `switchyard executor` as its users run it: a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { MAIN } from "../../support/command.ts";
import { leakChecked } from "./subjects.ts";

export interface ExecutorProcess extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
  /** The lines of its stderr: diagnostics and audit. */
  readonly lines: string[];
}

export async function startExecutorProcess(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ExecutorProcess> {
  const child = spawn(process.execPath, [MAIN, "executor", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const lines: string[] = [];
  createInterface(child.stderr).on("line", (line) => lines.push(line));
  const url = await Promise.race([
    once(child.stdout, "data").then(([data]) => String(data).trim()),
    once(child, "exit").then(() => {
      throw new Error(`The executor did not start: ${lines.join("\n")}`);
    }),
  ]);
  return leakChecked({ url, child, lines }, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  });
}
