import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type ConfigProblem, keysOf, valueFreeText } from "../problem.ts";
import { parseMcpServers, type ReadOptions, type ReadServersResult, readMcpServers } from "./read-servers.ts";
import { nodeAt } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";

function read(toml: string, options?: ReadOptions): ReadServersResult {
  const parsed = parseToml({ name: "config.toml", text: toml });
  assert.ok(parsed.ok);
  return readMcpServers(nodeAt(parsed.document.root, ["mcp_servers"]), options);
}

test("a problem says which field is meant, and what is wrong with it without any value", () => {
  const { errors } = read(
    [
      '[mcp_servers."a.b"]',
      'url = "u"',
      "args = []",
      "http_headers.K = 1",
      'http_headers_helper = ""',
      "startup_timeout_sec = -1",
      'oauth = { client_secret = "s3cret", authorization_server_issuer = "i" }',
      "[mcp_servers.c]",
      'command = "x"',
      'env_vars = [{ name = "A", source = "s3cret" }]',
      "[mcp_servers.d]",
      "",
    ].join("\n"),
  );
  assert.deepEqual(
    errors.map((error) => [keysOf(error).slice(1), valueFreeText(error)]),
    [
      [["a.b", "http_headers", "K"], "invalid type: integer, expected a string"],
      [["a.b", "startup_timeout_sec"], "cannot convert float seconds to Duration: value is negative"],
      [["a.b", "args"], "is not supported for streamable_http"],
      [["a.b", "http_headers_helper"], "must not be empty"],
      [["a.b", "oauth", "client_secret"], "requires oauth.client_id"],
      [["a.b", "oauth", "authorization_server_issuer"], 'requires auth = "ema_auth"'],
      [["c", "env_vars"], "unsupported env_vars source; expected `local` or `remote`"],
      [["d"], "invalid transport"],
    ],
  );
});

/** The marked piece and the message of each. */
function marked(problems: readonly ConfigProblem[]): string[] {
  return problems.map(
    ({ place, message }) => `${place?.source.text.slice(place.start, place.end)}: ${message}`,
  );
}

function hints(result: ReadServersResult): (string | undefined)[] {
  return [...result.errors, ...result.warnings].map(({ hint }) => hint);
}

suite("readMcpServers", () => {
  test("fills the defaults in and knows a disabled server's reason", () => {
    const { servers } = read('[mcp_servers.a]\ncommand = "x"\n[mcp_servers.b]\nurl = "u"\nenabled = false\n');
    const usual = {
      environment_id: "local",
      required: false,
      startup_readiness: "connection",
      supports_parallel_tool_calls: false,
      tools: new Map(),
      auth: "oauth",
      scope: "thread",
      shared_elicitation: false,
      startup: "wait",
    };
    assert.deepEqual(
      servers,
      new Map<string, unknown>([
        [
          "a",
          { ...usual, transport: { type: "stdio", command: "x", args: [], env_vars: [] }, enabled: true },
        ],
        [
          "b",
          {
            ...usual,
            transport: { type: "streamable_http", url: "u" },
            enabled: false,
            disabled_reason: { type: "by_hand" },
          },
        ],
      ]),
    );
  });

  test("names every error of every server, each at the offending piece (C3, R2)", () => {
    const result = read(
      [
        "[mcp_servers.a]",
        'url = "u"',
        'args = ["x", 1, 2]',
        "env = { A = true }",
        "tool_timeout_sec = -1",
        "[mcp_servers.b]",
        'command = "x"',
        "[mcp_servers.c]",
        "startup_timeout_sec = -2",
        'tools.t.approval_mode = "ask"',
        "",
      ].join("\n"),
    );
    assert.deepEqual(marked(result.errors), [
      "1: invalid type: integer `1`, expected a string",
      "2: invalid type: integer `2`, expected a string",
      "true: invalid type: boolean `true`, expected a string",
      "-1: cannot convert float seconds to Duration: value is negative",
      "args: args is not supported for streamable_http",
      "env: env is not supported for streamable_http",
      '"ask": unknown variant `ask`, expected one of `auto`, `prompt`, `writes`, `approve`',
      "-2: cannot convert float seconds to Duration: value is negative",
      "c: invalid transport",
    ]);
    assert.deepEqual([...result.servers.keys()], ["b"]);
  });

  test("counts what is there, not what it holds (C2)", () => {
    const result = read('[mcp_servers.a]\nurl = "u"\nargs = []\nenv = {}\ncwd = ""\nbearer_token = ""\n');
    assert.deepEqual(marked(result.errors), [
      "args: args is not supported for streamable_http",
      "env: env is not supported for streamable_http",
      "cwd: cwd is not supported for streamable_http",
      "bearer_token: bearer_token is not supported for streamable_http",
    ]);
  });

  test("says what to do", () => {
    const hint = (toml: string): string | undefined => hints(read(`[mcp_servers.a]\n${toml}\n`))[0];
    assert.match(hint('url = "u"\nbearer_token = "t"') ?? "", /set bearer_token_env_var to its name$/);
    assert.match(hint("enabled = true") ?? "", /^Set command .* or url/);
    assert.match(hint('command = "x"\nenv = { PORT = 80 }') ?? "", /quotes/);
    assert.match(hint('command = "x"\nenabled = "true"') ?? "", /true or false, without quotes/);
    assert.match(hint('command = "x"\nargs = "y"') ?? "", /brackets/);
    assert.match(hint('command = "x"\ndefault_tools_approval_mode = "aprove"') ?? "", /mean "approve"/);
  });

  test("never shows a value in a hint", () => {
    const values = [
      "bearer_token",
      "url",
      "oauth",
      "http_headers",
      "environment_id",
      "scopes",
      "tools",
      "headers",
    ];
    for (const key of values) {
      for (const value of ['"hush-hush"', "1234567"]) {
        const found = hints(read(`[mcp_servers.a]\ncommand = "x"\n${key} = ${value}\n`));
        assert.doesNotMatch(found.join(), /hush|1234567/, key);
      }
    }
  });

  test("warns about unknown keys, with what they should be", () => {
    const result = read(
      [
        "[mcp_servers.a]",
        'url = "u"',
        "headers = {}",
        'type = "http"',
        "disabled = true",
        "toolTimeoutSec = 5",
        "suports_parallel_tool_calls = true",
        "xyzzy = 1",
        'oauth.clientId = "x"',
        "tools.t.aproval_mode = 1",
        'scope = "host"',
        "",
      ].join("\n"),
    );
    assert.equal(result.ok, true);
    assert.deepEqual(
      result.warnings.map(({ path, hint }) => [path?.slice(2).join("."), hint]),
      [
        ["headers", "The key is http_headers; without it the headers are not sent"],
        ["type", "Leave it out: command makes a stdio server, url a streamable HTTP server"],
        ["disabled", "The key is enabled; false switches the server off"],
        ["toolTimeoutSec", "Did you mean tool_timeout_sec?"],
        ["suports_parallel_tool_calls", "Did you mean supports_parallel_tool_calls?"],
        ["xyzzy", undefined],
        ["oauth.clientId", "Did you mean client_id?"],
        ["tools.t.aproval_mode", "Did you mean approval_mode?"],
        ["scope", "It is a key of Switchyard's own; it belongs in switchyard.toml"],
      ],
    );
  });

  test("rejects unknown keys when strict, behind all other errors (R3)", () => {
    const result = read('[mcp_servers.a]\nfoo = 1\ncommand = "x"\n[mcp_servers.b]\n', { strict: true });
    assert.deepEqual(marked(result.errors), [
      "b: invalid transport",
      "foo: unknown configuration field `mcp_servers.a.foo`",
    ]);
    assert.deepEqual(result.warnings, []);
  });

  test("knows scope in switchyard.toml", () => {
    const toml = '[mcp_servers.a]\ncommand = "x"\nscope = "host"\n';
    assert.equal(read(toml, { own: true }).servers.get("a")?.scope, "host");
    assert.equal(read(toml).servers.get("a")?.scope, "thread");
    assert.deepEqual(marked(read(toml.replace("host", "all"), { own: true }).errors), [
      '"all": unknown variant `all`, expected one of `thread`, `project`, `principal`, `host`',
    ]);
  });

  test("takes names that are names of JavaScript's, too", () => {
    const result = read(
      '[mcp_servers.__proto__]\ncommand = "x"\nconstructor = 1\nenv = { __proto__ = "1" }\n',
    );
    assert.equal(result.ok, true);
    assert.deepEqual([...result.servers.keys()], ["__proto__"]);
    assert.deepEqual(
      result.warnings.map(({ path }) => path?.join(".")),
      ["mcp_servers.__proto__.constructor"],
    );
  });
});

