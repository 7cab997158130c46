import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../testing/index.ts";
import { ExecutorError } from "../errors.ts";
import type { LinkOpener, OpenOutcome } from "./open-link.ts";
import { RemoteExecutor } from "./remote-executor.ts";

test("RemoteExecutor connects at the first use, once for everybody who uses it (M1)", async () => {
  const attempts: PromiseWithResolvers<OpenOutcome>[] = [];
  const opener: LinkOpener = {
    target: "memory",
    resumable: true,
    open: () => {
      attempts.push(Promise.withResolvers<OpenOutcome>());
      return (attempts.at(-1) as PromiseWithResolvers<OpenOutcome>).promise;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  await using executor = new RemoteExecutor({ name: "box", opener, clock: new ManualClock() });
  assert.deepEqual([executor.status, attempts.length], ["idle", 0]);
  const uses = [executor.info(), executor.ping(), executor.info()];
  const errors = uses.map((use) => use.catch((error: unknown) => error));
  assert.deepEqual([executor.status, attempts.length], ["connecting", 1]);
  const error = new ExecutorError("executor_unreachable", "nobody there");
  attempts[0]?.resolve({ kind: "failed", error, final: false });
  assert.deepEqual(await Promise.all(errors), [error, error, error]);
  assert.deepEqual([executor.status, attempts.length], ["idle", 1]);
});
