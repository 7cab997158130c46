/** Runs of the engine `responses`, beside those of Codex and in a runner that has no Codex. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promptOf, RecordingMcpServer } from "../../src/testing/index.ts";
import { RunnerProcess } from "./support/runner-process.ts";

const TIMEOUT = { timeout: 60_000 };

test(
  "runs of both engines go through one runner, each with its own servers and headers",
  TIMEOUT,
  async (t) => {
    await using desk = await RecordingMcpServer.start();
    await using runner = await RunnerProcess.start();
    const ends = await Promise.all(
      (["codex", "responses"] as const).map((engine) =>
        runner.runToEnd(
          engine,
          {
            engine,
            model: "scripted",
            input: promptOf({ call: { server: "desk", tool: "whoami" } }, { say: `from ${engine}` }),
            mcp_servers: { desk: { url: desk.url, headers: { "X-Identity": engine } } },
          },
          t.signal,
        ),
      ),
    );
    assert.deepEqual(
      ends.map(({ status, final_response }) => [status, final_response]),
      [
        ["completed", "from codex"],
        ["completed", "from responses"],
      ],
    );
    assert.deepEqual(desk.calls.map(({ headers }) => String(headers["x-identity"])).toSorted(), [
      "codex",
      "responses",
    ]);
    // Codex has a warning about a model that it does not know.
    const types = ["codex", "responses"].map((run) =>
      runner
        .events(run)
        .filter(({ event }) => !("item" in event && event.item.type === "error"))
        .filter(({ event }) => event.type !== "mcp.server")
        .map(({ event }) => event.type),
    );
    assert.deepEqual(types[1], types[0]);
    const states = ["codex", "responses"].map((run) =>
      runner.events(run).flatMap(({ event }) => (event.type === "mcp.server" ? [event.state] : [])),
    );
    assert.deepEqual(states, [
      ["starting", "ready"],
      ["starting", "ready"],
    ]);
  },
);

test(
  "a runner with --engine responses needs no Codex; threads go on, fork and can be ephemeral",
  TIMEOUT,
  async (t) => {
    await using runner = await RunnerProcess.start({
      args: ["--engine", "responses"],
      env: { SWITCHYARD_CODEX_PATH: "/nowhere/codex" },
    });
    const model = "scripted";
    const first = await runner.runToEnd("a", { input: "one", model }, t.signal);
    assert.equal(first.status, "completed", JSON.stringify(first));
    const resume = first.thread_id as string;
    assert.ok(existsSync(join(runner.home, "agent", "threads", `${resume}.sqlite`)));
    const second = await runner.runToEnd("b", { input: "two", model, resume }, t.signal);
    assert.deepEqual([second.thread_id, second.usage?.input_tokens], [resume, 200]);
    const fork = await runner.runToEnd(
      "c",
      { input: "three", model, fork: resume, ephemeral: true },
      t.signal,
    );
    assert.deepEqual([fork.status, fork.usage?.input_tokens], ["completed", 300]);
    const lost = await runner.runToEnd(
      "d",
      { input: "four", model, resume: fork.thread_id as string },
      t.signal,
    );
    assert.deepEqual([lost.status, lost.error?.code], ["failed", "thread_not_found"]);
    const isolated = await runner.runToEnd("e", { input: "five", model, isolation: "process" }, t.signal);
    assert.deepEqual([isolated.status, isolated.error?.code], ["failed", "invalid_options"]);
    const nameless = await runner.runToEnd("f", { input: "six" }, t.signal);
    assert.deepEqual(
      [nameless.error?.code, nameless.error?.message.startsWith("model: ")],
      ["invalid_options", true],
    );
    assert.deepEqual(Object.keys(runner.ready?.versions ?? {}).toSorted(), ["protocol", "switchyard"]);
  },
);

test(
  "a run of the engine responses is cancelled in the middle of a call, and its thread goes on",
  TIMEOUT,
  async (t) => {
    await using desk = await RecordingMcpServer.start();
    await using runner = await RunnerProcess.start({ args: ["--engine", "responses"] });
    const params = { model: "scripted", mcp_servers: { desk: { url: desk.url } } };
    const input = promptOf({ call: { server: "desk", tool: "sleep", arguments: { ms: 60_000 } } });
    runner.run("a", { ...params, input });
    await desk.waitFor(() => desk.calls.length > 0);
    runner.send({ type: "cancel", id: "a" });
    const { status, thread_id: resume } = await runner.end("a", t.signal);
    assert.equal(status, "cancelled");
    const next = await runner.runToEnd(
      "b",
      { ...params, input: "go on", resume: resume as string },
      t.signal,
    );
    assert.equal(next.final_response, "You said: go on");
  },
);
