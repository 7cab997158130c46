/** Threads of the real Codex whose MCP servers we run. What both modes have in common is in the other files of this folder. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { CredentialSource } from "../../src/mcp/index.ts";
import type { McpServerEvent } from "../../src/servers/server-event.ts";
import {
  callTool,
  descendants,
  type ModelRequest,
  pick,
  promptOf,
  RecordingMcpServer,
  ScriptedModel,
  say,
  stdioServer,
  waitUntilGone,
} from "../../src/testing/index.ts";
import { collect, itemsOfType, serverProcesses, startBench, textOf } from "../support/codex-bench.ts";
import { MAIN } from "../support/command.ts";
import { lateServer } from "../support/late-server.ts";
import { install, legacy } from "../config/support/plugin-folders.ts";
import { meddledCodex } from "../support/meddled-codex.ts";
import { exhaustive } from "../support/sample.ts";

const timeout = 60_000;
const whoami = promptOf({ call: { server: "svc", tool: "whoami" } }, { say: "done" });

/** @returns the status of a request to a gateway */
async function statusOf(url: string, authorization: string): Promise<number> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  const accept = "application/json, text/event-stream";
  const headers = { "content-type": "application/json", accept, authorization };
  const response = await fetch(url, { method: "POST", headers, body });
  await response.body?.cancel();
  return response.status;
}

/** What Codex was given of `svc` in each thread, from a record of what it was told. */
function givenIn(record: string): { readonly url: string; readonly authorization: string }[] {
  const messages = readFileSync(record, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  return messages.flatMap((message) => {
    const svc = pick(message, "params", "config", "mcp_servers", "svc");
    if (svc === undefined) return [];
    const { url, http_headers: headers } = svc as { url: string; http_headers: Record<string, string> };
    return [{ url, authorization: headers["Authorization"] ?? "" }];
  });
}

/** The memory of a process, as text, in pieces that overlap by more than any secret is long. */
function* memoryOf(pid: number): Generator<string> {
  const { openSync, readSync, closeSync } = process.getBuiltinModule("node:fs");
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const piece = Buffer.alloc(8 * 1024 * 1024);
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const [, from = "", to = ""] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      for (let at = BigInt(`0x0${from}`); at < BigInt(`0x0${to}`); at += BigInt(piece.length - 1024)) {
        let read = 0;
        try {
          read = readSync(memory, piece, 0, Math.min(piece.length, Number(BigInt(`0x0${to}`) - at)), at);
        } catch {
          // Mapped, and never used.
        }
        yield piece.toString("latin1", 0, read);
      }
    }
  } finally {
    closeSync(memory);
  }
}

