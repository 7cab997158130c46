import assert from "node:assert/strict";
import { posix } from "node:path";
import { suite, test } from "node:test";
import fc from "fast-check";
import { RpcError } from "../../jsonrpc/index.ts";
import { Issue } from "../../base/reader.ts";
import { fileUri, toFileUri } from "../wire/file-uri.ts";
import { cwdOf, pathOf } from "./file-uri.ts";

/** As the unit "binary", for which fast-check makes a table of a million characters first, most of a second. */
const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff })
  .map((code) => String.fromCodePoint(code).toWellFormed());

/** The path, or the code of the error. */
function read(text: string, toPath: (uri: URL) => string = pathOf): string | number {
  const uri = fileUri(text);
  if (uri instanceof Issue) return -32602;
  try {
    return toPath(uri);
  } catch (error) {
    assert.ok(error instanceof RpcError, String(error));
    return error.code;
  }
}

const names = fc.string({ unit: anyCharacter, minLength: 1 }).filter((name) => {
  return name.isWellFormed() && !/[/\0]/.test(name) && name !== "." && name !== "..";
});
const paths = fc
  .array(names)
  .map((parts) => `/${parts.join("/")}`)
  .filter((path) => !/^\/[A-Za-z]:(?:\/|$)/.test(path));

suite("file URIs", () => {
  test("are read back as the path they were made from (U2)", () => {
    fc.assert(fc.property(paths, (path) => assert.equal(read(toFileUri(path)), path)));
  });

  test("are visible ASCII", () => {
    fc.assert(fc.property(paths, (path) => assert.match(toFileUri(path), /^file:\/\/[!-~]*$/)));
  });

  test("become paths that are absolute and normal, or are rejected (U1)", () => {
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
        const path = read(text);
        if (typeof path === "number") return;
        assert.ok(path.startsWith("/"), path);
        assert.equal(posix.normalize(path), path);
        assert.ok(path === "/" || !path.endsWith("/"), path);
        assert.ok(!path.includes("\0"), path);
      }),
    );
  });

  test("are rejected when they are not one, or another machine's", () => {
    for (const [uri, code] of [
      ["/tmp", -32602],
      ["http://x/tmp", -32602],
      ["file:///tmp?", -32602],
      ["file:///tmp#f", -32602],
      ["file:///tmp/%00", -32602],
      ["file://elsewhere/tmp", -32600],
      ["file:///C:/Users", -32600],
      // Node does not have names that are not UTF-8.
      ["file:///tmp/%FF", -32600],
    ] as const) {
      assert.equal(read(uri), code, uri);
    }
  });

  test("to start in are parameters, whatever is wrong with them", () => {
    assert.equal(read("file://elsewhere/a b", cwdOf), -32602);
    assert.equal(read("file://localhost/tmp/", cwdOf), "/tmp");
  });
});
