/**
 * Edits of configurations that the real Codex takes: after every one of them it reads what we read.
 *
 * The texts are a sample of recorded ones that it accepted; each goes through all the edits, one after another, in a real home.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { findCodex } from "../../src/codex/app-server/binary.ts";
import { ConfigEditor } from "../../src/config/edit/config-editor.ts";
import { effectiveMcpServers } from "../../src/config/effective/effective.ts";
import { loadConfigLayers } from "../../src/config/layers/layers.ts";
import { toNormalForm } from "../../src/config/server/normal-form.ts";
import { readMcpServers } from "../../src/config/server/read-servers.ts";
import { nodeAt } from "../../src/toml/node.ts";
import { parseToml } from "../../src/toml/parse.ts";
import type { WrittenMcpServer } from "../../src/config/server/types.ts";
import { CodexConfig } from "../support/codex-config.ts";
import { sample } from "../support/sample.ts";
import { listed, type ListedServer, shownByCodex } from "./support/listed-servers.ts";
import { readRecordings, type RecordedCase } from "./support/recorder.ts";

const ONE_CASE_IN = 20;
/** Of so many edits one is shown by the command line too: a process each time, where the app-server is one for all. */
const COMMAND_STEP = 10;

const STDIO: WrittenMcpServer = {
  command: "/bin/edit me",
  args: ["-y", 'quote " \\ ü', ""],
  env: { TOKEN: "t", "x.y": "two\nlines" },
  env_vars: ["PATH", { name: "HOME", source: "local" }],
  cwd: "C:\\work",
  scopes: ["a"],
  environment_id: "local",
  enabled: true,
  required: true,
  startup_timeout_sec: 1.5,
  tool_timeout_sec: 90,
  startup_readiness: "catalog",
  supports_parallel_tool_calls: true,
  tool_input_schema_max_bytes: 100,
  omit_tools_from: ["code_mode", "direct"],
  default_tools_approval_mode: "writes",
  enabled_tools: [],
  disabled_tools: ["rm -rf"],
  tools: { "read file": { approval_mode: "approve", output_token_limit: 9 }, "": {} },
  name: "shown",
};

const HTTP: WrittenMcpServer = {
  url: "http://127.0.0.1:1/mcp?a=b#c",
  bearer_token_env_var: "TOKEN",
  http_headers: { "X-A": "ü", Authorization: "Basic x" },
  env_http_headers: { "X-B": "B" },
  http_headers_helper: "echo '{}'",
  auth: "oauth",
  oauth: { client_id: "id", client_secret: "s", callback_url: "http://127.0.0.1:1/cb", callback_port: 0 },
  oauth_resource: "http://127.0.0.1:1",
  scopes: [],
  enabled: false,
  startup_timeout_ms: 1_500,
  tool_timeout_sec: 0,
};

/** @param own a server of the document, or the one that was added first */
type Edit = (editor: ConfigEditor, own: string) => ConfigEditor;

