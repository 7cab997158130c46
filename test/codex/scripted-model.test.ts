/**
 * The real Codex binary, driven by the scripted model, against the test servers.
 *
 * Goal: every item a script can write becomes the event a user of Codex sees, so that tests built on scripts
 * test Codex and not our idea of it. Method: `codex exec` with a home and a directory of its own; each test
 * waits for the process to end and then for a proof that nothing of it is left.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { findCodex } from "../../src/codex/app-server/binary.ts";
import { processesWithEnv, waitUntilGone } from "../../src/testing/leaks.ts";
import { pick, pickText } from "../../src/testing/pick.ts";
import { promptOf } from "../../src/testing/model/prompt-script.ts";
import { callTool, say } from "../../src/testing/model/reply.ts";
import { RecordingMcpServer } from "../../src/testing/http-server/recording-http-server.ts";
import { ScriptedModel } from "../../src/testing/model/scripted-model.ts";
import { stdioServer } from "../../src/testing/stdio-server/stdio-server-config.ts";
import { maxOverlap } from "../../src/testing/call-record.ts";

type Event = Readonly<Record<string, unknown>>;

const binary = findCodex(undefined, process.env).path;

suite("ScriptedModel under real Codex", () => {
  test("makes Codex report every kind of item", async () => {
    await using model = await ScriptedModel.start();
    await using svc = await RecordingMcpServer.start();
    await using codex = await Codex.create(model, [httpTable(svc), stdioTable()]);
    const events = await codex.run(
      promptOf(
        { reason: "thinking", say: "starting" },
        { run: "echo hi" },
        { patch: "*** Begin Patch\n*** Add File: a.txt\n+hi\n*** End Patch\n" },
        { call: { server: "svc", tool: "whoami" } },
        { call: { server: "svc", tool: "fail", arguments: { message: "no" } } },
        { call: { server: "svc", tool: "throw", arguments: { message: "bang" } } },
        { call: { server: "local", tool: "whoami" } },
        { call: { server: "svc", tool: "ask" } },
        { plan: [{ step: "a", status: "completed" }] },
        { search: "cats", say: "bye", chunkLength: 1, usage: { inputTokens: 1, cachedInputTokens: 1 } },
      ),
    );
    const items = completed(events);
    const calls = items.filter((item) => item["type"] === "mcp_tool_call");
    const texts = calls.map((call) => pick(call, "result", "content", 0, "text"));
    assert.deepEqual(
      items.map((item) => item["type"]),
      [
        "error", // Codex does not know the model's name
        "reasoning",
        "agent_message",
        "command_execution",
        "file_change",
        "mcp_tool_call",
        "mcp_tool_call",
        "mcp_tool_call",
        "mcp_tool_call",
        "mcp_tool_call",
        "web_search",
        "agent_message",
        "todo_list",
      ],
    );
    assert.equal(items[1]?.["text"], "thinking");
    assert.deepEqual([items[3]?.["aggregated_output"], items[3]?.["exit_code"]], ["hi\n", 0]);
    assert.deepEqual([pick(items, 4, "changes", 0, "kind"), items[4]?.["status"]], ["add", "completed"]);
    assert.deepEqual(
      calls.map((call) => ["server", "tool", "status"].map((field) => call[field]).join(" ")),
      [
        "svc whoami completed",
        "svc fail failed",
        "svc throw failed",
        "local whoami completed",
        "svc ask completed",
      ],
    );
    assert.deepEqual(JSON.parse(String(texts[0])), {
      authorization: "Bearer secret",
      "x-identity": "tenant-1",
    });
    assert.equal(texts[1], "no");
    assert.match(pickText(calls, 2, "error", "message"), /-32001: bang/);
    assert.deepEqual(pick(JSON.parse(String(texts[3])), "env"), { TENANT: "tenant-1" });
    // Nobody is there to answer: exec declines for its user.
    assert.equal(texts[4], '{"action":"decline"}');
    assert.equal(items[10]?.["query"], "cats");
    assert.equal(items[11]?.["text"], "bye");
    assert.deepEqual(items[12]?.["items"], [{ text: "a", completed: true }]);
    // Eight answers with the default of 100 and 10 tokens; the last has its own input and the default output.
    assert.deepEqual(events.at(-1), {
      type: "turn.completed",
      usage: {
        input_tokens: 801,
        cached_input_tokens: 1,
        cache_write_input_tokens: 0,
        output_tokens: 90,
        reasoning_output_tokens: 0,
      },
    });
    assert.deepEqual(
      svc.sessions.map(({ closedBy }) => closedBy),
      ["client"],
    );
  });

  test("makes Codex run the calls of one answer by its own rule of overlap", async () => {
    await using model = await ScriptedModel.start();
    await using svc = await RecordingMcpServer.start({
      annotations: { meet: { readOnlyHint: true } },
      extraTools: [
        { name: "meet", run: (_args, { signal }) => meetings(svc, "meet", 3, signal) },
        { name: "serial", run: (_args, { signal }) => napping(signal) },
      ],
    });
    await using codex = await Codex.create(model, [httpTable(svc)]);
    const meet = { call: { server: "svc", tool: "meet" } };
    const serial = { call: { server: "svc", tool: "serial" } };
    await codex.run(promptOf([meet, meet, meet], [serial, serial]));
    assert.equal(maxOverlap(svc.calls.filter(({ tool }) => tool === "meet")), 3);
    assert.equal(maxOverlap(svc.calls.filter(({ tool }) => tool === "serial")), 1);
    assert.equal(model.received, 3);
  });

  test("lets a function script see the outputs of its calls", async () => {
    await using svc = await RecordingMcpServer.start();
    await using model = await ScriptedModel.start({
      script: ({ step, outputs: [output], tools }) => {
        const echo = { server: "svc", tool: "echo", arguments: { text: "pong" }, callId: "call_mine" };
        if (step === 0) return callTool(echo);
        const offered = tools.some(({ namespace, name }) => namespace === "mcp__svc" && name === "echo");
        return say(`${output?.callId ?? "nothing"}: ${output?.text ?? ""}; ${offered}`);
      },
    });
    await using codex = await Codex.create(model, [httpTable(svc)]);
    const said = pickText(completed(await codex.run("ping")).at(-1), "text");
    assert.match(said, /^call_mine: Wall time: [\d.]+ seconds\nOutput:\npong; true$/);
  });

  for (const [how, step] of [
    ["fails", { fail: { status: 400, body: { error: { message: "no such model" } } } }],
    ["drops the connection", { say: "half", cut: true }],
  ] as const) {
    test(`makes the turn fail when the model ${how}`, async () => {
      await using model = await ScriptedModel.start();
      await using codex = await Codex.create(model, []);
      const events = await codex.run(promptOf(step));
      const [error, failed] = events.slice(-2);
      assert.equal(error?.["type"], "error");
      assert.equal(failed?.["type"], "turn.failed");
      assert.equal(error?.["message"], pick(failed, "error", "message"));
      if (how === "fails") assert.match(pickText(error, "message"), /no such model/);
      assert.equal(model.received, 1);
    });
  }

  test("notices that Codex was killed while it waited", async (t) => {
    await using model = await ScriptedModel.start();
    await using codex = await Codex.create(model, []);
    const running = codex.run(promptOf({ hang: true }));
    await model.waitForRequests(1, t);
    codex.kill();
    await running;
    await model.waitUntilIdle(t);
    assert.equal(model.requests[0]?.request?.signal.aborted, true);
  });
});

/** One Codex home and working directory; every process started in it must be gone at the end. */
class Codex implements AsyncDisposable {
  readonly #root: string;
  readonly #tag = randomUUID();
  #child: ReturnType<typeof spawn> | undefined;

