/** Many commands, one after the other, in one process that is started for the first of them. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { NODE_VARIABLES } from "../../support/command.ts";
import type { Answer, Command } from "./commands-here.ts";

let child: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

export function runInOneProcess(command: Command): Promise<Answer> {
  const finished = last.then(() => play(command));
  last = finished.catch(() => {});
  return finished;
}

async function play(command: Command): Promise<Answer> {
  child ??= fork(join(import.meta.dirname, "commands-here.ts"), { env: NODE_VARIABLES, execArgv: [] });
  child.ref();
  child.channel?.ref();
  try {
    child.send(command);
    const ended = new AbortController();
    const [answer] = (await Promise.race([
      once(child, "message", { signal: ended.signal }),
      once(child, "exit", { signal: ended.signal }).then(([code]) => {
        throw new Error(
          `The process of many commands ended with ${String(code)} at ${command.args.join(" ")}`,
        );
      }),
    ]).finally(() => ended.abort())) as [Answer];
    return answer;
  } finally {
    // It ends with this process, and does not hold it.
    child.unref();
    child.channel?.unref();
  }
}
