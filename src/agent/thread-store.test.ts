import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import fc from "fast-check";
import type { ConversationItem } from "./model-client.ts";
import { memoryStore, NO_USAGE, openCalls, openStore } from "./thread-store.ts";

/** As the unit "binary", for which fast-check makes a table of a million characters first, most of a second. */
const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff })
  .map((code) => String.fromCodePoint(code).toWellFormed());

const folder = mkdtempSync(join(tmpdir(), "switchyard-store-"));
after(() => rmSync(folder, { recursive: true }));

const message = (text: string): ConversationItem => ({ type: "message", role: "user", content: text });
const call = (id: string): ConversationItem => ({
  type: "function_call",
  call_id: id,
  name: "x",
  arguments: "",
});
const output = (id: string): ConversationItem => ({
  type: "function_call_output",
  call_id: id,
  output: `of ${id}`,
});

suite("a thread on disk", () => {
  test("has what was added and not taken back, whenever it is opened again (S1)", () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("add" as const),
        texts: fc.array(fc.string({ unit: anyCharacter }), { maxLength: 4 }),
      }),
      fc.record({ kind: fc.constant("rewind" as const), to: fc.nat(12) }),
      fc.record({ kind: fc.constant("reopen" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const id = randomUUID();
        let store = openStore(folder, id, "create");
        let expected: ConversationItem[] = [];
        let tokens = 0;
        for (const each of steps) {
          if (each.kind === "add") {
            const items = each.texts.map(message);
            store.add(items, { ...NO_USAGE, input_tokens: 1 });
            expected.push(...items);
            tokens++;
          } else if (each.kind === "rewind") {
            store.rewind(each.to);
            expected = expected.slice(0, each.to);
          } else {
            store.close();
            store = openStore(folder, id, "existing");
          }
          assert.deepEqual(store.items, expected);
          assert.equal(store.usage.input_tokens, tokens);
        }
        store.close();
      }),
      { numRuns: 40 },
    );
  });

  test("answers each call whose output it has not: with the one that was kept, or with that nobody knows (S4)", () => {
    const id = randomUUID();
    const store = openStore(folder, id, "create");
    store.add([call("a"), output("a"), call("a"), call("b"), { ...call("c"), type: "custom_tool_call" }]);
    store.keep(output("b"));
    store.close();
    const { items } = openStore(folder, id, "existing");
    const [first, second, third] = items.slice(5);
    assert.match(String(first?.["output"]), /^Nobody knows what became of this call/);
    assert.deepEqual(second, output("b"));
    assert.deepEqual([third?.type, third?.["call_id"]], ["custom_tool_call_output", "c"]);
    assert.deepEqual(openCalls(items), []);
  });

  test("forgets a kept output when those of its step are added", () => {
    const id = randomUUID();
    const store = openStore(folder, id, "create");
    store.add([call("a")]);
    store.keep(output("a"));
    store.add([output("a")]);
    store.close();
    assert.deepEqual(openStore(folder, id, "existing").items, [call("a"), output("a")]);
  });

  test("is opened once, and is its user's alone (S2, S3)", () => {
    const id = randomUUID();
    const store = openStore(folder, id, "create");
    assert.throws(() => openStore(folder, id, "existing"), { code: "thread_busy" });
    store.add([message("the one that was refused did no harm")]);
    assert.equal(statSync(join(folder, `${id}.sqlite`)).mode & 0o777, 0o600);
    store.close();
    openStore(folder, id, "existing").close();
  });

  test("that is no history is an error with its reason", () => {
    const id = randomUUID();
    assert.throws(() => openStore(folder, id, "existing"), { code: "thread_not_found" });
    writeFileSync(
      join(folder, `${id}.sqlite`),
      "this is no database, though it is long enough to be one".repeat(40),
    );
    assert.throws(() => openStore(folder, id, "existing"), {
      code: "request_failed",
      message: /not a database/,
    });
  });
});

test("a thread in memory answers open calls, too (S4)", () => {
  assert.deepEqual(openCalls(memoryStore([call("a")]).items), []);
});
