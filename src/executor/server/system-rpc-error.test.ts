import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { RpcError } from "../../jsonrpc/index.ts";
import { systemError } from "../local/system-error.ts";
import { toRpcError } from "./system-rpc-error.ts";

suite("errors of the operating system, on the wire", () => {
  test("have the code of their kind", () => {
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
