/** What passes between a client and a server, and what a server says beside it. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { LINE_BYTES_MAX } from "../../../src/mcp/index.ts";
import { stdioServer, waitUntilGone } from "../../../src/testing/index.ts";
import { transportError } from "../support/connected.ts";
import { EUROS, everything, isClosed, type Site, TIMEOUT_MS as timeout } from "../support/site.ts";

export function messagesSuite(site: Site): void {
  suite("messages", () => {
    test("of 300 kB and of 5 MiB arrive whole, both ways", { timeout }, async () => {
      await using server = await site.connect(stdioServer());
      assert.equal(await server.call("echo", { text: EUROS }), EUROS);
      const large = "€uro".repeat((5 * 1024 * 1024) / 6);
      assert.equal(await server.call("echo", { text: large }), large);
      assert.equal((await server.call("big", { bytes: 300_000 })).length, 300_000);
      assert.deepEqual(server.errors, []);
    });

    test("above the limit of a line end the server, with an error that says so", { timeout }, async () => {
      await using server = await site.connect(stdioServer());
      await assert.rejects(server.call("big", { bytes: LINE_BYTES_MAX }), isClosed);
      assert.equal(server.errors.length, 1);
      transportError(
        "message_too_large",
        new RegExp(`wrote a line of more than ${LINE_BYTES_MAX} bytes and was ended`),
      )(server.errors[0]);
      await server.client.close();
      assert.deepEqual(await waitUntilGone(server.launched.processes), []);
    });

    test("are found between other lines, which are skipped and reported", { timeout }, async () => {
      await using server = await site.connect(stdioServer({ garbage: 'Welcome!\n{"level":"info"}' }));
      assert.equal(await server.call("print", { text: "thinking…" }), "printed");
      assert.equal(await server.call("echo", { text: "x" }), "x");
      const skipped = server.launched.log.filter((line) => /^warn .*skipped: /.test(line));
      assert.deepEqual(
        skipped.map((line) => line.replace(/^.*skipped: /, "")),
        ["Welcome!", '{"level":"info"}', "thinking…"],
      );
      assert.deepEqual(server.errors, []);
    });

    test("of calls that run at the same time do not mix", { timeout }, async () => {
      await using server = await site.connect(stdioServer());
      const texts = Array.from({ length: 50 }, (_, n) => `${n} `.repeat(1 + n * 200));
      assert.deepEqual(await Promise.all(texts.map((text) => server.call("echo", { text }))), texts);
    });

    test("of either era: the client asks which one a server speaks", { timeout }, async () => {
      const client = { versionNegotiation: { mode: "auto" } } as const;
      await using modern = await site.connect(stdioServer(), { client });
      assert.equal(await modern.call("echo", { text: "x" }), "x");
      assert.equal(modern.client.getNegotiatedProtocolVersion(), "2026-07-28");
      await using old = await site.connect(everything, { client });
      assert.equal(await old.call("echo", { message: "x" }), "Echo: x");
      assert.match(String(old.client.getNegotiatedProtocolVersion()), /^2025-/);
    });
  });

  suite("stderr", () => {
    test("goes to the log by lines, with the name of the server", { timeout }, async () => {
      await using server = await site.connect({ ...stdioServer({ stderr: "starting…" }), name: "a.b/c" });
      await server.launched.logged(/^info MCP server "a\.b\/c" stderr: starting…$/);
      await server.call("log", { text: `{"jsonrpc":"2.0","id":1,"result":{}}\n\u001b[31m${EUROS}` });
      await server.launched.logged(
        /^info MCP server "a\.b\/c" stderr: \{"jsonrpc":"2\.0","id":1,"result":\{\}\}$/,
      );
      const cut = await server.launched.logged(/stderr: €€€/);
      assert.ok(cut.length < 2_100, `${cut.length} characters`);
      assert.deepEqual(server.errors, []);
    });

    test("shows no value that the server was given", { timeout }, async () => {
      await using server = await site.connect(stdioServer({}, { TOKEN: "t0ken-of-the-server" }));
      await server.call("log", { text: "my token is t0ken-of-the-server!" });
      await server.launched.logged(/stderr: my token is \*\*\*!$/);
      await server.call("print", { text: "t0ken-of-the-server" });
      await server.launched.logged(/skipped: \*\*\*$/);
    });
  });
}
