import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { McpServerConfig, McpServerEnvVar } from "../config/server/types.ts";
import { Redactor } from "../base/redact.ts";
import { check } from "./check.ts";
import { resolve, type ResolvedVariables, resolveVariables } from "./resolve.ts";

const host = { HOME: "/host/home", HOST_SECRET: "s3cret", A: "a of the host", EMPTY: "", BROKEN: "a\nb" };

function config(server: object): McpServerConfig {
  const checked = check({ s: server }, []);
  assert.ok(checked.ok);
  const [only] = checked.value.configs.values();
  assert.ok(only);
  return only;
}

suite("resolveVariables", () => {
  const variables = (env: object, env_vars: readonly McpServerEnvVar[] = []): ResolvedVariables =>
    resolveVariables({ env: Object.entries(env) as [string, string][], env_vars }, host);

  test("takes env as written and env_vars from the host, and env wins (V2)", () => {
    assert.deepEqual(variables({ LIT: "x", A: "b" }, ["A", { name: "HOME", source: "local" }]), {
      variables: new Map([
        ["A", "b"],
        ["HOME", "/host/home"],
        ["LIT", "x"],
      ]),
      remote: [],
      unset: [],
    });
  });

  test("leaves out what is not set, as Codex does, and names it (V1)", () => {
    const env_vars = ["NOT_SET", "GIVEN", "constructor", { name: "B", source: "remote" }] as const;
    assert.deepEqual(variables({ GIVEN: "x" }, env_vars), {
      variables: new Map([["GIVEN", "x"]]),
      remote: ["B"],
      unset: ["NOT_SET", "constructor"],
    });
  });

  test("takes a variable of any name", () => {
    const env = JSON.parse('{"__proto__":"x","":"y"}') as object;
    assert.deepEqual(
      [...variables(env).variables],
      [
        ["__proto__", "x"],
        ["", "y"],
      ],
    );
  });
});

suite("resolve", () => {
  const at = ["mcp_servers", "s"];

  test("reports every header whose variable is not set, empty, or not a header's value (V1)", () => {
    const server = config({
      url: "https://host.example",
      env_http_headers: { A: "A", B: "NOPE", C: "EMPTY", D: "BROKEN" },
      bearer_token_env_var: "__proto__",
    });
    assert.deepEqual(resolve(server, host, at), {
      ok: false,
      problems: [
        { path: [...at, "env_http_headers", "B"], what: "the environment variable NOPE is not set" },
        { path: [...at, "env_http_headers", "C"], what: "the environment variable EMPTY is not set" },
        {
          path: [...at, "env_http_headers", "D"],
          what: "has a line break or another control character, which a header cannot hold",
        },
        { path: [...at, "bearer_token_env_var"], what: "the environment variable __proto__ is not set" },
      ],
    });
  });

  const secretsOf = (server: object): readonly string[] => {
    const env = { ...host, TOKEN: "t-123456", KEY: "k-123456" };
    const resolved = resolve(config(server), env, at);
    assert.ok(resolved.ok);
    return resolved.value.secrets;
  };

  test("names every secret: headers with and without their scheme, but for harmless ones, and variables", () => {
    const http = secretsOf({
      url: "https://host.example",
      headers: { "X-A": "plain-1", "User-Agent": "me" },
      env_http_headers: { "X-B": "KEY" },
      bearer_token_env_var: "TOKEN",
    });
    assert.deepEqual(new Set(http), new Set(["plain-1", "k-123456", "Bearer t-123456", "t-123456"]));
    const stdio = secretsOf({ command: "c", env: { A: "env-1" }, env_vars: ["KEY"] });
    assert.deepEqual(new Set(stdio), new Set(["env-1", "k-123456"]));
  });

  test("names the secrets in a URL, as written and as meant, and the client secret", () => {
    const secrets = secretsOf({
      url: "https://user:p%40ss-1@host.example/mcp?apiKey=a%2Fb-12345&plain",
      oauth: { client_id: "id-12345", client_secret: "cs-12345" },
    });
    for (const secret of ["p%40ss-1", "p@ss-1", "a%2Fb-12345", "a/b-12345", "cs-12345"]) {
      assert.ok(secrets.includes(secret), secret);
    }
    assert.ok(!secrets.includes("id-12345"));
    assert.ok(!secrets.includes("/mcp"));
    assert.ok(!secrets.includes(""));
    assert.ok(secretsOf({ url: "https://u:100%25%@host.example" }).length > 0);
  });

  test("hides a key wherever a URL has it, and never its host", () => {
    const key = "Ab1-key-of-anna";
    for (const url of [
      `https://host.example/${key}`,
      `https://host.example/s/${key}/mcp`,
      `https://host.example/mcp/${key}/?a=b`,
      `https://host.example/api/v1/mcp;token=${key}`,
      `https://host.example/onlyletters${"x".repeat(9)}/mcp/${key}`,
      `https://host.example/mcp?x=1&key=${key}`,
      `https://host.example/mcp?${key}`,
      `https://${key}@host.example/mcp`,
      `https://host.example/mcp#${key}`,
    ]) {
      const redactor = new Redactor();
      for (const secret of secretsOf({ url })) redactor.add(secret);
      const shown = redactor.redact(`error sending request for url (${url}), when send initialize request`);
      assert.ok(!shown.includes(key) && !shown.includes("onlyletters"), shown);
      assert.ok(shown.includes("host.example"), shown);
    }
    for (const url of [
      "https://host.example/mcp",
      "https://host.example/api/v1/sse/",
      "https://host.example",
    ]) {
      assert.deepEqual(secretsOf({ url }), [], url);
    }
  });
});
