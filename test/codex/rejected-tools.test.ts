/** Tools that a thread does not have because of their schemas: each is named, with its server. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type ErrorItem, type ThreadEvent } from "../../src/index.ts";
import { fail, promptOf, ScriptedModel } from "../../src/testing/index.ts";
import { collect, type CodexBench, itemsOfType, startBench, mcpMode } from "../support/codex-bench.ts";
import { sample } from "../support/sample.ts";

const timeout = 60_000;
const GOOD = { name: "good", inputSchema: { type: "object", properties: {} } };

/** A stdio server that offers these tools, whatever they are. */
function offering(...tools: object[]): { command: string; args: string[] } {
  const script = `require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, method } = JSON.parse(line);
    const result = method === "initialize"
      ? { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "x", version: "1" } }
      : { tools: JSON.parse(process.argv[1]) };
    if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
  });`;
  return { command: process.execPath, args: ["-e", script, JSON.stringify(tools)] };
}

async function turn(bench: CodexBench, mcpServers: object, input: string): Promise<ThreadEvent[]> {
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: mcpServers as never,
    // Codex's sandbox leaves a folder of its own in the system's temporary one.
    sandboxMode: "danger-full-access",
  });
  const events = await collect(thread.runStreamed(input));
  await thread.close();
  return events;
}

const rejectedIn = (events: readonly ThreadEvent[]): ErrorItem[] =>
  itemsOfType(events, "error").filter(({ code }) => code === "mcp_tool_rejected");

test("a tool whose schema Codex cannot use is an event and a line of the log, in the turn of its thread only", {
  timeout,
}, async () => {
  await using bench = await startBench();
  mkdirSync(bench.home, { recursive: true });
  writeFileSync(join(bench.home, "config.toml"), `[mcp_servers.taken]\ncommand = "true"\n`);
  const hello = promptOf({ run: "true" }, { say: "hello" });
  const broken: Record<string, object> = {
    get_weather: { type: "object", properties: { city: { oneOf: "none" } } },
    "list-all": { type: "object", properties: { a: { type: "object", required: { b: true } } } },
    x: { type: "object", properties: ["a"] },
    deep_one: { type: "object", properties: { a: { items: { properties: { b: { allOf: 7 } } } } } },
  };
  const tools = Object.entries(broken).map(([name, inputSchema]) => ({ name, inputSchema }));
  const [others, all] = await Promise.all([
    Promise.all(Array.from({ length: 3 }, () => turn(bench, { svc: offering(GOOD) }, hello))),
    turn(
      bench,
      {
        svc: offering(GOOD, ...tools),
        taken: offering(...tools.slice(0, 1)),
        "my-tools": offering(...tools.slice(1, 2)),
      },
      hello,
    ),
  ]);
  for (const events of others) assert.deepEqual(rejectedIn(events), []);
  const told = rejectedIn(all);
  const named = told.map(({ server, tool }) => `${server} ${tool}`).toSorted();
  const expected = [
    ...Object.keys(broken).map((name) => `svc ${name}`),
    "taken get_weather",
    "my-tools list-all",
  ].toSorted();
  assert.deepEqual(named, expected);
  for (const { message, server, tool, reason } of told) {
    assert.equal(message, `The tool "${tool}" of MCP server "${server}" is missing in this turn: ${reason}`);
    assert.match(reason ?? "", /^Codex cannot use its inputSchema: .{10}/);
    assert.equal(bench.log.filter((line) => line === `warn ${message}`).length, 1);
  }
  assert.equal(all.at(-1)?.type, "turn.completed");
});

test("a list of tools that Codex cannot read is the reason why a server is missing", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const servers = {
    without: offering(GOOD, { name: "no_schema" }),
    list: offering({ name: "t", inputSchema: [] }),
    nameless: offering({ inputSchema: { type: "object" } }),
    fine: offering(GOOD),
  };
  const events = await turn(bench, servers, promptOf({ say: "hello" }));
  const failed = itemsOfType(events, "error").filter(({ code }) => code === "mcp_server_failed");
  // The servers that we run lose the tool that has no name, and keep the others.
  const missing = mcpMode === "direct" ? ["list", "nameless", "without"] : ["list", "without"];
  assert.deepEqual(failed.map(({ server }) => server ?? "").toSorted(), missing);
  for (const { reason } of failed) {
    assert.match(
      reason ?? "",
      /^Codex cannot read its list of tools: each tool needs a name and an inputSchema/,
    );
  }
});

test("a schema that the model's provider rejects fails the turn with its tool and server", {
  timeout,
}, async () => {
  const rejected = (name: string): object => ({
    error: {
      message: `Invalid schema for function '${name}': In context=('properties', 'a'), array schema missing items.`,
      type: "invalid_request_error",
      param: "tools[3].parameters",
      code: "invalid_function_parameters",
    },
  });
  let name = "";
  await using model = await ScriptedModel.start({ script: () => fail(400, rejected(name)) });
  await using bench = await startBench({}, model);
  mkdirSync(bench.home, { recursive: true });
  writeFileSync(join(bench.home, "config.toml"), `[mcp_servers.taken]\ncommand = "true"\n`);
  const servers = {
    svc: offering(GOOD),
    taken: offering(GOOD),
    "dotted.name": offering(GOOD),
    "my-tools": offering({ ...GOOD, name: "list-all" }),
  };
  const names = [
    ["mcp__svc__good", '"good" of MCP server "svc"'],
    ["mcp__taken_2__good", '"good" of MCP server "taken"'],
    ["mcp__dotted_name__good", '"good" of MCP server "dotted.name"'],
    ["mcp__my_tools__list_all", '"list-all" of MCP server "my-tools"'],
    ["list_all", '"list-all" of MCP server "my-tools"'],
    ["good", undefined],
    ["exec_command", undefined],
  ] as const;
  for (const [said, of] of sample(names, 2)) {
    name = said;
    const last = (await turn(bench, servers, "hello")).at(-1);
    assert.ok(last?.type === "turn.failed");
    const { message } = last.error;
    assert.ok(message.includes("array schema missing items"), message);
    if (of === undefined) assert.doesNotMatch(message, /MCP server/);
    else
      assert.ok(
        message.endsWith(`(This is the tool ${of}. Listed in disabled_tools, it is left out.)`),
        message,
      );
  }
});
