/** Threads that go on, questions, environments, and processes of their own. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { promptOf, RecordingMcpServer, ScriptedModel, stdioServer } from "../../src/testing/index.ts";
import type { RunnerProcess as Runner } from "./support/runner-process.ts";
import { API_KEY, RunnerProcess } from "./support/runner-process.ts";

const TIMEOUT = { timeout: 60_000 };

let sharedRunner: Promise<Runner> | undefined;
/** For tests that need nothing of their own but their runs. */
const shared = (): Promise<Runner> => (sharedRunner ??= RunnerProcess.start());
after(async () => {
  await (await sharedRunner)?.[Symbol.asyncDispose]();
});

function commandOutput(runner: Runner, id: string): string {
  for (const { event } of runner.events(id)) {
    if (event.type === "item.completed" && event.item.type === "command_execution") {
      return event.item.aggregated_output;
    }
  }
  throw new Error(`${id} ran no command: ${JSON.stringify(runner.events(id))}`);
}

suite("runs of one thread", () => {
  test(
    "go one after the other, in order, while others pass; each has its own servers",
    TIMEOUT,
    async (t) => {
      await using server = await RecordingMcpServer.start();
      await using runner = await RunnerProcess.start({ args: ["--max-concurrent", "2"] });
      const first = await runner.runToEnd("first", { input: "hello" }, t.signal);
      const resume = first.thread_id ?? "";
      const call = (name: string, delayMs: number): string =>
        promptOf(
          { delayMs, call: { server: "svc", tool: "echo", arguments: { text: name } } },
          { say: `I am ${name}` },
        );
      const names = ["a", "b", "c"];
      for (const name of names) {
        const mcp_servers = { svc: { url: `${server.origin}/${name}` } };
        runner.run(name, { input: call(name, name === "a" ? 300 : 0), resume, mcp_servers });
      }
      // Only one of the three may have a slot, so this one gets the other.
      runner.run("passing", { input: "quick" });
      await Promise.all([...names, "passing"].map((id) => runner.end(id, t.signal)));
      const order = runner.messages.flatMap((each) => (each.type === "end" ? [each.id] : []));
      assert.deepEqual(order, ["first", "passing", ...names]);
      for (const name of names) {
        const [end] = runner.ends(name);
        assert.deepEqual(
          [end?.status, end?.thread_id, end?.final_response],
          ["completed", resume, `I am ${name}`],
        );
      }
      assert.deepEqual(
        server.calls.map(({ path, arguments: args }) => [path, args]),
        names.map((name) => [`/${name}`, { text: name }]),
      );
      const events = runner.messages.flatMap((each) => (each.type === "event" ? [each.id] : []));
      assert.ok(
        events.lastIndexOf("a") < events.indexOf("b") && events.lastIndexOf("b") < events.indexOf("c"),
      );
    },
  );

  test("of a thread that does not exist fail by name", TIMEOUT, async (t) => {
    const runner = await shared();
    const resume = "01a1fc80-bd26-7640-b84e-7ccb9df38efc";
    const end = await runner.runToEnd("lost", { input: "hello", resume }, t.signal);
    assert.deepEqual([end.status, end.error?.code, end.thread_id], ["failed", "thread_not_found", resume]);
    const isolated = await runner.runToEnd(
      "lost-isolated",
      { input: "hello", resume, isolation: "process" },
      t.signal,
    );
    assert.equal(isolated.error?.code, "thread_not_found");
    const nowhere = await runner.runToEnd("nowhere", { input: "hello", cwd: "/no/such/folder" }, t.signal);
    assert.equal(nowhere.error?.code, "invalid_options");
  });
});

