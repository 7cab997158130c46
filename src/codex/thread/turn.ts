/** One turn of a loaded thread: asked for, waited for, and interrupted when its run is stopped. */
import { within } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import type { Loaded, OpenThread } from "./open-thread.ts";
import type { ActiveRun, TurnEnd } from "./run.ts";
import { watchThreadFile } from "./thread-file.ts";

const INTERRUPT_TIMEOUT_MS = 5_000;

/**
 * @throws the reason for which the run was stopped, once its turn is over
 * @throws what Codex answers to `turn/start`
 */
export async function runTurn(
  run: ActiveRun,
  thread: OpenThread,
  loaded: Loaded,
  clock: Clock,
): Promise<TurnEnd> {
  run.beginTurn(watchThreadFile(loaded.ephemeral ? undefined : loaded.file));
  const letGo = loaded.process.hold();
  const started = startTurn(run, loaded);
  started.catch(() => {});
  try {
    // The reply may be lost; then the news of the start is as good.
    await Promise.race([started, run.turnStarted, run.turnEnded, run.stopped]);
    return await Promise.race([run.turnEnded, run.stopped]);
  } catch (error) {
    if (isNotLoaded(error)) thread.onUnloaded();
    else if (loaded.process.alive && thread.loaded === loaded) await interrupt(run, thread, loaded, clock);
    throw error;
  } finally {
    letGo();
  }
}

/** Whether Codex 0.169 says that it does not have the thread loaded. */
export function isNotLoaded(error: unknown): boolean {
  return error instanceof RpcError && error.message.includes("thread not found");
}

async function startTurn(run: ActiveRun, { process, threadId }: Loaded): Promise<void> {
  const { input, turn } = run.request;
  const reply = await process.request("turn/start", { ...turn, threadId, input });
  run.turnIsNamed(reply.turn.id);
}

/** Ends the turn, if one runs. A thread whose turn does not end is unloaded. */
async function interrupt(
  run: ActiveRun,
  thread: OpenThread,
  { process, threadId, closed }: Loaded,
  clock: Clock,
): Promise<void> {
  const timeoutMs = INTERRUPT_TIMEOUT_MS;
  try {
    // An empty turn id means "whatever runs" and, unlike the real id, works before `turn/started`.
    await process.request("turn/interrupt", { threadId, turnId: "" }, { timeoutMs });
  } catch (error) {
    // Nothing to interrupt: the turn never began, or is over.
    if (error instanceof RpcError) return;
  }
  const over = Promise.race([run.turnEnded, closed.promise]);
  if ((await within(clock, timeoutMs, over)) === "timeout") await thread.unload();
}
