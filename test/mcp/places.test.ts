/** One server of one thread, wherever it is, in both eras: what works at one place works at all of them. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Elicitation } from "../../src/mcp/index.ts";
import { waitUntilGone } from "../../src/testing/leaks.ts";
import { until } from "../executor/support/until.ts";
import { sample } from "../support/sample.ts";
import { PLACES, type Place, Site } from "./support/places.ts";
import { eventOf, inState, textOf } from "./support/scripted.ts";

function placeSuite(place: Place, era: "legacy" | "modern"): void {
  let executor: Awaited<ReturnType<NonNullable<Place["startExecutor"]>>> | undefined;
  before(async () => {
    executor = await place.startExecutor?.();
  });
  after(async () => {
    await executor?.[Symbol.asyncDispose]();
  });
  const open = (): Promise<Site> => Site.open(place, executor?.url, { era });

  test("is ready, listed and called", async () => {
    await using site = await open();
    const thread = site.open();
    const [view] = await thread.ready();
    assert.ok(view?.status.state === "ready", JSON.stringify(view?.status));
    assert.deepEqual([view.status.era, view.status.starts], [era, 1]);
    assert.ok(thread.listTools("a").some(({ tool }) => tool.name === "echo"));
    assert.equal(textOf(await thread.callTool("a", "echo", { text: "hello €" })), "hello €");
    assert.equal((await thread.callTool("a", "fail")).kind, "tool_error");
    assert.equal(textOf(await thread.callTool("a", "big", { bytes: 1_000_000 })).length, 1_000_000);
  });

  test("carries calls that wait for each other", async () => {
    await using site = await open();
    const thread = site.open();
    await thread.ready();
    const met = await Promise.all([thread.callTool("a", "meet"), thread.callTool("a", "meet")]);
    assert.deepEqual(met.map(textOf), ["met", "met"]);
  });

  test("reports every progress, also the last one that comes with the result", async () => {
    await using site = await open();
    const thread = site.open();
    await thread.ready();
    const count = 20;
    for (const everyMs of [undefined, 1]) {
      const seen: number[] = [];
      const onProgress = ({ progress }: { readonly progress: number }): void => void seen.push(progress);
      const args = { count, ...(everyMs === undefined ? {} : { everyMs }) };
      assert.equal(textOf(await thread.callTool("a", "progress", args, { onProgress })), "done");
      assert.deepEqual(
        seen,
        Array.from({ length: count }, (_, at) => at + 1),
      );
    }
  });

  test("is told of a time-out and of an abort", async () => {
    await using site = await open();
    const thread = site.open();
    await thread.ready();
    const late = await thread.callTool("a", "hang", {}, { timeoutMs: 50 });
    assert.ok(late.kind === "timeout", JSON.stringify(late));
    const stop = new AbortController();
    const call = thread.callTool("a", "hang", {}, { signal: stop.signal });
    await until("both calls are there", () => site.got("in tools/call hang").length === 2);
    stop.abort();
    assert.deepEqual(await call, { kind: "cancelled", sent: true });
    // In the modern era a request over HTTP is cancelled by ending it.
    const reaches = place.keepsRequests !== true || era === "legacy";
    if (reaches) await until("both are cancelled", () => site.got("in notifications/cancelled").length === 2);
    assert.equal(textOf(await thread.callTool("a", "echo", { text: "on" })), "on");
    assert.equal(site.got("in notifications/cancelled").length, reaches ? 2 : 0);
    assert.equal(thread.server("a").status.state, "ready");
  });

  test("asks, and each answer goes to its own call, with two under way", async () => {
    await using site = await open();
    const questions: Elicitation[] = [];
    const bothAsk = Promise.withResolvers<void>();
    const thread = site.open({
      onElicit: async (question) => {
        questions.push(question);
        if (questions.length === 2) bothAsk.resolve();
        await bothAsk.promise;
        return { action: "accept", content: { ok: question.message } };
      },
    });
    await thread.ready();
    const ids = ["one", "two"];
    const outcomes = await Promise.all(
      ids.map((id) => thread.callTool("a", "ask", { message: `of ${id}` }, { id })),
    );
    for (const [at, outcome] of outcomes.entries()) {
      const { answer } = JSON.parse(textOf(outcome)) as { readonly answer: unknown };
      assert.deepEqual(answer, { action: "accept", content: { ok: `of ${ids[at]}` } });
    }
    // Only a pipe of the legacy era does not tell whose question it is.
    const isKnown = place.isHttp || era === "modern";
    const asked = new Map(questions.map(({ message, call }) => [message, call?.id]));
    assert.deepEqual(asked, new Map(ids.map((id) => [`of ${id}`, isKnown ? id : undefined])));
  });

  test("has its tools listed again when it says so", async () => {
    await using site = await open();
    const thread = site.open();
    await thread.ready();
    await listening(site, era);
    const changed = eventOf(thread, ({ type }) => type === "catalog");
    await thread.callTool("a", "change", { add: "fresh", times: 5 });
    const event = await changed;
    assert.ok(event.type === "catalog");
    assert.deepEqual([event.kind, event.added, event.removed], ["tools", ["fresh"], []]);
  });

  test("has resources and prompts, and tells of a resource that was subscribed to, until it is not", async () => {
    await using site = await open();
    const thread = site.open();
    const resources = await thread.listResources("a");
    assert.deepEqual(
      resources.map(({ uri }) => uri),
      ["test://a"],
    );
    const prompts = await thread.listPrompts("a");
    assert.deepEqual(
      prompts.map(({ name }) => name),
      ["p"],
    );
    assert.deepEqual((await thread.readResource("a", "test://a")).contents, [
      { uri: "test://a", text: "content" },
    ]);
    await listening(site, era);
    const subscription = await thread.subscribe("a", "test://a");
    const updated = eventOf(thread, ({ type }) => type === "resource_updated");
    await thread.callTool("a", "touch", { uri: "test://a" });
    assert.deepEqual(await updated, { type: "resource_updated", server: "a", uri: "test://a" });
    await subscription[Symbol.asyncDispose]();
    const next = eventOf(thread, ({ type }) => type === "resource_updated" || type === "catalog");
    await thread.callTool("a", "touch", { uri: "test://a" });
    await until(
      "it listens again",
      () => era === "legacy" || site.got("in subscriptions/listen").length === 3,
    );
    await thread.callTool("a", "change", { add: "fresh" });
    assert.equal((await next).type, "catalog");
  });

  test("is back after its death, and the call it died of says that its outcome is unknown (C2, L5)", async () => {
    await using site = await open();
    const thread = site.open();
    await thread.ready();
    await thread.callTool("a", "count");
    const lost = await thread.callTool("a", "die", { code: 7 });
    assert.ok(lost.kind === "lost", JSON.stringify(lost));
    if (!place.isHttp) assert.match(lost.message, /ended with exit code 7; its last words: dying as asked/);
    assert.equal(textOf(await thread.callTool("a", "count")), "1");
    await inState(thread, "a", "ready");
    assert.equal(site.got("start").length, 2);
  });

  test("leaves nothing when its thread ends with calls under way", async () => {
    await using site = await open();
    const thread = site.open();
    await thread.ready();
    const call = thread.callTool("a", "hang");
    await until("the call is there", () => site.got("in tools/call hang").length === 1);
    await thread[Symbol.asyncDispose]();
    assert.equal((await call).kind, "cancelled");
    assert.deepEqual(await waitUntilGone(site.pids), []);
    assert.equal(site.http?.sessions.size ?? 0, 0);
    await site.bench.manager[Symbol.asyncDispose]();
    await until("no connection is open", () => (site.http?.connections ?? 0) === 0);
  });
}

/** Over HTTP a server cannot tell of changes before its stream is open. */
async function listening({ http }: Site, era: "legacy" | "modern"): Promise<void> {
  if (http === undefined) return;
  await until("a stream is open", () =>
    era === "modern"
      ? http.record.some((line) => line.startsWith("in subscriptions/listen"))
      : [...http.sessions.values()].some(({ stands }) => stands),
  );
}

