/** Everything that crosses the gateway, for clients of each version and servers of both eras. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { Client, ElicitRequest } from "@modelcontextprotocol/client";
import { SdkError, SdkErrorCode } from "@modelcontextprotocol/client";
import { ScriptedHttpServer } from "../mcp/support/scripted-http.ts";
import { sample } from "../support/sample.ts";
import { call, GatewayBench, type Version, VERSIONS } from "./support/gateway-bench.ts";
import { raw, rpc, session } from "./support/raw-post.ts";
import { until } from "../executor/support/until.ts";

const timeout = 60_000;
const ERAS = ["legacy", "modern"] as const;
type Era = (typeof ERAS)[number];

/** A server of an era behind a gateway; `got` are the lines that it recorded. */
class Behind implements AsyncDisposable {
  readonly bench: GatewayBench;
  readonly got: () => readonly string[];
  readonly server: object;
  readonly #http: ScriptedHttpServer | undefined;

  private constructor(
    bench: GatewayBench,
    server: object,
    got: () => readonly string[],
    http?: ScriptedHttpServer,
  ) {
    this.bench = bench;
    this.server = server;
    this.got = got;
    this.#http = http;
  }

  static async start(era: Era, place: "http" | "stdio"): Promise<Behind> {
    const bench = await GatewayBench.start();
    if (place === "stdio") {
      const server = bench.mcp.server({ era });
      return new Behind(bench, server, server.record);
    }
    const http = await ScriptedHttpServer.start({ era });
    return new Behind(bench, { url: http.url }, () => http.record, http);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bench[Symbol.asyncDispose]();
    await this.#http?.[Symbol.asyncDispose]();
  }
}

/** What a client was told and asked. */
class Told {
  readonly lists: string[] = [];
  readonly updated: string[] = [];
  readonly logs: unknown[] = [];
  readonly asked: ElicitRequest["params"][] = [];
  readonly errors: string[] = [];

  readonly setUp = (client: Client): void => {
    client.onerror = (error) => void this.errors.push(error.message);
    client.setNotificationHandler("notifications/tools/list_changed", () => void this.lists.push("tools"));
    client.setNotificationHandler(
      "notifications/resources/updated",
      ({ params }) => void this.updated.push(params.uri),
    );
    client.setNotificationHandler("notifications/message", ({ params }) => void this.logs.push(params.data));
    client.setRequestHandler("elicitation/create", ({ params }) => {
      this.asked.push(params);
      return { action: "accept", ...(params.mode === "url" ? {} : { content: { ok: "yes" } }) };
    });
  };
}

