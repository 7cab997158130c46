import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { showPath } from "../base/reader.ts";
import { SERVER } from "../config/schema/server-keys.ts";
import type { McpServerConfig } from "../config/server/types.ts";
import { check, checkConfigs, ServerSet } from "./check.ts";
import { sentenceOf } from "./problem.ts";
import { resolveAll } from "./resolve.ts";

const ENV = { TOKEN: "t-123456", KEY: "k-123456", EMPTY: "", BROKEN: "a\r\nX-Admin: 1" };
const URL_OF = "https://host.example/mcp";

/** The problem that is reported, with references looked up as for a start. */
function refusal(servers: unknown, env: Record<string, string | undefined> = ENV): string {
  const checked = check(servers, ["mcpServers"]);
  const result = checked.ok ? resolveAll(checked.value, env, ["mcpServers"]) : checked;
  if (result.ok) assert.fail("it was accepted");
  return sentenceOf(result.problems[0], showPath);
}

function accepted(server: unknown): McpServerConfig {
  const checked = check({ s: server }, []);
  assert.ok(checked.ok, JSON.stringify(checked));
  const [config] = checked.value.configs.values();
  assert.ok(config);
  return config;
}

/** What a host may write, and `headers`. */
const FIELDS: readonly string[] = [...SERVER.fields.map(({ name }) => name), "headers"];

