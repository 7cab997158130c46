/** What a client of a gateway sees when something dies: nothing hangs, nothing is repeated that must not be, nothing stays. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { suite, test } from "node:test";
import { Environments } from "../../src/mcp/index.ts";
import { waitUntilGone } from "../../src/testing/leaks.ts";
import { configOf } from "../cli/support/servers.ts";
import { OURS, TestHome } from "../cli/support/test-home.ts";
import { startServer } from "../executor/support/subjects.ts";
import { startTcpRelay } from "../executor/support/tcp-relay.ts";
import { ScriptedHttpServer } from "../mcp/support/scripted-http.ts";
import { eventOf, scriptedServer, starts } from "../mcp/support/scripted.ts";
import { call, GatewayBench } from "./support/gateway-bench.ts";
import { begin, modern, raw, rpc, session } from "./support/raw-post.ts";

const timeout = 60_000;

/** The JSON-RPC error that a call ends with. */
function outcomeOf(data: unknown): unknown {
  return (data as { readonly outcome?: unknown } | undefined)?.outcome;
}

suite("a gateway when something dies", { timeout }, () => {
  test("a server that dies of a call: the call is lost, a read-only one is made again, and the next one finds it back", async () => {
    await using bench = await GatewayBench.start();
    const [one, other] = [bench.mcp.server(), bench.mcp.server()];
    const { at } = bench.open({ one, other });
    const { bearer } = at;
    const ask = async (server: string, name: string): ReturnType<typeof raw> => {
      const url = at.urlOf(server);
      const headers = { "mcp-session-id": await session(url, bearer) };
      const params = { name, arguments: { flag: bench.mcp.path(name) } };
      return raw(url, { bearer, headers, body: rpc(1, "tools/call", params) });
    };
    const calls = (server: typeof one, name: string): number =>
      server.record().filter((line) => line === `in tools/call ${name}`).length;

    const { error } = (await ask("one", "die_once_plain")).message;
    assert.deepEqual([error?.code, outcomeOf(error?.data)], [-32000, "lost"]);
    assert.match(error?.message ?? "", /exit code 1/);
    assert.equal(calls(one, "die_once_plain"), 1);
    const next = modern("tools/call", { name: "echo", arguments: { text: "on" } });
    assert.match((await raw(at.urlOf("one"), { bearer, ...next })).text, /"text":"on"/);

    assert.match((await ask("other", "die_once")).text, /survived/);
    assert.equal(calls(other, "die_once"), 2);
    assert.deepEqual([starts(one.record()).length, starts(other.record()).length], [2, 2]);
  });

  test("a server that ends again and again is back for each call, at its own URL and at that of all servers", async () => {
    await using bench = await GatewayBench.start();
    const svc = bench.mcp.server();
    const { thread, at } = bench.open({ svc });
    const own = await bench.connect(at.urlOf("svc"), at.bearer, "2025-11-25");
    const all = await bench.connect(at.urlOf(), at.bearer, "2025-11-25");
    const kill = async (state: string): Promise<void> => {
      const told = eventOf(thread, (event) => event.type === "status" && event.status.state === state);
      process.kill(starts(svc.record()).at(-1) ?? 0, "SIGKILL");
      await told;
    };
    // The first end is made good without anybody's call.
    await kill("ready");
    for (const [client, tool] of [
      [own, "echo"],
      [all, "mcp__svc__echo"],
    ] as const) {
      await kill("failed");
      assert.equal(await call(client, tool, { text: tool }), tool);
    }
    await kill("failed");
    assert.equal((await own.listResources()).resources.length, 1);
    assert.equal(starts(svc.record()).length, 5);
  });

  test("a server over HTTP that loses its sessions, or is away, again and again is back for each call", async () => {
    await using server = await ScriptedHttpServer.start({ era: "legacy" });
    await using bench = await GatewayBench.start();
    const { at } = bench.open({ svc: { url: server.url } });
    const client = await bench.connect(at.urlOf("svc"), at.bearer, "2025-11-25");
    for (const text of ["a", "b", "c"]) {
      server.sessions.clear();
      assert.equal(await call(client, "echo", { text }), text);
    }
    await server.stop();
    await assert.rejects(call(client, "echo", { text: "d" }), /cannot be connected to/);
    await server.again();
    assert.equal(await call(client, "echo", { text: "e" }), "e");
  });

  test("the link to an executor is cut in the middle of a call: the call goes on, once", async () => {
    await using executor = await startServer();
    await using relay = await startTcpRelay(executor.url);
    await using environments = new Environments([{ id: "box", kind: "url", url: relay.url }], {
      recoveryMs: 500,
    });
    await using bench = await GatewayBench.start({}, { environments });
    const server = { ...scriptedServer({}), cwd: bench.mcp.folder, environment_id: "box" };
    const { at } = bench.open({ a: server as never });
    const client = await bench.connect(at.urlOf("a"), at.bearer, "2025-11-25");
    const first = call(client, "meet");
    // Answered after it, so the call is at the server.
    await call(client, "echo");
    assert.ok(relay.cut() > 0);
    // If it were made twice, it would meet itself.
    assert.equal(await call(client, "count"), "1");
    assert.deepEqual(await Promise.all([first, call(client, "meet")]), ["met", "met"]);

    const hanging = client.callTool({ name: "hang" }).catch((error: unknown) => error);
    await call(client, "echo");
    relay.down();
    const error = (await hanging) as { readonly code: number; readonly data: unknown };
    assert.deepEqual([error.code, outcomeOf(error.data)], [-32000, "lost"]);
    // Nobody can tell it to end them any more; else it would keep them for the link to come back.
    await executor.server[Symbol.asyncDispose]();
  });

  test("a host that is killed leaves none of its servers, and its clients do not wait", async () => {
    using home = new TestHome({ [OURS]: configOf("a", { script: { stubborn: true } }) });
    const child = home.start(["gateway", "a"]);
    using _ = { [Symbol.dispose]: () => child.kill("SIGKILL") };
    const [chunk] = (await once(child.stdout, "data")) as [Buffer];
    const url = String(chunk).trim();
    const headers = { "mcp-session-id": await session(url) };
    const { text } = await raw(url, { headers, body: rpc(1, "tools/call", { name: "pid" }) });
    const pid = Number(/"text":"(\d+)"/.exec(text)?.[1]);
    assert.ok(pid > 0);
    const waiting = raw(url, { headers, body: rpc(2, "tools/call", { name: "hang" }) });
    waiting.catch(() => {});
    child.kill("SIGKILL");
    await assert.rejects(waiting);
    assert.deepEqual(await waitUntilGone([pid], { timeoutMs: 10_000 }), []);
  });

  test("a client that does not read holds back nobody else, and not the server", async () => {
    await using server = await ScriptedHttpServer.start();
    await using bench = await GatewayBench.start();
    const { at } = bench.open({ a: { url: server.url } });
    const { bearer } = at;
    const url = at.urlOf("a");
    const headers = { "mcp-session-id": await session(url, bearer) };
    const bytes = 3 * 1024 * 1024;
    const slow = await Promise.all(
      Array.from({ length: 8 }, async (_, id) => {
        const body = rpc(id, "tools/call", { name: "big", arguments: { bytes } });
        const [response] = await once(begin(url, { bearer, headers, body }), "response");
        return response as IncomingMessage;
      }),
    );
    const client = await bench.connect(url, bearer, "2025-11-25");
    for (let n = 0; n < 20; n++) assert.equal(await call(client, "echo", { text: `${n}` }), `${n}`);
    // What nobody has read yet waits for its reader alone, and is whole.
    for (const response of slow) {
      let got = 0;
      for await (const chunk of response) got += (chunk as Buffer).length;
      assert.ok(got > bytes, `${got}`);
    }
  });
});
