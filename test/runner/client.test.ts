/** `RunnerClient` against the real runner. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import {
  type ClientRun,
  type Diagnostic,
  type EndMessage,
  mcpServerFrom,
  RunnerClient,
  RunnerClientError,
  type RunnerClientOptions,
  type RunOutbound,
} from "../../src/runner/index.ts";
import {
  descendants,
  processesWithEnv,
  type ModelReply,
  type ModelRequest,
  promptOf,
  RecordingMcpServer,
  say,
  ScriptedModel,
  type ScriptedModelOptions,
  waitUntilGone,
} from "../../src/testing/index.ts";
import { MAIN } from "../support/command.ts";
import { outlive, WAYS_TO_END } from "../support/outlived-questions.ts";

const TIMEOUT = { timeout: 60_000 };
const HANG = promptOf({ hang: true });

interface Bench extends AsyncDisposable {
  readonly client: RunnerClient;
  readonly model: ScriptedModel;
  readonly diagnostics: Diagnostic[];
  readonly cwd: string;
}

async function startClient(modelOptions: ScriptedModelOptions = {}): Promise<Bench> {
  const cwd = mkdtempSync(join(tmpdir(), "switchyard-client-"));
  const model = await ScriptedModel.start(modelOptions);
  const diagnostics: Diagnostic[] = [];
  const client = await RunnerClient.start({
    command: [process.execPath, MAIN, "runner", "--base-url", model.baseUrl],
    env: { ...process.env, OPENAI_API_KEY: "sk-of-the-client", SWITCHYARD_HOME: cwd, HOME: cwd },
    cwd,
    onDiagnostic: (diagnostic) => diagnostics.push(diagnostic),
  });
  return {
    client,
    model,
    diagnostics,
    cwd,
    [Symbol.asyncDispose]: async () => {
      const below = descendants(client.pid as number);
      await client.close();
      await model[Symbol.asyncDispose]();
      // A Codex whose runner was killed is not below it any more, and may still write.
      const guests = processesWithEnv("CODEX_HOME", join(cwd, "codex"));
      assert.deepEqual(await waitUntilGone([client.pid as number, ...below, ...guests]), []);
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}

async function read(run: ClientRun): Promise<RunOutbound[]> {
  const messages: RunOutbound[] = [];
  for await (const message of run) messages.push(message);
  return messages;
}

suite("RunnerClient", () => {
  test("gives each of many runs its own messages, the end last (C1)", TIMEOUT, async () => {
    await using bench = await startClient();
    assert.deepEqual(Object.keys(bench.client.versions), ["switchyard", "protocol", "codex"]);
    const names = ["a", "b", "c", "d", "e"];
    const all = await Promise.all(names.map((input) => read(bench.client.run({ input }))));
    for (const [at, messages] of all.entries()) {
      const end = messages.at(-1);
      assert.ok(end?.type === "end");
      assert.deepEqual([end.status, end.final_response], ["completed", `You said: ${names[at]}`]);
      assert.equal(new Set(messages.map(({ id }) => id)).size, 1);
      assert.equal(messages.filter(({ type }) => type === "end").length, 1);
    }
    assert.equal((await bench.client.run({ input: "f" }).end()).final_response, "You said: f");
  });

  test("answers questions, under the identity of its connection", TIMEOUT, async () => {
    await using server = await RecordingMcpServer.start({ stateless: true });
    await using bench = await startClient();
    const connection = { url: server.url, sessionId: "s-7", authorization: "Bearer of-anna", title: "Desk" };
    const run = bench.client.run({
      input: promptOf({ call: { server: "svc", tool: "echo", arguments: { text: "x" } } }),
      approval_policy: "on-request",
      questions: "host",
      mcp_servers: { svc: { ...mcpServerFrom(connection), default_tools_approval_mode: "prompt" } },
    });
    const kinds: string[] = [];
    for await (const message of run) {
      if (message.type === "ask") {
        kinds.push(message.question.kind);
        run.answer(message.ask, { decision: "accept" });
        // A second answer comes too late, and harms nothing.
        run.answer(message.ask, { decision: "decline" });
      }
    }
    assert.deepEqual(kinds, ["mcp_tool_call"]);
    assert.equal(server.calls.length, 1);
    for (const { headers } of server.requests) {
      const got = [
        headers["mcp-session-id"],
        headers["authorization"],
        headers["x-title"],
        headers["referer"],
      ];
      assert.deepEqual(got, ["s-7", "Bearer of-anna", "Desk", undefined]);
    }
    const complaints = bench.diagnostics.filter((each) => each.type === "fatal" || each.level !== "info");
    assert.deepEqual(complaints, [], "an answer that is late is no mistake");
  });

  test("says that a question needs no answer any more; a late one is ignored", TIMEOUT, async () => {
    const asked = Promise.withResolvers<void>();
    const [way] = WAYS_TO_END;
    assert.ok(way !== undefined);
    await using server = await RecordingMcpServer.start({ extraTools: [outlive(way, asked.promise)] });
    await using bench = await startClient();
    const run = bench.client.run({
      input: promptOf({ call: { server: "svc", tool: "outlive" } }, { hang: true }),
      approval_policy: "on-request",
      questions: "host",
      mcp_servers: { svc: { url: server.url, default_tools_approval_mode: "approve" } },
    });
    const asks: string[] = [];
    for await (const message of run) {
      if (message.type === "ask") asked.resolve();
      if (message.type === "ask" || message.type === "ask_closed")
        asks.push(`${message.type} ${message.ask}`);
      if (message.type === "ask_closed") {
        run.answer(message.ask, { decision: "accept" });
        run.cancel();
      }
    }
    assert.deepEqual(asks, ["ask ask_1", "ask_closed ask_1"]);
    const complaints = bench.diagnostics.filter((each) => each.type === "fatal" || each.level !== "info");
    assert.deepEqual(complaints, []);
  });

  test("cancels by itself, by a signal, and when its reader leaves (C3)", TIMEOUT, async (t) => {
    await using bench = await startClient();
    const controller = new AbortController();
    const byItself = bench.client.run({ input: HANG });
    const bySignal = bench.client.run({ input: HANG }, { signal: controller.signal });
    const aborted = bench.client.run({ input: HANG }, { signal: AbortSignal.abort() });
    const left = bench.client.run({ input: HANG });
    for await (const message of left) {
      if (message.type === "event" && message.event.type === "turn.started") break;
    }
    await bench.model.waitForRequests(2, { signal: t.signal });
    byItself.cancel();
    controller.abort();
    for (const run of [byItself, bySignal, aborted]) assert.equal((await run.end()).status, "cancelled");
    // The runner has one slot per run: were the left one still there, this would show it in `close`.
    assert.equal((await bench.client.run({ input: "next" }).end()).status, "completed");
  });

  test("throws why the runner rejected a run, and goes on", TIMEOUT, async () => {
    await using bench = await startClient();
    const rejected = async (params: object): Promise<unknown> => {
      try {
        return await bench.client.run(params as { input: string }).end();
      } catch (error) {
        assert.ok(error instanceof RunnerClientError);
        return [error.code, error.field];
      }
    };
    assert.deepEqual(await rejected({ inpt: "a" }), ["unknown_field", "params.inpt"]);
    const command = { input: "a", mcp_servers: { a: { url: "x" } } };
    assert.deepEqual(await rejected(command), ["invalid_mcp_server", "params.mcp_servers.a.url"]);
    assert.deepEqual(await rejected({ input: "a", timeout_ms: 0 }), ["invalid_value", "params.timeout_ms"]);
    assert.equal((await bench.client.run({ input: "a" }).end()).status, "completed");
  });

  test("holds the runner back while a reader is behind, and loses nothing (C2)", TIMEOUT, async (t) => {
    const text = "x".repeat(5_000_000);
    const script = ({ prompt }: ModelRequest): ModelReply => say(prompt === "big" ? text : "small");
    await using bench = await startClient({ script });
    const big = bench.client.run({ input: "big" });
    await bench.model.waitForRequests(1, { signal: t.signal });
    const small = bench.client.run({ input: "small" });
    const smallEnd = small.end();
    const kinds: string[] = [];
    for await (const message of big) {
      kinds.push(message.type);
      if (message.type === "event" && message.event.type === "item.completed") {
        assert.equal((message.event.item as { text?: string }).text, text);
      }
      if (message.type === "end") assert.equal(message.final_response, text);
    }
    assert.equal(kinds.at(-1), "end");
    assert.equal((await smallEnd).final_response, "small");
  });

  test("fails its runs when the runner is killed, and new ones too", TIMEOUT, async (t) => {
    await using bench = await startClient();
    const running = bench.client.run({ input: HANG });
    await bench.model.waitForRequests(1, { signal: t.signal });
    process.kill(bench.client.pid as number, "SIGKILL");
    const ended = { name: "RunnerClientError", code: "runner_ended", message: "The runner ended (SIGKILL)" };
    await assert.rejects(running.end(), ended);
    await assert.rejects(read(bench.client.run({ input: "late" })), ended);
  });

  test("closes in the middle of runs: each gets its end, and no process is left (C4)", TIMEOUT, async (t) => {
    await using bench = await startClient();
    const runs = [bench.client.run({ input: HANG }), bench.client.run({ input: HANG })];
    await bench.model.waitForRequests(2, { signal: t.signal });
    const ends = Promise.all(runs.map((run) => run.end()));
    await Promise.all([bench.client.close(), bench.client.close()]);
    assert.deepEqual(
      (await ends).map(({ status }) => status),
      ["cancelled", "cancelled"],
    );
  });

  test("fails a run at once when there is no way to ask a model", TIMEOUT, async () => {
    await using bench = await startClient();
    const { OPENAI_API_KEY: _, ...env } = process.env;
    await using client = await RunnerClient.start({
      command: [process.execPath, MAIN, "runner"],
      env: {
        ...env,
        HOME: bench.cwd,
        SWITCHYARD_HOME: join(bench.cwd, "own"),
        CODEX_HOME: "",
        AZURE_KEY: "k-azure",
      },
      cwd: bench.cwd,
    });
    const end = (params: object): Promise<EndMessage> => client.run({ input: "hello", ...params }).end();
    for (const params of [{}, { ephemeral: true }, { isolation: "process" }]) {
      const { status, error, thread_id } = await end(params);
      assert.deepEqual([status, error?.code, thread_id], ["failed", "login_missing", undefined]);
    }
    const base_url = bench.model.baseUrl;
    const azure = { name: "Azure", base_url, env_key: "AZURE_KEY", wire_api: "responses" };
    for (const params of [
      { base_url },
      { api_key: "sk-1", base_url },
      { config: { model_provider: "azure", model_providers: { azure } } },
      { config: { model_provider: "azure", model_providers: { azure } }, isolation: "process" },
    ]) {
      assert.equal((await end(params)).status, "completed");
    }
    assert.equal(bench.model.requests.at(-1)?.headers["authorization"], "Bearer k-azure");
  });

  test("says why a runner did not start", TIMEOUT, async () => {
    const start = (options: RunnerClientOptions): Promise<RunnerClient> => RunnerClient.start(options);
    const node = process.execPath;
    const cases: readonly (readonly [RunnerClientOptions, RegExp])[] = [
      [{ command: [node, MAIN, "runner"], args: ["--max-concurent", "1"] }, /exit code 2.*max-concurent/],
      [
        { command: [node, MAIN, "runner"], env: { ...process.env, SWITCHYARD_CODEX_PATH: "/no/codex" } },
        /exit code 1: Cannot find Codex/,
      ],
      [{ command: ["/no/such/program"] }, /ENOENT/],
      [
        { command: [node, "-e", "setInterval(() => {}, 1000)"], startTimeoutMs: 200 },
        /not ready within 200 ms/,
      ],
      [{ command: [node, "-e", "console.log('hello')"] }, /exit code 0/],
    ];
    for (const [options, message] of cases) {
      await assert.rejects(start(options), {
        name: "RunnerClientError",
        code: "runner_start_failed",
        message,
      });
    }
  });
});
