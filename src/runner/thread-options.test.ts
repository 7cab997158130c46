import assert from "node:assert/strict";
import { test } from "node:test";
import type { ThreadEvent } from "../thread/events.ts";
import { EngineError } from "../thread/errors.ts";
import { errorOf } from "./run.ts";
import { toWireEvent } from "./thread-options.ts";

test("toWireEvent says what would have allowed a question in fields of a run", () => {
  const declined: ThreadEvent = {
    type: "item.completed",
    item: {
      id: "item_0",
      type: "error",
      code: "request_declined",
      request: "file_change",
      message: 'declined. To allow it: onQuestion, or sandboxMode "workspace-write"',
      option: 'onQuestion, or sandboxMode "workspace-write"',
    },
  };
  const event = toWireEvent(declined);
  assert.ok(event.type === "item.completed" && event.item.type === "error");
  assert.equal(event.item.option, 'questions "host", or sandbox "workspace-write"');
  assert.equal(event.item.message, 'declined. To allow it: questions "host", or sandbox "workspace-write"');
});

test("toWireEvent leaves what others say as it is", () => {
  const said: ThreadEvent = {
    type: "item.completed",
    item: { id: "item_0", type: "agent_message", text: "use onQuestion" },
  };
  assert.equal(toWireEvent(said), said);
});

test("errorOf names the field of the run instead of the option", () => {
  const message = 'workingDirectory "/nope" is not a directory';
  const error = new EngineError("invalid_options", message, { option: "workingDirectory" });
  assert.deepEqual(errorOf(error), { code: "invalid_options", message: 'cwd "/nope" is not a directory' });
});
