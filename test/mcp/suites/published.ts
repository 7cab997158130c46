/** Published servers do what their users expect. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { pick } from "../../../src/testing/index.ts";
import { EUROS, everything, type Site, TIMEOUT_MS as timeout } from "../support/site.ts";

export function publishedServersSuite(site: Site): void {
  suite("published servers", () => {
    test("everything: its tools are listed and called", { timeout }, async () => {
      await using server = await site.connect(everything);
      const { tools } = await server.client.listTools();
      for (const name of ["echo", "get-sum", "get-env"])
        assert.ok(
          tools.some((tool) => tool.name === name),
          name,
        );
      assert.equal(await server.call("echo", { message: "grüße 🚂" }), "Echo: grüße 🚂");
      assert.equal(await server.call("get-sum", { a: 2, b: 40 }), "The sum of 2 and 40 is 42.");
      const { structuredContent } = await server.client.callTool({
        name: "get-structured-content",
        arguments: { location: "Chicago" },
      });
      assert.equal(typeof pick(structuredContent, "temperature"), "number");
      assert.deepEqual(server.errors, []);
    });

    test("everything: progress arrives in order, before the result", { timeout }, async () => {
      await using server = await site.connect(everything);
      const seen: number[] = [];
      const result = await server.call(
        "trigger-long-running-operation",
        { duration: 0.2, steps: 4 },
        { onprogress: ({ progress }) => void seen.push(progress) },
      );
      assert.match(result, /completed/);
      assert.deepEqual(seen, [1, 2, 3, 4]);
    });

    test("filesystem: files are written, listed and read", { timeout }, async () => {
      const dir = realpathSync(mkdtempSync(join(site.machine.dir, "files-")));
      await using server = await site.connect({ command: "mcp-server-filesystem", args: [dir] });
      const path = join(dir, "grüße 🚂.txt");
      await server.call("write_file", { path, content: EUROS });
      assert.equal(readFileSync(path, "utf8"), EUROS);
      assert.match(await server.call("list_directory", { path: dir }), /\[FILE\] grüße 🚂\.txt/);
      assert.equal(await server.call("read_text_file", { path }), EUROS);
      await server.launched.logged(/^info MCP server "svc" stderr: .*running on stdio/i);
    });
  });
}
