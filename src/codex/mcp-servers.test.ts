import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { SERVER } from "../config/schema/server-keys.ts";
import { CodexError } from "./errors.ts";
import { resolveServers, type ResolvedServer } from "./mcp-servers.ts";

const ENV = { TOKEN: "t-123456", KEY: "k-123456", EMPTY: "", BROKEN: "a\r\nX-Admin: 1" };
const URL_OF = "https://host.example/mcp";

function resolve(server: unknown, env: Record<string, string | undefined> = ENV): ResolvedServer {
  const [resolved] = resolveServers({ s: server }, { env, defaultApproval: undefined });
  assert.ok(resolved);
  return resolved;
}

function refusal(servers: unknown, env: Record<string, string | undefined> = ENV): string {
  try {
    resolveServers(servers, { env, defaultApproval: "approve" });
  } catch (error) {
    assert.ok(error instanceof CodexError, String(error));
    assert.equal(error.code, "invalid_options");
    return error.message;
  }
  assert.fail("it was accepted");
}

/** What a host may write, and `headers`. */
const FIELDS: readonly string[] = [...SERVER.fields.map(({ name }) => name), "headers"];

suite("resolveServers refuses, naming server and field (M1)", () => {
  const http = { url: URL_OF };
  const stdio = { command: "node" };
  const boolean = /: invalid type: .+, expected a boolean/;
  const string = /: invalid type: .+, expected a string/;
  const list = /: invalid type: .+, expected a sequence/;
  const map = /: invalid type: .+, expected a map/;
  const seconds = /: (invalid type: .+, expected f64|cannot convert float seconds to Duration: value is)/;
  const count = /: invalid (type|value): .+, expected a nonzero usize/;
  const variant = /: (unknown variant|invalid type: unit variant), expected/;
  /** Beside these, anything else than what the field takes. What is behind the field is what is wrong there. */
  const table: readonly (readonly [config: object, field: string, bad: readonly unknown[], says: RegExp])[] =
    [
      [http, "required", ["true", 1, []], boolean],
      [http, "enabled", ["no", 0, {}], boolean],
      [stdio, "supports_parallel_tool_calls", [1], boolean],
      [http, "startup_timeout_sec", ["30", -1, Number.NaN, Infinity, 1e300], seconds],
      [http, "tool_timeout_sec", ["30", -0.5, 2 ** 64], seconds],
      [http, "startup_timeout_ms", [1.5, -1, "1", 1e300], /: invalid (type|value): .+, expected u64/],
      [http, "tool_input_schema_max_bytes", [0, 1.5, "1"], count],
      [http, "enabled_tools", ["a", {}], list],
      [http, "enabled_tools", [[1], ["a", []]], string],
      [http, "disabled_tools", ["a"], list],
      [http, "default_tools_approval_mode", ["never", "", 1], variant],
      [http, "startup_readiness", ["soon", 1], variant],
      [http, "omit_tools_from", ["direct"], list],
      [http, "omit_tools_from", [["bogus"], [1]], variant],
      [http, "environment_id", [1, []], string],
      [http, "tools", ["all", []], map],
      [http, "http_headers", ["a", [["A", "b"]]], map],
      [http, "headers", ["a", []], map],
      [http, "env_http_headers", ["A"], map],
      [http, "bearer_token_env_var", [1, { name: "A" }], string],
      [http, "http_headers_helper", [1, {}], string],
      [http, "http_headers_helper", ["", " "], / must not be empty$/],
      [http, "auth", ["basic", 1], variant],
      [http, "scopes", ["a b"], list],
      [http, "oauth", ["x", 1], /: invalid type: .+, expected struct McpServerOAuthConfig/],
      [http, "oauth_resource", [1], string],
      [stdio, "args", ["-y", { 0: "a" }], list],
      [stdio, "args", [[1]], string],
      [stdio, "env", ["A=b", ["A=b"]], map],
      [stdio, "env_vars", ["A"], list],
      [
        stdio,
        "env_vars",
        [[1], [{}], [{ name: 1 }], [{ name: "A", x: 1 }]],
        /: data did not match any variant/,
      ],
      [
        stdio,
        "env_vars",
        [[{ name: "A", source: "moon" }]],
        /: unsupported env_vars source; expected `local`/,
      ],
      [stdio, "cwd", [1], string],
    ];
  for (const [config, field, bad, says] of table) {
    test(`${field} as ${JSON.stringify(bad)}`, () => {
      for (const value of bad) {
        const message = refusal({ "my-server": { ...config, [field]: value } });
        const path = `mcp_servers.my-server.${field}`;
        assert.ok(message.startsWith(path), message);
        assert.match(message.slice(path.length), new RegExp(`^${says.source}`));
      }
    });
  }

  const cases: readonly (readonly [what: string, servers: unknown, says: RegExp])[] = [
    ["no object of servers", [], /^mcp_servers must be an object of servers by name$/],
    ["null for the servers", null, /^mcp_servers must be an object/],
    [
      "a server that is no object",
      { s: "node server.js" },
      /^mcp_servers\.s: invalid type: string, expected/,
    ],
    ["a server that is a list", { s: ["node"] }, /^mcp_servers\.s: invalid .*Write a table with named keys/],
    ["a server that is null", { s: null }, /^mcp_servers\.s is null/],
    ["a field that is null", { s: { ...http, required: null } }, /^mcp_servers\.s\.required is null/],
    [
      "a header that is null",
      { s: { ...http, headers: { A: null } } },
      /^mcp_servers\.s\.headers\.A is null/,
    ],
    [
      "a header that is a number",
      { s: { ...http, http_headers: { A: 1 } } },
      /^mcp_servers\.s\.http_headers\.A: invalid type: integer, expected a string/,
    ],
    [
      "a header that is a table",
      { s: { ...http, headers: { A: {} } } },
      /^mcp_servers\.s\.headers\.A: invalid type: map, expected a string/,
    ],
    [
      "a variable that is a number",
      { s: { ...stdio, env: { A: 1 } } },
      /^mcp_servers\.s\.env\.A: invalid type: integer, expected a string/,
    ],
    [
      "a server without a transport",
      { s: {} },
      /^mcp_servers\.s: invalid transport\. Set command \(.*\) or url \(/,
    ],
    ["a transport of undefined", { s: { url: undefined } }, /^mcp_servers\.s: invalid transport/],
    [
      "a server with two transports",
      { s: { ...http, ...stdio } },
      /^mcp_servers\.s\.url is not supported for stdio\. .*remove one of them$/,
    ],
    ["an empty command", { s: { command: "" } }, /^mcp_servers\.s\.command must not be empty$/],
    [
      "a command with its arguments as a list",
      { s: { command: ["npx"] } },
      /^mcp_servers\.s\.command: invalid type: sequence, expected a string$/,
    ],
    [
      "a URL that is none",
      { s: { url: "host/mcp" } },
      /^mcp_servers\.s\.url: invalid URL \(write it in full/,
    ],
    [
      "a URL of another scheme",
      { s: { url: "ftp://host/mcp" } },
      /^mcp_servers\.s\.url: unsupported URL scheme \(use http or https\)$/,
    ],
    [
      "a URL that is no string",
      { s: { url: 1 } },
      /^mcp_servers\.s\.url: invalid type: integer, expected a string/,
    ],
    [
      "a bearer token in clear",
      { s: { ...http, bearer_token: "x" } },
      /^mcp_servers\.s\.bearer_token is not supported for streamable_http\. .*bearer_token_env_var = "NAME"$/,
    ],
    [
      "a field nobody knows, with the one that was meant",
      { s: { ...http, env_http_header: {} } },
      /^mcp_servers\.s\.env_http_header: unknown configuration field\. Did you mean env_http_headers\?$/,
    ],
    [
      "a field that others have for it",
      { s: { ...http, allowedTools: [] } },
      /^mcp_servers\.s\.allowedTools: unknown configuration field\. The key is enabled_tools$/,
    ],
    [
      "a field that is none of Codex's",
      { s: { ...http, scope: "host" } },
      /^mcp_servers\.s\.scope: unknown configuration field/,
    ],
    [
      "a field of the other transport, empty as it is",
      { s: { ...http, args: [] } },
      /^mcp_servers\.s\.args is not supported for streamable_http\. It is for stdio servers/,
    ],
    [
      "headers for a command",
      { s: { ...stdio, headers: {} } },
      /^mcp_servers\.s\.headers is not supported for stdio/,
    ],
    [
      "http_headers for a command",
      { s: { ...stdio, http_headers: {} } },
      /^mcp_servers\.s\.http_headers is not supported for stdio/,
    ],
    [
      "the helper of a server with headers",
      { s: { ...http, headers: {}, http_headers_helper: "" } },
      /^mcp_servers\.s\.http_headers_helper must not be empty$/,
    ],
    [
      "a client secret without its id",
      { s: { ...http, oauth: { client_secret: "x" } } },
      /^mcp_servers\.s\.oauth\.client_secret requires oauth\.client_id$/,
    ],
    [
      "both spellings of headers",
      { s: { ...http, headers: {}, http_headers: {} } },
      /^mcp_servers\.s has both "headers" and "http_headers"/,
    ],
    [
      "a tool that is no object",
      { s: { ...http, tools: { t: true } } },
      /^mcp_servers\.s\.tools\.t: invalid type: boolean, expected struct McpServerToolConfig/,
    ],
    [
      "a mode of a tool, with the one that was meant",
      { s: { ...http, tools: { t: { approval_mode: "aprove" } } } },
      /^mcp_servers\.s\.tools\.t\.approval_mode: unknown variant, expected one of `auto`.* "approve"\?$/,
    ],
    [
      "a limit of a tool",
      { s: { ...http, tools: { t: { output_token_limit: 0 } } } },
      /^mcp_servers\.s\.tools\.t\.output_token_limit: invalid value: integer, expected a nonzero usize/,
    ],
    [
      "an unknown field of a tool",
      { s: { ...http, tools: { t: { enabled: true } } } },
      /^mcp_servers\.s\.tools\.t\.enabled: unknown configuration field/,
    ],
    [
      "the first of several problems",
      { a: http, b: { ...http, required: 1, enabled: 1 }, c: {} },
      /^mcp_servers\.b\.required: /,
    ],
    ["the second server, when the first is right", { a: http, b: {} }, /^mcp_servers\.b: invalid transport/],
    ["the name codex_apps", { codex_apps: http }, /^mcp_servers\.codex_apps: this name is reserved/],
    [
      "the name __proto__",
      JSON.parse('{"__proto__":{"url":"https://host.example"}}'),
      /__proto__: this name is reserved/,
    ],
    ["an empty name", { "": http }, /^invalid server name ''/],
    ["a name with a blank", { "a b": http }, /^invalid server name 'a b' \(use letters, numbers, /],
    ["a name with a line break at its end", { "a\n": http }, /^invalid server name 'a\\n' /],
  ];
  for (const [what, servers, says] of cases) {
    test(what, () => assert.match(refusal(servers), says));
  }

  for (const field of ["constructor", "toString", "hasOwnProperty", "__proto__", "valueOf"]) {
    test(`a field called ${field}, which every object has`, () => {
      const says = (path: string): RegExp => new RegExp(`^mcp_servers\\.s\\.${path}${field}: unknown config`);
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
      /^mcp_servers\.s\.bearer_token_env_var: the environment variable NOPE is not set$/,
    ],
    ["a bearer token whose variable is empty", { bearer_token_env_var: "EMPTY" }, /EMPTY is not set/],
    [
      "a header whose variable is missing",
      { env_http_headers: { "X-K": "NOPE" } },
      /^mcp_servers\.s\.env_http_headers\.X-K: the environment variable NOPE is not set$/,
    ],
    [
      "a variable that is no variable but what every object has",
      { bearer_token_env_var: "constructor" },
      /constructor is not set/,
    ],
    ["a header from such a variable", { env_http_headers: { "X-K": "__proto__" } }, /__proto__ is not set/],
    [
      "a variable without a name",
      { bearer_token_env_var: "" },
      /bearer_token_env_var: the environment variable  is not set/,
    ],
    [
      "a header name with a blank",
      { headers: { "X K": "v" } },
      /^mcp_servers\.s\.headers: "X K" is not a valid header name$/,
    ],
    [
      "a header name with a line break",
      { http_headers: { "X\r\nY": "v" } },
      /^mcp_servers\.s\.http_headers: "X\\r\\nY" is not a valid header name/,
    ],
    [
      "a header name with a colon",
      { env_http_headers: { "X:": "KEY" } },
      /^mcp_servers\.s\.env_http_headers: "X:" is not a valid header name/,
    ],
    [
      "an empty header name",
      { headers: { "": "v" } },
      /^mcp_servers\.s\.headers: "" is not a valid header name/,
    ],
    [
      "a header value that begins another header",
      { headers: { "X-A": "1\r\nX-Admin: 1" } },
      /^mcp_servers\.s\.headers\.X-A: has a line break/,
    ],
    [
      "such a value from the environment",
      { env_http_headers: { "X-A": "BROKEN" } },
      /^mcp_servers\.s\.env_http_headers\.X-A: has a line break/,
    ],
    [
      "such a bearer token",
      { bearer_token_env_var: "BROKEN" },
      /^mcp_servers\.s\.bearer_token_env_var: has a line break/,
    ],
    [
      "a header twice, in two spellings",
      { headers: { "X-A": "1", "x-a": "2" } },
      /^mcp_servers\.s\.headers\.x-a: the header is given by mcp_servers\.s\.headers\.X-A, too$/,
    ],
    [
      "a header twice, from two fields",
      { http_headers: { "X-A": "1" }, env_http_headers: { "x-a": "KEY" } },
      /given by mcp_servers\.s\.http_headers\.X-A, too$/,
    ],
    [
      "Authorization twice",
      { headers: { authorization: "Basic x" }, bearer_token_env_var: "KEY" },
      /^mcp_servers\.s\.bearer_token_env_var: the header is given by mcp_servers\.s\.headers\.authorization, too$/,
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
      assert.deepEqual(resolve({ url: URL_OF, headers: { "X-A": value } }).config.http_headers, {
        "X-A": value,
      });
    }
  });

  test("no value in the message (M4)", () => {
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

  test("whatever secret stands in whatever field without showing it (M4)", () => {
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
        // The name of a variable that is not set is told; it is a reference, and no value.
        if (field === "bearer_token_env_var" || field === "env_http_headers") return;
        try {
          resolve({ [transport]: URL_OF, [field]: given });
        } catch (error) {
          assert.ok(error instanceof CodexError, String(error));
          assert.doesNotMatch(error.message, /hunter2/);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("arbitrary JSON only by an error that is ours", () => {
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
        try {
          for (const each of resolveServers(given, { env: ENV, defaultApproval: "approve" })) {
            JSON.stringify(each);
            assert.ok(each.secrets.every((secret) => typeof secret === "string"));
          }
        } catch (error) {
          assert.ok(error instanceof CodexError && error.code === "invalid_options", String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

suite("resolveServers gives Codex", () => {
  test("headers under their one name, with references filled in and gone", () => {
    const { config } = resolve({
      url: URL_OF,
      headers: { "X-A": "1" },
      env_http_headers: { "X-Key": "KEY" },
      bearer_token_env_var: "TOKEN",
    });
    assert.deepEqual(config, {
      url: URL_OF,
      http_headers: { "X-A": "1", "X-Key": "k-123456", Authorization: "Bearer t-123456" },
    });
  });

  test("http_headers as they are", () => {
    const { config } = resolve({ url: URL_OF, http_headers: { "X-A": "1" } });
    assert.deepEqual(config, { url: URL_OF, http_headers: { "X-A": "1" } });
  });

  test("variables that are set, and env over them; a missing one is skipped", () => {
    const { config } = resolve({
      command: "node",
      args: ["server.js"],
      env_vars: ["TOKEN", { name: "KEY" }, { name: "NOPE", source: "local" }, "constructor"],
      env: { KEY: "own", MODE: "x" },
    });
    assert.deepEqual(config, {
      command: "node",
      args: ["server.js"],
      env: { TOKEN: "t-123456", KEY: "own", MODE: "x" },
    });
  });

  test("variables of another machine as references", () => {
    const remote = { name: "TOKEN", source: "remote" };
    const { config, secrets } = resolve({ command: "node", env_vars: [remote, "KEY"] });
    assert.deepEqual(config, { command: "node", env: { KEY: "k-123456" }, env_vars: [remote] });
    assert.deepEqual(secrets, ["k-123456"]);
  });

  test("nothing but what was written (M2), and leaves what it was given as it is", () => {
    const given = { command: "node", env: { A: "1" }, cwd: undefined };
    assert.deepEqual(resolve(given).config, { command: "node", env: { A: "1" } });
    assert.deepEqual(given, { command: "node", env: { A: "1" }, cwd: undefined });
  });

  test("the approval the thread implies, where a server does not say", () => {
    const servers = { a: { url: URL_OF }, b: { url: URL_OF, default_tools_approval_mode: "prompt" } };
    const modes = (defaultApproval: "approve" | undefined): unknown[] =>
      resolveServers(servers, { env: {}, defaultApproval }).map(
        ({ config }) => config.default_tools_approval_mode,
      );
    assert.deepEqual(modes("approve"), ["approve", "prompt"]);
    assert.deepEqual(modes(undefined), [undefined, "prompt"]);
  });

  test("every field of both transports as it is, where it says more than its absence", () => {
    const rules = {
      required: true,
      enabled: false,
      startup_timeout_sec: 1.5,
      tool_timeout_sec: 0,
      enabled_tools: [],
      disabled_tools: ["x"],
      supports_parallel_tool_calls: true,
      default_tools_approval_mode: "writes",
      tools: { "any name": { approval_mode: "approve", output_token_limit: 5 }, empty: {} },
      startup_readiness: "catalog",
      omit_tools_from: ["direct", "code_mode"],
      tool_input_schema_max_bytes: 1,
      environment_id: "e",
    };
    const stdio = { ...rules, command: "c", args: ["-x"], env: {}, cwd: "/x" };
    assert.deepEqual(resolve(stdio).config, stdio);
    const http = {
      ...rules,
      url: URL_OF,
      http_headers: {},
      auth: "chatgpt",
      scopes: [],
      oauth: { callback_port: 0 },
      oauth_resource: "r",
    };
    assert.deepEqual(resolve(http).config, http);
    const usual = { enabled: true, required: false, environment_id: "local", auth: "oauth", tools: {} };
    assert.deepEqual(resolve({ url: URL_OF, ...usual }).config, { url: URL_OF, http_headers: {} });
  });

  test("what was read, and not what was written, where Codex knows several ways to say it (M3)", () => {
    const { config, secrets } = resolve({
      url: URL_OF,
      name: "old",
      startup_timeout_ms: 1_500,
      headers: new Map([["X-A", "1-in-a-map"]]),
      oauth: ["id-1", "secret-1"],
      tools: new Map([["t", { approval_mode: { prompt: {} } }]]),
      tool_input_schema_max_bytes: 7n,
    });
    assert.deepEqual(config, {
      url: URL_OF,
      startup_timeout_sec: 1.5,
      http_headers: { "X-A": "1-in-a-map" },
      oauth: { client_id: "id-1", client_secret: "secret-1" },
      tools: { t: { approval_mode: "prompt" } },
      tool_input_schema_max_bytes: 7,
    });
    for (const secret of ["1-in-a-map", "secret-1"]) assert.ok(secrets.includes(secret), secret);
  });

  test("variables of any name", () => {
    const env = JSON.parse('{"__proto__":"p","":"e","A B":"b"}') as Record<string, string>;
    const { config } = resolve({ command: "c", env_vars: ["", "constructor"], env }, { "": "outer" });
    assert.deepEqual(config.env, env);
    assert.deepEqual(resolve({ command: "c", env_vars: [""] }).config.env, {});
  });

  for (const name of ["a", "A-b_c", "a.b", "@scope/pkg:1", "-", "constructor"]) {
    test(`the name ${name} as it is`, () => {
      const [server] = resolveServers({ [name]: { url: URL_OF } }, { env: {}, defaultApproval: undefined });
      assert.equal(server?.name, name);
    });
  }
});

suite("resolveServers tells us", () => {
  test("what is on, what is required, and how long a start may take", () => {
    const told = (rules: object): unknown[] => {
      const { enabled, required, startupTimeoutMs } = resolve({ url: URL_OF, ...rules });
      return [enabled, required, startupTimeoutMs];
    };
    assert.deepEqual(told({}), [true, false, 30_000]);
    assert.deepEqual(told({ required: true, startup_timeout_sec: 0.5 }), [true, true, 500]);
    assert.deepEqual(told({ required: true, enabled: false, startup_timeout_ms: 700 }), [false, false, 700]);
    assert.deepEqual(told({ startup_timeout_sec: 2, startup_timeout_ms: 700 }), [true, false, 2_000]);
    assert.deepEqual(told({ startup_timeout_ms: 0 }), [true, false, 0]);
    assert.deepEqual(told({ startup_timeout_sec: 0 }), [true, false, 0]);
    // Codex takes less than 2^64 seconds, a timer of ours less than 2^31 milliseconds.
    for (const startup_timeout_sec of [2_147_484, 1e19]) {
      assert.deepEqual(told({ startup_timeout_sec }), [true, false, 2_147_483_647]);
    }
  });

  test("every secret: headers with and without their scheme, variables, env", () => {
    const http = resolve({
      url: URL_OF,
      headers: { "X-A": "plain-1" },
      env_http_headers: { "X-B": "KEY" },
      bearer_token_env_var: "TOKEN",
    });
    for (const secret of ["plain-1", "k-123456", "Bearer t-123456", "t-123456"]) {
      assert.ok(http.secrets.includes(secret), secret);
    }
    const stdio = resolve({ command: "c", env: { A: "env-1" }, env_vars: ["KEY"] });
    assert.deepEqual(
      stdio.secrets.toSorted((a, b) => a.localeCompare(b)),
      ["env-1", "k-123456"],
    );
  });

  test("the secrets in a URL, as written and as meant, and the client secret", () => {
    const { secrets } = resolve({
      url: "https://user:p%40ss-1@host.example/mcp?apiKey=a%2Fb-12345&plain",
      oauth: { client_id: "id-12345", client_secret: "cs-12345" },
    });
    for (const secret of ["p%40ss-1", "p@ss-1", "a%2Fb-12345", "a/b-12345", "cs-12345"]) {
      assert.ok(secrets.includes(secret), secret);
    }
    assert.ok(!secrets.includes("id-12345"));
    assert.ok(!secrets.includes(""));
    assert.deepEqual(resolve({ url: "https://u:100%25%@host.example" }).secrets.length > 0, true);
  });
});
