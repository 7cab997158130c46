import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { showWaiting } from "./waiting.ts";

suite("showWaiting", () => {
  test("names the servers that are waited for, in one line, and takes it away", async () => {
    const servers = new Set(["docs", "tickets", "a-server-with-a-long-name"]);
    const lines: string[] = [];
    const written = Promise.withResolvers<void>();
    const terminal = {
      isTTY: true,
      columns: 50,
      write: (text: string) => {
        lines.push(text);
        servers.delete("docs");
        if (lines.length === 2) written.resolve();
      },
    };
    {
      using _line = showWaiting(servers, { terminal, afterMs: 1 });
      await written.promise;
    }
    assert.equal(lines[0], "\r\u001B[Kwaiting for 3 servers: docs, tickets, a-server-w…");
    assert.match(lines[1] ?? "", /K\S+ for 2 servers: tickets, /);
    assert.equal(lines.at(-1), "\r\u001B[K");
  });

  test("writes nothing where nobody looks", () => {
    const terminal = { isTTY: false, write: () => assert.fail() };
    using _line = showWaiting(new Set(["docs"]), { terminal, afterMs: 0 });
  });
});
