/** Servers that a thread does not wait for (`startup = "background"`), for the clients of a gateway. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import type { Client } from "@modelcontextprotocol/client";
import { ScriptedHttpServer } from "../mcp/support/scripted-http.ts";
import { inState } from "../mcp/support/scripted.ts";
import { lateServer } from "../support/late-server.ts";
import { call, GatewayBench } from "./support/gateway-bench.ts";

async function toolsOf(client: Client): Promise<readonly string[]> {
  return (await client.listTools()).tools.map(({ name }) => name);
}

suite("a server in the background", { timeout: 30_000 }, () => {
  test("is there for a client at once, without tools, and tells when it has some", async () => {
    await using bench = await GatewayBench.start();
    await using gone = await ScriptedHttpServer.start({ era: "legacy" });
    await gone.stop();
    const file = bench.mcp.path("begin");
    const { thread, at } = bench.open({
      late: lateServer(file),
      gone: { url: gone.url, startup: "background" },
    });
    await inState(thread, "gone", "failed");
    const begin = {
      late: () => writeFileSync(file, ""),
      gone: () => gone.again().then(() => thread.retry("gone")),
    };
    for (const [server, come] of Object.entries(begin)) {
      const changed = Promise.withResolvers<void>();
      const merged = Promise.withResolvers<void>();
      const told =
        (what: PromiseWithResolvers<void>) =>
        (client: Client): void =>
          client.setNotificationHandler("notifications/tools/list_changed", () => what.resolve());
      const client = await bench.connect(at.urlOf(server), at.bearer, "2025-11-25", {}, told(changed));
      const all = await bench.connect(at.urlOf(), at.bearer, "2025-11-25", {}, told(merged));
      assert.deepEqual(client.getServerCapabilities(), { tools: { listChanged: true } });
      assert.deepEqual(await toolsOf(client), []);
      const before = await toolsOf(all);
      // It waits for the server.
      const early = server === "late" ? call(client, "echo", { text: "early" }) : undefined;
      await come();
      await Promise.all([changed.promise, merged.promise]);
      if (early !== undefined) assert.equal(await early, "early");
      assert.equal(await call(client, "echo", { text: "hi" }), "hi");
      assert.ok((await toolsOf(client)).includes("echo"));
      const added = (await toolsOf(all)).filter((name) => !before.includes(name));
      assert.ok(added.includes(`mcp__${server}__echo`), added.join());
    }
  });

  test("is waited for by whoever asks for its live state, and where it is required", async () => {
    await using bench = await GatewayBench.start();
    const file = bench.mcp.path("begin");
    const late = lateServer(file);
    const { thread } = bench.open({ late, needed: { ...late, required: true } });
    const [view] = await thread.ready(["late"]);
    assert.equal(view?.status.state, "starting");
    const waiting = [thread.ready(["late"], { live: true }), thread.ready()];
    assert.equal(thread.server("needed").status.state, "starting");
    writeFileSync(file, "");
    const views = (await Promise.all(waiting)).map(([first]) => first?.status.state);
    assert.equal(views[0], "ready");
    assert.equal(thread.server("needed").status.state, "ready");
  });
});
