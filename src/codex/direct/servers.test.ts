import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { CodexError } from "../errors.ts";
import { type DirectServer, directServers } from "./servers.ts";

const ENV = { TOKEN: "t-123456", KEY: "k-123456" };
const URL_OF = "https://host.example/mcp";
const at = ["mcpServers"];

function direct(server: unknown, env: Record<string, string | undefined> = ENV): DirectServer {
  const [only] = directServers({ s: server }, { env, defaultApproval: undefined, at });
  assert.ok(only);
  return only;
}

test("directServers rejects what is wrong, with the path of the option", () => {
  const rejects = (server: object, message: string): void =>
    assert.throws(
      () => direct(server),
      (error) => error instanceof CodexError && error.code === "invalid_options" && error.message === message,
    );
  rejects(
    { url: URL_OF, headers: { "X Y": "1" } },
    'mcpServers.s.headers["X Y"]: is not a valid header name',
  );
  rejects(
    { url: URL_OF, bearer_token_env_var: "NOPE" },
    "mcpServers.s.bearer_token_env_var: the environment variable NOPE is not set",
  );
});

suite("directServers gives Codex", () => {
  test("headers under their one name, with references filled in and gone", () => {
    const { config } = direct({
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
    const { config } = direct({ url: URL_OF, http_headers: { "X-A": "1" } });
    assert.deepEqual(config, { url: URL_OF, http_headers: { "X-A": "1" } });
  });

  test("variables that are set, and env over them; a missing one is skipped", () => {
    const { config } = direct({
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
    const { config, secrets } = direct({ command: "node", env_vars: [remote, "KEY"] });
    assert.deepEqual(config, { command: "node", env: { KEY: "k-123456" }, env_vars: [remote] });
    assert.deepEqual(secrets, ["k-123456"]);
  });

  test("nothing but what was written (D1), and leaves what it was given as it is", () => {
    const given = { command: "node", env: { A: "1" }, cwd: undefined };
    assert.deepEqual(direct(given).config, { command: "node", env: { A: "1" } });
    assert.deepEqual(given, { command: "node", env: { A: "1" }, cwd: undefined });
  });

  test("the approval the thread implies, where a server does not say", () => {
    const servers = { a: { url: URL_OF }, b: { url: URL_OF, default_tools_approval_mode: "prompt" } };
    const modes = (defaultApproval: "approve" | undefined): unknown[] =>
      directServers(servers, { env: {}, defaultApproval, at }).map(
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
    assert.deepEqual(direct(stdio).config, stdio);
    const http = {
      ...rules,
      url: URL_OF,
      http_headers: {},
      auth: "chatgpt",
      scopes: [],
      oauth: { callback_port: 0 },
      oauth_resource: "r",
    };
    assert.deepEqual(direct(http).config, http);
    const ours = { scope: "host", shared_elicitation: true, startup: "background" };
    const { config, ownKeys } = direct({ ...stdio, ...ours });
    assert.deepEqual(config, stdio);
    assert.deepEqual(ownKeys, ["scope", "shared_elicitation", "startup"]);
    const usual = { enabled: true, required: false, environment_id: "local", auth: "oauth", tools: {} };
    assert.deepEqual(direct({ url: URL_OF, ...usual }).config, { url: URL_OF, http_headers: {} });
  });

  test("a working directory that begins at the thread's, except in another environment", () => {
    const cwdOf = (cwd: string, more = {}): unknown => {
      const options = { env: {}, defaultApproval: undefined, at, cwd: "/srv/work" };
      const [server] = directServers({ s: { command: "c", cwd, ...more } }, options);
      return server?.config["cwd"];
    };
    for (const [written, meant] of [
      ["sub", "/srv/work/sub"],
      ["./a/../b", "/srv/work/b"],
      ["..", "/srv"],
      [".", "/srv/work"],
      ["/opt/x", "/opt/x"],
    ] as const) {
      assert.equal(cwdOf(written), meant);
      assert.equal(cwdOf(written, { environment_id: "local" }), meant);
    }
    assert.equal(cwdOf("C:\\agent", { environment_id: "windows" }), "C:\\agent");
  });

  test("what was read, and not what was written, where Codex knows several ways to say it (D1)", () => {
    const { config, secrets } = direct({
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
    const { config } = direct({ command: "c", env_vars: ["", "constructor"], env }, { "": "outer" });
    assert.deepEqual(config.env, env);
    assert.deepEqual(direct({ command: "c", env_vars: [""] }).config.env, {});
  });

  for (const name of ["a", "A-b_c", "a.b", "@scope/pkg:1", "-", "constructor"]) {
    test(`the name ${name} as it is`, () => {
      const [server] = directServers(
        { [name]: { url: URL_OF } },
        { env: {}, defaultApproval: undefined, at },
      );
      assert.equal(server?.name, name);
    });
  }
});

suite("directServers tells us", () => {
  test("what is on, what is required, and how long a start may take", () => {
    const facts = (rules: object): unknown[] => {
      const { enabled, required, startupTimeoutMs } = direct({ url: URL_OF, ...rules });
      return [enabled, required, startupTimeoutMs];
    };
    assert.deepEqual(facts({}), [true, false, 30_000]);
    assert.deepEqual(facts({ required: true, startup_timeout_sec: 0.5 }), [true, true, 500]);
    assert.deepEqual(facts({ required: true, enabled: false, startup_timeout_ms: 700 }), [false, false, 700]);
    assert.deepEqual(facts({ startup_timeout_sec: 2, startup_timeout_ms: 700 }), [true, false, 2_000]);
    assert.deepEqual(facts({ startup_timeout_ms: 0 }), [true, false, 0]);
    assert.deepEqual(facts({ startup_timeout_sec: 0 }), [true, false, 0]);
    // Codex takes less than 2^64 seconds, a timer of ours less than 2^31 milliseconds.
    for (const startup_timeout_sec of [2_147_484, 1e19]) {
      assert.deepEqual(facts({ startup_timeout_sec }), [true, false, 2_147_483_647]);
    }
  });
});
