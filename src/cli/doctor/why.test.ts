import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Args } from "../args/parse.ts";
import type { HttpReason } from "../../mcp/index.ts";
import { tellingLines, verdictOfWords } from "./clues.ts";
import { Fixes } from "./fixes.ts";
import { programOf } from "./program.ts";
import { whyNot } from "./why.ts";
import { verdictOf } from "./why-http.ts";

const server = {
  name: "docs",
  errors: [],
  warnings: [],
  origins: new Map(),
  definedIn: { layer: "switchyard", file: "/h/.switchyard/switchyard.toml", line: 3, column: 1 },
} as const;

suite("whyNot", () => {
  test("a server that requirements forbid is a warning that names who decides", () => {
    const config = { disabled_reason: { type: "requirements", source: "/etc/codex/requirements.toml" } };
    const patient = {
      server: { ...server, status: "disabled", reason: "it is not allowed", config: config as never },
      ...{ startProblem: undefined, program: undefined, snapshot: undefined, stderr: [], stdout: [] },
      ...{ env: {}, fixes: new Fixes(new Args([], new Map(), [])) },
    } as const;
    const found = whyNot(patient, false);
    assert.deepEqual([found?.code, found?.severity], ["server_forbidden", "warning"]);
    assert.match(
      found?.cause ?? "",
      /administers this machine decides that, in \/etc\/codex\/requirements\.toml/,
    );
    assert.match(found?.fix ?? "", /^switchyard mcp remove --file \/h\/\S+ docs$/);
  });
});

test("the server of a plugin, which no command edits, is switched off in a table", () => {
  const found = whyNot(
    {
      server: { ...server, status: "invalid", plugin: { id: "a@b", displayName: "A" }, definedIn: undefined },
      ...{ startProblem: undefined, program: undefined, snapshot: undefined, stderr: [], stdout: [] },
      ...{ env: {}, fixes: new Fixes(new Args([], new Map(), [])) },
    },
    false,
  );
  assert.match(
    found?.cause ?? "",
    /^To switch it off: \[plugins\."a@b"\.mcp_servers\.docs\] enabled = false in /,
  );
});

suite("a program that is missing", () => {
  const cases: readonly (readonly [command: string, cause: RegExp, fix: RegExp])[] = [
    ["uvx", /This installs it$/, /^curl -LsSf https:\/\/astral\.sh\/uv\/install\.sh \| sh$/],
    ["pnpx", /This installs it$/, /^npm install --global pnpm$/],
    ["podman", /podman\.io\/docs\/installation/, /^switchyard mcp disable /],
  ];
  for (const [command, cause, fix] of cases) {
    test(`is installed as its makers say: ${command}`, () => {
      const config = { transport: { type: "stdio", command, args: [], env_vars: [] } };
      const patient = {
        server: { ...server, status: "unstartable", config: config as never },
        startProblem: { code: "program_missing", key: ["command"], what: "there is no program" },
        // Not this machine's, which may have it.
        program: undefined,
        ...{ snapshot: undefined, stderr: [], stdout: [], env: {} },
        fixes: new Fixes(new Args([], new Map(), [])),
      } as const;
      const found = whyNot(patient, false);
      assert.equal(found?.code, "program_missing");
      assert.match(found.cause ?? "", cause);
      assert.match(found.fix ?? "", fix);
    });
  }
});

test("a server that reaches nothing lacks the proxy that the shell has", () => {
  const config = { transport: { type: "stdio", command: "a", args: [], env_vars: ["KEY"] } };
  const patient = {
    server: { ...server, status: "enabled", config: config as never },
    ...{ startProblem: undefined, program: undefined, snapshot: undefined, stdout: [] },
    ...{ env: { HTTPS_PROXY: "http://p:1", NO_PROXY: "a" }, fixes: new Fixes(new Args([], new Map(), [])) },
  } as const;
  for (const line of ["npm error code ENOTFOUND", "TypeError: fetch failed"]) {
    const found = verdictOfWords({ ...patient, stderr: [line] });
    assert.equal(found?.code, "proxy_missing");
    assert.match(found.fix ?? "", / docs env_vars '\["KEY","HTTPS_PROXY","NO_PROXY"\]'$/);
    assert.notEqual(verdictOfWords({ ...patient, env: {}, stderr: [line] })?.code, "proxy_missing");
  }
});

test("a version that a package does not have is the newest after the fix", () => {
  const transport = { type: "stdio", command: "npx", args: ["-y", "some-mcp@9.9.9"], env_vars: [] };
  const config = { transport, environment_id: "local" } as never;
  const found = verdictOfWords({
    server: { ...server, status: "enabled", config },
    ...{ startProblem: undefined, program: programOf(config, "/", {}), snapshot: undefined, stdout: [] },
    ...{ env: {}, fixes: new Fixes(new Args([], new Map(), [])), stderr: ["npm error code ETARGET"] },
  });
  assert.match(found?.cause ?? "", /^some-mcp has no version 9\.9\.9\. /);
  assert.match(found?.fix ?? "", / docs args\.1 "some-mcp@\$\(npm view some-mcp version\)"$/);
});

