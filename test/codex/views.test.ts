/** Several views of one thread, and several threads of one host. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, test } from "node:test";
import {
  fail,
  type ModelReply,
  type ModelRequest,
  promptOf,
  raw,
  RecordingMcpServer,
  ScriptedModel,
  say,
  stdioServer,
} from "../../src/testing/index.ts";
import { type CodexBench, collect, itemsOfType, mcpMode, startBench } from "../support/codex-bench.ts";
import { meddledCodex } from "../support/meddled-codex.ts";

const timeout = 60_000;

let sharedBench: Promise<CodexBench> | undefined;
/** For tests that need nothing of Codex but threads of their own. */
const shared = (): Promise<CodexBench> => (sharedBench ??= startBench());
after(async () => {
  await (await sharedBench)?.[Symbol.asyncDispose]();
});

test("a turn that waited behind one that failed to open, and a third view: all three end", {
  timeout,
}, async () => {
  const bench = await shared();
  const workingDirectory = bench.cwd;
  const first = bench.codex.startThread({ workingDirectory });
  await first.run("hello");
  const id = first.id as string;
  const bad = { command: "/nonexistent", required: true };
  const a = bench.codex.resumeThread(id, { workingDirectory, mcpServers: { bad } }).run("a");
  const b = bench.codex.resumeThread(id, { workingDirectory }).run(promptOf({ delayMs: 300, say: "b says" }));
  await assert.rejects(a, { code: "mcp_server_failed" });
  const c = bench.codex.resumeThread(id, { workingDirectory }).run(promptOf({ say: "c says" }));
  assert.equal((await b).finalResponse, "b says");
  assert.equal((await c).finalResponse, "c says");
});

test("closing one view of a thread does not close the others", { timeout }, async () => {
  const bench = await shared();
  const workingDirectory = bench.cwd;
  const one = bench.codex.startThread({ workingDirectory });
  await one.run("hello");
  const two = bench.codex.resumeThread(one.id as string, { workingDirectory });
  const closing = one.close();
  assert.equal((await two.run(promptOf({ say: "two says" }))).finalResponse, "two says");
  await closing;
  await assert.rejects(one.run("late"), { code: "closed" });
  assert.equal((await two.run(promptOf({ say: "and again" }))).finalResponse, "and again");
});

test("a thread that Codex is still closing is opened again when it is closed", { timeout }, async () => {
  await using bench = await startBench();
  const workingDirectory = bench.cwd;
  const codex = bench.another({ codexPathOverride: meddledCodex(bench.cwd, { stillClosing: true }) });
  const one = codex.startThread({ workingDirectory });
  await one.run("hello");
  await one.close();
  const two = codex.resumeThread(one.id as string, { workingDirectory });
  assert.equal((await two.run(promptOf({ say: "open again" }))).finalResponse, "open again");
});

test("another view of an ephemeral thread does not end it", { timeout }, async () => {
  const bench = await shared();
  const workingDirectory = bench.cwd;
  const one = bench.codex.startThread({ workingDirectory, ephemeral: true });
  await one.run("hello");
  const two = bench.codex.resumeThread(one.id as string, { workingDirectory });
  assert.equal((await two.run(promptOf({ say: "two says" }))).finalResponse, "two says");
  assert.equal((await one.run(promptOf({ say: "one says" }))).finalResponse, "one says");
});

test("an agent cannot reach another thread of the host, even if it knows its id", { timeout }, async () => {
  let victim = "";
  const script = (request: ModelRequest): ModelReply => {
    if (request.prompt !== "attack" || request.step > 0) return say(request.outputs[0]?.text ?? "nothing");
    const args = JSON.stringify({
      target: victim,
      targets: [victim],
      message: "tell me",
      timeout_ms: 10_000,
    });
    return ["send_input", "wait_agent", "close_agent"].map((name) =>
      raw({
        type: "function_call",
        namespace: "multi_agent_v1",
        name,
        call_id: `call_${name}`,
        arguments: args,
      }),
    );
  };
  await using model = await ScriptedModel.start({ script });
  await using bench = await startBench({}, model);
  const other = bench.codex.startThread({ workingDirectory: bench.cwd, model: "mock-model" });
  await other.run("mine");
  victim = other.id as string;
  const attacker = bench.codex.startThread({ workingDirectory: bench.cwd, model: "mock-model" });
  assert.match((await attacker.run("attack")).finalResponse, /unsupported call/);
  assert.equal((await other.run("still mine")).finalResponse, "nothing");
});

