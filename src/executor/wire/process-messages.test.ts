import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Issue } from "../../base/reader.ts";
import type { ProcessEvent, ProcessSpec, ReadResult } from "../executor.ts";
import { fromFileUri } from "./file-uri.ts";
import {
  eventNotification,
  fromReadResult,
  readEvent,
  readParams,
  readResult,
  startParams,
  toReadParams,
  toStartParams,
} from "./process-messages.ts";

function overWire(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

const seq = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const plain = { noNullPrototype: true };
const output = fc.record(
  {
    type: fc.constant("output" as const),
    seq,
    stream: fc.constantFrom("stdout" as const, "stderr" as const, "pty" as const),
    chunk: fc.uint8Array().map((each) => Buffer.from(each)),
  },
  plain,
);
const event: fc.Arbitrary<ProcessEvent> = fc.oneof(
  output,
  fc.record({ type: fc.constant("exited" as const), seq, exitCode: fc.integer() }, plain),
  fc.record({ type: fc.constant("closed" as const), seq }, plain),
);

suite("what one side writes the other side reads", () => {
  test("a start", () => {
    const spec: ProcessSpec = {
      argv: ["cat", "-"],
      cwd: "/srv/a b",
      env: { A: "1", __proto__: "x" },
      envPolicy: { inherit: "core", ignoreDefaultExcludes: true, exclude: ["X"], set: {}, includeOnly: [] },
      pipeStdin: true,
    };
    const read = startParams(overWire(toStartParams("p", spec)));
    assert.ok(!(read instanceof Issue));
    const { cwd, ...rest } = read;
    assert.equal(fromFileUri(cwd.href), spec.cwd);
    const { argv, env, envPolicy } = spec;
    const flags = { processId: "p", tty: false, pipeStdin: true, enforceManagedNetwork: false };
    assert.deepEqual(rest, { ...flags, argv, env, envPolicy });
  });

  test("an event", () => {
    const id = fc.string();
    fc.assert(
      fc.property(id, event, (processId, sent) => {
        const { method, params } = JSON.parse(eventNotification(JSON.stringify(processId), sent)) as {
          method: string;
          params: { processId: string };
        };
        assert.equal(params.processId, processId);
        assert.deepEqual(readEvent(method, params), sent);
      }),
    );
  });

  test("retained output", () => {
    const result: fc.Arbitrary<ReadResult> = fc.record(
      {
        chunks: fc.array(output),
        nextSeq: seq,
        exited: fc.boolean(),
        exitCode: fc.option(fc.integer(), { nil: undefined }),
        closed: fc.boolean(),
      },
      plain,
    );
    fc.assert(
      fc.property(result, (sent) => assert.deepEqual(readResult(overWire(fromReadResult(sent))), sent)),
    );
  });

  test("a read", () => {
    assert.deepEqual(readParams(overWire(toReadParams("p", {}))), { processId: "p", afterSeq: 0, waitMs: 0 });
  });
});

test("a notification that is not an event of a process is not taken for one", () => {
  assert.equal(readEvent("process/renamed", { seq: 1 }), undefined);
  for (const params of [null, [], {}, { seq: 0 }, { seq: 1.5 }, { seq: "1" }]) {
    assert.ok(readEvent("process/closed", params) instanceof Issue);
  }
  const sent = { seq: 1, stream: "stdout", chunk: "" };
  for (const wrong of [{ stream: "stdin" }, { chunk: 1 }]) {
    assert.ok(readEvent("process/output", { ...sent, ...wrong }) instanceof Issue);
  }
});