suite("a fork", () => {
  test("is a thread of its own that knows the history, also in a process of its own", TIMEOUT, async (t) => {
    await using runner = await RunnerProcess.start();
    const source = async (id: string, params: object): Promise<string> => {
      const end = await runner.runToEnd(id, { input: `the word of ${id}`, ...params }, t.signal);
      return end.thread_id ?? "";
    };
    const sources = {
      shared: await source("shared", {}),
      isolated: await source("isolated", { isolation: "process" }),
    };
    for (const [name, fork] of Object.entries(sources)) {
      const forked = await runner.runToEnd(`fork of ${name}`, { input: "go on", fork }, t.signal);
      assert.equal(forked.status, "completed", JSON.stringify(forked));
      assert.notEqual(forked.thread_id, fork);
      const asked = JSON.stringify(runner.model.requests.at(-1)?.body);
      assert.ok(asked.includes(`the word of ${name}`), asked);
      for (const resume of [forked.thread_id ?? "", fork]) {
        const again = await runner.runToEnd(`again ${resume}`, { input: "again", resume }, t.signal);
        assert.deepEqual([again.status, again.thread_id], ["completed", resume]);
      }
    }
    const nobody = "01a1fc80-bd26-7640-b84e-7ccb9df38efc";
    const nowhere = await runner.runToEnd("x", { input: "hello", fork: nobody }, t.signal);
    assert.equal(nowhere.error?.code, "thread_not_found");
    const both = { input: "hello", fork: sources.shared, isolation: "process" } as const;
    assert.equal((await runner.runToEnd("y", both, t.signal)).error?.code, "thread_not_found");
    const throwaway = { input: "hello", fork: sources.isolated, ephemeral: true };
    assert.equal((await runner.runToEnd("z", throwaway, t.signal)).status, "completed");
    const after = await runner.runToEnd("after", { input: "again", resume: sources.isolated }, t.signal);
    assert.equal(after.status, "completed", "its home is still there");
  });
});

test("a run that takes longer than its timeout_ms fails, and its turn is interrupted", TIMEOUT, async (t) => {
  await using server = await RecordingMcpServer.start();
  const runner = await shared();
  const input = promptOf({ call: { server: "svc", tool: "sleep", arguments: { ms: 600_000 } } });
  const mcp_servers = { svc: { url: server.url } };
  const end = await runner.runToEnd("late", { input, mcp_servers, timeout_ms: 4_000 }, t.signal);
  assert.deepEqual([end.status, end.error?.code], ["failed", "run_timeout"]);
  await server.waitFor(({ calls }) => calls.every(({ outcome }) => outcome === "cancelled"), {
    signal: t.signal,
  });
  const resume = end.thread_id ?? "";
  assert.equal(
    (await runner.runToEnd("after late", { input: "go on", resume }, t.signal)).status,
    "completed",
  );
});

suite("a question of Codex", () => {
  const asking = (url: string, text: string): Parameters<Runner["run"]>[1] => ({
    input: promptOf({ call: { server: "svc", tool: "echo", arguments: { text } } }),
    approval_policy: "on-request",
    mcp_servers: { svc: { url, default_tools_approval_mode: "prompt" } },
  });

  test("goes to the host that wants it, and its answer decides", TIMEOUT, async (t) => {
    await using server = await RecordingMcpServer.start();
    const runner = await shared();
    runner.run("yes", { ...asking(server.url, "granted"), questions: "host" });
    runner.run("no", { ...asking(server.url, "refused"), questions: "host" });
    for (const [id, decision, text] of [
      ["yes", "accept", "granted"],
      ["no", "decline", "refused"],
    ] as const) {
      const { ask, question } = await runner.ask(id, t.signal);
      assert.match(question.thread_id, /^[0-9a-f-]{36}$/);
      const { kind, server: svc, tool, arguments: args } = question;
      assert.deepEqual([kind, svc, tool, args], ["mcp_tool_call", "svc", "echo", { text }]);
      runner.send({ type: "answer", id, ask, decision });
      assert.equal((await runner.end(id, t.signal)).status, "completed");
      runner.send({ type: "answer", id, ask, decision });
      assert.equal((await runner.error(runner.lines, t.signal)).code, "unknown_run");
    }
    assert.deepEqual(
      server.calls.map((call) => call.arguments),
      [{ text: "granted" }],
    );
  });

  test(
    "is declined when the host does not want it or does not answer, and an event says so",
    TIMEOUT,
    async (t) => {
      await using server = await RecordingMcpServer.start();
      const runner = await shared();
      runner.run("unattended", asking(server.url, "a"));
      runner.run("silent", { ...asking(server.url, "b"), questions: "host", question_timeout_ms: 50 });
      for (const id of ["unattended", "silent"]) {
        assert.equal((await runner.end(id, t.signal)).status, "completed");
        const declined = runner.events(id).some(({ event }) => {
          return (
            event.type === "item.completed" &&
            event.item.type === "error" &&
            event.item.code === "request_declined"
          );
        });
        assert.ok(declined, id);
      }
      assert.deepEqual(server.calls, []);
    },
  );

  test("that is open when its run is cancelled needs no answer", TIMEOUT, async (t) => {
    await using server = await RecordingMcpServer.start();
    const runner = await shared();
    const id = "given up";
    runner.run(id, { ...asking(server.url, "a"), questions: "host" });
    const { ask } = await runner.ask(id, t.signal);
    runner.send({ type: "cancel", id });
    assert.equal((await runner.end(id, t.signal)).status, "cancelled");
    runner.send({ type: "answer", id, ask, decision: "accept" });
    assert.equal((await runner.error(runner.lines, t.signal)).code, "unknown_run");
    assert.deepEqual(server.calls, []);
  });
});

