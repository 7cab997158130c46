import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseMcpServers } from "../server/read-servers.ts";
import { pluginRefusalReason, readRequirements, refusalReason, type Requirements } from "./requirements.ts";
import { parseToml } from "../../toml/parse.ts";
import type { McpServerConfig } from "../server/types.ts";

const FILE = "/etc/codex/requirements.toml";

function read(text: string): ReturnType<typeof readRequirements> {
  const parsed = parseToml({ name: FILE, text });
  assert.ok(parsed.ok);
  return readRequirements(parsed.document.root, FILE);
}

function server(config: object): McpServerConfig {
  const config_ = parseMcpServers({ s: config }).servers.get("s");
  assert.ok(config_);
  return config_;
}

const STDIO = server({ command: "good", args: ["x", "--url=https://h/1"], env: { A: "b" } });
const HTTP = server({ url: "http://127.0.0.1:1/mcp" });

function isAllowed(requirements: Requirements, name: string, config: McpServerConfig): boolean {
  return refusalReason(requirements, name, config) === undefined;
}

/** Which of the two servers a requirement for `s` lets run. */
function allowed(identity: string): string[] {
  const { requirements, problems } = read(`[mcp_servers.s.identity]\n${identity}\n`);
  assert.deepEqual(problems, []);
  return [
    ...(isAllowed(requirements, "s", STDIO) ? ["stdio"] : []),
    ...(isAllowed(requirements, "s", HTTP) ? ["http"] : []),
  ];
}

suite("an allowlist of servers", () => {
  const identities: readonly (readonly [identity: string, want: readonly string[]])[] = [
    ['command = "good"', ["stdio"]],
    ['command = "goo"', []],
    ['command = "good"\nfoo = 1', ["stdio"]],
    ['url = "http://127.0.0.1:1/mcp"', ["http"]],
    ['url = "http://127.0.0.1:1/"', []],
    // Both: read as the command.
    ['command = "good"\nurl = "http://127.0.0.1:1/mcp"', ["stdio"]],
    ['command = 1\nurl = "http://127.0.0.1:1/mcp"', ["http"]],
    ['command = { executable = "good", args = [] }\nurl = "http://127.0.0.1:1/mcp"', ["http"]],
    ['url = { match = "exact", value = "http://127.0.0.1:1/mcp" }', ["http"]],
    ['url = { match = "prefix", value = "http://127.0.0.1" }', ["http"]],
    ['url = { match = "prefix", value = "" }', ["http"]],
    ['url = { match = "regex", expression = "http://127.*" }', ["http"]],
    ['url = { match = "regex", expression = "127.*" }', []],
    [
      'command = { executable = "good", args = [{ match = "regex", expression = "[a-z]" }, { match = "prefix", value = "--url=" }] }',
      ["stdio"],
    ],
    ['command = { executable = "good", args = [{ match = "exact", value = "x" }] }', []],
    [
      'command = { executable = "bad", args = [{ match = "prefix", value = "" }, { match = "prefix", value = "" }] }',
      [],
    ],
  ];
  for (const [identity, want] of identities) {
    test(`${identity.replaceAll("\n", "; ")} lets run: ${want.join(", ") || "neither"}`, () => {
      assert.deepEqual(allowed(identity), want);
    });
  }

  test("forbids every server it does not list", () => {
    const { requirements } = read('[mcp_servers.t.identity]\ncommand = "good"\n');
    assert.equal(isAllowed(requirements, "s", STDIO), false);
  });

  test("forbids everything where it is there and empty (Q2)", () => {
    assert.equal(isAllowed(read("[mcp_servers]\n").requirements, "s", STDIO), false);
  });

  test("forbids nothing where the list is absent", () => {
    for (const text of ["", "foo = 1\n", '[mcp_server_matchers.a]\ncommand = "x"\n']) {
      assert.equal(isAllowed(read(text).requirements, "s", STDIO), true);
    }
  });
});

