/**
 * Configurations read by us and by the real Codex: the same verdict, first error and normal form.
 *
 * Random ones: a failure prints its seed. `SWITCHYARD_RUNS=40000` looks longer.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkConfig } from "../../src/config/effective/check-root.ts";
import { toNormalForm } from "../../src/config/server/normal-form.ts";
import type { ConfigProblem } from "../../src/config/problem.ts";
import {
  parseMcpServers,
  type ReadServersResult,
  readMcpServers,
} from "../../src/config/server/read-servers.ts";
import { CODEX_ROOT_KEYS, CODEX_ROOT_NAMES } from "../../src/config/schema/root-keys.ts";
import { formatSection, formatValue } from "../../src/toml/format.ts";
import { lineAndColumn, nodeAt, type TomlNode, type TomlTable } from "../../src/toml/node.ts";
import { parseToml } from "../../src/toml/parse.ts";
import { CodexConfig, type CodexVerdict } from "../support/codex-config.ts";
import { isCodex } from "../support/codex-version.ts";
import { runs } from "../support/sample.ts";
import { randomServers } from "./support/random-servers.ts";

const RUNS = runs(120, 2_000);

/** Asserts that our result is Codex's; where Codex has a line and no path, that line. */
function assertSame(ours: ReadServersResult, theirs: CodexVerdict, toml: string): void {
  if (theirs.ok || theirs.line === undefined) return assert.deepEqual(verdict(ours), theirs, toml);
  assert.equal(ours.errors[0]?.message, theirs.message, toml);
  assert.equal(lineOf(ours.errors[0]), theirs.line, toml);
}

function lineOf(problem: ConfigProblem | undefined): number | undefined {
  return problem?.place && lineAndColumn(problem.place).line;
}

/** A result in the shape of the oracle's. */
function verdict(result: ReadServersResult): unknown {
  if (result.ok) {
    const forms = [...result.servers].map(([name, config]) => [name, toNormalForm(config)]);
    return { ok: true, servers: Object.fromEntries(forms) };
  }
  const [{ message, path }] = result.errors;
  return { ok: false, message, path: path?.join("."), line: undefined };
}

function parse(toml: string): TomlTable {
  const parsed = parseToml({ name: "config.toml", text: toml });
  assert.ok(parsed.ok, toml);
  return parsed.document.root;
}

/** What a program would hand over, or `undefined` where JavaScript has no such value. */
function asPlain(node: TomlNode): unknown {
  switch (node.kind) {
    case "integer":
      return Number.isSafeInteger(Number(node.value)) ? Number(node.value) : node.value;
    case "array":
      return node.items.map(asPlain);
    case "table":
      return new Map([...node.entries].map(([key, { value }]) => [key, asPlain(value)]));
    default:
      return node.value;
  }
}

/** Whether a program can say the same: it has no dates, and its whole floats are integers. */
function isPlain(node: TomlNode): boolean {
  switch (node.kind) {
    case "datetime":
      return false;
    case "float":
      return !Number.isInteger(node.value) || Object.is(node.value, -0);
    case "array":
      return node.items.every(isPlain);
    case "table":
      return [...node.entries.values()].every(({ value }) => isPlain(value));
    default:
      return true;
  }
}

test("readMcpServers says of random servers what the real Codex says (C1, F1)", async () => {
  await using codex = await CodexConfig.start();
  await fc.assert(
    fc.asyncProperty(randomServers, fc.boolean(), async (node, inSections) => {
      const toml =
        inSections && node.kind === "table"
          ? formatSection(["mcp_servers"], node, "\n")
          : `mcp_servers = ${formatValue(node)}\n`;
      const theirs = await codex.read(toml);
      assertSame(readMcpServers(nodeAt(parse(toml), ["mcp_servers"])), theirs, toml);
      if (!inSections && isPlain(node)) assertSame(parseMcpServers(asPlain(node)), theirs, toml);
    }),
    { numRuns: RUNS },
  );
});

/** Pieces of two servers, right and wrong ones; what a text has first, Codex reports first. */
const SECTIONS = ["a", "b"].flatMap((name) => [
  `[mcp_servers.${name}]\ncommand = "x"\n`,
  `[mcp_servers.${name}]\nargs = 1\nenv.X = 1\n`,
  `[mcp_servers.${name}.env]\nA = 1\n`,
  `[mcp_servers.${name}.tools]\n`,
  `[mcp_servers.${name}.tools.t]\napproval_mode = 1\n`,
  `[mcp_servers.${name}.tools.u]\napproval_mode = "auto"\n`,
  `[[mcp_servers.${name}.env_vars]]\nname = "A"\n`,
]);

