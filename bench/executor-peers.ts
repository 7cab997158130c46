/** The executors that are compared: ours as it is published, and the original. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { findCodex } from "../src/codex/app-server/binary.ts";
import { systemClock } from "../src/base/clock.ts";
import { RemoteExecutor, websocketOpener } from "../src/executor/index.ts";

export interface Peer extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
}

const COMMAND = resolve(import.meta.dirname, "../dist/cli/main.js");

export async function startOurExecutor(): Promise<Peer> {
  return await startPeer(process.execPath, [COMMAND, "executor", "--no-audit"], {});
}

export async function startCodexExecServer(): Promise<Peer> {
  const home = mkdtempSync(join(tmpdir(), "switchyard-bench-"));
  const args = ["exec-server", "--listen", "ws://127.0.0.1:0"];
  const peer = await startPeer(findCodex(undefined, process.env).path, args, { CODEX_HOME: home });
  return {
    ...peer,
    [Symbol.asyncDispose]: async () => {
      await peer[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export function connectExecutor(url: string): RemoteExecutor {
  return new RemoteExecutor({ name: "bench", opener: websocketOpener({ url, clock: systemClock }) });
}

/** The memory that a process has in use. */
export function rssMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

async function startPeer(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Peer> {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...env },
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return {
    url: line.toString().trim(),
    child,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, "exit");
    },
  };
}