test("nothing of a server is in Codex but the name, and no key: not in its memory, arguments, environment or files (M1, Q1)", {
  timeout,
}, async (t) => {
  for (const [name, value] of Object.entries({
    SWITCHYARD_DEBUG: "wire",
    TOKEN_A: "planted-token-in-host",
  })) {
    process.env[name] = value;
    t.after(() => delete process.env[name]);
  }
  await using http = await RecordingMcpServer.start();
  await using bench = await startBench();
  const codex = bench.another({ apiKey: "planted-key-of-the-model" });
  const planted = [
    "planted-key-of-the-model",
    "planted-header",
    "planted-token-in-host",
    "planted-variable",
    "planted-argument",
    "planted-query",
    "planted-folder",
  ];
  const folder = join(bench.cwd, "planted-folder");
  mkdirSync(folder);
  const thread = codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: {
      svc: { url: `${http.url}?key=planted-query`, headers: { "X-Key": "planted-header" } },
      other: { url: http.url, bearer_token_env_var: "TOKEN_A" },
      child: {
        ...stdioServer({ whoamiEnv: ["planted-argument"] }, { TOKEN: "planted-variable" }),
        cwd: folder,
      },
    },
  });
  const calls = ["svc", "other", "child"].map((server) => ({
    call: { server, tool: "echo", arguments: { text: "hello" } },
  }));
  const { items } = await thread.run(promptOf(...calls, { say: "done" }));
  const answers = items.filter((item) => item.type === "mcp_tool_call");
  assert.deepEqual(
    answers.map(({ status }) => status),
    ["completed", "completed", "completed"],
  );
  assert.deepEqual(
    http.calls.map(({ headers }) => headers["x-key"] ?? headers["authorization"]),
    ["planted-header", "Bearer planted-token-in-host"],
  );
  assert.equal(bench.model.requests.at(-1)?.headers["authorization"], "Bearer planted-key-of-the-model");
  const found = (text: string): string[] => planted.filter((secret) => text.includes(secret));
  const pid = codex.pid as number;
  let searched = 0;
  for (const text of memoryOf(pid)) {
    searched += text.length;
    assert.deepEqual(found(text), [], "memory of Codex");
  }
  assert.ok(searched > 4 * 1024 * 1024);
  for (const file of ["cmdline", "environ"])
    assert.deepEqual(found(readFileSync(`/proc/${pid}/${file}`, "latin1")), [], file);
  const sent = bench.log.filter((line) => line.startsWith("debug codex -> "));
  assert.ok(sent.some((line) => line.includes("thread/start")));
  assert.deepEqual(found(sent.join("\n")), [], "what Codex was told");
  await codex.close();
  const files = readdirSync(bench.home, { recursive: true, encoding: "utf8" });
  assert.ok(files.some((file) => file.includes("rollout-")));
  for (const file of files) {
    const path = join(bench.home, file);
    if (statSync(path).isFile()) assert.deepEqual(found(readFileSync(path, "latin1")), [], file);
  }
});

/** The tools of `svc` that each request to the model offered. */
function offeredIn(requests: readonly ModelRequest[]): string[][] {
  return requests.map(({ tools }) =>
    tools.flatMap(({ namespace = "", name }) => (namespace.includes("svc") ? [name] : [])).toSorted(),
  );
}

test("a dead server is back for the next call, and new tools are there at the next step of the model", {
  timeout,
}, async () => {
  const requests: ModelRequest[] = [];
  const calls = [
    callTool({ server: "svc", tool: "grow" }),
    callTool({ server: "svc", tool: "grown" }),
    callTool({ server: "svc", tool: "die" }),
    callTool({ server: "svc", tool: "grow" }),
  ];
  await using model = await ScriptedModel.start({
    script: (request) => {
      requests.push(request);
      return calls[request.step] ?? say("done");
    },
  });
  await using bench = await startBench({}, model);
  const program = `
    let grown = false;
    const tool = (name) => ({ name, inputSchema: { type: "object" } });
    const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method, params } = JSON.parse(line);
      if (method === "initialize") answer(id, { protocolVersion: params.protocolVersion,
        capabilities: { tools: { listChanged: true } }, serverInfo: { name: "growing", version: "1" } });
      else if (method === "tools/list") answer(id, { tools: ["grow", "die", ...(grown ? ["grown"] : [])].map(tool) });
      else if (params?.name === "die") process.exit(3);
      else if (method === "tools/call") {
        grown = true;
        console.log(JSON.stringify({ jsonrpc: "2.0", method: "notifications/tools/list_changed" }));
        answer(id, { content: [{ type: "text", text: String(process.pid) }] });
      } else if (id !== undefined) answer(id, {});
    });`;
  const svc = { command: process.execPath, args: ["-e", program] };
  const options = { workingDirectory: bench.cwd, model: "mock-model", mcpServers: { svc } };
  const thread = bench.codex.startThread(options);
  const { items } = await thread.run("go");
  const made = items.filter((item) => item.type === "mcp_tool_call");
  assert.deepEqual(offeredIn(requests).slice(0, 2), [
    ["die", "grow"],
    ["die", "grow", "grown"],
  ]);
  assert.deepEqual(
    made.map(({ status }) => status),
    ["completed", "completed", "failed", "completed"],
  );
  const [grow, grown, died, again] = made;
  assert.match(died?.error?.message ?? "", /ended with exit code 3/);
  assert.equal(textOf(grown), textOf(grow));
  assert.notEqual(textOf(again), textOf(grow), "it was started again");
});

