import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
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

suite("resolveServers refuses, naming server and field (M1)", () => {
  const http = { url: URL_OF };
  const stdio = { command: "node" };
  /** Beside these, anything else than what the field takes. */
  const table: readonly (readonly [config: object, field: string, bad: readonly unknown[], says: RegExp])[] =
    [
      [http, "required", ["true", 1, null], /must be true or false/],
      [http, "enabled", ["no", 0, null], /must be true or false/],
      [stdio, "supports_parallel_tool_calls", [1], /must be true or false/],
      [
        http,
        "startup_timeout_sec",
        ["30", -1, Number.NaN, Infinity, 1e300, null],
        /must be a number that is not/,
      ],
      [http, "tool_timeout_sec", ["30", -0.5, 1e20], /must be a number that is not negative/],
      [http, "startup_timeout_ms", [1.5, -1, 0, "1", 1e300], /must be a whole number of at least 1/],
      [http, "tool_input_schema_max_bytes", [0, 1.5, "1"], /must be a whole number of at least 1/],
      [http, "enabled_tools", ["a", [1], {}, null], /must be a list of strings/],
      [http, "disabled_tools", ["a", [null]], /must be a list of strings/],
      [
        http,
        "default_tools_approval_mode",
        ["never", "", 1, null],
        /must be one of auto, prompt, writes, approve/,
      ],
      [http, "startup_readiness", ["soon", 1], /must be one of connection, catalog/],
      [http, "omit_tools_from", ["direct", ["bogus"], [1]], /must be a list of direct, deferred, code_mode/],
      [http, "environment_id", [1, []], /must be a string/],
      [http, "tools", ["all", [], null], /must be an object/],
      [http, "http_headers", ["a", { A: 1 }, { A: null }, [["A", "b"]]], /must be an object of strings/],
      [http, "headers", [[], { A: {} }], /must be an object of strings/],
      [http, "env_http_headers", ["A", { A: 1 }], /must be an object of strings/],
      [http, "bearer_token_env_var", [1, { name: "A" }, null], /must be a string/],
      [http, "http_headers_helper", [1, {}], /must be a string/],
      [http, "auth", ["basic", 1], /must be one of oauth, chatgpt, ema_auth/],
      [http, "scopes", ["a b", [1]], /must be a list of strings/],
      [http, "oauth", ["x", []], /must be an object/],
      [http, "oauth_resource", [1], /must be a string/],
      [stdio, "args", ["-y", [1], { 0: "a" }], /must be a list of strings/],
      [stdio, "env", [["A=b"], { A: 1 }, null], /must be an object of strings/],
      [
        stdio,
        "env_vars",
        ["A", [1], [{}], [""], [{ name: "A", source: "moon" }], [{ name: "A", x: 1 }]],
        /must be a list of variable names/,
      ],
      [stdio, "cwd", [1, null], /must be a string/],
    ];
  for (const [config, field, bad, says] of table) {
    test(`${field} of the wrong kind`, () => {
      for (const value of bad) {
        const message = refusal({ "my-server": { ...config, [field]: value } });
        assert.ok(message.startsWith(`mcp_servers.my-server.${field} `), message);
        assert.match(message, says);
      }
    });
  }

  const cases: readonly (readonly [what: string, servers: unknown, says: RegExp])[] = [
    ["no object of servers", [], /^mcp_servers must be an object of servers by name$/],
    ["null for the servers", null, /^mcp_servers must be an object/],
    ["a server that is no object", { s: "node server.js" }, /^mcp_servers\.s must be an object$/],
    ["a server that is a list", { s: ["node"] }, /^mcp_servers\.s must be an object$/],
    ["a server without a transport", { s: {} }, /^mcp_servers\.s needs "command" or "url"$/],
    ["a transport of undefined", { s: { url: undefined } }, /^mcp_servers\.s needs/],
    [
      "a server with two transports",
      { s: { ...http, ...stdio } },
      /^mcp_servers\.s has both "command" and "url"/,
    ],
    ["an empty command", { s: { command: "" } }, /^mcp_servers\.s\.command must be a non-empty string$/],
    ["a command with its arguments as a list", { s: { command: ["npx"] } }, /^mcp_servers\.s\.command must/],
    ["a URL that is none", { s: { url: "host/mcp" } }, /^mcp_servers\.s\.url must be an http or https URL$/],
    ["a URL of another scheme", { s: { url: "ftp://host/mcp" } }, /^mcp_servers\.s\.url must be/],
    ["a URL that is no string", { s: { url: 1 } }, /^mcp_servers\.s\.url must be/],
    [
      "a bearer token in clear",
      { s: { ...http, bearer_token: "x" } },
      /^mcp_servers\.s\.bearer_token is not supported; set bearer_token_env_var/,
    ],
    [
      "a field nobody knows",
      { s: { ...http, header: {} } },
      /^mcp_servers\.s\.header is unknown; known are url, http_headers/,
    ],
    [
      "a field of the other transport",
      { s: { ...http, args: [] } },
      /^mcp_servers\.s\.args is for a command only$/,
    ],
    [
      "headers for a command",
      { s: { ...stdio, headers: {} } },
      /^mcp_servers\.s\.headers is for a url only$/,
    ],
    [
      "both spellings of headers",
      { s: { ...http, headers: {}, http_headers: {} } },
      /^mcp_servers\.s has both "headers" and "http_headers"/,
    ],
    [
      "a tool that is no object",
      { s: { ...http, tools: { t: true } } },
      /^mcp_servers\.s\.tools\.t must be an object$/,
    ],
    [
      "a mode of a tool",
      { s: { ...http, tools: { t: { approval_mode: "x" } } } },
      /^mcp_servers\.s\.tools\.t\.approval_mode must be one of/,
    ],
    [
      "a limit of a tool",
      { s: { ...http, tools: { t: { output_token_limit: 0 } } } },
      /^mcp_servers\.s\.tools\.t\.output_token_limit must be a whole/,
    ],
    [
      "an unknown field of a tool",
      { s: { ...http, tools: { t: { enabled: true } } } },
      /^mcp_servers\.s\.tools\.t\.enabled is unknown; known are approval_mode, output_token_limit$/,
    ],
    ["the second server, when the first is right", { a: http, b: {} }, /^mcp_servers\.b needs/],
    ["the name codex_apps", { codex_apps: http }, /^mcp_servers\.codex_apps: this name is reserved/],
    [
      "the name __proto__",
      JSON.parse('{"__proto__":{"url":"https://host.example"}}'),
      /__proto__: this name is reserved/,
    ],
    ["an empty name", { "": http }, /^MCP server name "" may only have/],
    ["a name with a blank", { "a b": http }, /^MCP server name "a b" may only have letters, digits and/],
    ["a name with a line break at its end", { "a\n": http }, /^MCP server name "a\\n" may/],
  ];
  for (const [what, servers, says] of cases) {
    test(what, () => assert.match(refusal(servers), says));
  }

  for (const field of ["constructor", "toString", "hasOwnProperty", "__proto__", "valueOf"]) {
    test(`a field called ${field}, which every object has`, () => {
      const server = JSON.parse(`{"url":"${URL_OF}","${field}":1}`) as unknown;
      assert.match(refusal({ s: server }), new RegExp(`^mcp_servers\\.s\\.${field} is unknown`));
      const tool = JSON.parse(`{"url":"${URL_OF}","tools":{"t":{"${field}":1}}}`) as unknown;
      assert.match(refusal({ s: tool }), new RegExp(`^mcp_servers\\.s\\.tools\\.t\\.${field} is unknown`));
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
      /^mcp_servers\.s\.headers: "X K" is not a header that can be sent$/,
    ],
    [
      "a header name with a line break",
      { http_headers: { "X\r\nY": "v" } },
      /^mcp_servers\.s\.http_headers: "X\\r\\nY" is not a header/,
    ],
    [
      "a header name with a colon",
      { env_http_headers: { "X:": "KEY" } },
      /^mcp_servers\.s\.env_http_headers: "X:" is not a header/,
    ],
    ["an empty header name", { headers: { "": "v" } }, /^mcp_servers\.s\.headers: "" is not a header/],
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
    for (const value of ["\0", "\u0001", "\n", "\r", "a\u007f", "é", "🧀", "\u2028"]) {
      assert.match(refusal({ s: { url: URL_OF, headers: { "X-A": value } } }), /headers\.X-A: has/);
    }
    for (const value of ["", "a\tb", " ~!@#$%^&*() "]) {
      assert.deepEqual(resolve({ url: URL_OF, headers: { "X-A": value } }).config.http_headers, {
        "X-A": value,
      });
    }
  });

  test("no value of a header or a variable in the message", () => {
    const messages = [
      refusal({ s: { url: URL_OF, headers: { "X-A": "hunter2\n" } } }),
      refusal({ s: { url: URL_OF, bearer_token_env_var: "PASS" } }, { PASS: "hunter2\n" }),
      refusal({ s: { url: URL_OF, headers: { "X-A": "hunter2", "x-a": "hunter2" } } }),
    ];
    for (const message of messages) assert.ok(!message.includes("hunter2"), message);
  });

  test("arbitrary JSON only by an error that is ours", () => {
    const field = fc.constantFrom(
      ...[
        "url",
        "command",
        "headers",
        "http_headers",
        "env_http_headers",
        "bearer_token_env_var",
        "env",
        "env_vars",
      ],
      ...["args", "tools", "required", "enabled", "startup_timeout_sec", "oauth", "__proto__", "constructor"],
    );
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

  test("every field of both transports as it is", () => {
    const rules = {
      required: true,
      enabled: true,
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
    const stdio = { ...rules, command: "c", args: [], env: {}, cwd: "/x" };
    assert.deepEqual(resolve(stdio).config, stdio);
    const http = {
      ...rules,
      url: URL_OF,
      http_headers: {},
      auth: "oauth",
      scopes: [],
      oauth: {},
      oauth_resource: "r",
    };
    assert.deepEqual(resolve(http).config, http);
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
