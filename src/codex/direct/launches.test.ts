import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import type { JsonObject } from "../../base/json.ts";
import { StderrPipes } from "../../process/stderr-pipe.ts";
import { ManualClock } from "../../testing/index.ts";
import { Launches } from "./launches.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "switchyard-launches-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  mkdirSync(join(path, "bin"));
  writeFileSync(join(path, "bin", "prog"), "#!/bin/sh\n");
  chmodSync(join(path, "bin", "prog"), 0o755);
  writeFileSync(join(path, "bin", "data"), "");
  return path;
}

async function prepare(t: TestContext, servers: JsonObject, cwd: string, path: string): Promise<JsonObject> {
  const pipes = new StderrPipes();
  t.after(() => pipes[Symbol.dispose]());
  return (await Launches.prepare(servers, { path, cwd }, pipes, new ManualClock())).config;
}

suite("Launches starts through a shell", () => {
  test("just the programs of this machine that are there (G1), whatever else is written about a server", async (t) => {
    const cwd = folder(t);
    const bin = join(cwd, "bin");
    const found: JsonObject = {
      a: { command: "prog", args: ["x", "-c"], env: { A: "1" }, startup_timeout_sec: 3 },
      b: { command: join(bin, "prog"), environment_id: "local" },
      c: { command: "bin/prog" },
      d: { command: "./prog", cwd: bin },
      e: { command: "prog", env: { PATH: `/nowhere:${bin}` } },
    };
    const config = await prepare(t, found, cwd, `/nowhere:${bin}`);
    assert.deepEqual(Object.keys(config), Object.keys(found));
    for (const [name, server] of Object.entries(config) as [string, JsonObject][]) {
      const { command, args, ...rest } = server;
      const { command: program, args: own = [], ...others } = found[name] as JsonObject;
      assert.equal(command, "/bin/sh", name);
      assert.deepEqual((args as string[]).slice(4), [program, ...(own as string[])]);
      assert.deepEqual(rest, others);
    }
  });

  test("and no other (G1)", async (t) => {
    const cwd = folder(t);
    const bin = join(cwd, "bin");
    const others: JsonObject = {
      url: { url: "https://host.example/mcp" },
      off: { enabled: false },
      disabled: { command: "prog", enabled: false },
      elsewhere: { command: "prog", environment_id: "remote" },
      absent: { command: "nothing" },
      data: { command: "data" },
      folder: { command: bin },
      path: { command: "prog", env: { PATH: "/nowhere" } },
      cwd: { command: "./prog", cwd: "/nowhere" },
      name: { command: "prog", env: { "A.B": "1" } },
      shell: { command: "prog", env: { PWD: "/x" } },
    };
    assert.deepEqual(await prepare(t, others, cwd, bin), others);
  });
});
