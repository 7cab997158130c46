/**
 * How many jobs run at once: one for each processor, and more while the machine idles.
 *
 * Some test files compute, others wait for time-outs and processes. Nothing lists which is which: the pool starts another
 * job while the processors idle, and none while the machine is busy with something else.
 */
import { availableParallelism, cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const lookEveryMs = 400;
/** Share of the time since the last look in which the processors did nothing. */
const idleEnough = 0.12;
const perProcessor = 4;

/** Calls `run` for every item, in their order, until all have ended. `run` must not throw. */
export async function runAll<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const running = new Set<Promise<void>>();
  const processors = Math.max(2, availableParallelism());
  const start = (): void => {
    const item = waiting.shift();
    if (item === undefined) return;
    const ended = run(item).finally(() => running.delete(ended));
    running.add(ended);
  };
  let before = processorTime();
  while (waiting.length > 0) {
    while (running.size < processors && waiting.length > 0) start();
    const look = new AbortController();
    await Promise.race([
      ...running,
      sleep(lookEveryMs, undefined, { signal: look.signal }).catch(() => {}),
    ]).finally(() => look.abort());
    const now = processorTime();
    // Too short an interval shows nothing.
    if (now.total - before.total < (lookEveryMs * processors) / 2) continue;
    const idle = (now.idle - before.idle) / (now.total - before.total);
    before = now;
    if (idle >= idleEnough && running.size < processors * perProcessor) start();
  }
  await Promise.all(running);
}

/** In milliseconds since the machine started, over all processors. */
function processorTime(): { readonly idle: number; readonly total: number } {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { idle, total };
}