suite("an error in a requirements file (Q1)", () => {
  const NO_VARIANT = "data did not match any variant of untagged enum RawMcpServerIdentity";
  const malformed: readonly (readonly [text: string, message: string, path: string])[] = [
    ["mcp_servers = 1", "invalid type: integer `1`, expected a map", "mcp_servers"],
    ["mcp_servers = []", "invalid type: sequence, expected a map", "mcp_servers"],
    [
      "[mcp_servers]\nb = 1",
      "invalid type: integer `1`, expected struct RawMcpServerRequirement",
      "mcp_servers.b",
    ],
    ['[mcp_servers.b]\nurl = "u"', "missing field `identity`", "mcp_servers.b"],
    ["[mcp_servers.b.identity]", NO_VARIANT, "mcp_servers.b.identity"],
    ['[mcp_servers.b]\nidentity = "x"', NO_VARIANT, "mcp_servers.b.identity"],
    ['[mcp_servers.b.identity]\nurl = { match = "glob", value = "(" }', NO_VARIANT, "mcp_servers.b.identity"],
    [
      '[mcp_servers.b.identity]\nurl = { match = "regex", value = "x" }',
      NO_VARIANT,
      "mcp_servers.b.identity",
    ],
    ['[mcp_servers.b.identity]\ncommand = { executable = "x" }', NO_VARIANT, "mcp_servers.b.identity"],
    [
      '[mcp_servers.b.identity]\ncommand = { executable = "x", args = ["y"] }',
      NO_VARIANT,
      "mcp_servers.b.identity",
    ],
    [
      '[mcp_servers.b.identity]\nfoo = 1\nurl = { match = "exact", value = "x" }',
      NO_VARIANT,
      "mcp_servers.b.identity",
    ],
  ];
  for (const [text, message, path] of malformed) {
    test(`is Codex's, with its place, and allows nothing: ${text.replaceAll("\n", "; ")}`, () => {
      const { problems, requirements } = read(`${text}\n`);
      assert.equal(problems[0]?.message, `failed to parse requirements layer ${FILE}: ${message}`);
      assert.equal(problems[0]?.path?.join("."), path);
      assert.equal(problems[0]?.place?.source.name, FILE);
      assert.equal(isAllowed(requirements, "b", STDIO), false);
    });
  }
});

test("an expression that is not understood allows nothing, with the reason (Q3)", () => {
  const { problems, requirements } = read(
    '[mcp_servers.z.identity.command]\nexecutable = "good"\nargs = [{ match = "prefix", value = "" },\n  { match = "regex", expression = ".*(?=x)" }]\n' +
      '[mcp_servers.b.identity]\nurl = { match = "regex", expression = "(?i)http.*" }\n',
  );
  assert.deepEqual(problems, []);
  assert.equal(
    refusalReason(requirements, "z", STDIO),
    `the entry of ${FILE} cannot be checked: in the regular expression ".*(?=x)" (${FILE}:4:35), ` +
      "a group that begins with (? and not with (?: is not supported",
  );
  assert.match(refusalReason(requirements, "b", HTTP) ?? "", /cannot be checked.*\(\?i\)http/);
});

suite("an allowlist of plugins' servers", () => {
  const isRefused = (text: string, plugin = "p@m"): boolean => {
    const { requirements, problems } = read(text);
    assert.deepEqual(problems, []);
    return pluginRefusalReason(requirements, plugin, "s", STDIO) !== undefined;
  };
  const listed = '[plugins."p@m".mcp_servers.s.identity]\ncommand = "good"\n';

  test("allows those that it lists, and all where it lists none (Q2)", () => {
    assert.equal(isRefused(""), false);
    assert.equal(isRefused('[plugins."p@m"]\n'), false);
    assert.equal(isRefused(listed), false);
    assert.equal(isRefused(listed, "q@m"), true);
    assert.equal(isRefused(listed.replace("good", "other")), true);
  });

  test("is not the list of the configuration's servers; only an empty one of these allows none (Q2)", () => {
    assert.equal(isRefused('[mcp_servers.x.identity]\ncommand = "good"\n'), false);
    assert.equal(isRefused(`${listed}[mcp_servers]\n`), true);
  });

  test("that cannot be understood is an error (Q1)", () => {
    const messages = ["plugins = 1\n", "[plugins]\np = 1\n", "[plugins.p.mcp_servers]\ns = 1\n"].map((text) =>
      read(text).problems.map(({ message }) => message.replace(/^.*?: /, "")),
    );
    assert.deepEqual(messages, [
      ["invalid type: integer `1`, expected a map"],
      ["invalid type: integer `1`, expected struct PluginMcpRequirements"],
      ["invalid type: integer `1`, expected struct RawMcpServerRequirement"],
    ]);
  });
});
