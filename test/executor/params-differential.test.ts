/**
 * Which parameters are rejected, against the real `codex exec-server` 0.169: the same ones, with the same code.
 *
 * Not compared: the words, and two forms that Codex does not send and we do not take, parameters by position and a name
 * as the only key of an object.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { Issue, type Reader } from "../../src/base/reader.ts";
import { cwdOf, pathOf } from "../../src/executor/server/file-uri.ts";
import { fileUri } from "../../src/executor/wire/file-uri.ts";
import {
  canonicalizeParams,
  openParams,
  readBlockParams,
  removeParams,
  walkParams,
} from "../../src/executor/wire/fs-messages.ts";
import { httpRequestParams } from "../../src/executor/wire/http-messages.ts";
import { noParams } from "../../src/executor/wire/params.ts";
import {
  readParams,
  signalParams,
  startParams,
  terminateParams,
  writeParams,
} from "../../src/executor/wire/process-messages.ts";
import { initializeParams } from "../../src/executor/wire/session-messages.ts";
import { RpcError } from "../../src/jsonrpc/index.ts";
import { type Side, startRealSide } from "./support/exec-server-peer.ts";

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  5,
  -5,
  1.5,
  1e20,
  "x",
  "",
  "5",
  [],
  [1],
  [null],
  {},
  { a: 1 },
];

const start = { processId: "p", argv: ["/nope"], cwd: "file:///tmp", env: {}, tty: false };
const walk = { maxDepth: 1, maxDirectories: 1, maxEntries: 1, followDirectorySymlinks: true };

/** Parameters that can be read, and the fields that are then replaced and left out, one at a time. */
const METHODS: readonly (readonly [
  method: string,
  reader: Reader<unknown>,
  params: object,
  fields: readonly string[],
])[] = [
  ["initialize", initializeParams, { clientName: "c" }, ["clientName"]],
  [
    "process/start",
    startParams,
    start,
    ["tty", "pipeStdin", "arg0", "env", "processId", "enforceManagedNetwork"],
  ],
  ["process/read", readParams, { processId: "nope" }, ["processId", "afterSeq", "maxBytes"]],
  ["process/write", writeParams, { processId: "nope", writeId: "1", chunk: "" }, ["processId", "chunk"]],
  ["process/signal", signalParams, { processId: "nope", signal: "interrupt" }, ["processId", "signal"]],
  ["process/terminate", terminateParams, { processId: "nope" }, ["processId"]],
  ["fs/canonicalize", canonicalizeParams, { path: "file:///nope" }, ["path"]],
  ["fs/remove", removeParams, { path: "file:///nope" }, ["path", "recursive", "force", "followSymlinks"]],
  ["fs/open", openParams, { handleId: "h", path: "file:///nope" }, ["handleId", "path", "mode"]],
  ["fs/readBlock", readBlockParams, { handleId: "h", offset: 1, len: 1 }, ["handleId", "offset", "len"]],
  [
    "http/request",
    httpRequestParams,
    { method: "GET", url: "http://127.0.0.1:1/", requestId: "r" },
    ["requestId", "bodyBase64", "timeoutMs", "redirectPolicy", "streamResponse"],
  ],
  ["fs/walk", walkParams, { path: "file:///nope", options: walk }, ["path"]],
];

