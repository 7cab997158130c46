/** `switchyard trust`: whether the files of a project count. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testCases } from "./support/cases.ts";
import { CODEXS, DOCS, OURS, TestHome } from "./support/test-home.ts";

const timeout = 60_000;

testCases("switchyard trust", [
  {
    what: "trust makes a project count",
    files: { "project/switchyard.toml": DOCS },
    args: ["trust"],
    code: 0,
    stdout:
      /^~\/project is trusted in ~\/.switchyard\/switchyard.toml\n {2}counts now: ~\/project\/switchyard.toml; it asks for "docs"/,
    after: { [OURS]: /\[projects\."[^"]*\/project"\]\ntrust_level = "trusted"/ },
  },
  {
    what: "trust --codex writes Codex's file",
    args: ["trust", ".", "--codex"],
    code: 0,
    after: { [CODEXS]: /trust_level = "trusted"/, [OURS]: undefined },
  },
  {
    what: "trust of a project that has a broken file",
    files: { "project/switchyard.toml": "[mcp_servers.x\n" },
    args: ["trust"],
    code: 0,
    stdout: /^~\/project is trusted in ~\/.switchyard\/switchyard.toml\n$/,
    stderr: /^note: ~\/project\/switchyard.toml:1:/,
    after: { [OURS]: /trust_level = "trusted"/ },
  },
  {
    what: "trust of a folder that does not exist",
    args: ["trust", "nope"],
    code: 1,
    stderr: /There is no folder/,
  },
]);

test("trust, untrust and forget change what counts", { timeout }, async () => {
  using home = new TestHome({
    "project/switchyard.toml": DOCS,
    "project/.codex/config.toml": '[mcp_servers.cx]\ncommand = "c"\n',
  });
  const active = async (): Promise<string[]> => {
    const list = (await home.json(["mcp", "list", "--json"])) as { name: string; enabled: boolean }[];
    return list.filter(({ enabled }) => enabled).map(({ name }) => name);
  };
  assert.deepEqual(await active(), []);
  await home.run(["trust"]);
  assert.deepEqual(await active(), ["cx", "docs"]);
  await home.run(["trust", "--untrust"]);
  assert.deepEqual(await active(), []);
  await home.run(["trust", "--forget"]);
  assert.deepEqual(await active(), []);
  assert.ok(!home.read(OURS).includes("trust_level"));
});
