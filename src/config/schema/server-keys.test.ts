import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MISTAKEN_KEYS, OAUTH, REFUSED, SERVER, TOOL } from "./server-keys.ts";
import type { WrittenMcpServer } from "../server/types.ts";

/** Fails to compile when a key of `WrittenMcpServer` is missing or one too many is here. */
const KEYS: Readonly<Record<keyof WrittenMcpServer, true>> = {
  command: true,
  args: true,
  env: true,
  env_vars: true,
  cwd: true,
  url: true,
  bearer_token_env_var: true,
  bearer_token: true,
  http_headers: true,
  env_http_headers: true,
  http_headers_helper: true,
  auth: true,
  oauth: true,
  oauth_resource: true,
  scopes: true,
  environment_id: true,
  enabled: true,
  required: true,
  startup_timeout_sec: true,
  startup_timeout_ms: true,
  tool_timeout_sec: true,
  startup_readiness: true,
  supports_parallel_tool_calls: true,
  tool_input_schema_max_bytes: true,
  omit_tools_from: true,
  default_tools_approval_mode: true,
  enabled_tools: true,
  disabled_tools: true,
  tools: true,
  name: true,
  scope: true,
  shared_elicitation: true,
  startup: true,
};

test("SERVER has the fields of WrittenMcpServer: Codex's 30, and ours", () => {
  const names = SERVER.fields.map(({ name }) => name);
  assert.deepEqual(names.toSorted(), Object.keys(KEYS).toSorted());
  assert.deepEqual(
    SERVER.fields.filter(({ own }) => own).map(({ name }) => name),
    ["scope", "shared_elicitation", "startup"],
  );
  assert.equal(names.length, 33);
});

test("REFUSED is what the fields say about their transports (F2)", () => {
  const only = (...transports: string[]): string[] =>
    SERVER.fields.filter(({ transport }) => transports.includes(transport)).map(({ name }) => name);
  assert.deepEqual(REFUSED.stdio.toSorted(), only("streamable_http", "none").toSorted());
  assert.deepEqual(["command", ...REFUSED.streamable_http].toSorted(), only("stdio", "none").toSorted());
});

test("MISTAKEN_KEYS are not keys of a server", () => {
  for (const { name, own } of SERVER.fields) assert.equal(MISTAKEN_KEYS.has(name), own === true, name);
});

test("every field is explained in one sentence", () => {
  for (const { about, name } of SERVER.fields) assert.match(about, /^[A-Z][^]*\.$/, name);
});

test("the types explain every key in the words of the table, and may add to them", () => {
  const text = readFileSync(new URL("../server/types.ts", import.meta.url), "utf8");
  const types = [
    ["WrittenMcpServer", SERVER],
    [OAUTH.name, OAUTH],
    [TOOL.name, TOOL],
  ] as const;
  for (const [type, { fields }] of types) {
    const body = new RegExp(`^export interface ${type} \\{\\n([^]*?)^\\}`, "m").exec(text)?.[1] ?? "";
    const docs = [...body.matchAll(/^ {2}\/\*\* (.*) \*\/\n {2}readonly (\w+)\?:/gm)];
    const said = new Map(docs.map(([, doc = "", key = ""]) => [key, doc]));
    for (const { name, about } of fields) {
      assert.equal(said.get(name)?.slice(0, about.length), about, `${type}.${name}`);
    }
  }
});
