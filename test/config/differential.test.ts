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
import { parseMcpServers, type ReadResult, readMcpServers } from "../../src/config/server/read-servers.ts";
import type { FieldValue } from "../../src/config/schema/server-keys.ts";
import { CODEX_ROOT_KEYS } from "../../src/config/schema/root-keys.ts";
import { formatSection, formatValue } from "../../src/toml/format.ts";
import { lineAndColumn, nodeAt, type TomlNode, type TomlTable } from "../../src/toml/node.ts";
import { parseToml } from "../../src/toml/parse.ts";
import { CodexConfig, type CodexVerdict } from "../support/codex-config.ts";
import { randomServers } from "./support/random-servers.ts";

const RUNS = Number(process.env.SWITCHYARD_RUNS ?? 400);

/** Asserts that our result is what Codex says; where Codex has a line and no path, that line. */
function assertSame(ours: ReadResult, theirs: CodexVerdict, toml: string): void {
  if (theirs.ok || theirs.line === undefined) return assert.deepEqual(verdict(ours), theirs, toml);
  assert.equal(ours.errors[0]?.message, theirs.message, toml);
  assert.equal(lineOf(ours.errors[0]), theirs.line, toml);
}

function lineOf(problem: ConfigProblem | undefined): number | undefined {
  return problem?.place && lineAndColumn(problem.place).line;
}

/** A result in the shape of the oracle's. */
function verdict(result: ReadResult): unknown {
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

test("readMcpServers says of random servers what the real Codex says", async () => {
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

/** Errors about what a value names or a table holds: a file, a provider, a profile of permissions. Not ours to know. */
const ABOUT_OTHERS =
  /No such file|Model provider `.*` not found|default_permissions requires|missing field `type`|provider name must not|is required when/;

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

test("readMcpServers finds the real Codex's first error, whatever the order of the sections", async () => {
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

test("checkConfig takes and refuses at every root key what the real Codex does", async () => {
  await using codex = await CodexConfig.start();
  const values = ["1", "-1", "70000", "1.5", '"x"', "true", "[]", "[1]", '["x"]', "{}"];
  for (const [key, kind] of CODEX_ROOT_KEYS) {
    for (const value of values) {
      if (kind.type === "table" && kind.byPosition && value.startsWith("[")) continue;
      const toml = `${key} = ${value}\n`;
      const theirs = await codex.read(toml);
      const ours = checkConfig(parse(toml));
      if (!theirs.ok && ours.ok && ABOUT_OTHERS.test(theirs.message)) continue;
      assertSame(ours, theirs, toml);
    }
  }
});

test("checkConfig takes and refuses what the real Codex does inside of the tables beside the servers", async () => {
  await using codex = await CodexConfig.start();
  const values = [
    "1",
    "-1",
    "1.5",
    '"x"',
    '""',
    "true",
    "1979-05-27",
    "[]",
    "[1]",
    '["x"]',
    "{}",
    "{ x = 1 }",
  ];
  for (const [path, kind] of keysBelow("", CODEX_ROOT_KEYS)) {
    for (const value of values) {
      // The settings of a feature are not known here.
      if (path.includes("features.") && value === "{ x = 1 }") continue;
      if (kind.type === "table" && kind.byPosition && value.startsWith("[")) continue;
      const toml = `${path} = ${value}\n`;
      const theirs = await codex.read(toml);
      const ours = checkConfig(parse(toml));
      if (!theirs.ok && ours.ok && ABOUT_OTHERS.test(theirs.message)) continue;
      if (theirs.ok || theirs.line === undefined) assertSame(ours, theirs, toml);
      else assert.equal(ours.errors[0]?.message, theirs.message, toml);
    }
  }
});

/** Every key below the root that `root-tables.ts` knows, and one that it does not know. */
function keysBelow(path: string, keys: Iterable<readonly [string, FieldValue]>): [string, FieldValue][] {
  return [...keys].flatMap(([key, kind]) => {
    if (kind.type !== "table") return path === "" ? [] : [[`${path}${key}`, kind]];
    const rest = kind.rest === undefined ? [] : [["unheard_of", kind.rest] as const];
    const below = keysBelow(`${path}${key}.`, [...Object.entries(kind.keys ?? {}), ...rest]);
    return path === "" ? below : [[`${path}${key}`, kind], ...below];
  });
}

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
  for (const toml of pairs) {
    const parsed = parseToml({ name: "config.toml", text: toml });
    if (parsed.ok) assertSame(checkConfig(parsed.document.root), await codex.read(toml), toml);
  }
});
