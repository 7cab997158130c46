import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { UsageError } from "../args/parse.ts";
import { keyPath, valueOfKey } from "./value.ts";

suite("keys as they are typed", () => {
  const keys: readonly (readonly [text: string, path: readonly string[]])[] = [
    ["cwd", ["cwd"]],
    ["env.TOKEN", ["env", "TOKEN"]],
    ['tools."a.b".approval_mode', ["tools", "a.b", "approval_mode"]],
    ["tools.'x y'.output_token_limit", ["tools", "x y", "output_token_limit"]],
    ["env.__proto__", ["env", "__proto__"]],
  ];
  for (const [text, path] of keys) test(text, () => assert.deepEqual(keyPath(text), path));

  for (const text of ["", ".", "a.", "a b", "a = 1\nb", "a = 1 #", '"a', "[a]"]) {
    test(`${JSON.stringify(text)} is rejected`, () => assert.throws(() => keyPath(text), UsageError));
  }
});

suite("values as they are typed", () => {
  const values: readonly (readonly [key: string, text: string, value: unknown])[] = [
    ["cwd", "/tmp/a b", "/tmp/a b"],
    ["cwd", "5", "5"],
    ["cwd", '"quoted"', "quoted"],
    ["env.A", "true", "true"],
    ["enabled", "false", false],
    ["tool_timeout_sec", "90", 90n],
    ["tool_timeout_sec", "1.5", 1.5],
    ["args", '["a", "b"]', ["a", "b"]],
    ["enabled_tools", "[]", []],
    ["auth", "chatgpt", "chatgpt"],
    ["tools.x.approval_mode", "approve", "approve"],
    ["tools.x.output_token_limit", "100", 100n],
    ["oauth.callback_port", "0", 0n],
  ];
  for (const [key, text, value] of values) {
    test(`${key} ${text}`, () => {
      assert.deepEqual(valueOfKey(keyPath(key), text, { own: false, string: false }), value);
    });
  }

  const rejected: readonly (readonly [key: string, text: string, message: RegExp])[] = [
    ["args", "a", /args takes a list, written as '\["a", "b"\]'/],
    ["enabled", "yes", /enabled takes true or false/],
    ["tool_timeout_sec", "soon", /a number of seconds/],
    ["auth", "basic", /one of oauth, chatgpt, ema_auth/],
    ["env", "A=1", /a table.* env\.KEY/],
    ["cwd.x", "1", /There is no key cwd\.x: cwd has no keys/],
    ["timeout", "1", /no key timeout .*startup_timeout_sec/],
    ["comand", "x", /did you mean command/],
    ["oauth.clientid", "x", /did you mean oauth\.client_id/],
    ["scope", "host", /switchyard\.toml only/],
  ];
  for (const [key, text, message] of rejected) {
    test(`${key} ${text} is rejected`, () => {
      assert.throws(() => valueOfKey(keyPath(key), text, { own: false, string: false }), {
        name: "UsageError",
        message,
      });
    });
  }

  test("--string makes any value text", () => {
    assert.equal(valueOfKey(["cwd"], '"x"', { own: false, string: true }), '"x"');
  });

  test("an error does not repeat the value", () => {
    assert.throws(
      () => valueOfKey(["http_headers"], "PLANTED", { own: false, string: false }),
      (error: Error) => !error.message.includes("PLANTED"),
    );
  });
});