  private constructor(root: string) {
    this.#root = root;
  }

  static async create(model: ScriptedModel, servers: readonly string[]): Promise<Codex> {
    const root = await mkdtemp(join(tmpdir(), "switchyard-test-"));
    const config = `
      model = "mock-model"
      model_provider = "mock"
      web_search = "live"
      [model_providers.mock]
      name = "mock"
      base_url = "${model.baseUrl}"
      wire_api = "responses"
      supports_websockets = false
      request_max_retries = 0
      stream_max_retries = 0
      [tools.update_plan]
      enabled = true
      [features]
      shell_snapshot = false
      plugins = false
      ${servers.join("\n")}`;
    await writeFile(join(root, "config.toml"), config);
    return new Codex(root);
  }

  /** Runs one turn to its end, whatever the end is. */
  async run(prompt: string): Promise<Event[]> {
    const flags = ["--experimental-json", "--skip-git-repo-check", "--sandbox", "danger-full-access"];
    const env = {
      PATH: process.env["PATH"],
      HOME: this.#root,
      CODEX_HOME: this.#root,
      RUST_BACKTRACE: "0",
      SWITCHYARD_TEST_TAG: this.#tag,
    };
    const child = spawn(binary, ["exec", ...flags, prompt], {
      cwd: this.#root,
      env,
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#child = child;
    const closed = once(child, "close");
    let text = "";
    for await (const chunk of child.stdout) text += String(chunk);
    await closed;
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Event]));
  }

  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = await waitUntilGone(processesWithEnv("SWITCHYARD_TEST_TAG", this.#tag));
    for (const pid of left) process.kill(pid, "SIGKILL");
    await rm(this.#root, { recursive: true, force: true, maxRetries: 3 });
    assert.deepEqual(left, [], "processes outlived Codex");
  }
}

function completed(events: readonly Event[]): Event[] {
  return events.filter((event) => event["type"] === "item.completed").map((event) => event["item"] as Event);
}

function httpTable(server: RecordingMcpServer): string {
  return `
      [mcp_servers.svc]
      url = "${server.url}"
      required = true
      default_tools_approval_mode = "approve"
      http_headers = { Authorization = "Bearer secret", X-Identity = "tenant-1" }`;
}

function stdioTable(): string {
  const { command, args, env } = stdioServer({ whoamiEnv: ["TENANT"] }, { TENANT: "tenant-1" });
  return `
      [mcp_servers.local]
      command = ${JSON.stringify(command)}
      args = ${JSON.stringify(args)}
      env = { TENANT = ${JSON.stringify(env["TENANT"])} }
      required = true
      default_tools_approval_mode = "approve"`;
}

/** Ends when so many calls of the tool have come: they are under way at once, or none ends. */
async function meetings(
  server: RecordingMcpServer,
  tool: string,
  count: number,
  signal: AbortSignal,
): Promise<string> {
  await server.waitFor(({ calls }) => calls.filter((call) => call.tool === tool).length === count, {
    signal,
  });
  return "met";
}

async function napping(signal: AbortSignal): Promise<string> {
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, 50);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
  return "rested";
}