suite("check rejects, with the path of the field (M1)", () => {
  const http = { url: URL_OF };
  const stdio = { command: "node" };
  const boolean = /: must be true or false, but is /;
  const string = /: must be a string, but is /;
  const list = /: must be a list of (strings|names), but is /;
  const items = /: must be a list of strings, but an? (number|list|object) is among them/;
  const map = /: must be an object, but is /;
  const seconds = /: must be a number of seconds, (but is |0 or more, but is (negative|NaN|too large)$)/;
  const count =
    /: must be a whole number, (but is |1 or more, but is (too small|too large|a fraction|NaN|infinite)$)/;
  const variant = /: (must be "\w+"(, "\w+")* or "\w+"(\. Did you mean "\w+"\?)?$|must be a string, but is )/;
  /** Beside these, anything else than what the field takes. What is behind the field is what is wrong there. */
  const table: readonly (readonly [config: object, field: string, bad: readonly unknown[], says: RegExp])[] =
    [
      [http, "required", ["true", 1, []], boolean],
      [http, "enabled", ["no", 0, {}], boolean],
      [stdio, "supports_parallel_tool_calls", [1], boolean],
      [http, "startup_timeout_sec", ["30", -1, Number.NaN, Infinity, 1e300], seconds],
      [http, "tool_timeout_sec", ["30", -0.5, 2 ** 64], seconds],
      [
        http,
        "startup_timeout_ms",
        [1.5, -1, "1", 1e300, Number.NaN],
        /: must be a whole number, (but is a string|0 or more, but is (too small|too large|a fraction|NaN))$/,
      ],
      [http, "tool_input_schema_max_bytes", [0, 1.5, "1", -1, Infinity, 1e30], count],
      [http, "enabled_tools", ["a", {}], list],
      [http, "enabled_tools", [[1], ["a", []]], items],
      [http, "disabled_tools", ["a"], list],
      [
        http,
        "default_tools_approval_mode",
        ["never", "", "always", "Approve", {}, { auto: 1, prompt: 1 }, { auto: 1 }, 1],
        variant,
      ],
      [http, "startup_readiness", ["soon", 1], variant],
      [http, "omit_tools_from", ["direct"], list],
      [
        http,
        "omit_tools_from",
        [["bogus"], ["direct", {}]],
        /: may have only "code_mode", "deferred" or "direct"$/,
      ],
      [http, "omit_tools_from", [[1]], items],
      [http, "environment_id", [1, []], string],
      [http, "tools", ["all", []], map],
      [http, "http_headers", ["a", [["A", "b"]]], map],
      [http, "headers", ["a", []], map],
      [http, "env_http_headers", ["A"], map],
      [http, "bearer_token_env_var", [1, { name: "A" }], string],
      [http, "http_headers_helper", [1, {}], string],
      [http, "http_headers_helper", ["", " "], /: must not be empty$/],
      [http, "auth", ["basic", 1], variant],
      [http, "scopes", ["a b"], list],
      [http, "oauth", ["x", 1], map],
      [http, "oauth_resource", [1], string],
      [stdio, "args", ["-y", { 0: "a" }], list],
      [stdio, "args", [[1], ["a", {}], [{ a: 1 }]], items],
      [stdio, "env", ["A=b", ["A=b"]], map],
      [stdio, "env_vars", ["A"], list],
      [
        stdio,
        "env_vars",
        [[1], [{}], [{ name: 1 }], [{ name: "A", x: 1 }], [["A"]]],
        /: must be a list of names(?:, but a (?:number|list)| or of \{ name, source \}, but another object) is among them$/,
      ],
      [
        stdio,
        "env_vars",
        [[{ name: "A", source: "moon" }]],
        /: may have only "local" or "remote" as the source of a name$/,
      ],
      [stdio, "cwd", [1], string],
    ];
  for (const [config, field, bad, says] of table) {
    test(`${field} as ${JSON.stringify(bad)}`, () => {
      for (const value of bad) {
        const message = refusal({ "my-server": { ...config, [field]: value } });
        const path = `mcpServers.my-server.${field}`;
        assert.ok(message.startsWith(path), message);
        assert.match(message.slice(path.length), new RegExp(`^${says.source}`));
      }
    });
  }

  const cases: readonly (readonly [what: string, servers: unknown, says: RegExp])[] = [
    ["a list instead of an object of servers", [], /^mcpServers: must be an object of servers by name$/],
    ["null for the servers", null, /^mcpServers: must be an object/],
    [
      "a server that is not an object",
      { s: "node server.js" },
      /^mcpServers\.s: must be an object, but is a string$/,
    ],
    ["a server that is a list", { s: ["node"] }, /^mcpServers\.s: must be an object, but is a list$/],
    ["a server that is null", { s: null }, /^mcpServers\.s: must be an object, but is null$/],
    [
      "a field that is null",
      { s: { ...http, required: null } },
      /^mcpServers\.s\.required: must be true or false, but is null$/,
    ],
    [
      "a header that is null",
      { s: { ...http, headers: { A: null } } },
      /^mcpServers\.s\.headers\.A: must be a string, but is null$/,
    ],
    [
      "a header that is a number",
      { s: { ...http, http_headers: { A: 1 } } },
      /^mcpServers\.s\.http_headers\.A: must be a string, but is a number$/,
    ],
    [
      "a header that is a table",
      { s: { ...http, headers: { A: {} } } },
      /^mcpServers\.s\.headers\.A: must be a string, but is an object$/,
    ],
    [
      "a variable that is a number",
      { s: { ...stdio, env: { A: 1 } } },
      /^mcpServers\.s\.env\.A: must be a string, but is a number$/,
    ],
    [
      "a server without a transport",
      { s: {} },
      /^mcpServers\.s: invalid transport\. Set command \(.*\) or url \(/,
    ],
    ["a transport of undefined", { s: { url: undefined } }, /^mcpServers\.s: invalid transport/],
    [
      "a server with two transports",
      { s: { ...http, ...stdio } },
      /^mcpServers\.s\.url: is not supported for stdio\. .*remove one of them$/,
    ],
    ["an empty command", { s: { command: "" } }, /^mcpServers\.s\.command: must not be empty$/],
    [
      "a command with its arguments as a list",
      { s: { command: ["npx"] } },
      /^mcpServers\.s\.command: must be a string, but is a list$/,
    ],
    [
      "text that is not a URL",
      { s: { url: "host/mcp" } },
      /^mcpServers\.s\.url: invalid URL \(write it in full/,
    ],
    [
      "a URL of another scheme",
      { s: { url: "ftp://host/mcp" } },
      /^mcpServers\.s\.url: unsupported URL scheme \(use http or https\)$/,
    ],
    [
      "a URL that is not a string",
      { s: { url: 1 } },
      /^mcpServers\.s\.url: must be a string, but is a number$/,
    ],
    [
      "a bearer token in clear",
      { s: { ...http, bearer_token: "x" } },
      /^mcpServers\.s\.bearer_token: is not supported for streamable_http\. .*bearer_token_env_var to its name$/,
    ],
    [
      "an unknown field, with the one that was meant",
      { s: { ...http, env_http_header: {} } },
      /^mcpServers\.s\.env_http_header: unknown configuration field\. Did you mean env_http_headers\?$/,
    ],
    [
      "a field that others have for it",
      { s: { ...http, allowedTools: [] } },
      /^mcpServers\.s\.allowedTools: unknown configuration field\. The key is enabled_tools$/,
    ],
    [
      "a field that nobody has",
      { s: { ...http, scopeless: "host" } },
      /^mcpServers\.s\.scopeless: unknown configuration field/,
    ],
    [
      "a field of the other transport, empty as it is",
      { s: { ...http, args: [] } },
      /^mcpServers\.s\.args: is not supported for streamable_http\. It is for stdio servers/,
    ],
    [
      "headers for a command",
      { s: { ...stdio, headers: {} } },
      /^mcpServers\.s\.headers: is not supported for stdio/,
    ],
    [
      "http_headers for a command",
      { s: { ...stdio, http_headers: {} } },
      /^mcpServers\.s\.http_headers: is not supported for stdio/,
    ],
    [
      "the helper of a server with headers",
      { s: { ...http, headers: {}, http_headers_helper: "" } },
      /^mcpServers\.s\.http_headers_helper: must not be empty$/,
    ],
    [
      "a client secret without its id",
      { s: { ...http, oauth: { client_secret: "x" } } },
      /^mcpServers\.s\.oauth\.client_secret: requires oauth\.client_id$/,
    ],
    [
      "both spellings of headers",
      { s: { ...http, headers: {}, http_headers: {} } },
      /^mcpServers\.s\.http_headers: stands beside "headers", .*\. Give one of them$/,
    ],
    [
      "a tool that is not an object",
      { s: { ...http, tools: { t: true } } },
      /^mcpServers\.s\.tools\.t: must be an object, but is a boolean$/,
    ],
    [
      "a mode of a tool, with the one that was meant",
      { s: { ...http, tools: { t: { approval_mode: "aprove" } } } },
      /^mcpServers\.s\.tools\.t\.approval_mode: must be "auto", "prompt", "writes" or "approve"\. Did you mean "approve"\?$/,
    ],
    [
      "a port that is none",
      { s: { ...http, oauth: { callback_port: 99_999 } } },
      /^mcpServers\.s\.oauth\.callback_port: must be a whole number from 0 to 65535, but is too large$/,
    ],
    [
      "a limit of a tool",
      { s: { ...http, tools: { t: { output_token_limit: 0 } } } },
      /^mcpServers\.s\.tools\.t\.output_token_limit: must be a whole number, 1 or more, but is too small$/,
    ],
    [
      "an unknown field of a tool",
      { s: { ...http, tools: { t: { enabled: true } } } },
      /^mcpServers\.s\.tools\.t\.enabled: unknown configuration field/,
    ],
    [
      "the first of several problems",
      { a: http, b: { ...http, required: 1, enabled: 1 }, c: {} },
      /^mcpServers\.b\.required: /,
    ],
    ["the second server, when the first is right", { a: http, b: {} }, /^mcpServers\.b: invalid transport/],
    ["the name codex_apps", { codex_apps: http }, /^mcpServers\.codex_apps: this name is reserved/],
    [
      "the name __proto__",
      JSON.parse('{"__proto__":{"url":"https://host.example"}}'),
      /^mcpServers\.__proto__: this name is reserved/,
    ],
    ["an empty name", { "": http }, /^mcpServers\[""\]: invalid server name ''/],
    [
      "a name with a blank",
      { "a b": http },
      /^mcpServers\["a b"\]: invalid server name 'a b' \(use letters, numbers, /,
    ],
    [
      "a name with a line break at its end",
      { "a\n": http },
      /^mcpServers\["a\\n"\]: invalid server name 'a\\n' /,
    ],
  ];
  for (const [what, servers, says] of cases) {
    test(what, () => assert.match(refusal(servers), says));
  }

  const programs: readonly (readonly [server: object, says: string])[] = [
    [{ url: new URL(URL_OF) }, "url: must be a string, but is an object"],
    [{ command: Symbol("x") }, "command: must be a string, but is a symbol"],
    [{ command: "a", cwd: new Date() }, "cwd: must be a string, but is an object"],
    [{ command: "a", onExit: () => 1 }, "onExit: unknown configuration field"],
    [{ command: "a", since: { at: new Date() } }, "since: unknown configuration field"],
    [{ command: "a", env: { A: undefined, B: null } }, "env.B: must be a string, but is null"],
    [{ command: "a", args: new Set(["x"]) }, "args: must be a list of strings, but is an object"],
    [{ url: URL_OF, headers: new Map([["A", 1]]) }, "headers.A: must be a string, but is a number"],
    [{ url: URL_OF, oauth: { client_id: 1 } }, "oauth.client_id: must be a string, but is a number"],
  ];
  for (const [server, says] of programs) {
    test(`what a program may write, in its words: ${says}`, () => {
      assert.equal(refusal({ s: server }), `mcpServers.s.${says}`);
    });
  }

  for (const field of ["constructor", "toString", "hasOwnProperty", "__proto__", "valueOf"]) {
    test(`a field called ${field}, which every object has`, () => {
      const says = (path: string): RegExp => new RegExp(`^mcpServers\\.s\\.${path}${field}: unknown config`);
      for (const headers of ["", '"headers":{},']) {
        const server = JSON.parse(`{"url":"${URL_OF}",${headers}"${field}":1}`) as unknown;
        assert.match(refusal({ s: server }), says(""));
      }
      const tool = JSON.parse(`{"url":"${URL_OF}","tools":{"t":{"${field}":1}}}`) as unknown;
      assert.match(refusal({ s: tool }), says("tools\\.t\\."));
    });
  }

  const references: readonly (readonly [what: string, fields: object, says: RegExp])[] = [
    [
      "a bearer token whose variable is missing",
      { bearer_token_env_var: "NOPE" },
      /^mcpServers\.s\.bearer_token_env_var: the environment variable NOPE is not set$/,
    ],
    ["a bearer token whose variable is empty", { bearer_token_env_var: "EMPTY" }, /EMPTY is not set/],
    [
      "a header whose variable is missing",
      { env_http_headers: { "X-K": "NOPE" } },
      /^mcpServers\.s\.env_http_headers\.X-K: the environment variable NOPE is not set$/,
    ],
    [
      "a name that every object has, instead of a variable",
      { bearer_token_env_var: "constructor" },
      /constructor is not set/,
    ],
    ["a header from such a name", { env_http_headers: { "X-K": "__proto__" } }, /__proto__ is not set/],
    [
      "a variable without a name",
      { bearer_token_env_var: "" },
      /bearer_token_env_var: the environment variable  is not set/,
    ],
    [
      "a header name with a blank",
      { headers: { "X K": "v" } },
      /^mcpServers\.s\.headers\["X K"\]: is not a valid header name$/,
    ],
    [
      "a header name with a line break",
      { http_headers: { "X\r\nY": "v" } },
      /^mcpServers\.s\.http_headers\["X\\r\\nY"\]: is not a valid header name/,
    ],
    [
      "a header name with a colon",
      { env_http_headers: { "X:": "KEY" } },
      /^mcpServers\.s\.env_http_headers\.X:: is not a valid header name/,
    ],
    [
      "an empty header name",
      { headers: { "": "v" } },
      /^mcpServers\.s\.headers\[""\]: is not a valid header name/,
    ],
    [
      "a header value that begins another header",
      { headers: { "X-A": "1\r\nX-Admin: 1" } },
      /^mcpServers\.s\.headers\.X-A: has a line break/,
    ],
    [
      "the same value from the environment",
      { env_http_headers: { "X-A": "BROKEN" } },
      /^mcpServers\.s\.env_http_headers\.X-A: has a line break/,
    ],
    [
      "the same value as a bearer token",
      { bearer_token_env_var: "BROKEN" },
      /^mcpServers\.s\.bearer_token_env_var: has a line break/,
    ],
    [
      "a header twice, in two spellings",
      { headers: { "X-A": "1", "x-a": "2" } },
      /^mcpServers\.s\.headers\.x-a: the header is given by headers\.X-A, too$/,
    ],
    [
      "a header twice, from two fields",
      { http_headers: { "X-A": "1" }, env_http_headers: { "x-a": "KEY" } },
      /given by http_headers\.X-A, too$/,
    ],
    [
      "Authorization twice",
      { headers: { authorization: "Basic x" }, bearer_token_env_var: "KEY" },
      /^mcpServers\.s\.bearer_token_env_var: the header is given by headers\.authorization, too$/,
    ],
  ];
  for (const [what, fields, says] of references) {
    test(what, () => assert.match(refusal({ s: { url: URL_OF, ...fields } }), says));
  }

  test("every header that Codex would leave out without a word", () => {
    for (const value of ["\0", "\u0001", "\n", "\r", "a\u007f"]) {
      assert.match(refusal({ s: { url: URL_OF, headers: { "X-A": value } } }), /headers\.X-A: has/);
    }
    for (const value of ["", "a\tb", " ~!@#$%^&*() ", "é 🧀"]) {
      const { transport } = accepted({ url: URL_OF, headers: { "X-A": value } });
      assert.ok(transport.type === "streamable_http");
      assert.deepEqual([...(transport.http_headers ?? [])], [["X-A", value]]);
    }
  });

  test("no value in the message (M3)", () => {
    const http = { url: URL_OF };
    const servers: readonly object[] = [
      { ...http, headers: { "X-A": "hunter2\n" } },
      { ...http, bearer_token_env_var: "PASS" },
      { ...http, headers: { "X-A": "hunter2", "x-a": "hunter2" } },
      { ...http, headers: { "X-A": 4242 } },
      { ...http, headers: "hunter2" },
      { ...http, headers: ["hunter2"] },
      { ...http, bearer_token: "hunter2" },
      { ...http, auth: "hunter2" },
      { ...http, auth: "a\nhunter2" },
      { ...http, auth: { hunter2: {} } },
      { ...http, auth: "a`, expected one of `hunter2`, `b" },
      { ...http, oauth: "hunter2" },
      { ...http, oauth: { client_secret: 42.42 } },
      { ...http, tools: 'a", expected "hunter2' },
      { ...http, required: "hunter2\nhunter2" },
      { ...http, startup_timeout_sec: "hunter2" },
      { ...http, startup_timeout_ms: -4242 },
      { command: "c", env: "hunter2" },
      { command: "c", env: ["A=hunter2"] },
      { command: "c", env_vars: ["A", { A: "hunter2" }] },
      { command: "c", env_vars: [{ name: "A", source: "a`; expected `hunter2" }] },
      { command: "c", url: "https://user:hunter2@host.example" },
      { url: "hunter2:password" },
      { url: "hunter2" },
    ];
    for (const server of servers) {
      const message = refusal({ s: server }, { PASS: "hunter2\n" });
      assert.doesNotMatch(message, /hunter2|42/);
    }
    assert.doesNotMatch(refusal({ s: "hunter2" }), /hunter2/);
  });

  test("a secret in any field without showing it (M3)", () => {
    const secret = fc.tuple(fc.string(), fc.string()).map(([before, after]) => `${before}hunter2${after}`);
    const value = fc.oneof(
      ...[
        secret,
        fc.array(secret),
        fc.dictionary(fc.constantFrom("A", "name", "source", "client_secret"), secret),
      ],
      fc.array(fc.dictionary(fc.constantFrom("name", "source", "x"), secret)),
    );
    const server = fc.tuple(fc.constantFrom("url", "command"), fc.constantFrom(...FIELDS), value);
    fc.assert(
      fc.property(server, ([transport, field, given]) => {
        // The name of a variable that is not set is shown; it is a reference, not a value.
        if (field === "bearer_token_env_var" || field === "env_http_headers") return;
        const checked = check({ s: { [transport]: URL_OF, [field]: given } }, []);
        if (!checked.ok) assert.doesNotMatch(JSON.stringify(checked.problems), /hunter2/);
      }),
      { numRuns: 2_000 },
    );
  });

  test("arbitrary JSON without ever throwing", () => {
    const field = fc.constantFrom(...FIELDS, "__proto__", "constructor");
    const text = fc.oneof(fc.constantFrom(URL_OF, "TOKEN", "__proto__", "a\nb"), fc.string());
    const value = fc.oneof(
      text,
      fc.jsonValue(),
      fc.dictionary(fc.oneof(text, fc.string()), text),
      fc.array(text),
    );
    const server = fc.oneof(
      fc.dictionary(field, value, { maxKeys: 5 }),
      fc.dictionary(field, value, { maxKeys: 3 }).map((rest) => ({ ...rest, url: URL_OF })),
      fc.dictionary(field, value, { maxKeys: 3 }).map((rest) => ({ ...rest, command: "c" })),
      fc.jsonValue(),
    );
    const servers = fc.oneof(
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("s", "__proto__")), server),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(servers, (given) => {
        const checked = check(given, []);
        if (!checked.ok) return;
        const resolved = resolveAll(checked.value, ENV, []);
        if (!resolved.ok) return;
        for (const { secrets } of resolved.value.values()) {
          assert.ok(secrets.every((secret) => typeof secret === "string"));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

test("check yields what was written with its defaults and nothing else (M2), and leaves its input as it is", () => {
  const given = { command: "node", env: { A: "1" }, cwd: undefined };
  assert.deepEqual(accepted(given), {
    transport: { type: "stdio", command: "node", args: [], env_vars: [], env: new Map([["A", "1"]]) },
    environment_id: "local",
    enabled: true,
    required: false,
    startup_readiness: "connection",
    supports_parallel_tool_calls: false,
    tools: new Map(),
    auth: "oauth",
    scope: "thread",
    shared_elicitation: false,
    startup: "wait",
  });
  assert.deepEqual(given, { command: "node", env: { A: "1" }, cwd: undefined });
});

test("check takes what it has checked as it is, and checks configurations that were read elsewhere", () => {
  const checked = check({ a: { url: URL_OF } }, []);
  assert.ok(checked.ok && checked.value instanceof ServerSet);
  assert.deepEqual(check(checked.value, []), checked);
  assert.deepEqual(checkConfigs(checked.value.configs, []), checked);
  const { transport, ...rest } = accepted({ url: URL_OF });
  const empty = { ...rest, transport: { type: "stdio", command: "", args: [], env_vars: [] } } as const;
  assert.deepEqual(checkConfigs(new Map([["a b", empty]]), ["mcp_servers"]), {
    ok: false,
    problems: [
      {
        path: ["mcp_servers", "a b"],
        what: "invalid server name 'a b' (use letters, numbers, '-', '_', ':', '@', '/', '.')",
      },
      { path: ["mcp_servers", "a b", "command"], what: "must not be empty" },
    ],
  });
  assert.equal(transport.type, "streamable_http");
});
