import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { readMessage } from "./read-message.ts";

suite("readMessage", () => {
  const messages: readonly string[] = [
    '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    '{"jsonrpc":"2.0","id":"a","method":"ping","params":{}}',
    '{"jsonrpc":"2.0","method":"notifications/progress"}',
    '{"jsonrpc":"2.0","id":0,"result":{}}',
    '{"jsonrpc":"2.0","id":"","error":{"code":-1,"message":"no"}}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not read"}}',
    '{"jsonrpc":"2.0","error":{"code":-32700,"message":"not read"}}',
  ];
  for (const line of messages) {
    test(`takes ${line}`, () => assert.deepEqual(readMessage(line), JSON.parse(line)));
  }

  const others: readonly (readonly [line: string, what: string])[] = [
    ["Server is running", "not JSON"],
    ["", "not JSON"],
    ['{"jsonrpc":"2.0"', "not JSON"],
    ["null", "not a JSON object"],
    ['"ping"', "not a JSON object"],
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', "a batch"],
    ["{}", "JSON, but not a JSON-RPC message"],
    ['{"level":"info","msg":"up"}', "JSON, but not a JSON-RPC message"],
    ['{"id":1,"method":"ping"}', "JSON, but not a JSON-RPC message"],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', "JSON, but not a JSON-RPC message"],
    ['{"jsonrpc":"2.0","id":{},"result":{}}', "JSON, but not a JSON-RPC message"],
    ['{"jsonrpc":"2.0","result":{}}', "JSON, but not a JSON-RPC message"],
    ['{"jsonrpc":"2.0","id":1}', "JSON, but not a JSON-RPC message"],
    ['{"jsonrpc":"2.0","id":1,"error":"no"}', "JSON, but not a JSON-RPC message"],
  ];
  for (const [line, what] of others) {
    test(`says of ${line || "an empty line"}: ${what}`, () => assert.equal(readMessage(line), what));
  }

  test("takes any text without throwing", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => void readMessage(line)));
  });
});
