import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import type { AppServerProcess } from "../app-server/process.ts";
import { InheritedServers } from "./inherited-servers.ts";
import type { ConfigReadResponse } from "../app-server/protocol.ts";

/** A process that answers `config/read`, and counts. */
function fakeProcess(answer: () => ConfigReadResponse["layers"]): {
  process: AppServerProcess;
  asked: unknown[][];
} {
  const asked: unknown[][] = [];
  const request = (...args: unknown[]): Promise<ConfigReadResponse> => {
    asked.push(args);
    return Promise.resolve({ layers: answer() });
  };
  return { process: { request } as unknown as AppServerProcess, asked };
}

function home(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "switchyard-inherited-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

suite("InheritedServers", () => {
  const layer = (servers: unknown, file?: string): NonNullable<ConfigReadResponse["layers"]>[number] => ({
    name: { type: "user", ...(file === undefined ? {} : { file }) },
    config: { model: "m", mcp_servers: servers } as never,
  });

  test("names the servers of every layer, each once", async (t) => {
    const { process, asked } = fakeProcess(() => [
      layer({ a: {}, b: {} }),
      layer({ b: {}, "c.d": {} }),
      layer(undefined),
      layer("nonsense"),
      { name: { type: "system" }, config: null },
    ]);
    const { signal } = new AbortController();
    const inherited = new InheritedServers(home(t));
    assert.deepEqual(await inherited.names(process, signal), ["a", "b", "c.d"]);
    assert.deepEqual(asked, [["config/read", { includeLayers: true }]]);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test("asks again for another process, and when a file was changed, created or deleted, and not otherwise", async (t) => {
    const codexHome = home(t);
    const inherited = new InheritedServers(codexHome);
    const first = fakeProcess(() => []);
    const second = fakeProcess(() => null);
    const file = join(codexHome, "config.toml");
    for (const [times, change] of [
      () => {},
      () => writeFileSync(file, "x = 1\n"),
      () => writeFileSync(file, "x = 10\n"),
      () => rmSync(file),
    ].entries()) {
      change();
      for (let n = 0; n < 3; n++) assert.deepEqual(await inherited.names(first.process, undefined), []);
      assert.equal(first.asked.length, times + 1);
    }
    await inherited.names(second.process, undefined);
    assert.equal(second.asked.length, 1);
  });

  test("watches the files that Codex says it has read", async (t) => {
    const file = join(home(t), "elsewhere.toml");
    writeFileSync(file, "");
    let servers: object = { a: {} };
    const { process } = fakeProcess(() => [layer(servers, file)]);
    const inherited = new InheritedServers(home(t));
    for (let n = 0; n < 2; n++) assert.deepEqual(await inherited.names(process, undefined), ["a"]);
    servers = { a: {}, b: {} };
    writeFileSync(file, "changed");
    assert.deepEqual(await inherited.names(process, undefined), ["a", "b"]);
  });

  test("asks again after a request that failed", async (t) => {
    let fails = true;
    const { process } = fakeProcess(() => {
      if (!fails) return [layer({ a: {} })];
      throw new Error("overloaded");
    });
    const inherited = new InheritedServers(home(t));
    const both = [inherited.names(process, undefined), inherited.names(process, undefined)];
    for (const each of both) await assert.rejects(each, /overloaded/);
    fails = false;
    assert.deepEqual(await inherited.names(process, undefined), ["a"]);
  });

  test("asks once for many callers at once, and one that gives up does not affect the others", async (t) => {
    const { process, asked } = fakeProcess(() => [layer({ a: {} })]);
    const inherited = new InheritedServers(home(t));
    const controller = new AbortController();
    const one = inherited.names(process, controller.signal);
    const others = [
      inherited.names(process, undefined),
      inherited.names(process, new AbortController().signal),
    ];
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(one, reason);
    assert.deepEqual(await Promise.all(others), [["a"], ["a"]]);
    assert.equal(asked.length, 1);
  });

  test("works with a home that cannot be a folder", async () => {
    const { process } = fakeProcess(() => []);
    for (const path of ["a\0b", "x".repeat(5_000)]) {
      assert.deepEqual(await new InheritedServers(path).names(process, undefined), []);
    }
  });
});