test("commands see `env` and nothing of the host, unless it is asked for", TIMEOUT, async (t) => {
  const env = { HOST_VARIABLE: "of-the-host", AWS_SECRET_ACCESS_KEY: "key-of-the-host" };
  await using runner = await RunnerProcess.start({ env });
  const input = promptOf({ run: "env" });
  runner.run("default", { input, env: { RUN_VARIABLE: "of-the-run" } });
  runner.run("asked", { input, inherit_env: true, env: { RUN_VARIABLE: "of-the-run" } });
  runner.run("isolated", { input, isolation: "process", ephemeral: true });
  await Promise.all(["default", "asked", "isolated"].map((id) => runner.end(id, t.signal)));
  assert.match(commandOutput(runner, "default"), /^RUN_VARIABLE=of-the-run$/m);
  assert.doesNotMatch(commandOutput(runner, "default"), /of-the-host/);
  assert.match(commandOutput(runner, "asked"), /^RUN_VARIABLE=of-the-run$/m);
  assert.match(commandOutput(runner, "asked"), /^HOST_VARIABLE=of-the-host$/m);
  assert.doesNotMatch(commandOutput(runner, "isolated"), /of-the-(host|run)/);
  for (const id of ["default", "asked", "isolated"]) {
    assert.doesNotMatch(commandOutput(runner, id), new RegExp(API_KEY));
  }
});

test(
  "commands of a run that inherits see no variable that a provider names, in the home or in the run",
  TIMEOUT,
  async (t) => {
    const env = {
      HOST_VARIABLE: "of-the-host",
      HOME_TEST_KEY: "key-in-home",
      RUN_TEST_KEY: "key-in-run",
      RUN_TEST_TITLE: "title-in-run",
      GIVEN_TEST_KEY: "key-given",
    };
    await using model = await ScriptedModel.start();
    const home = mkdtempSync(join(tmpdir(), "switchyard-runner-home-"));
    t.after(() => rmSync(home, { recursive: true, force: true }));
    const provider = `name = "Mine"\nbase_url = "${model.baseUrl}"\nwire_api = "responses"\n`;
    writeFileSync(join(home, "config.toml"), `[model_providers.a]\n${provider}env_key = "HOME_TEST_KEY"\n`);
    await using runner = await RunnerProcess.start({ env, args: ["--home", home] });
    const input = promptOf({ run: "env" });
    const used = {
      model_provider: "b",
      "model_providers.b.name": "Mine",
      "model_providers.b.base_url": model.baseUrl,
      "model_providers.b.env_key": "RUN_TEST_KEY",
      "model_providers.b.env_http_headers.X-Title": "RUN_TEST_TITLE",
    };
    const named = {
      model_providers: { c: { name: "Mine", base_url: model.baseUrl, env_key: "GIVEN_TEST_KEY" } },
    };
    runner.run("used", { input, inherit_env: true, config: used });
    runner.run("of-home", { input, inherit_env: true, config: { model_provider: "a" } });
    runner.run("given", { input, inherit_env: true, config: named, env: { GIVEN_TEST_KEY: "on-purpose" } });
    for (const id of ["used", "of-home", "given"]) {
      assert.equal((await runner.end(id, t.signal)).status, "completed");
      assert.match(commandOutput(runner, id), /^HOST_VARIABLE=of-the-host$/m);
      assert.doesNotMatch(commandOutput(runner, id), /key-in-home/);
    }
    assert.doesNotMatch(commandOutput(runner, "used"), /key-in-run|title-in-run/);
    assert.match(commandOutput(runner, "given"), /^GIVEN_TEST_KEY=on-purpose$/m);
  },
);

