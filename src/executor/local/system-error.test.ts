import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { suite, test } from "node:test";
import { RpcError } from "../../jsonrpc/index.ts";
import { systemError, systemErrorText, toRpcError } from "./system-error.ts";

suite("errors of the operating system", () => {
  test("are told in the words of the original", async () => {
    const error: unknown = await stat("/does/not/exist").catch((caught: unknown) => caught);
    assert.equal(systemErrorText(error), "No such file or directory (os error 2)");
    assert.equal(systemErrorText(systemError("ENOENT")), systemErrorText(error));
    assert.equal(
      systemErrorText(systemError("ELOOP")),
      `Symbolic link loop (os error ${-Number(systemError("ELOOP").errno)})`,
    );
    assert.equal(systemErrorText(new Error("something else")), undefined);
  });

  test("have the number of what kind they are", () => {
    for (const [code, number] of [
      ["ENOENT", -32004],
      ["EACCES", -32600],
      ["EPERM", -32600],
      ["EINVAL", -32600],
      ["EISDIR", -32603],
      ["ENOSPC", -32603],
    ] as const) {
      assert.equal(toRpcError(systemError(code)).code, number, code);
    }
  });

  test("that are answers already stay as they are", () => {
    const answer = new RpcError({ code: -32602, message: "m" });
    assert.equal(toRpcError(answer), answer);
    assert.equal(toRpcError(new TypeError("t")).message, "t");
  });
});