test("a server that does not start says why, joins when it is back, and what becomes of it is told (M2)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const first = await RecordingMcpServer.start();
  const { url } = first;
  await first[Symbol.asyncDispose]();
  const news: McpServerEvent[] = [];
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: {
      svc: { url },
      wordy: { command: "sh", args: ["-c", "echo one >&2; echo two >&2; exit 3"] },
    },
    onMcpServer: (event) => news.push(event),
  });
  const events = await collect(thread.runStreamed(promptOf({ say: "without it" })));
  const errors = itemsOfType(events, "error");
  assert.equal(
    errors.find(({ server }) => server === "wordy")?.message,
    'Missing in this turn: MCP server "wordy" ended with exit code 3; the last lines of "sh" on stderr:\none\ntwo',
  );
  const missing = errors.find(({ server }) => server === "svc");
  assert.equal(missing?.code, "mcp_server_failed");
  assert.match(
    missing?.message ?? "",
    /^Missing in this turn: MCP server "svc" at .* cannot be connected to/,
  );
  // Codex cannot open it anew.
  const ephemeral = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { url } },
    ephemeral: true,
  });
  const [told] = itemsOfType(await collect(ephemeral.runStreamed(promptOf({ say: "without" }))), "error");
  assert.equal(told?.message, missing?.message);
  await using _ = await RecordingMcpServer.start({ port: Number(new URL(url).port) });
  const { items } = await thread.run(whoami);
  assert.equal(items.find((item) => item.type === "mcp_tool_call")?.status, "completed");
  const call = { call: { server: "svc", tool: "whoami" } };
  const again = await collect(ephemeral.runStreamed(promptOf(call, call, { say: "done" })));
  assert.equal(itemsOfType(again, "mcp_tool_call").at(-1)?.status, "completed");
  assert.deepEqual(itemsOfType(again, "error"), []);
  const mine = news.filter(({ server }) => server === "svc");
  assert.deepEqual(mine.map(({ state }) => state).slice(0, 2), ["starting", "failed"]);
  assert.equal(mine.at(-1)?.state, "ready");
  assert.ok(mine.every((event) => event.thread_id === thread.id));
});

test("a server in the background does not hold up the model, joins at its next step, and says why it is missing", {
  timeout,
}, async () => {
  const news = new Map<string, McpServerEvent["state"]>();
  let onNews = (): void => {};
  const until = async (server: string, state: McpServerEvent["state"]): Promise<void> => {
    while (news.get(server) !== state) await new Promise<void>((resolve) => void (onNews = resolve));
  };
  let wanted: { readonly server: string; readonly begin: () => Promise<void> } | undefined;
  const offers: boolean[] = [];
  await using model = await ScriptedModel.start({
    script: async ({ tools, step }) => {
      if (wanted === undefined || step > 200) return say("done");
      const { server, begin } = wanted;
      const isOffered = tools.some(({ namespace }) => namespace === `mcp__${server}`);
      offers.push(isOffered);
      if (isOffered) wanted = undefined;
      else {
        await begin();
        await until(server, "ready");
      }
      return callTool({ server: isOffered ? server : "svc", tool: "whoami" });
    },
  });
  await using bench = await startBench({}, model);
  const before = await RecordingMcpServer.start();
  const { url } = before;
  await before[Symbol.asyncDispose]();
  const file = join(bench.cwd, "begin");
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    model: "mock-model",
    mcpServers: {
      svc: stdioServer(),
      late: lateServer(file),
      gone: { url, startup: "background" },
    },
    onMcpServer: ({ server, state }) => {
      news.set(server, state);
      onNews();
    },
  });
  const run = async (server: string, begin: () => Promise<void>): Promise<(string | undefined)[]> => {
    wanted = { server, begin };
    offers.length = 0;
    const { items } = await thread.run("go");
    const call = items.find((item) => item.type === "mcp_tool_call" && item.server === server);
    assert.ok(call?.type === "mcp_tool_call" && call.status === "completed", JSON.stringify(items));
    return items.flatMap((item) =>
      item.type === "error" && item.code === "mcp_server_failed" ? [`${item.server}: ${item.reason}`] : [],
    );
  };
  const says = /^gone: MCP server "gone" at .* cannot be connected to/;
  const first = await run("late", async () => {
    await until("gone", "failed");
    writeFileSync(file, "");
  });
  assert.equal(first.length, 1);
  assert.match(first[0] ?? "", says);
  assert.equal(offers[0], false);
  await using _ = await RecordingMcpServer.start({ port: Number(new URL(url).port) });
  // It may have come back before the turn.
  for (const missing of await run("gone", async () => {})) assert.match(missing ?? "", says);
});