suite("tellingLines", () => {
  test("begins at the error, without frames and what npm and Node add", () => {
    const lines = [
      "starting",
      "Error: no key",
      "    at f (a.js:1:2)",
      "Node.js v24.1.0",
      "npm notice",
      "hint",
    ];
    assert.deepEqual(tellingLines(lines), ["starting", "Error: no key", "hint"]);
    const usage = Array.from({ length: 9 }, (_, at) => `  --flag${at}`);
    assert.deepEqual(tellingLines(["hello", "Error: no token", "Usage: it", ...usage]), [
      ...["Error: no token", "Usage: it", "  --flag0", "  --flag1", "  --flag2"],
    ]);
    assert.deepEqual(tellingLines(usage), usage.slice(-5));
  });
});

suite("Fixes", () => {
  const fixes = new Fixes(new Args([], new Map([["cd", ["/"]]]), [{ name: "cd", value: "DIR", about: "" }]));

  test("is no command where it would hold a secret, or nobody edits the file (X1)", () => {
    assert.equal(fixes.edit("set", server as never, "args", '["--token=hunter2-secret"]'), null);
    assert.equal(fixes.edit("set", server as never, "bearer_token", "sk-1234567890abcdef"), null);
    assert.equal(fixes.setUrl(server as never, new URL("https://h/mcp?key=12345678")), null);
    const managed = { ...server, definedIn: { ...server.definedIn, layer: "managed" } };
    assert.equal(fixes.edit("disable", managed as never), null);
  });

  test("trusts a project where it then counts for what is looked at", () => {
    assert.equal(fixes.trust(), "switchyard trust /");
    const codex = new Args([], new Map([["codex", [""]]]), [{ name: "codex", about: "" }]);
    assert.equal(new Fixes(codex).trust(), "switchyard trust --codex");
  });

  test("keeps values that begin with a dash apart from flags", () => {
    const line = fixes.edit("set", server as never, "args.0", "-y") ?? "";
    assert.match(line, / --cd \/ -- docs args\.0 -y$/);
  });
});

suite("verdictOf", () => {
  const endpoint = {
    url: new URL("https://mcp.example:8443/mcp"),
    setUrl: (to: URL) => `set ${to.href}`,
    open: "open",
    login: { cause: "login", fix: "log in" },
    hasProxy: false,
    environment: "local",
  };
  const cases: readonly (readonly [HttpReason, code: string, fix: string | null | RegExp])[] = [
    [
      { kind: "refused", cause: "CERT_NOT_YET_VALID" },
      "tls_not_yet_valid",
      /-servername mcp\.example .*-dates$/,
    ],
    [{ kind: "refused", cause: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, "tls_untrusted", /NODE_EXTRA_CA_CERTS/],
    [{ kind: "refused", cause: "EAI_AGAIN" }, "host_not_found", "getent hosts mcp.example"],
    [{ kind: "refused" }, "unreachable", /^curl -sSI --max-time 10 https:\/\/mcp\.example:8443$/],
    [{ kind: "refused", cause: "ENETUNREACH" }, "unreachable", /^curl/],
    [{ kind: "reset", cause: "ECONNRESET" }, "connection_broken", /^curl/],
    [{ kind: "http_status", status: 404 }, "url_wrong", "open"],
    [{ kind: "http_status", status: 307 }, "url_moved", "open"],
    [{ kind: "rate_limited", status: 429 }, "rate_limited", null],
    [{ kind: "forbidden", status: 403 }, "forbidden", "log in"],
    [{ kind: "unauthorized", status: 401 }, "unauthorized", "log in"],
    [{ kind: "http_status", status: 502 }, "http_error", /^curl/],
    [{ kind: "bad_answer" }, "not_mcp", "open"],
  ];
  for (const [reason, code, fix] of cases) {
    test(`takes ${JSON.stringify(reason)} for ${code}`, () => {
      const found = verdictOf(reason, endpoint);
      assert.equal(found.code, code);
      if (fix instanceof RegExp) assert.match(found.fix ?? "", fix);
      else assert.equal(found.fix, fix);
    });
  }

  test("tries the other name of this machine where one is forbidden", () => {
    const local = { ...endpoint, url: new URL("http://127.0.0.1:3903/mcp") };
    const found = verdictOf({ kind: "forbidden", status: 403 }, local);
    assert.deepEqual([found.code, found.fix], ["forbidden", "set http://localhost:3903/mcp"]);
  });

  test("knows the paths of the transport before streamable HTTP", () => {
    for (const status of [400, 404, 405]) {
      const old = { ...endpoint, url: new URL("https://mcp.example/sse") };
      const found = verdictOf({ kind: "http_status", status }, old);
      assert.deepEqual([found.code, found.fix], ["url_wrong", "set https://mcp.example/mcp"]);
      assert.match(found.cause, /HTTP\+SSE/);
    }
  });

  test("sends the user to the environment that a url is reached from", () => {
    const found = verdictOf(
      { kind: "refused", cause: "connect_failed" },
      { ...endpoint, environment: "box" },
    );
    assert.deepEqual([found.code, found.fix], ["unreachable", "switchyard environments check box"]);
    assert.match(found.cause, /^The machine of environment "box"/);
  });
});