test("readMcpServers finds the real Codex's first error, whatever the order of the sections (R1)", async () => {
  await using codex = await CodexConfig.start();
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(["[mcp_servers]\n", ...SECTIONS]), async (sections) => {
      const toml = sections.join("");
      const theirs = await codex.read(toml);
      const parsed = parseToml({ name: "config.toml", text: toml });
      if (parsed.ok) assertSame(readMcpServers(nodeAt(parsed.document.root, ["mcp_servers"])), theirs, toml);
      else assert.equal(theirs.ok ? undefined : theirs.line, lineOf(parsed.problem), toml);
    }),
    { numRuns: RUNS },
  );
});

/** Codex refuses for a key beside the servers that is not checked here; `mcp check --ask-codex` shows such errors. */
function isLeftToCodex(theirs: CodexVerdict, toml: string): boolean {
  if (theirs.ok) return false;
  const line = theirs.line === undefined ? undefined : toml.split("\n")[theirs.line - 1];
  const [key = ""] = /^\w+/.exec(theirs.path ?? line ?? "") ?? [];
  if (key === "") return /experimental_thread_store_endpoint/.test(theirs.message);
  return CODEX_ROOT_NAMES.has(key) && !CODEX_ROOT_KEYS.has(key);
}

/** 0.169 ignores them. */
const SINCE_0_171 = ["code_mode", "responses", "rollout_trace"];
const VALUES = ["1", "-1", "70000", "1.5", '"x"', "true", "[]", "[1]", '["x"]', "{}"];

test("checkConfig takes and refuses at every root key that it checks what the real Codex does", async () => {
  await using codex = await CodexConfig.start();
  for (const key of [...CODEX_ROOT_KEYS.keys(), "plugins"]) {
    for (const value of VALUES) {
      const toml = `${key} = ${value}\n`;
      assertSame(checkConfig(parse(toml)), await codex.read(toml), toml);
    }
  }
});

test("checkConfig leaves all other root keys to Codex, which has each of them", async () => {
  await using codex = await CodexConfig.start();
  for (const key of CODEX_ROOT_NAMES) {
    if (CODEX_ROOT_KEYS.has(key) || key === "plugins" || (isCodex("0.169") && SINCE_0_171.includes(key)))
      continue;
    let isKnown = false;
    for (const value of VALUES) {
      const toml = `${key} = ${value}\n`;
      isKnown ||= !(await codex.read(toml)).ok;
      assert.equal(checkConfig(parse(toml), { strict: true }).ok, true, toml);
    }
    assert.ok(isKnown, `no value of ${key} is wrong to Codex`);
  }
});

test("checkConfig reports what the real Codex reports first, wherever in the file it stands", async () => {
  await using codex = await CodexConfig.start();
  const idp = (more: string): string =>
    `mcp_enterprise_managed_auth.idp = { issuer = "i", client_id = "c"${more} }`;
  const lines = [
    "model = 1",
    'profile = "x"',
    'experimental_thread_store_endpoint = "x"',
    "mcp_servers.a = {}",
    'mcp_servers.b = { command = "x", url = "u" }',
    "mcp_enterprise_managed_auth = {}",
    "mcp_enterprise_managed_auth = { more = 1, idp = {} }",
    "mcp_enterprise_managed_auth = { idp = { more = 1 } }",
    'mcp_enterprise_managed_auth = { idp = { client_id = "c" } }',
    'mcp_enterprise_managed_auth = { idp = ["i"] }',
    idp(""),
    idp(', client_secret = " "'),
    idp(', token_endpoint_auth_method = "client_secret_post"'),
    'projects."/x".trust_level = "maybe"',
    'projects."/y".other = 1',
    "mcp_oauth_callback_port = 65536",
    'approval_policy = "granular"',
    "unheard_of = 1",
  ];
  const pairs = lines.flatMap((one) =>
    lines.filter((other) => other !== one).map((other) => `${one}\n${other}\n`),
  );
  let left = 0;
  for (const toml of pairs) {
    const parsed = parseToml({ name: "config.toml", text: toml });
    if (!parsed.ok) continue;
    const theirs = await codex.read(toml);
    if (isLeftToCodex(theirs, toml)) left++;
    else assertSame(checkConfig(parsed.document.root), theirs, toml);
  }
  assert.equal(left, 60);
});