test("a tool of a plugin says so to the model, in the words of Codex where it runs the plugin's server itself", {
  timeout,
}, async () => {
  await using bench = await startBench({ configOverrides: ["features.plugins=true"] });
  const program = `
    const described = { a: "Does it", b: undefined, c: "Does it.", d: "  Twice? \\n", e: " " };
    const tools = Object.entries(described).map(([name, description]) => ({ name, description, inputSchema: { type: "object" } }));
    const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method, params } = JSON.parse(line);
      if (method === "initialize") answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} },
        serverInfo: { name: "described", version: "1" } });
      else if (method === "tools/list") answer(id, { tools });
      else if (id !== undefined) answer(id, {});
    });`;
  const server = { command: process.execPath, args: ["-e", program] };
  mkdirSync(bench.home, { recursive: true });
  writeFileSync(join(bench.home, "config.toml"), '[plugins."p@m"]\nenabled = true\n');
  install(bench.home, "p@m", legacy({ theirs: server }, { name: "p", interface: { displayName: "The P" } }));
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    model: "mock-model",
    mcpServers: { ours: server, other: server },
    provenance: new Map([["ours", { id: "p@m", displayName: "The P" }]]),
  });
  await thread.run("hi");
  const { request } = bench.model.requests.at(-1) ?? {};
  const toolsOf = (name: string): unknown => {
    const spaces = request?.body["tools"] as readonly {
      name?: string;
      tools?: readonly { description?: string }[];
    }[];
    return spaces.find((space) => space.name === name)?.tools?.map(({ description }) => description);
  };
  const inCodex = toolsOf("mcp__theirs");
  assert.match(JSON.stringify(inCodex), /^\["Does it\. This tool is part of plugin `The P`\."/);
  assert.deepEqual(toolsOf("mcp__ours"), inCodex);
  assert.doesNotMatch(JSON.stringify(toolsOf("mcp__other")), /plugin/);
});

test("an environment that is a program is started for managed threads, and a direct one says that Codex cannot have it", {
  timeout,
}, async () => {
  const box = { id: "box", program: process.execPath, args: [MAIN, "executor", "--listen", "stdio"] };
  await using bench = await startBench({ environments: [box] });
  const svc = { ...stdioServer(), environment_id: "box", cwd: bench.cwd };
  const options = { workingDirectory: bench.cwd, mcpServers: { svc }, ephemeral: true };
  const managed = await bench.codex.startThread({ ...options, mcp: "managed" }).run(whoami);
  const call = managed.items.find((item) => item.type === "mcp_tool_call");
  assert.equal(call?.status, "completed", JSON.stringify(managed.items));
  const direct = await bench.codex.startThread({ ...options, mcp: "direct" }).run("hi");
  const missing = direct.items.find((item) => item.type === "error" && item.server === "svc");
  const says = /environment "box" is a program: Codex starts those only from environments\.toml/;
  assert.match(missing?.type === "error" ? (missing.reason ?? "") : "", says);
});

