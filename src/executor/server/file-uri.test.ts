import assert from "node:assert/strict";
import { posix } from "node:path";
import { suite, test } from "node:test";
import fc from "fast-check";
import { RpcError } from "../../jsonrpc/index.ts";
import { toFileUri } from "../wire/file-uri.ts";
import { readCwdUri, readFileUri } from "./file-uri.ts";

function refusal(read: () => unknown): readonly [code: number, message: string] {
  try {
    return [0, `not refused: ${String(read())}`];
  } catch (error) {
    assert.ok(error instanceof RpcError, String(error));
    return [error.code, error.message];
  }
}

const names = fc.string({ unit: "binary", minLength: 1 }).filter((name) => {
  return name.isWellFormed() && !/[/\0]/.test(name) && name !== "." && name !== "..";
});
const paths = fc
  .array(names)
  .map((parts) => `/${parts.join("/")}`)
  .filter((path) => !/^\/[A-Za-z]:(?:\/|$)/.test(path));

suite("file URIs", () => {
  test("are read back as the path they were made of (U2)", () => {
    fc.assert(fc.property(paths, (path) => assert.equal(readFileUri(toFileUri(path)), path)));
  });

  test("are visible ASCII", () => {
    fc.assert(fc.property(paths, (path) => assert.match(toFileUri(path), /^file:\/\/[!-~]*$/)));
  });

  test("become paths that are absolute and normal, or are refused (U1)", () => {
    const part = fc.constantFrom(
      "a",
      "..",
      ".",
      "",
      "%2e%2E",
      "%2F",
      "%",
      "%zz",
      "%41",
      "%C3%A9",
      "%ff",
      "C:",
      "é",
      "\\",
    );
    const uri = fc.oneof(
      fc.array(part).map((parts) => `file:///${parts.join("/")}`),
      fc.array(part).map((parts) => `file:${parts.join("")}`),
      fc.string(),
    );
    fc.assert(
      fc.property(uri, (text) => {
        let path: string;
        try {
          path = readFileUri(text);
        } catch (error) {
          return assert.ok(error instanceof RpcError, String(error));
        }
        assert.ok(path.startsWith("/"), path);
        assert.equal(posix.normalize(path), path);
        assert.ok(path === "/" || !path.endsWith("/"), path);
        assert.ok(!path.includes("\0"), path);
      }),
    );
  });

  test("are refused in the words of the original", () => {
    const os = process.platform === "darwin" ? "macos" : process.platform;
    for (const [uri, code, message] of [
      ["/tmp", -32602, "invalid URI: relative URL without a base"],
      ["http://x/tmp", -32602, "unsupported path URI scheme `http`"],
      ["file:///tmp?", -32602, "query parameters are not allowed in path URIs"],
      ["file:///tmp#f", -32602, "fragments are not allowed in path URIs"],
      ["file:///tmp/%00", -32602, `'file:///tmp/%00' is invalid on '${os}'`],
      ["file://elsewhere/tmp", -32600, `'file://elsewhere/tmp' is invalid on '${os}'`],
      ["file:///C:/Users", -32600, `'file:///C:/Users' is invalid on '${os}'`],
    ] as const) {
      assert.deepEqual(
        refusal(() => readFileUri(uri)),
        [code, message],
      );
    }
  });

  test("to start in say so when they are another machine's", () => {
    const [code, message] = refusal(() => readCwdUri("file://Elsewhere/a b"));
    assert.equal(code, -32602);
    assert.match(
      message,
      /^cwd URI `file:\/\/elsewhere\/a%20b` is not valid on this exec-server host: 'file:\/\/elsewhere/,
    );
    assert.equal(readCwdUri("file://localhost/tmp/"), "/tmp");
  });

  test("with bytes that are no UTF-8 are refused: Node has no such names", () => {
    assert.match(refusal(() => readFileUri("file:///tmp/%FF"))[1], /is invalid on/);
  });
});
