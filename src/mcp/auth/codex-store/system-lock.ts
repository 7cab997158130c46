/**
 * One process at a time, Codex among them.
 *
 * Codex takes `flock(2)` on files in `mcp-oauth-locks` (measured with 0.171: without waiting, again every 50 ms). Node has no such
 * call, so the program `flock` holds the lock for us, until the pipe to it closes; the kernel closes that even when we are
 * killed. Where there is no such program (macOS, Windows), only Switchyards keep each other out, by a lock file of our own; with
 * Codex there is the comparison before a write.
 *
 * Invariants
 *   Y1. While `work` runs, nobody else has the lock: no Switchyard, and, where there is the program, no Codex.
 *   Y2. A holder that is killed has no lock any more.
 *   Y3. When it returns, no process of it is left.
 */
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { abortable } from "../../../base/abort.ts";
import { type Clock, systemClock } from "../../../base/clock.ts";
import { codeOf } from "../../../base/errors.ts";
import { makeFolder } from "../../../base/make-folder.ts";
import { withFileLock } from "../../../config/file/file-lock.ts";
import { ConfigError } from "../../../config/problem.ts";

/** As long as Codex waits. */
export const LOCK_MS = 60_000;

/**
 * @param path the lock file: made if need be, and left
 * @throws {ConfigError} `locked` when others take longer than `LOCK_MS`, `write_failed` when there can be no lock
 * @throws the signal's reason; what `work` throws
 */
export function withSystemLock<T>(
  path: string,
  work: () => Promise<T>,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<T> {
  return withFileLock(
    path,
    async () => {
      const release = await holdFlock(path, signal, clock);
      try {
        return await work();
      } finally {
        await release();
      }
    },
    { signal, clock, timeoutMs: LOCK_MS },
  );
}

/** @returns what gives the lock back; it does nothing where there is no `flock` */
async function holdFlock(path: string, signal: AbortSignal, clock: Clock): Promise<() => Promise<void>> {
  if (process.platform === "win32") return async () => {};
  makeFolder(dirname(path), 0o700);
  // One line says that the lock is held; then the shell waits for the end of its stdin.
  const holder = spawn("flock", [path, "sh", "-c", "echo; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin" },
  });
  const gone = new Promise<void>((resolve) => holder.once("close", () => resolve()));
  holder.stdin.on("error", () => {});
  const held = new Promise<"held" | "absent">((resolve, reject) => {
    holder.once("error", (error) =>
      codeOf(error) === "ENOENT" ? resolve("absent") : reject(failed(path, error)),
    );
    holder.stdout.once("data", () => resolve("held"));
    holder.once("exit", (code) => reject(failed(path, new Error(`flock ended with ${code}`))));
  });
  const timer = clock.schedule(LOCK_MS, () => holder.kill("SIGKILL"));
  const release = async (): Promise<void> => {
    holder.stdin.end();
    await gone;
  };
  try {
    const which = await abortable(held, signal);
    return which === "held" ? release : async () => {};
  } catch (error) {
    holder.kill("SIGKILL");
    await release();
    throw error;
  } finally {
    timer.clear();
  }
}

function failed(path: string, cause: Error): ConfigError {
  const what = `Cannot lock "${path}": another program, probably Codex, holds it, or it cannot be opened`;
  return new ConfigError("locked", what, { cause });
}