const ERAS = ["legacy", "modern"] as const;

// Every place in one era, and both eras at the executors and beside them.
for (const [index, place] of PLACES.entries())
  for (const era of sample(ERAS, 2, index))
    suite(`a server of the ${era} era at ${place.name}`, () => placeSuite(place, era));

for (const place of PLACES.filter(({ isHttp, startExecutor }) => isHttp && startExecutor === undefined))
  for (const era of ERAS)
    test(`a server of the ${era} era that threads share over HTTP has each question answered by its own thread (Q1, K3)`, async () => {
      await using site = await Site.open(place, undefined, { era });
      const names = ["one", "two", "three", "four"];
      const allAsk = Promise.withResolvers<void>();
      let asked = 0;
      const threads = names.map((name) =>
        site.bench.manager.openThread({
          servers: { a: { ...site.server, scope: "host" } },
          onElicit: async () => {
            if (++asked === names.length) allAsk.resolve();
            await allAsk.promise;
            return { action: "accept", content: { ok: name } };
          },
        }),
      );
      await Promise.all(threads.map((thread) => thread.ready()));
      const outcomes = await Promise.all(threads.map((thread) => thread.callTool("a", "ask")));
      const answers = outcomes.map(
        (outcome) =>
          (JSON.parse(textOf(outcome)) as { answer: { content: { ok: string } } }).answer.content.ok,
      );
      assert.deepEqual(answers, names);
      assert.equal(site.bench.manager.connections.length, 1);
    });
