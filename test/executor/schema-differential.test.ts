/** How parameters are read and refused, against the real `codex exec-server` 0.169: in the same words. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { fileUri, pathOf, readCwdUri } from "../../src/executor/server/file-uri.ts";
import {
  array,
  boolean,
  bytes,
  oneOf,
  optional,
  readParams,
  type Reader,
  string,
  stringMap,
  struct,
  u64,
  unit,
  usize,
  withDefault,
} from "../../src/executor/wire/schema.ts";
import { RpcError } from "../../src/jsonrpc/index.ts";
import { type RpcFailure, type Side, startRealSide } from "./support/exec-server-peer.ts";

const VALUES: readonly unknown[] = [
  ...[null, true, false, 0, 5, -5, 1.5, 1e20, "x", "", "5", [], [1], [null], {}, { a: 1 }],
  ...[
    'a"b',
    "a\\b",
    "a\nb\t\r\0",
    "a\u0001b",
    "é",
    "a'b",
    "\u{1f600}",
    "\u200b",
    "\u007f",
    "\u00ad",
    "e\u0301",
    "\u2028",
  ],
];

const startFields = {
  processId: string,
  argv: array(string),
  cwd: fileUri,
  env: stringMap,
  tty: boolean,
};

suite("parameters are refused in the words of codex exec-server", () => {
  let real: Side;
  before(async () => {
    real = await startRealSide();
  });
  after(async () => {
    await real[Symbol.asyncDispose]();
  });

  /** What is refused must be refused alike, with -32602; and what is not, must not be. */
  async function same(method: string, reader: Reader<unknown>, all: readonly unknown[]): Promise<void> {
    for (const params of all) {
      const answer = await real.ask(method, params);
      const refusal = "error" in answer && answer.error.code === -32602 ? answer.error : undefined;
      assert.deepEqual(
        refusalOf(() => readParams(reader, params)),
        refusal,
        `${method} ${JSON.stringify(params)}`,
      );
    }
  }

  test("one field at a time", async () => {
    const walk = { maxDepth: 1, maxDirectories: 1, maxEntries: 1, followDirectorySymlinks: false };
    const start = { processId: "p", argv: ["/nope"], cwd: "file:///tmp", env: {}, tty: false };
    const fields: readonly (readonly [
      method: string,
      params: object,
      field: string,
      reader: Reader<unknown>,
    ])[] = [
      ["process/terminate", {}, "processId", string],
      ["fs/canonicalize", {}, "path", fileUri],
      ["process/start", start, "tty", boolean],
      ["process/start", start, "pipeStdin", withDefault(boolean, false)],
      ["process/start", start, "arg0", optional(string)],
      ["process/start", start, "env", stringMap],
      ["fs/remove", { path: "file:///nope" }, "recursive", optional(boolean)],
      ["fs/readBlock", { handleId: "nope", len: 1 }, "offset", u64],
      ["fs/readBlock", { handleId: "nope", offset: 1 }, "len", usize],
      ["process/read", { processId: "nope" }, "afterSeq", optional(u64)],
      ["process/read", { processId: "nope" }, "maxBytes", optional(usize)],
      ["process/signal", { processId: "nope" }, "signal", oneOf("interrupt")],
      [
        "fs/open",
        { handleId: "h", path: "file:///nope" },
        "mode",
        withDefault(oneOf("read", "replace"), "read"),
      ],
      ["process/write", { processId: "nope", writeId: "1" }, "chunk", bytes],
      [
        "fs/walk",
        { path: "file:///nope", options: { ...walk, pruneHiddenDirectories: true } },
        "path",
        fileUri,
      ],
    ];
    for (const [method, params, field, reader] of fields) {
      // What is around the field is right, and need not be read.
      const only = struct("NotSeen", { [field]: reader });
      await same(
        method,
        only,
        VALUES.map((value) => ({ ...params, [field]: value })),
      );
    }
  });

  test("items of lists and values of maps", async () => {
    const start = { processId: "p", argv: ["/nope"], cwd: "file:///tmp", env: {}, tty: false };
    const reader = struct("WireExecParams", startFields);
    await same(
      "process/start",
      reader,
      VALUES.flatMap((value) => [
        { ...start, argv: ["/nope", value] },
        { ...start, env: { A: value } },
      ]),
    );
  });

  test("structs in structs", async () => {
    const options = struct("WalkOptions", {
      maxDepth: usize,
      maxDirectories: usize,
      maxEntries: usize,
      followDirectorySymlinks: boolean,
      pruneHiddenDirectories: withDefault(boolean, false),
    });
    const full = { maxDepth: 1, maxDirectories: 1, maxEntries: 1, followDirectorySymlinks: true };
    await same(
      "fs/walk",
      struct("WireFsWalkParams", { path: fileUri, options }),
      [
        ...VALUES,
        full,
        without(full, "maxDepth"),
        { ...full, maxDepth: "1", maxEntries: "1" },
        { maxEntries: "1", maxDepth: null },
        [1, 1, 1],
        [1, 1, 1, true],
        [1, 1, 1, true, false],
        [1, 1, 1, true, false, 6],
        [1, 1, "x"],
      ].map((value) => ({ path: "file:///nope", options: value })),
    );
  });

  test("parameters as a whole", async () => {
    const shapes: readonly unknown[] = [...VALUES, undefined, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]];
    await same("process/terminate", struct("TerminateParams", { processId: string }), [
      ...shapes,
      ["p"],
      ["p", 1],
      { processId: "p", more: 1 },
    ]);
    await same("process/signal", struct("SignalParams", { processId: string, signal: oneOf("interrupt") }), [
      ...shapes,
      ["p"],
      ["p", "interrupt"],
      ["p", "interrupt", 3],
      ["p", "nope", 3],
      { signal: 5, processId: 5 },
      { processId: 5, signal: 5 },
      { signal: "nope" },
      { signal: { interrupt: null }, processId: "p" },
      { signal: { interrupt: 1 }, processId: "p" },
      { signal: { interrupt: {} }, processId: "p" },
      { signal: { interrupt: null, more: null }, processId: "p" },
    ]);
    const remove = struct("WireFsRemoveParams", {
      path: fileUri,
      recursive: optional(boolean),
      force: optional(boolean),
      followSymlinks: withDefault(optional(boolean), undefined),
      sandbox: optional(string),
    });
    await same("fs/remove", remove, [
      ...shapes,
      ...[1, 2, 3, 4, 5, 6].map((length) => ["file:///nope", true, true, true, null, 1].slice(0, length)),
    ]);
    const open = struct("WireFsOpenParams", {
      handleId: string,
      path: fileUri,
      mode: withDefault(oneOf("read", "replace"), "read"),
      sandbox: optional(string),
    });
    await same("fs/open", open, [
      ...shapes,
      ...[1, 2, 3, 4, 5].map((length) => ["h", "file:///nope", "read", null, 1].slice(0, length)),
    ]);
    await same("environment/status", unit, shapes);
  });

  test("base64", async () => {
    const texts = [
      ...[
        "",
        "a",
        "ab",
        "abc",
        "abcd",
        "YQ==",
        "YR==",
        "YWE=",
        "YWF=",
        "YQ=",
        "YQ",
        "YQ==YQ==",
        "YQ==\n",
        " YQ==",
      ],
      ...[
        "=",
        "==",
        "===",
        "====",
        "Y Q=",
        "YQ=a",
        "Y===",
        "YWJj=",
        "YWJjZA=",
        "YWJj-_",
        "-_-_",
        "YWJjé",
        "é",
        "é=",
      ],
      ...[
        "AAAAA",
        "AAAAAA",
        "AAAAAAA",
        "AAAAAAB",
        "AAAAA=",
        "AAAAA===",
        "AB==AA",
        "A=AA",
        "=AAA",
        "AA=A",
        "AAA=A",
      ],
      ...[
        "AAAA=",
        "AAAA==",
        "AAAA====",
        "Zm9v=mFy",
        "****",
        "A*",
        "AA*",
        "A*==",
        "*AAAA*",
        "AAAA*",
        "*",
        "A*A*A",
      ],
      ...["YWJj\u{1f600}", `${"A".repeat(48)}*AAA`, `${"A".repeat(51)}*A===`, "A\0==", "//8=", "++++"],
    ];
    await same(
      "process/write",
      struct("WriteParams", { processId: string, chunk: bytes, writeId: string }),
      texts.map((chunk) => ({ processId: "nope", chunk, writeId: "1" })),
    );
  });

  const uris = [
    ...[
      "",
      "/tmp",
      "tmp",
      "file:",
      "file:/",
      "file://",
      "file:///",
      "FILE:///tmp",
      "file:tmp",
      "file:/tmp",
      "1http:/x",
    ],
    ...[
      "file://localhost/tmp",
      "file://LOCALHOST/tmp",
      "file://127.0.0.1/tmp",
      "file://Elsewhere/a b",
      "file://tmp",
    ],
    ...[
      "file:///C:/Users",
      "file:///C:",
      "file:///Cx:/a",
      "file:///tmp/C:/x",
      "file://[::1]/tmp",
      "file://[::1/tmp",
    ],
    ...[
      "file:///tmp/a%2Fb",
      "file:///tmp/%00",
      "file:///%00/bad/path/",
      "file:///tmp/%zz",
      "file:///tmp/%",
      "foo:bar",
    ],
    ...[
      "file:///tmp?q=1",
      "file:///tmp#f",
      "file:///tmp?",
      "file:///tmp#",
      "file:///tmp?a#b",
      "file:///tmp#a?b",
    ],
    ...[
      "file://user@localhost/tmp",
      "file://user:p@h/tmp",
      "file://localhost:80/tmp",
      "file://a b/tmp",
      "file://h%41/x",
    ],
    ...[
      "file:///tmp/../etc",
      "file:///../..//tmp",
      "file:///tmp/./",
      "file:///tmp/%2e%2e/etc",
      "file:\\\\\\tmp",
    ],
    ...[
      " file:///tmp ",
      "file:///t\tm\np",
      "file:///tmp/é",
      "file:///tmp/a b",
      "file:///tmp\\x",
      "file://../tmp",
    ],
    ...[
      "http://x/tmp",
      "HTTP://x",
      "http://",
      "http://[::1",
      "http://a b/",
      "http://x:99999/",
      "http://1.2.3.999/",
    ],
  ];
  test("file URIs that must be there", async () => {
    for (const path of uris) {
      const expected = await real.ask("fs/canonicalize", { path });
      const isUri = !("error" in expected) || !/URI|scheme|is invalid on/.test(expected.error.message);
      const actual = refusalOf(() => pathOf(fileUri.read(path)));
      assert.deepEqual(actual, isUri ? undefined : (expected as { error: RpcFailure }).error, path);
      if (!("error" in expected)) {
        const { path: canonical } = expected.result as { path: string };
        assert.equal(pathOf(fileUri.read(path)), pathOf(fileUri.read(canonical)), path);
      }
    }
  });

  test("file URIs to start in", async () => {
    for (const [at, cwd] of uris.entries()) {
      const params = { processId: `c${at}`, argv: ["/nope"], cwd, env: {}, tty: false };
      const answer = await real.ask("process/start", params);
      const expected = "error" in answer && answer.error.code === -32602 ? answer.error : undefined;
      assert.deepEqual(
        refusalOf(() => readCwdUri(cwd)),
        expected,
        cwd,
      );
    }
  });
});

function without(value: object, name: string): object {
  return Object.fromEntries(Object.entries(value).filter(([each]) => each !== name));
}

function refusalOf(read: () => unknown): RpcFailure | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof RpcError, String(error));
    return { code: error.code, message: error.message };
  }
}