suite('isolation "process"', () => {
  test("gives a run a Codex and a home of its own, found again by thread id", TIMEOUT, async (t) => {
    await using runner = await RunnerProcess.start();
    const isolated = join(runner.home, "isolated");
    const input = promptOf({ call: { server: "own", tool: "sleep", arguments: { ms: 600_000 } } });
    const mcp_servers = { own: stdioServer() };
    runner.run("a", { input, isolation: "process", mcp_servers, config: { model_verbosity: "low" } });
    await runner.waitFor(
      () => runner.events("a").some(({ event }) => event.type === "item.started"),
      t.signal,
    );
    const [home = ""] = readdirSync(isolated).filter((name) => /\.\d+$/.test(name));
    assert.equal(statSync(join(isolated, home)).mode & 0o777, 0o700);
    assert.equal(statSync(isolated).mode & 0o777, 0o700);
    const [codex] = runner.codexProcesses(join(isolated, home));
    assert.ok(codex !== undefined);
    assert.deepEqual(runner.codexProcesses(), [], "no shared Codex was started");
    runner.remember();
    runner.send({ type: "cancel", id: "a" });
    const { thread_id: resume = "", status } = await runner.end("a", t.signal);
    assert.equal(status, "cancelled");
    // Ended with the run: there is nothing to wait for.
    assert.deepEqual(runner.codexProcesses(join(isolated, home)), []);

    const again = await runner.runToEnd("b", { input: "again", resume }, t.signal);
    assert.deepEqual([again.status, again.thread_id], ["completed", resume]);
    const prompts = runner.model.requests.flatMap(({ request }) => (request ? [request] : []));
    const last = JSON.stringify(prompts.at(-1)?.body);
    assert.ok(last.includes("600000") && last.includes("again"), "the history is there");
    assert.deepEqual(runner.codexProcesses(), [], "it went on in its own home");
  });

  test("leaves no home of an ephemeral run (R5)", TIMEOUT, async (t) => {
    await using runner = await RunnerProcess.start();
    const params = { input: "hello", isolation: "process", ephemeral: true } as const;
    const ends = await Promise.all(["a", "b", "c"].map((id) => runner.runToEnd(id, params, t.signal)));
    assert.deepEqual(new Set(ends.map((end) => end.status)), new Set(["completed"]));
    const left = readdirSync(join(runner.home, "isolated"), { recursive: true }).filter(
      (name) => !String(name).endsWith(".sock"),
    );
    assert.deepEqual(left, ["threads"]);
  });
});

test(
  "the key of a run goes to the endpoint of that run only, and its schema to the model",
  TIMEOUT,
  async (t) => {
    await using runner = await RunnerProcess.start();
    await using other = await ScriptedModel.start();
    const base_url = other.baseUrl;
    runner.run("own", { input: "own key", base_url, api_key: "sk-key-of-the-run", ephemeral: true });
    const output_schema = { type: "object", properties: {}, additionalProperties: false, required: [] };
    runner.run("default", { input: [{ type: "text", text: "default key" }], output_schema, effort: "low" });
    await Promise.all([runner.end("own", t.signal), runner.end("default", t.signal)]);
    const seen = (of: ScriptedModel): (string | undefined)[] =>
      of.requests.flatMap(({ request }) => (request ? [request.bearerToken] : []));
    assert.deepEqual(seen(other), ["sk-key-of-the-run"]);
    assert.deepEqual(seen(runner.model), [API_KEY]);
    const body = runner.model.requests.find(({ request }) => request)?.request?.body;
    assert.match(JSON.stringify(body), /"json_schema"/);
  },
);
