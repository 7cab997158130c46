/**
 * Our names beside those that the real Codex sends to a model.
 *
 * Goal: bit for bit the same namespaces and names, in the same order. Method: servers with these tools, one turn, and a look at
 * the request that reaches the model.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Gate, type ServerTool, ToolNames, ToolRouter } from "../../src/tools/index.ts";
import { promptOf } from "../../src/testing/index.ts";
import { McpBench } from "../mcp/support/scripted.ts";
import { collect, startBench } from "../support/codex-bench.ts";
import { runs, seed } from "../support/sample.ts";
import { offeredByCodex } from "./support/offered-by-codex.ts";

const timeout = 120_000;

/** Names of tools by server; a tool with `hidden` in its name is not for models. */
type Names = Readonly<Record<string, readonly string[]>>;
type Sent = readonly (readonly [namespace: string, tools: readonly string[]])[];

const toolOf = (name: string): object => ({
  name,
  inputSchema: { type: "object" },
  ...(name.includes("hidden") ? { _meta: { ui: { visibility: ["app"] } } } : {}),
});

async function codexSends(bench: Awaited<ReturnType<typeof startBench>>, names: Names): Promise<Sent> {
  const catalogs = Object.fromEntries(
    Object.entries(names).map(([server, all]) => [server, all.map(toolOf)]),
  );
  const offered = await offeredByCodex(bench, catalogs);
  return offered.map(({ name, tools }) => [name, tools.map((tool) => tool.name)]);
}

function weSend(names: Names): Sent {
  const tools = Object.entries(names).flatMap(([server, all]) =>
    all.map(
      (name): ServerTool => ({
        server,
        tool: { name, inputSchema: { type: "object" } },
        supportsParallelToolCalls: false,
        annotations: undefined,
        forModel: !name.includes("hidden"),
        provenance: { environment: "local", scope: "thread" },
      }),
    ),
  );
  const { offered } = new ToolNames().name(tools);
  return [...offered].map(([namespace, all]) => [namespace, all.map(({ visible }) => visible.name)]);
}

const CASES: Readonly<Record<string, Names>> = {
  "two servers that are one when cleaned": { "my-server": ["b", "a"], my_server: ["a"] },
  "tools of one server that are one when cleaned": { svc: ["get.item", "get/item", "get-item", "get.item"] },
  "a name that two pairs have in common": { s: ["t__u"], s__t: ["u"] },
  "odd names": { svc: ["", "ünï", "Get Item", "😀😀", "a\nb"] },
  "names that are nothing but odd": { svc: ["", "😀", "_"] },
  "a server of 140 characters": { ["l".repeat(140)]: ["x", "y"] },
  "two long servers with the same beginning": {
    [`${"l".repeat(130)}a`]: ["x"],
    [`${"l".repeat(130)}b`]: ["x"],
  },
  "names that are just short enough": { ["p".repeat(115)]: ["abcdef", "abcdefg", "a", "z".repeat(20)] },
  "long tools of one server": {
    ["q".repeat(50)]: ["71", "72", "100"].map((length) => "w".repeat(Number(length))),
  },
  "pairs that are one when written in one": { a: ["bc"], ab: ["c"] },
  "servers that have the prefix already": { mcp__q: ["x"], q: ["y"] },
  "delimiters at the end": { "e--": ["x"], e__: ["x"], "e-_": ["x"] },
  "the order of bytes": { b: ["z", "a", "B"], a: ["x"], Z: ["x"], "a.b": ["x"], a_b: ["x"] },
  "a hidden tool that looks like another one": {
    svc: ["seen-hidden", "x"],
    other: ["a.hidden", "a/hidden", "b"],
  },
};

/** What the recorded examples show, as it was recorded. */
const RECORDED: Readonly<Record<string, Sent>> = {
  "two servers that are one when cleaned": [
    ["mcp__my_server_497a8b629ad2", ["a", "b"]],
    ["mcp__my_server_b7840dcbfd2d", ["a"]],
  ],
  "a name that two pairs have in common": [
    ["mcp__s", ["t__u"]],
    ["mcp__s__t", ["u"]],
  ],
  "pairs that are one when written in one": [
    ["mcp__a", ["bc"]],
    ["mcp__ab", ["c_147906af845b"]],
  ],
};

test("the names of all recorded examples are Codex's", { timeout }, async () => {
  await using bench = await startBench({ mcp: "direct" });
  for (const [about, names] of Object.entries(CASES)) {
    const ours = weSend(names);
    assert.deepEqual(ours, await codexSends(bench, names), about);
    if (RECORDED[about] !== undefined) assert.deepEqual(ours, RECORDED[about], about);
  }
});

test("the names of random catalogs are Codex's", { timeout }, async () => {
  const piece = ["a", "b", "A", "-", "_", "__", ".", "/", "mcp__", "l".repeat(50), "m".repeat(60)];
  const odd = [" ", "é", "😀", "\u{e000}", "\0", "hidden", "w".repeat(53)];
  const server = fc.array(fc.constantFrom(...piece), { minLength: 1, maxLength: 4 });
  const tool = fc.array(fc.constantFrom(...piece, ...odd), { maxLength: 4 });
  const joined = (parts: fc.Arbitrary<string[]>): fc.Arbitrary<string> => parts.map((all) => all.join(""));
  const catalogs = fc.dictionary(joined(server), fc.array(joined(tool), { minLength: 1, maxLength: 12 }), {
    minKeys: 15,
    maxKeys: 40,
    noNullPrototype: true,
  });
  await using bench = await startBench({ mcp: "direct" });
  for (const names of fc.sample(catalogs, { seed, numRuns: runs(6, 150) }))
    assert.deepEqual(weSend(names), await codexSends(bench, names));
});

test("a model that calls a tool which it is not offered, because it is for apps, calls nothing; as in Codex", {
  timeout,
}, async () => {
  await using servers = new McpBench();
  const tools = [{ name: "wipe", inputSchema: { type: "object" }, _meta: { ui: { visibility: ["app"] } } }];
  const svc = servers.server({ tools });
  // What each started is looked for when its bench ends, so one after the other.
  {
    await using bench = await startBench({ mcp: "direct" });
    const mcpServers = { svc: { command: svc.command, args: [...svc.args] } };
    const thread = bench.codex.startThread({ workingDirectory: bench.cwd, model: "some-model", mcpServers });
    await collect(thread.runStreamed(promptOf({ call: { server: "svc", tool: "wipe" } })));
    await thread.close();
    const output = bench.model.requests.at(-1)?.request?.outputs[0]?.text;
    assert.equal(output, "unsupported call: mcp__svcwipe");
  }

  const ours = servers.manager.openThread({ servers: { svc } });
  await ours.ready();
  const router = new ToolRouter({ thread: ours, gate: new Gate(), outputOf: () => "" });
  const names = ["mcp__svc__wipe", "wipe"];
  for (const name of names)
    assert.equal(router.route({ type: "function_call", call_id: "1", name, arguments: "" }).kind, "unknown");
  assert.ok(
    ours.listTools("svc").some(({ tool }) => tool.name === "wipe"),
    "a host may call it",
  );
});