async function everythingCrosses(behind: Behind, version: Version, era: Era): Promise<void> {
  const { bench, server, got } = behind;
  const { at } = bench.open({ a: server } as never);
  const told = new Told();
  const modern = version === "2026-07-28";
  const client = await bench.connect(
    at.urlOf("a"),
    at.bearer,
    version,
    { elicitation: { form: {}, url: {} } },
    told.setUp,
  );
  assert.equal(client.getNegotiatedProtocolVersion(), version);
  assert.deepEqual(client.getServerVersion(), { name: "scripted", version: "1.0.0" });

  const changes = modern
    ? await client.listen({ toolsListChanged: true, resourceSubscriptions: ["test://a"] })
    : await client.subscribeResource({ uri: "test://a" });
  const { tools } = await client.listTools();
  assert.ok(tools.some(({ name }) => name === "echo"));
  assert.equal(await call(client, "echo", { text: "grüße" }), "grüße");
  assert.deepEqual((await client.callTool({ name: "structured" })).structuredContent, { n: 1 });
  assert.equal((await client.callTool({ name: "fail" })).isError, true);
  await assert.rejects(client.callTool({ name: "no_such_tool" }), { code: -32602 });

  const progress: number[] = [];
  const onprogress = (news: { readonly progress: number }): void => void progress.push(news.progress);
  await call(client, "progress", { count: 5 }, { onprogress });
  assert.deepEqual(progress, modern ? progress : [1, 2, 3, 4, 5]);
  // The SDK's own client loses the last one when it comes together with the result.
  assert.ok(progress.length >= 4);

  const level = modern ? { _meta: { "io.modelcontextprotocol/logLevel": "info" } } : {};
  if (!modern) await client.request({ method: "logging/setLevel", params: { level: "info" } });
  await client.callTool({ name: "log", arguments: { data: "loud", level: "error" }, ...level });
  await client.callTool({ name: "log", arguments: { data: "quiet", level: "debug" }, ...level });
  await until("a log message", () => told.logs.length > 0);
  assert.deepEqual(told.logs, ["loud"]);

  const form = JSON.parse(await call(client, "ask", { message: "Sure?" })) as { answer: unknown };
  assert.deepEqual(form.answer, { action: "accept", content: { ok: "yes" } });
  const url = { message: "Look", url: "https://example.org/x" };
  assert.deepEqual((JSON.parse(await call(client, "ask", url)) as { answer: unknown }).answer, {
    action: "accept",
  });
  assert.deepEqual(
    told.asked.map(({ mode, message }) => [mode, message]),
    [
      ["form", "Sure?"],
      ["url", "Look"],
    ],
  );

  const { contents, ...more } = await client.readResource({ uri: "test://a" });
  assert.deepEqual(contents, [{ uri: "test://a", text: "content" }]);
  if (!modern) assert.deepEqual(more, {}, "nothing of the other era");
  assert.equal((await client.listResources()).resources.length, 1);
  assert.deepEqual(
    (await client.listPrompts()).prompts.map(({ name }) => name),
    ["p"],
  );
  assert.equal((await client.getPrompt({ name: "p" })).messages.length, 1);

  await call(client, "touch", { uri: "test://a" });
  await until("an update", () => told.updated.length > 0);
  await call(client, "change", { add: "newcomer" });
  await until("a changed list", () => told.lists.length > 0);
  assert.ok((await client.listTools()).tools.some(({ name }) => name === "newcomer"));
  assert.deepEqual([told.updated, told.lists], [["test://a"], ["tools"]]);

  const cancelling = new AbortController();
  const hanging = client.callTool({ name: "hang" }, { signal: cancelling.signal });
  await until("the call at the server", () => got().includes("in tools/call hang"));
  cancelling.abort(new SdkError(SdkErrorCode.ConnectionClosed, "enough"));
  await assert.rejects(hanging, /enough/);
  await until("the cancellation at the server", () =>
    got().some((line) => line.startsWith("in notifications/cancelled")),
  );
  // A request that was cancelled is not in the way of others.
  assert.equal(await call(client, "echo", { text: era }), era);
  if ("close" in changes && typeof changes.close === "function") await changes.close();
}

suite("what crosses a gateway", { timeout }, () => {
  for (const era of ERAS) {
    for (const version of VERSIONS) {
      test(`between a client of ${version} and a server of the ${era} era over HTTP (S1, S2, M1, M2)`, async () => {
        await using behind = await Behind.start(era, "http");
        await everythingCrosses(behind, version, era);
      });
    }
  }
  const stdio = ERAS.flatMap((era) => VERSIONS.map((version) => ({ era, version })));
  for (const { era, version } of sample(stdio, 6))
    test(`between a client of ${version} and a server of the ${era} era over stdio`, async () => {
      await using behind = await Behind.start(era, "stdio");
      await everythingCrosses(behind, version, era);
    });
});

test("an error of a server keeps its code and its data", { timeout }, async () => {
  await using bench = await GatewayBench.start();
  const error = { code: -32002, message: "Resource not found", data: { uri: "a:b", more: 1 } };
  const described = { answers: { "tools/list": { tools: [] }, "resources/read": { error } } };
  const args = [join(import.meta.dirname, "../mcp/support/described-server.ts"), JSON.stringify(described)];
  const { at } = bench.open({ svc: { command: process.execPath, args } });
  const { bearer } = at;
  const url = at.urlOf("svc");
  const headers = { "mcp-session-id": await session(url, bearer) };
  const body = rpc(1, "resources/read", { uri: "a:b" });
  assert.deepEqual((await raw(url, { bearer, headers, body })).message.error, error);
});
