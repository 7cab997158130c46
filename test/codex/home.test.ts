import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { collect, startBench } from "../support/codex-bench.ts";

/** Every file and folder below a folder. */
function pathsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name));
}

test("a key in the URL of a server that does not answer is in no file of the home, event or log entry", async () => {
  await using bench = await startBench();
  // Every file in it shall be made here.
  rmSync(bench.home, { recursive: true, force: true });
  // It accepts connections and says nothing.
  const silent = createServer(() => {});
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  assert.ok(address !== null && typeof address === "object");
  const mcpServers = {
    silent: { url: `http://127.0.0.1:${address.port}/mcp?key=SECRET-OF-A`, startup_timeout_sec: 3 },
    closed: { url: "http://127.0.0.1:9/mcp?token=SECRET-OF-B" },
    path: { url: "http://127.0.0.1:9/s/SECRET-OF-D/mcp" },
    unknown: { url: "http://127.0.0.1:9/mcp?a=b&SECRET-OF-C" },
  };
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
  const events = await collect(thread.runStreamed("hello"));
  assert.equal(events.at(-1)?.type, "turn.completed");
  for (const text of [JSON.stringify(events), ...bench.log]) assert.doesNotMatch(text, /SECRET-OF/);
  assert.match(
    JSON.stringify(events),
    /"closed\\" at http:\/\/127\.0\.0\.1:9 cannot|for url \(http:\/\/127\.0\.0\.1:9\*\*\*\)/,
  );
  await bench.codex.close();
  silent.close();
  const paths = pathsIn(bench.home);
  const files = paths.filter((path) => statSync(path).isFile());
  assert.ok(files.some((path) => path.includes("rollout-")));
  for (const file of files) assert.doesNotMatch(readFileSync(file, "latin1"), /SECRET-OF/, file);
  if (process.platform === "win32") return;
  for (const path of paths) assert.equal(statSync(path).mode & 0o077, 0, path);
});

test("a home that cannot be used fails the turn with its path, and works as soon as it is mended", async () => {
  await using bench = await startBench();
  rmSync(bench.home, { recursive: true, force: true });
  writeFileSync(bench.home, "a file");
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd });
  for (let round = 0; round < 3; round++) {
    await assert.rejects(thread.run("hello"), {
      code: "home_unusable",
      message: /home cannot be used: Cannot make the folder .*home: EEXIST/,
    });
  }
  rmSync(bench.home);
  assert.equal((await thread.run("hello")).finalResponse, "You said: hello");
});