test("threads share one process of a server with the scope of the host, and it ends with the last of them (H1)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  const shared = { ...stdioServer(), scope: "host" as const };
  const threads = Array.from({ length: exhaustive ? 100 : 12 }, () =>
    bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers: { svc: shared }, ephemeral: true }),
  );
  const pids = await Promise.all(
    threads.map(async (thread) => {
      const { items } = await thread.run(whoami);
      return pick(JSON.parse(textOf(items.find((item) => item.type === "mcp_tool_call"))), "pid");
    }),
  );
  assert.equal(new Set(pids).size, 1);
  assert.equal(descendants(bench.codex.pid as number).length, 0, "Codex runs none itself");
  const servers = serverProcesses();
  assert.ok(servers.includes(pids[0] as number));
  await Promise.all(threads.slice(1).map((thread) => thread.close()));
  assert.ok(serverProcesses().includes(pids[0] as number), "one thread still has it");
  await bench.codex.close();
  assert.deepEqual(await waitUntilGone(servers), []);
});

test("each thread's servers get the credentials of its principal", { timeout }, async () => {
  await using http = await RecordingMcpServer.start({ stateless: true });
  await using bench = await startBench();
  const credentials: CredentialSource = {
    token: ({ principal }) => Promise.resolve(principal === undefined ? undefined : `token-of-${principal}`),
  };
  const codex = bench.another({ credentials });
  const mcpServers = { svc: { url: http.url } };
  for (const principal of ["alice", "bob", undefined]) {
    const options = principal === undefined ? {} : { principal };
    await codex
      .startThread({ workingDirectory: bench.cwd, mcpServers, ephemeral: true, ...options })
      .run(whoami);
  }
  assert.deepEqual(
    http.calls.map(({ headers }) => headers["authorization"]),
    ["Bearer token-of-alice", "Bearer token-of-bob", undefined],
  );
});

test("a bearer opens the servers of its thread, until the thread is closed; a proxy is not asked for them (M3)", {
  timeout,
}, async () => {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(502).end();
  });
  await new Promise<void>((resolve) => void proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  try {
    await using bench = await startBench();
    const HTTP_PROXY = `http://127.0.0.1:${port}`;
    const env = { PATH: process.env["PATH"] ?? "", HTTP_PROXY, NO_PROXY: "elsewhere,127.0.0.2" };
    const recordTo = join(bench.cwd, "record");
    const codex = bench.another({ env, codexPathOverride: meddledCodex(bench.cwd, { recordTo }) });
    const threads = ["a", "b"].map(() =>
      codex.startThread({ workingDirectory: bench.cwd, mcpServers: { svc: stdioServer() } }),
    );
    for (const thread of threads) {
      const { items } = await thread.run(whoami);
      assert.equal(items.find((item) => item.type === "mcp_tool_call")?.status, "completed");
    }
    const [one, other] = givenIn(recordTo);
    assert.ok(one !== undefined && other !== undefined);
    assert.notEqual(one.authorization, other.authorization);
    assert.notEqual(await statusOf(one.url, one.authorization), 401);
    assert.equal(await statusOf(one.url, other.authorization), 401, "of another thread");
    assert.equal(await statusOf(one.url, "Bearer guessed"), 401);
    await threads[0]?.close();
    assert.equal(await statusOf(one.url, one.authorization), 401, "closed");
    assert.notEqual(await statusOf(other.url, other.authorization), 401);
    assert.deepEqual(
      asked.filter((url) => url.includes("127.0.0.1")),
      [],
    );
  } finally {
    proxy.close();
  }
});