test("an abort is reported at once, even while another thread's reader holds the pipe (N2)", {
  timeout,
}, async () => {
  const bench = await shared();
  await using http = await RecordingMcpServer.start();
  const options = { workingDirectory: bench.cwd, mcpServers: { svc: { url: http.url } } };
  const abort = new AbortController();
  const patient = bench.codex
    .startThread(options)
    .run(promptOf({ call: { server: "svc", tool: "sleep", arguments: { ms: 60_000 } } }), {
      signal: abort.signal,
    });
  await http.waitFor(() => http.calls.length === 1);
  const big = { call: { server: "svc", tool: "big", arguments: { bytes: 900_000 } } };
  const { events } = await bench.codex
    .startThread(options)
    .runStreamed(promptOf(...Array.from({ length: 20 }, () => big)));
  await events.next();
  await http.waitFor(() => http.calls.length >= 9);
  abort.abort();
  await assert.rejects(patient, { name: "AbortError" });
  assert.ok((await events.next()).done !== true, "the other reader still has its events");
  await events.return(undefined);
});

test("close() does not wait for a server that hangs at its start", { timeout }, async () => {
  await using bench = await startBench();
  const mcpServers = {
    svc: { ...stdioServer({ hangAtStart: true }), required: true, startup_timeout_sec: 500 },
  };
  const run = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers }).run("hello");
  const closed = assert.rejects(run, { code: "closed" });
  while (bench.codex.pid === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  await bench.codex.close();
  await closed;
});

test("a host that never closes anything ends when its work is done", { timeout }, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const program = `
    import { Codex } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
    const { options, thread } = JSON.parse(process.argv[1]);
    const turn = await new Codex(options).startThread(thread).run("hello");
    console.log(turn.finalResponse);`;
  const instructions = JSON.stringify({
    options: { baseUrl: bench.model.baseUrl, apiKey: "sk-test", home: { path: bench.home }, mcp: mcpMode },
    thread: { workingDirectory: bench.cwd, mcpServers: { svc: stdioServer(), http: { url: http.url } } },
  });
  const host = spawn(process.execPath, ["--input-type=module", "-e", program, instructions], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  host.stdout.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
  const [code] = await once(host, "close");
  assert.equal(code, 0);
  assert.equal(said, "You said: hello\n");
});

test("an unexpected message affects nothing else", { timeout }, async () => {
  await using bench = await startBench();
  const codex = bench.another({ codexPathOverride: meddledCodex(bench.cwd, { oddItems: true }) });
  const turn = await codex.startThread({ workingDirectory: bench.cwd }).run(promptOf({ say: "unharmed" }));
  assert.equal(turn.finalResponse, "unharmed");
  assert.ok(bench.log.some((line) => line.includes("could not be handled")));
});

test("a key that a provider repeats in its error does not reach events or errors", { timeout }, async () => {
  await using model = await ScriptedModel.start({
    script: ({ bearerToken }) =>
      fail(401, { error: { message: `Incorrect API key provided: ${bearerToken}` } }),
  });
  await using bench = await startBench({}, model);
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    apiKey: "sk-secret-of-one-thread-777",
  });
  const events = await collect(thread.runStreamed("hello"));
  assert.equal(events.at(-1)?.type, "turn.failed");
  assert.doesNotMatch(JSON.stringify(events), /sk-secret-of-one-thread-777/);
  assert.match(JSON.stringify(events), /Incorrect API key provided: \*\*\*/);
  assert.equal(itemsOfType(events, "agent_message").length, 0);
});

test("a thread that Codex was made to unload is opened again for its next turn (T4)", {
  timeout,
}, async () => {
  let target = "";
  const script = (request: ModelRequest): ModelReply => {
    if (request.prompt !== "close it" || request.step > 0) return say(request.outputs[0]?.text ?? "nothing");
    const args = JSON.stringify({ target });
    return raw({
      type: "function_call",
      namespace: "multi_agent_v1",
      name: "close_agent",
      call_id: "c",
      arguments: args,
    });
  };
  await using model = await ScriptedModel.start({ script });
  await using bench = await startBench({}, model);
  const config = { features: { multi_agent: true } };
  const options = { workingDirectory: bench.cwd, model: "mock-model", config };
  const closed = bench.codex.startThread(options);
  await closed.run("one");
  target = closed.id as string;
  // Here the host asks for it: threads may reach each other.
  const { finalResponse } = await bench.codex.startThread(options).run("close it");
  assert.doesNotMatch(finalResponse, /unsupported call/);
  assert.equal((await closed.run("two")).finalResponse, "nothing");
  assert.equal(closed.id, target);
});
