import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { McpServerConfig, McpServerEnvVar } from "../config/server/types.ts";
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

  test("keeps harmless headers out of the secrets", () => {
    const server = config({ url: "https://host.example", headers: { "User-Agent": "me", "X-Key": "k" } });
    const resolved = resolve(server, host, at);
    assert.deepEqual(resolved.ok && resolved.value.secrets, ["k", "k"]);
  });
});
