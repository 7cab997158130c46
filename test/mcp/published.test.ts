/** Published servers from npm, as they come, in threads of a manager. What their transport does is tested in `suites/`. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Elicitation, McpConnectionManager } from "../../src/mcp/index.ts";
import { EverythingOverHttp, killPublished, published, publishedBench } from "./support/published.ts";
import { eventOf, type McpBench, textOf } from "./support/scripted.ts";

const timeout = 60_000;

interface Site extends AsyncDisposable {
  readonly bench: McpBench;
  readonly server: { readonly url: string } | ReturnType<typeof published>;
  /** Kills the server; over HTTP it also is started again, as whoever runs it does. */
  readonly kill: () => Promise<void>;
}

const WAYS: Readonly<Record<string, () => Promise<Site>>> = {
  "over stdio": () => {
    const bench = publishedBench();
    return Promise.resolve({
      bench,
      server: published("everything"),
      kill: () => Promise.resolve(killPublished("everything")),
      [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
    });
  },
  "over HTTP": async () => {
    const bench = publishedBench();
    const http = await EverythingOverHttp.start();
    return {
      bench,
      server: { url: http.url },
      kill: () => http.restart(),
      [Symbol.asyncDispose]: async () => {
        await bench[Symbol.asyncDispose]();
        await http[Symbol.asyncDispose]();
      },
    };
  },
};

for (const [way, open] of Object.entries(WAYS)) {
  suite(`the published server "everything" ${way}`, () => {
    test("has its lists read and its tools called, whatever they answer with", { timeout }, async () => {
      await using site = await open();
      const thread = site.bench.manager.openThread({ servers: { e: site.server } });
      const [view] = await thread.ready();
      assert.match(view?.instructions ?? "", /Everything Server/);
      const names = thread.listTools("e").map(({ tool }) => tool.name);
      for (const name of ["echo", "get-sum", "get-tiny-image"]) assert.ok(names.includes(name), name);
      // It offers these to clients alone that declare the capability.
      for (const name of ["trigger-elicitation-request", "trigger-sampling-request", "get-roots-list"])
        assert.ok(!names.includes(name), name);
      assert.equal(textOf(await thread.callTool("e", "echo", { message: "grüße 🚂" })), "Echo: grüße 🚂");
      assert.match(textOf(await thread.callTool("e", "get-sum", { a: 2, b: 40 })), /is 42/);
      const kinds = async (tool: string, args = {}): Promise<readonly string[]> => {
        const outcome = await thread.callTool("e", tool, args);
        assert.ok(outcome.kind === "result", JSON.stringify(outcome));
        return outcome.result.content.map(({ type }) => type);
      };
      assert.deepEqual(await kinds("get-tiny-image"), ["text", "image", "text"]);
      assert.deepEqual(await kinds("get-resource-links", { count: 1 }), ["text", "resource_link"]);
      assert.deepEqual(await kinds("get-resource-reference"), ["text", "resource", "text"]);
      const weather = await thread.callTool("e", "get-structured-content", { location: "Chicago" });
      assert.ok(weather.kind === "result");
      assert.match(JSON.stringify(weather.result.structuredContent), /^{"temperature":\d/);
      assert.equal((await thread.callTool("e", "get-sum", { a: "two", b: 40 })).kind, "tool_error");
      // It runs as a task alone, which we do not offer; the server says so.
      const task = await thread.callTool("e", "simulate-research-query", { topic: "rails" });
      assert.match(textOf(task), /requires task augmentation/);

      const [document] = await thread.listResources("e");
      assert.ok(document !== undefined);
      const { contents } = await thread.readResource("e", document.uri);
      assert.equal(contents[0]?.uri, document.uri);
      const templates = await thread.listResourceTemplates("e");
      assert.ok(templates.some(({ uriTemplate }) => uriTemplate.startsWith("demo://resource/dynamic/text/")));
      const prompts = (await thread.listPrompts("e")).map(({ name }) => name);
      assert.ok(prompts.includes("args-prompt"), prompts.join(" "));
      const { messages } = await thread.getPrompt("e", "args-prompt", { city: "Rome" });
      assert.match(JSON.stringify(messages), /Rome/);
      const completed = await thread.request("e", "completion/complete", {
        ref: { type: "ref/prompt", name: "completable-prompt" },
        argument: { name: "department", value: "S" },
      });
      assert.deepEqual((completed["completion"] as { values: unknown }).values, ["Sales", "Support"]);
    });

    test("reports progress in order, and goes on after a call that was stopped", { timeout }, async () => {
      await using site = await open();
      const thread = site.bench.manager.openThread({ servers: { e: site.server } });
      const seen: number[] = [];
      const long = { duration: 0.2, steps: 4 };
      const done = await thread.callTool("e", "trigger-long-running-operation", long, {
        onProgress: ({ progress }) => void seen.push(progress),
      });
      assert.match(textOf(done), /completed/);
      assert.deepEqual(seen, [1, 2, 3, 4]);
      const stop = new AbortController();
      const stopped = await thread.callTool(
        "e",
        "trigger-long-running-operation",
        { duration: 600, steps: 6000 },
        { signal: stop.signal, onProgress: () => stop.abort() },
      );
      assert.deepEqual(stopped, { kind: "cancelled", sent: true });
      assert.equal(textOf(await thread.callTool("e", "echo", { message: "on" })), "Echo: on");
    });

    test("asks a person and a model during its calls, and for roots", { timeout }, async () => {
      await using site = await open();
      const questions: Elicitation[] = [];
      const thread = site.bench.manager.openThread({
        servers: { e: site.server },
        roots: ["file:///somewhere"],
        onElicit: (question) => {
          questions.push(question);
          const content = question.mode === "url" ? {} : { content: { name: "Ann", integer: 7 } };
          return Promise.resolve({ action: "accept", ...content });
        },
        onSample: ({ messages }) =>
          Promise.resolve({
            role: "assistant",
            model: "none",
            content: { type: "text", text: `sampled ${JSON.stringify(messages).includes("dining")}` },
          }),
      });
      const filled = await thread.callTool("e", "trigger-elicitation-request", {}, { id: "form" });
      assert.match(JSON.stringify(filled), /Name: Ann.*Favorite Integer: 7/);
      const page = { url: "https://example.com/page", message: "Open it" };
      const opened = await thread.callTool("e", "trigger-url-elicitation", page, { id: "page" });
      assert.match(textOf(opened), /User completed the URL elicitation/);
      assert.deepEqual(
        questions.map(({ mode, call, url }) => [mode, call?.id, url]),
        [
          ["form", "form", undefined],
          ["url", "page", page.url],
        ],
      );
      // Its other way to ask: an error that carries the question. It is the caller's.
      const refused = await thread.callTool("e", "trigger-url-elicitation", { ...page, errorPath: true });
      assert.ok(refused.kind === "protocol_error" && refused.code === -32042, JSON.stringify(refused));
      assert.match(JSON.stringify(refused.data), /"mode":"url"/);
      const sampled = await thread.callTool("e", "trigger-sampling-request", { prompt: "dining car" });
      assert.match(textOf(sampled), /sampled true/);
      assert.match(textOf(await thread.callTool("e", "get-roots-list")), /file:\/\/\/somewhere/);
    });

    test("tells of new resources, of changes of a resource, and what it logs", { timeout }, async () => {
      await using site = await open();
      const thread = site.bench.manager.openThread({ servers: { e: site.server }, logLevel: "debug" });
      const before = (await thread.listResources("e")).length;
      const listed = eventOf(thread, ({ type }) => type === "catalog");
      const file = { name: "hello.gz", data: "data:text/plain,hello", outputType: "resourceLink" };
      assert.equal((await thread.callTool("e", "gzip-file-as-resource", file)).kind, "result");
      const added = ["demo://resource/session/hello.gz"];
      const change = { type: "catalog", server: "e", kind: "resources", added, removed: [], changed: [] };
      assert.deepEqual(await listed, change);
      assert.equal((await thread.listResources("e")).length, before + 1);

      const uri = "demo://resource/dynamic/text/1";
      await using _subscription = await thread.subscribe("e", uri);
      const updated = eventOf(thread, ({ type }) => type === "resource_updated");
      await thread.callTool("e", "toggle-subscriber-updates");
      assert.deepEqual(await updated, { type: "resource_updated", server: "e", uri });

      const logged = eventOf(thread, ({ type }) => type === "log");
      await thread.callTool("e", "toggle-simulated-logging");
      const event = await logged;
      assert.ok(event.type === "log" && /level.message/.test(String(event.data)), JSON.stringify(event));
    });

    test("is back after it was killed, for the call that comes next", { timeout }, async () => {
      await using site = await open();
      const thread = site.bench.manager.openThread({ servers: { e: site.server } });
      await thread.ready();
      await site.kill();
      assert.equal(await back(thread), "Echo: back");
      const { status } = thread.server("e");
      assert.ok(status.state === "ready" && status.starts === 2, JSON.stringify(status));
    });
  });
}

suite("published servers over stdio", () => {
  test("four of them are in one thread, each with its tools", { timeout }, async () => {
    await using bench = publishedBench();
    const servers = {
      everything: published("everything"),
      files: published("filesystem", [bench.folder]),
      memory: published("memory", [], { MEMORY_FILE_PATH: bench.path("memory.jsonl") }),
      thinking: published("sequential-thinking"),
    };
    const thread = bench.manager.openThread({ servers, workspace: bench.folder });
    const views = await thread.ready();
    assert.deepEqual(
      views.map(({ name, status }) => [name, status.state]),
      Object.keys(servers).map((name) => [name, "ready"]),
    );
    const thought = { thought: "All aboard", nextThoughtNeeded: true, thoughtNumber: 1, totalThoughts: 2 };
    const outcomes = await Promise.all([
      thread.callTool("everything", "echo", { message: "hi" }),
      thread.callTool("files", "list_allowed_directories"),
      thread.callTool("memory", "read_graph"),
      thread.callTool("thinking", "sequentialthinking", thought),
    ]);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ["result", "result", "result", "result"],
    );
    assert.match(textOf(outcomes[3]), /"thoughtHistoryLength": 1/);
    assert.ok(
      bench.log.some(
        (line) => line.includes('MCP server "thinking" stderr: ') && line.includes("Thought 1/2"),
      ),
    );
  });

  test("filesystem gets its folder from the roots of the thread", { timeout }, async () => {
    await using bench = publishedBench();
    const folder = bench.path("work");
    mkdirSync(folder);
    const thread = bench.manager.openThread({
      servers: { files: published("filesystem") },
      roots: [pathToFileURL(folder).href],
    });
    // It asks for them after the handshake.
    let allowed = "";
    while (!allowed.includes(folder))
      allowed = textOf(await thread.callTool("files", "list_allowed_directories"));
    const path = join(folder, "grüße 🚂.txt");
    const written = await thread.callTool("files", "write_file", { path, content: "€" });
    assert.equal(written.kind, "result");
    assert.equal(readFileSync(path, "utf8"), "€");
    const outside = { path: bench.path("outside.txt"), content: "" };
    assert.match(textOf(await thread.callTool("files", "write_file", outside)), /Access denied/);
  });

  test("filesystem that cannot start says why, in its own words", { timeout }, async () => {
    await using bench = publishedBench();
    const servers = { files: published("filesystem", [bench.path("missing")]) };
    const thread = bench.manager.openThread({ servers });
    const [view] = await thread.ready();
    assert.ok(view?.status.state === "failed", JSON.stringify(view?.status));
    assert.equal(view.status.reason.code, "exited");
    assert.match(view.status.reason.message, /None of the specified directories are accessible/);
    const outcome = await thread.callTool("files", "list_allowed_directories");
    assert.ok(
      outcome.kind === "not_sent" && outcome.reason === "server_unavailable",
      JSON.stringify(outcome),
    );
  });

  test("memory remembers across a kill, and its results match their schemas", { timeout }, async () => {
    await using bench = publishedBench();
    const memory = published("memory", [], { MEMORY_FILE_PATH: bench.path("memory.jsonl") });
    const thread = bench.manager.openThread({ servers: { memory } });
    const entities = [{ name: "Ann", entityType: "person", observations: ["drives trains"] }];
    assert.equal((await thread.callTool("memory", "create_entities", { entities })).kind, "result");
    killPublished("memory");
    let graph = await thread.callTool("memory", "read_graph");
    while (graph.kind === "lost") graph = await thread.callTool("memory", "read_graph");
    assert.ok(graph.kind === "result", JSON.stringify(graph));
    assert.deepEqual(graph.result.structuredContent, { entities, relations: [] });
  });
});

/** A call that meets the death itself is lost, since it may have been carried out. The next one is not. */
async function back(thread: McpConnectionManager): Promise<string> {
  const call = (): ReturnType<McpConnectionManager["callTool"]> =>
    thread.callTool("e", "echo", { message: "back" });
  let outcome = await call();
  while (outcome.kind === "lost") outcome = await call();
  return textOf(outcome);
}
