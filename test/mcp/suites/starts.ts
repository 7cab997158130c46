/** How servers start, or do not. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { smallServer } from "../../cli/support/small-server.ts";
import { stdioServer, waitUntilGone } from "../../../src/testing/index.ts";
import { Launched, transportError } from "../support/connected.ts";
import { type Identity, type Site, TIMEOUT_MS as timeout } from "../support/site.ts";

export function startsSuite(site: Site): void {
  const { environment } = site.placement;

  suite("a start", () => {
    test("without the program says what is missing, where, and what to do", { timeout }, async () => {
      const says = new RegExp(
        `^MCP server "svc" cannot be started in environment "${environment}": .*"nowhere-to-be-found".*PATH`,
      );
      await assert.rejects(
        site.launch({ command: "nowhere-to-be-found" }),
        transportError("start_failed", says),
      );
      // Not a program.
      const file = join(site.machine.dir, "plain.txt");
      writeFileSync(file, "no program");
      await assert.rejects(
        site.launch({ command: file }),
        transportError("start_failed", /cannot be started/),
      );
    });

    test("without the folder says so", { timeout }, async () => {
      const wanted = { ...stdioServer(), cwd: "/nowhere/at/all" };
      await assert.rejects(
        site.launch(wanted),
        transportError("start_failed", /the folder \/nowhere\/at\/all exists/),
      );
    });

    test("that is aborted leaves no process, whenever it is aborted", { timeout }, async () => {
      const abortAfter = async (turns: number): Promise<void> => {
        const controller = new AbortController();
        const reason = new Error(`after ${turns} turns`);
        const launching = site.launch({ command: "cat" }, { signal: controller.signal });
        const outcome = launching.catch((error: unknown) => error);
        for (let n = 0; n < turns; n++) await new Promise((resolve) => setImmediate(resolve));
        controller.abort(reason);
        const result = await outcome;
        // A transport that was returned belongs to its launcher's caller; the signal no longer applies.
        if (result instanceof Launched) await result[Symbol.asyncDispose]();
        else assert.equal(result, reason);
      };
      await Promise.all(Array.from({ length: 12 }, (_, turns) => abortAfter(turns)));
    });

    test("whose server never answers can be given up", { timeout }, async () => {
      const signal = AbortSignal.timeout(300);
      await assert.rejects(site.connect(stdioServer({ hangAtStart: true }), { request: { signal } }));
    });

    test("of twenty servers at once gives each its own", { timeout }, async () => {
      const names = Array.from({ length: 20 }, (_, n) => `server-${n}`);
      // A shell's pid and its variable, as JSON in JSON.
      const identity = String.raw`{\"pid\":'$$',\"env\":{\"NAME\":\"'"$NAME"'\"}}`;
      const content = `[{"type":"text","text":"${identity}"}]`;
      const args = ["-c", smallServer([{ name: "whoami", inputSchema: { type: "object" } }], { content })];
      await using stack = new AsyncDisposableStack();
      const servers = await Promise.all(
        names.map(async (name) =>
          stack.use(await site.connect({ name, command: "sh", args, env: { NAME: name } })),
        ),
      );
      const identities = await Promise.all(servers.map((server) => server.callJson<Identity>("whoami")));
      assert.deepEqual(
        identities.map(({ env }) => env["NAME"]),
        names,
      );
      assert.equal(new Set(identities.map(({ pid }) => pid)).size, 20);
      await Promise.all(servers.map((server) => server.client.close()));
      assert.deepEqual(await waitUntilGone(identities.map(({ pid }) => pid)), []);
    });
  });
}