suite("parseMcpServers", () => {
  test("reads a program's object", () => {
    const { servers } = parseMcpServers({ a: { command: "x", tool_timeout_sec: 80, cwd: undefined } });
    assert.equal(servers.get("a")?.tool_timeout_sec, 80);
  });

  test("names the path of a value that no configuration can hold", () => {
    const { ok, errors } = parseMcpServers({ a: { command: null } });
    assert.equal(ok, false);
    assert.match(errors[0]?.message ?? "", /^mcp_servers\.a\.command is null/);
  });

  test("rejects what is not a table of servers", () => {
    assert.equal(parseMcpServers([]).errors[0]?.message, "invalid type: sequence, expected a map");
  });
});

test("an inline token without a transport comes with what to do, behind Codex's error", () => {
  const { errors } = read('[mcp_servers.a]\nbearer_token = "t"\n');
  assert.deepEqual(
    errors.map(({ message }) => message),
    ["invalid transport", "mcp_servers.a uses unsupported `bearer_token`; set `bearer_token_env_var`."],
  );
  assert.match(errors[1]?.hint ?? "", /set bearer_token_env_var to its name$/);
});

test("parseMcpServers rejects what holds itself, or is deeper than TOML is read", () => {
  const server: Record<string, unknown> = { command: "x" };
  server["tools"] = { t: server };
  const list: unknown[] = [];
  list.push(new Map([["a", list]]));
  for (const input of [{ a: server }, { a: { args: list } }]) {
    const { ok, errors } = parseMcpServers(input);
    assert.equal(ok, false);
    assert.equal(errors[0]?.message, "mcp_servers holds itself, or is too deep for TOML");
  }
});

test("a header that Codex leaves out is a warning, without its value", () => {
  const { ok, warnings } = read(
    '[mcp_servers.a]\nurl = "https://a.b"\nhttp_headers = { "X Y" = "SECRET", A = "SEC\\nRET", B = "ü" }\n' +
      'env_http_headers = { "C:" = "V" }\n',
  );
  assert.equal(ok, true);
  assert.deepEqual(
    warnings.map(({ message, place }) => [message, place?.source.text.slice(place.start, place.end)]),
    [
      ['header "X Y" is not a valid header name, and Codex leaves it out', '"X Y"'],
      [
        'header "A" has a line break or another control character, which a header cannot hold, and Codex leaves it out',
        "A",
      ],
      ['header "C:" is not a valid header name, and Codex leaves it out', '"C:"'],
    ],
  );
});