suite("parameters are rejected as by codex exec-server", () => {
  let real: Side;
  before(async () => {
    real = await startRealSide();
  });
  after(async () => {
    await real[Symbol.asyncDispose]();
  });

  async function same(method: string, reader: Reader<unknown>, params: unknown): Promise<void> {
    const answer = await real.ask(method, params);
    const isRejected = "error" in answer && answer.error.code === -32602;
    assert.equal(reader(params ?? null) instanceof Issue, isRejected, `${method} ${JSON.stringify(params)}`);
  }

  test("one field at a time", async () => {
    for (const [method, reader, params, fields] of METHODS) {
      for (const field of fields) {
        for (const value of VALUES) await same(method, reader, { ...params, [field]: value });
        await same(method, reader, { ...params, [field]: undefined });
      }
      await same(method, reader, { ...params, more: 1 });
      for (const whole of [...VALUES, undefined]) {
        if (!Array.isArray(whole)) await same(method, reader, whole);
      }
    }
    for (const whole of [...VALUES, undefined]) {
      if (!Array.isArray(whole)) await same("environment/status", noParams, whole);
    }
  });

  test("in lists, maps and objects", async () => {
    for (const value of VALUES) {
      await same("process/start", startParams, { ...start, argv: ["/nope", value] });
      await same("process/start", startParams, { ...start, env: { A: value } });
      if (!Array.isArray(value)) await same("process/start", startParams, { ...start, argv: value });
      for (const field of [...Object.keys(walk), "pruneHiddenDirectories"]) {
        const options = { ...walk, [field]: value };
        await same("fs/walk", walkParams, { path: "file:///nope", options });
      }
      if (!Array.isArray(value)) await same("fs/walk", walkParams, { path: "file:///nope", options: value });
    }
  });

  test("policies for the environment", async () => {
    const policy = { inherit: "none", ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
    for (const field of Object.keys(policy)) {
      for (const value of [...VALUES, undefined, "core", [5], { A: 1 }]) {
        await same("process/start", startParams, { ...start, envPolicy: { ...policy, [field]: value } });
      }
    }
    for (const envPolicy of VALUES) {
      if (!Array.isArray(envPolicy)) await same("process/start", startParams, { ...start, envPolicy });
    }
  });

  test("base64", async () => {
    const texts =
      "|a|ab|abc|abcd|YQ==|YR==|YWE=|YWF=|YQ=|YQ|YQ==YQ==|YQ==\n| YQ==|=|==|===|====|Y Q=|YQ=a|Y===|YWJj=|YWJjZA=|" +
      "YWJj-_|-_-_|YWJjé|é|AAAAA|AAAAAA|AAAAAAB|AAAAA===|AB==AA|A=AA|=AAA|AA=A|AAA=A|AAAA=|AAAA====|Zm9v=mFy|****|" +
      "A*|AA*|*AAAA*|A*A*A|YWJj\u{1f600}|A\0==|//8=|++++";
    for (const chunk of texts.split("|")) {
      await same("process/write", writeParams, { processId: "nope", chunk, writeId: "1" });
    }
  });

  const uris = (
    "|/tmp|tmp|file:|file:/|file://|file:///|FILE:///tmp|file:tmp|file:/tmp|1http:/x|file://localhost/tmp|" +
    "file://LOCALHOST/tmp|file://127.0.0.1/tmp|file://Elsewhere/a b|file://tmp|file:///C:/Users|file:///C:|" +
    "file:///Cx:/a|file:///tmp/C:/x|file://[::1]/tmp|file://[::1/tmp|file:///tmp/a%2Fb|file:///tmp/%00|" +
    "file:///%00/bad/path/|file:///tmp/%zz|file:///tmp/%|foo:bar|file:///tmp?q=1|file:///tmp#f|file:///tmp?|" +
    "file:///tmp#|file:///tmp?a#b|file:///tmp#a?b|file://user@localhost/tmp|file://user:p@h/tmp|" +
    "file://localhost:80/tmp|file://a b/tmp|file://h%41/x|file:///tmp/../etc|file:///../..//tmp|file:///tmp/./|" +
    "file:///tmp/%2e%2e/etc|file:\\\\\\tmp| file:///tmp |file:///t\tm\np|file:///tmp/é|file:///tmp/a b|" +
    "file:///tmp\\x|file://../tmp|http://x/tmp|HTTP://x|http://|http://[::1|http://a b/"
  ).split("|");

  test("file URIs that must be there", async () => {
    for (const path of uris) {
      const answer = await real.ask("fs/canonicalize", { path });
      const code =
        "error" in answer && [-32602, -32600].includes(answer.error.code) ? answer.error.code : undefined;
      assert.equal(codeOf(path, pathOf), code, path);
      if (!("error" in answer)) {
        const { path: canonical } = answer.result as { path: string };
        assert.equal(pathOf(fileUri(path) as URL), pathOf(fileUri(canonical) as URL), path);
      }
    }
  });

  test("file URIs to start in", async () => {
    for (const [at, cwd] of uris.entries()) {
      const answer = await real.ask("process/start", { ...start, processId: `c${at}`, cwd });
      const code = "error" in answer && answer.error.code === -32602 ? -32602 : undefined;
      assert.equal(codeOf(cwd, cwdOf), code, cwd);
    }
  });
});

function codeOf(text: string, toPath: (uri: URL) => string): number | undefined {
  const uri = fileUri(text);
  if (uri instanceof Issue) return -32602;
  try {
    toPath(uri);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof RpcError, String(error));
    return error.code;
  }
}
