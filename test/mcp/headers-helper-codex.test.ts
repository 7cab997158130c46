/** `http_headers_helper` beside the real Codex: how often it runs, and what is said of one that fails. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { McpManager } from "../../src/mcp/index.ts";
import { promptOf, RecordingMcpServer } from "../../src/testing/index.ts";
import { startBench } from "../support/codex-bench.ts";

/** A thread of either side. */
interface Side extends AsyncDisposable {
  /** Of this side, for files. */
  readonly folder: string;
  open(server: object): Promise<{ call(): Promise<unknown> }>;
}

async function codexSide(): Promise<Side> {
  const bench = await startBench();
  return {
    folder: bench.home,
    open: async (server) => {
      const mcpServers = { s: server as { url: string } };
      const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers });
      await thread.run(promptOf({ say: "hi" }));
      return { call: () => thread.run(promptOf({ call: { server: "s", tool: "whoami" } })) };
    },
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  };
}

async function ourSide(): Promise<Side> {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-helper-"));
  const manager = new McpManager({ publish: false });
  return {
    folder,
    open: async (server) => {
      const servers = { s: server as { url: string } };
      const thread = manager.openThread({ servers, workspace: folder });
      await thread.ready();
      return { call: () => thread.callTool("s", "whoami", {}) };
    },
    [Symbol.asyncDispose]: async () => {
      await manager[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

suite("http_headers_helper beside Codex", () => {
  test("it runs for each connection at its start, and once after each 401", async () => {
    const play = async (side: Side): Promise<readonly number[]> => {
      await using server = await RecordingMcpServer.start();
      const file = join(side.folder, "runs");
      const http_headers_helper = `echo run >> ${file}; printf '{"x-identity":"%s"}' $(wc -l < ${file})`;
      const runs: number[] = [];
      const note = (): void => void runs.push(readFileSync(file, "utf8").trim().split("\n").length);
      const entry = { url: server.url, http_headers_helper };
      const first = await side.open(entry);
      note();
      await side.open(entry);
      note();
      await first.call();
      note();
      let refusals = 1;
      server.behaviour.refuse = ({ rpcMethod }) =>
        rpcMethod === "tools/call" && refusals-- > 0 ? 401 : undefined;
      await first.call();
      note();
      return runs;
    };
    await using codex = await codexSide();
    await using ours = await ourSide();
    const expected = await play(codex);
    assert.deepEqual(expected, [1, 2, 2, 3]);
    assert.deepEqual(await play(ours), expected);
  });

  test("the same is said of one that fails", async () => {
    const commands = ["exit 3", "kill -9 $$", "echo '[]'", `echo '{"host":"a"}'`, `echo '{"a":"1","A":"2"}'`];
    await using codex = await codexSide();
    await using ours = await ourSide();
    const wordsOf = async (side: Side, http_headers_helper: string): Promise<string | undefined> => {
      const entry = { url: "http://127.0.0.1:1/", http_headers_helper, required: true };
      const error = await side.open(entry).then(
        () => assert.fail(`${http_headers_helper} did not fail`),
        (cause: unknown) => String(cause),
      );
      return /MCP HTTP headers helper [^[,]*/.exec(error)?.[0].trim();
    };
    await Promise.all(
      commands.map(async (command) => {
        const expected = await wordsOf(codex, command);
        assert.ok(expected !== undefined);
        assert.equal(await wordsOf(ours, command), expected);
      }),
    );
  });
});
