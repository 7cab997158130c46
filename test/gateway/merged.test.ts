/** All servers of a thread at one URL, and threads that are opened for the clients that come. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Gateway } from "../../src/gateway/index.ts";
import { ScriptedHttpServer } from "../mcp/support/scripted-http.ts";
import { eventOf, inState } from "../mcp/support/scripted.ts";
import { call, GatewayBench } from "./support/gateway-bench.ts";
import { initialize, modern, raw, session } from "./support/raw-post.ts";

suite("all servers of a thread at one URL", { timeout: 30_000 }, () => {
  for (const version of ["2025-11-25", "2026-07-28"] as const) {
    test(`have their tools under flat names, for a client of ${version}`, async () => {
      await using bench = await GatewayBench.start();
      await using one = await ScriptedHttpServer.start({ era: "modern" });
      await using two = await ScriptedHttpServer.start({ era: "legacy" });
      const { thread, at } = bench.open(
        {
          one: { url: one.url, disabled_tools: ["die"] },
          two: { url: two.url },
          // It does not work, and the others do.
          three: { command: "/nowhere/at/all" },
        },
        { provenance: new Map([["two", { id: "p@m", displayName: "The P" }]]) },
      );
      const client = await bench.connect(at.urlOf(), at.bearer, version);
      assert.equal(client.getServerVersion()?.name, "switchyard");
      const { tools } = await client.listTools();
      const names = tools.map(({ name }) => name);
      const ofPlugin = tools.filter(({ description = "" }) =>
        description.endsWith("part of plugin `The P`."),
      );
      assert.deepEqual(
        ofPlugin.map(({ name }) => name),
        names.filter((name) => name.startsWith("mcp__two__")),
      );
      assert.ok(names.includes("mcp__one__echo") && names.includes("mcp__two__die"));
      assert.ok(!names.includes("mcp__one__die"));
      assert.equal(await call(client, "mcp__two__count"), "1");
      assert.equal(await call(client, "mcp__two__count"), "2");
      assert.equal(await call(client, "mcp__one__count"), "1");
      for (const name of ["mcp__one__die", "count", "mcp__nobody__count"])
        await assert.rejects(client.callTool({ name }), { code: -32602 }, name);

      const changed = eventOf(thread, ({ type }) => type === "catalog");
      await call(client, "mcp__one__change", { add: "newcomer" });
      await changed;
      const later = (await client.listTools()).tools.map(({ name }) => name);
      assert.deepEqual(
        later.filter((name) => !names.includes(name)),
        ["mcp__one__newcomer"],
      );

      const { prompts } = await client.listPrompts();
      assert.deepEqual(prompts.map(({ name }) => name).toSorted(), ["mcp__one__p", "mcp__two__p"]);
      const { messages } = await client.getPrompt({ name: "mcp__two__p" });
      assert.deepEqual(messages, [{ role: "user", content: { type: "text", text: "p" } }]);
      assert.equal((await client.listResources()).resources.length, 2);
      assert.equal((await client.readResource({ uri: "test://a" })).contents.length, 1);

      await two.stop();
      await client.callTool({ name: "mcp__two__count" }).then(
        () => assert.fail("it is stopped"),
        () => {},
      );
      assert.equal(await call(client, "mcp__one__count"), "2");
      await two.again();
      await inState(thread, "two", "ready");
      assert.equal(await call(client, "mcp__two__count"), "1");
    });
  }
});

suite("a gateway with threads for the clients that come", { timeout: 30_000 }, () => {
  test("opens one for each client, ends it with the client, and asks for its token", async () => {
    await using bench = await GatewayBench.start();
    await using server = await ScriptedHttpServer.start();
    const { manager } = bench.mcp;
    const opened: string[] = [];
    await using gateway = await Gateway.start({
      token: "a-token",
      threads: {
        names: () => ["a"],
        open: ({ name, offers }, only) => {
          opened.push(`${name} ${only ?? "all"}`);
          return manager.openThread({ servers: { a: { url: server.url } }, offers });
        },
      },
    });
    const url = `${gateway.origin}/mcp`;
    const bearer = "a-token";
    for (const wrong of [undefined, "a-toke", "another"])
      assert.equal((await raw(url, { bearer: wrong, body: initialize() })).status, 401);
    for (const path of ["/mcp/nobody", "/mcp/a/b", "/", "/t"])
      assert.ok((await raw(`${gateway.origin}${path}`, { bearer, body: initialize() })).status >= 401, path);
    assert.deepEqual(opened, []);

    const [first, second] = [await session(url, bearer), await session(`${url}/a`, bearer)];
    assert.notEqual(first, second);
    const { message } = await raw(`${url}/a`, { bearer, ...modern("tools/list") });
    assert.ok(Array.isArray(message.result?.["tools"]));
    assert.deepEqual(opened, ["raw all", "raw a", "raw a"]);
    assert.deepEqual([gateway.clients, manager.threads.length], [3, 3]);
    const headers = { "mcp-session-id": first };
    assert.equal((await raw(url, { bearer, method: "DELETE", headers })).status, 200);
    assert.deepEqual([gateway.clients, manager.threads.length], [2, 2]);
    await gateway[Symbol.asyncDispose]();
    assert.equal(manager.threads.length, 0);
  });

  test("does not listen beyond this machine without a token (H1)", async () => {
    const threads = { names: () => [], open: () => assert.fail("nobody came") };
    const address = { host: "0.0.0.0", port: 0 };
    await assert.rejects(Gateway.start({ address, threads }), { code: "exposed" });
  });
});
