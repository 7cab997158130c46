import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type Message, parseMessage } from "./message.ts";

/** As the unit "binary", for which fast-check makes a table of a million characters first, most of a second. */
const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff })
  .map((code) => String.fromCodePoint(code).toWellFormed());

const id = fc.oneof(fc.integer(), fc.string());

suite("parseMessage", () => {
  const messages: readonly (readonly [what: string, line: object, message: Message])[] = [
    ["a request", { id: 7, method: "m", params: [1] }, { kind: "request", id: 7, method: "m", params: [1] }],
    [
      "a request with id 0",
      { id: 0, method: "m" },
      { kind: "request", id: 0, method: "m", params: undefined },
    ],
    [
      'a request with id ""',
      { id: "", method: "m" },
      { kind: "request", id: "", method: "m", params: undefined },
    ],
    ["a notification", { method: "m", params: {} }, { kind: "notification", method: "m", params: {} }],
    [
      "a request with id null as a notification",
      { id: null, method: "m" },
      { kind: "notification", method: "m", params: undefined },
    ],
    ["a result of null", { id: 1, result: null }, { kind: "result", id: 1, result: null }],
    ["a result with id 0", { id: 0, result: {} }, { kind: "result", id: 0, result: {} }],
    [
      "a result beside an error of null",
      { id: 1, result: 2, error: null },
      { kind: "result", id: 1, result: 2 },
    ],
    [
      "an error",
      { id: "a", error: { code: -1, message: "no", data: 1 } },
      { kind: "error", id: "a", error: { code: -1, message: "no", data: 1 } },
    ],
    [
      "an error with id null",
      { id: null, error: { code: -1, message: "no" } },
      { kind: "error", id: null, error: { code: -1, message: "no" } },
    ],
    [
      "an error without an id",
      { error: { code: -1, message: "no" } },
      { kind: "error", id: null, error: { code: -1, message: "no" } },
    ],
    [
      "a message with jsonrpc and more",
      { jsonrpc: "2.0", method: "m", x: 1 },
      { kind: "notification", method: "m", params: undefined },
    ],
  ];
  for (const [what, line, message] of messages) {
    test(`reads ${what}`, () => assert.deepEqual(parseMessage(JSON.stringify(line)), message));
  }

  const strays: readonly (readonly [why: string, lines: readonly string[]])[] = [
    ["not JSON", ["", "{", "nope", "{'a':1}", "\ufeff{}", "{} {}"]],
    ["not a JSON object", ["1", "null", '"text"', "true", "[]", '[{"method":"m"}]']],
    [
      "neither request, notification, result nor error",
      ["{}", '{"id":1}', '{"result":1}', '{"id":null,"result":1}', '{"id":{},"result":1}', '{"method":1}'],
    ],
    [
      "neither request, notification, result nor error",
      [
        '{"id":1,"error":"no"}',
        '{"id":1,"error":{"code":"1","message":"no"}}',
        '{"id":1,"error":{"code":1}}',
      ],
    ],
  ];
  for (const [why, lines] of strays) {
    for (const line of lines) test(`reports ${line} as ${why}`, () => assert.equal(parseMessage(line), why));
  }

  test("never throws, for any line", () => {
    const member = fc.constantFrom(
      "id",
      "method",
      "params",
      "result",
      "error",
      "__proto__",
      "code",
      "message",
    );
    const object = fc.dictionary(member, fc.jsonValue());
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: anyCharacter }),
          fc.json(),
          object.map((value) => JSON.stringify(value)),
        ),
        (line) => {
          const message = parseMessage(line);
          assert.ok(typeof message === "string" ? message !== "" : typeof message.kind === "string");
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("survives a line nested a million deep", () => {
    const line = `{"method":"m","params":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`;
    const message = parseMessage(line);
    assert.ok(message === "not JSON" || typeof message === "object");
  });

  test("gives back what was written", () => {
    const params = fc.jsonValue();
    const message: fc.Arbitrary<Message> = fc.oneof(
      fc.record({ kind: fc.constant("request" as const), id, method: fc.string(), params }),
      fc.record({ kind: fc.constant("notification" as const), method: fc.string(), params }),
      fc.record({ kind: fc.constant("result" as const), id, result: params }),
      fc.record({
        kind: fc.constant("error" as const),
        id: fc.option(id),
        error: fc.record({ code: fc.integer(), message: fc.string() }),
      }),
    );
    fc.assert(
      fc.property(message, ({ kind, ...written }) => {
        // Through JSON, where -0 is 0.
        const line = JSON.stringify(written);
        assert.deepEqual(parseMessage(line), { kind, ...(JSON.parse(line) as object) });
      }),
    );
  });
});
