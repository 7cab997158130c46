/** How a server ends: by itself, with its executor, or because it is closed. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { isAlive, stdioServer, waitUntilGone } from "../../../src/testing/index.ts";
import { Connected, Launched, transportError } from "../support/connected.ts";
import { type Identity, isClosed, type Site, TIMEOUT_MS as timeout } from "../support/site.ts";

export function endsSuite(site: Site): void {
  const { environment, expects } = site.placement;

  suite("a server that ends", () => {
    test("in the middle of a call fails everything at once, with one error", { timeout }, async () => {
      await using server = await site.connect(stdioServer());
      const calls = [
        server.call("sleep", { ms: 60_000 }),
        server.call("exit", { code: 7 }),
        server.call("sleep", { ms: 60_000 }),
      ];
      for (const call of calls) await assert.rejects(call, isClosed);
      assert.equal(server.errors.length, 1);
      transportError("process_exited", /^MCP server "svc" ended with exit code 7/)(server.errors[0]);
      assert.equal(server.closes(), 1);
      const ended = await server.launched.transport.ended;
      assert.equal(ended, server.errors[0]);
      assert.equal(ended.remedy, "relaunch");
      const later = server.launched.transport.send({ jsonrpc: "2.0", method: "ping" });
      await assert.rejects(later, (error) => error === ended);
    });

    test("at its start is an error with its exit code and its last words", { timeout }, async () => {
      await using server = await site.launch(stdioServer({ exitAtStart: { code: 3, stderr: "no license" } }));
      await server.transport.start();
      const words =
        /^MCP server "svc" ended with exit code 3; its last words: no license \[process_exited\]$/;
      transportError("process_exited", words)(await server.transport.ended);
    });

    test("by an uncaught error says which, not what Node prints below it", { timeout }, async () => {
      await using server = await site.launch({ command: "node", args: ["/nowhere/server.js"] });
      await server.transport.start();
      transportError(
        "process_exited",
        /exit code 1; its last words: Error: Cannot find module '\/nowhere\/server\.js'/,
      )(await server.transport.ended);
    });

    const orphan = expects.orphansEnd
      ? "ends"
      : "lives on, because this executor asks for no group whose leader is gone";
    test(`and leaves its pipes to a child has still ended, and the child ${orphan}`, {
      timeout,
    }, async () => {
      const program =
        "const { pid } = require('child_process').spawn('sleep', ['1000'], { stdio: 'inherit' });" +
        "console.error(pid); setTimeout(() => process.exit(5), 50)";
      await using server = await site.launch({ command: "node", args: ["-e", program] });
      await server.transport.start();
      transportError("process_exited", /ended with exit code 5/)(await server.transport.ended);
      await server.transport.close();
      const pid = Number(/\d+$/.exec(await server.logged(/stderr: \d+$/))?.[0]);
      const left = await waitUntilGone([pid], { timeoutMs: expects.orphansEnd ? 30_000 : 500 });
      for (const each of left) process.kill(each, "SIGKILL");
      assert.deepEqual(left, expects.orphansEnd ? [] : [pid]);
    });

    test("without having read its input fails what waits to be sent", { timeout }, async () => {
      await using server = await site.launch({
        command: "node",
        args: ["-e", "setTimeout(() => process.exit(6), 200)"],
      });
      await server.transport.start();
      const message = { jsonrpc: "2.0", method: "x".repeat(1024 * 1024) } as const;
      const sent = await Promise.allSettled(Array.from({ length: 20 }, () => server.transport.send(message)));
      const ended = await server.transport.ended;
      transportError("process_exited", /ended with exit code 6/)(ended);
      for (const each of sent) if (each.status === "rejected") assert.equal(each.reason, ended);
    });
  });

  if (!site.isHost) {
    suite("an executor that is killed", () => {
      test("fails what its servers were asked at once, and what is asked of it later", {
        timeout,
      }, async () => {
        await using lost = await site.placement.start(site.machine);
        await using server = await Connected.connect(lost.launcher, stdioServer(), {
          launch: { workspace: site.machine.dir },
        });
        const { call } = await callThatRuns(server);
        await lost.kill?.();
        await assert.rejects(call, isClosed);
        assert.deepEqual([server.errors.length, server.closes()], [1, 1]);
        transportError("executor_lost", /^MCP server "svc" can no longer be reached: /)(server.errors[0]);
        const again = Launched.launch(lost.launcher, stdioServer(), { workspace: site.machine.dir });
        const says = new RegExp(`Check that the executor "${environment}" runs`);
        await assert.rejects(again, transportError("executor_unreachable", says));
      });
    });
  }

  suite("close", () => {
    test("ends a server that ignores SIGTERM and the end of its input", { timeout }, async () => {
      await using server = await site.connect(stdioServer({ stubborn: true }));
      const { pid } = await server.callJson<Identity>("whoami");
      assert.ok(isAlive(pid));
      await server.client.close();
      assert.deepEqual(await waitUntilGone([pid]), []);
    });

    test("ends a server that does not read, and what waits to be sent to it", { timeout }, async () => {
      await using server = await site.launch(stdioServer({ hangAtStart: true }));
      await server.transport.start();
      const message = { jsonrpc: "2.0", method: "x".repeat(1024 * 1024) } as const;
      const sends = Promise.allSettled(Array.from({ length: 30 }, () => server.transport.send(message)));
      const [pid = 0] = server.processes;
      await server.transport.close();
      assert.deepEqual(await waitUntilGone([pid]), []);
      const failed = (await sends).flatMap((each) =>
        each.status === "rejected" ? [each.reason as unknown] : [],
      );
      assert.ok(failed.length > 0);
      for (const reason of failed) transportError("closed", /was closed/)(reason);
    });

    test("ends the children of a server", { timeout }, async () => {
      await using server = await site.connect(stdioServer());
      const { pid } = await server.callJson<{ pid: number }>("spawnChild", { stubborn: true });
      await server.client.close();
      assert.deepEqual(await waitUntilGone([pid]), []);
    });

    const fate = expects.detachedEnds
      ? "ends"
      : "lives on, because this executor kills the process group only";
    test(`when a child of the server left its session: it ${fate}`, { timeout }, async () => {
      await using server = await site.connect(stdioServer());
      const { pid } = await server.callJson<{ pid: number }>("spawnChild", {
        detached: true,
        stubborn: true,
      });
      await server.client.close();
      const left = await waitUntilGone([pid], { timeoutMs: expects.detachedEnds ? 30_000 : 500 });
      for (const each of left) process.kill(each, "SIGKILL");
      assert.deepEqual(left, expects.detachedEnds ? [] : [pid]);
    });

    const farewell = expects.gracefulEnd ? "may say good bye" : "is killed without a word by this executor";
    test(`when a server works until the end of its input: it ${farewell}`, { timeout }, async () => {
      const dir = mkdtempSync(join(site.machine.dir, "bye-"));
      const program =
        "process.stdin.on('end', () => require('fs').writeFileSync('bye', '')).resume(); console.error('up')";
      await using server = await site.launch({ command: "node", args: ["-e", program], cwd: dir });
      await server.transport.start();
      await server.logged(/stderr: up$/);
      await server.transport.close();
      assert.equal(existsSync(join(dir, "bye")), expects.gracefulEnd);
    });

    test("while a call is in progress fails it at once, without an error", { timeout }, async () => {
      await using server = await site.connect(stdioServer({ stubborn: true }));
      const { call } = await callThatRuns(server);
      const closing = server.client.close();
      await assert.rejects(call, isClosed);
      await closing;
      assert.deepEqual([server.errors, server.closes()], [[], 1]);
    });

    test("by several at once waits for all of them", { timeout }, async () => {
      await using server = await site.connect(stdioServer());
      const { pid } = await server.callJson<Identity>("whoami");
      const { transport } = server.launched;
      await Promise.all([transport.close(), transport.close(), server.client.close()]);
      await transport.close();
      assert.deepEqual(await waitUntilGone([pid]), []);
    });
  });
}

/** A call that the server works on: it has answered what was asked after it. */
async function callThatRuns(server: Connected): Promise<{ readonly call: Promise<string> }> {
  const call = server.call("sleep", { ms: 60_000 });
  await server.call("echo", { text: "after it" });
  return { call };
}