const EDITS: Readonly<Record<string, Edit>> = {
  "add stdio": (editor) => editor.add("new.stdio", STDIO),
  "add HTTP": (editor) => editor.add("new-http", HTTP),
  "add two": (editor) => editor.add("one", { command: "x" }).add("two", { url: "http://127.0.0.1:1" }),
  "set text": (editor) => editor.set("new.stdio", "cwd", "/w # x"),
  "set a list": (editor) => editor.set("new.stdio", "args", ["1", "2"]),
  "set a table": (editor) => editor.set("one", "env", { A: "1", "b c": "2" }),
  "set a key of a table": (editor) => editor.set("new.stdio", ["env", "x.y"], "'"),
  "set a switch": (editor, own) => editor.set(own, "required", true),
  "set whole seconds": (editor, own) => editor.set(own, "tool_timeout_sec", 7),
  "set a part of a second": (editor) => editor.set("two", "startup_timeout_sec", 0.25),
  "set a whole number": (editor) => editor.set("two", "tool_input_schema_max_bytes", 1n),
  "set one of several": (editor, own) => editor.set(own, "default_tools_approval_mode", "prompt"),
  "set several of several": (editor) => editor.set("one", "omit_tools_from", ["deferred"]),
  "set texts and tables": (editor) => editor.set("one", "env_vars", ["A", { name: "B" }]),
  "set a table of tables": (editor, own) =>
    editor.set(own, "tools", { a: { output_token_limit: 1 }, "b.c": {} }),
  "set an unknown key": (editor, own) => editor.set(own, ["x_unknown", "deep"], [{ y: [1, "2"] }]),
  "unset text": (editor) => editor.unset("new.stdio", "cwd"),
  "unset a table": (editor) => editor.unset("new-http", "oauth"),
  "unset a key of a table": (editor) => editor.unset("new.stdio", ["env", "TOKEN"]),
  "unset an unknown key": (editor, own) => editor.unset(own, "x_unknown"),
  disable: (editor, own) => editor.disable(own),
  enable: (editor, own) => editor.enable(own).enable("new-http"),
  approve: (editor, own) => editor.approve(own, "read file", "approve").approve("one", "a.b", "auto"),
  rename: (editor, own) => editor.rename(own, "re.named").rename("two", "2"),
  "replace by the other transport": (editor) => editor.replace("new.stdio", HTTP).replace("new-http", STDIO),
  remove: (editor) => editor.remove("one").remove("re.named"),
  trust: (editor) => editor.trust("/some/where", "trusted"),
  "replace all": (editor) => editor.replaceMcpServers({ "2": { command: "x", args: [] }, last: HTTP }),
  "replace all by none": (editor) => editor.replaceMcpServers({}),
};

function documents(): RecordedCase[] {
  const accepted = readRecordings("config-cases.jsonl").filter(({ error }) => error === null);
  return sample(accepted, ONE_CASE_IN);
}

/** Our normal form of a text's servers. */
function normalForm(text: string): Readonly<Record<string, unknown>> {
  const parsed = parseToml({ name: "config.toml", text });
  assert.ok(parsed.ok, text);
  const servers = readMcpServers(nodeAt(parsed.document.root, ["mcp_servers"]));
  assert.ok(servers.ok, text);
  return Object.fromEntries([...servers.servers].map(([name, config]) => [name, toNormalForm(config)]));
}

const run = promisify(execFile);

/** Asserts that the command line shows the servers of the home as we do. */
async function assertListed(home: string, what: string): Promise<void> {
  const { path } = findCodex(undefined, process.env);
  const env = { PATH: process.env.PATH ?? "", HOME: home, CODEX_HOME: home, RUST_BACKTRACE: "0" };
  const { stdout } = await run(path, ["mcp", "list", "--json"], { env, cwd: join(home, "work") });
  const layers = loadConfigLayers({
    codexHome: home,
    switchyardHome: join(home, "switchyard"),
    systemDir: join(home, "etc"),
    cwd: join(home, "work"),
  });
  const ours = effectiveMcpServers(layers).servers.map(listed);
  const theirs = shownByCodex(JSON.parse(stdout) as ListedServer[]);
  assert.deepEqual(JSON.parse(JSON.stringify(ours)), theirs, what);
}

test("after every edit of a configuration the real Codex reads what we read, and its command line shows it", async () => {
  await using codex = await CodexConfig.start();
  const file = join(codex.home, "config.toml");
  const cases = documents();
  let edits = 0;
  for (const { name, toml } of cases) {
    writeFileSync(file, toml);
    const own = Object.keys(normalForm(toml))[0] ?? "new.stdio";
    let text = toml;
    for (const [kind, make] of Object.entries(EDITS)) {
      const what = `${kind} in ${name}`;
      const { before, after, changed } = await make(new ConfigEditor(file), own).apply();
      assert.equal(before, text, what);
      text = readFileSync(file, "utf8");
      assert.equal(text, after, what);
      assert.equal(changed, before !== after, what);
      assert.deepEqual(await codex.read(text), { ok: true, servers: normalForm(text) }, `${what}\n${text}`);
      if (edits++ % COMMAND_STEP === 0) await assertListed(codex.home, `${what}\n${text}`);
    }
  }
  assert.ok(edits >= 7 * Object.keys(EDITS).length);
});
