/** Many runs at once, each with its own identity, against one server that writes down every request. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { promptOf, RecordingMcpServer } from "../../src/testing/index.ts";
import { exhaustive } from "../support/sample.ts";
import { RunnerProcess } from "./support/runner-process.ts";

const RUNS = exhaustive ? 24 : 12;
/** Codex sets it on every request after the handshake; a server with sessions would hand out its own. */
const NAMES = [
  "Authorization",
  "User-Agent",
  "X-Title",
  "Referer",
  "HTTP-Referer",
  "Mcp-Session-Id",
  "X-Identity",
] as const;

function headersOf(index: number): Record<string, string> {
  const values = NAMES.map((name) => {
    if (name === "Authorization") return `Bearer token-of-run-${index}`;
    if (name === "Referer") return `https://run-${index}.example/`;
    return `${name}-of-run-${index}`;
  });
  return Object.fromEntries(NAMES.map((name, at) => [name, values[at] ?? ""]));
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

test(`headers of ${RUNS} runs at once arrive with every request of their own run, and nowhere else`, {
  timeout: 60_000,
}, async (t) => {
  await using shared = await RecordingMcpServer.start({ stateless: true });
  await using other = await RecordingMcpServer.start({ stateless: true });
  await using runner = await RunnerProcess.start();
  const input = promptOf(
    { call: { server: "svc", tool: "whoami" } },
    { call: { server: "svc", tool: "echo", arguments: { text: "again" } } },
    { call: { server: "other", tool: "whoami" } },
  );
  for (let index = 0; index < RUNS; index++) {
    runner.run(`run-${index}`, {
      input,
      mcp_servers: {
        svc: { url: `${shared.origin}/mcp/${index}`, headers: headersOf(index) },
        other: { url: other.url },
      },
    });
  }
  const ends = await Promise.all(
    Array.from({ length: RUNS }, (_, index) => runner.end(`run-${index}`, t.signal)),
  );
  assert.deepEqual(new Set(ends.map((end) => end.status)), new Set(["completed"]));

  for (let index = 0; index < RUNS; index++) {
    const own = shared.requests.filter((request) => request.path === `/mcp/${index}`);
    const wanted = lowerCase(headersOf(index));
    for (const { headers, method, rpcMethod } of own) {
      const got = Object.fromEntries(Object.keys(wanted).map((name) => [name, headers[name]]));
      assert.deepEqual(got, wanted, `${method} ${rpcMethod} of run ${index}`);
    }
    const tools = own.flatMap((request) => request.tool ?? []);
    assert.deepEqual(tools, ["whoami", "echo"]);
    // They name a session, which is joined.
    assert.ok(own.every((request) => request.rpcMethod !== "initialize"));
    assert.equal(runner.ends(`run-${index}`).length, 1);
  }
  assert.equal(other.calls.length, RUNS);
  const everything = JSON.stringify(other.requests.map((request) => request.rawHeaders));
  assert.doesNotMatch(everything, /of-run-|run-\d+\.example/);
  // Nor did the model, or anybody who reads what the runner says.
  assert.doesNotMatch(JSON.stringify(runner.model.requests.map(({ headers }) => headers)), /of-run-/);
  assert.doesNotMatch(JSON.stringify(runner.diagnostics), /of-run-/);
});

test("a header that is not ASCII arrives as UTF-8", { timeout: 60_000 }, async (t) => {
  await using server = await RecordingMcpServer.start({ stateless: true });
  await using runner = await RunnerProcess.start();
  runner.run("a", {
    input: promptOf({ call: { server: "svc", tool: "whoami" } }),
    mcp_servers: { svc: { url: server.url, headers: { "X-Name": "Zoë €" } } },
  });
  assert.equal((await runner.end("a", t.signal)).status, "completed");
  const names = server.requests.map(({ headers }) =>
    Buffer.from(headers["x-name"] ?? "", "latin1").toString(),
  );
  assert.deepEqual(new Set(names), new Set(["Zoë €"]));
});
