import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { check } from "../../servers/check.ts";
import { resolve } from "../../servers/resolve.ts";
import { type Sharing, type SharingInput, sharingOf } from "./sharing-key.ts";

type Server = Readonly<Record<string, unknown>>;

function sharing(
  server: Server,
  about: Partial<SharingInput> = {},
  env: Readonly<Record<string, string>> = {},
): Sharing {
  const checked = check({ a: server }, []);
  const config = checked.ok ? checked.value.configs.get("a") : undefined;
  assert.ok(config !== undefined);
  const resolved = resolve(config, env, []);
  assert.ok(resolved.ok);
  return sharingOf({
    thread: "t",
    server: "a",
    config,
    resolved: resolved.value,
    principal: undefined,
    workspace: undefined,
    headers: undefined,
    offers: "{}",
    hasCredentials: false,
    ...about,
  });
}

const STDIO = { command: "x", args: ["1"] };
const HTTP = { url: "https://example.com/mcp" };

suite("sharingOf", () => {
  test("shares nothing with scope thread, not even between threads of one principal (H1)", () => {
    const [a, b] = [
      sharing(STDIO, { thread: "a", principal: "p" }),
      sharing(STDIO, { thread: "b", principal: "p" }),
    ];
    assert.notEqual(a.key, b.key);
    assert.deepEqual([a.shared, b.shared], [false, false]);
  });

  for (const scope of ["project", "principal", "host"]) {
    test(`shares between threads that are the same in everything, with scope ${scope}`, () => {
      const about = { principal: "p", workspace: "/w" };
      const [a, b] = [
        sharing({ ...STDIO, scope }, { ...about, thread: "a" }),
        sharing({ ...STDIO, scope }, { ...about, thread: "b" }),
      ];
      assert.deepEqual(a, b);
      assert.equal(a.shared, true);
    });
  }

  const differences: readonly (readonly [
    what: string,
    a: Server,
    b: Server,
    about?: Partial<SharingInput>,
  ])[] = [
    ["the program", STDIO, { ...STDIO, command: "y" }],
    ["an argument", STDIO, { ...STDIO, args: ["2"] }],
    ["the value of a variable", { ...STDIO, env: { A: "1" } }, { ...STDIO, env: { A: "2" } }],
    ["the folder", { ...STDIO, cwd: "/a" }, { ...STDIO, cwd: "/b" }],
    ["the environment", STDIO, { ...STDIO, environment_id: "box" }],
    ["the URL", HTTP, { url: "https://example.com/other" }],
    ["a header", HTTP, { ...HTTP, http_headers: { "X-A": "1" } }],
    ["a rule", STDIO, { ...STDIO, enabled_tools: ["a"] }],
    ["a time limit", STDIO, { ...STDIO, tool_timeout_sec: 1 }],
  ];
  for (const [what, a, b] of differences) {
    test(`does not share where ${what} differs`, () => {
      assert.notEqual(sharing({ ...a, scope: "host" }).key, sharing({ ...b, scope: "host" }).key);
    });
  }

  test("does not share where a looked-up value, a thread's headers, the offers or the workspace differ", () => {
    const [bearer, host] = [
      { ...HTTP, bearer_token_env_var: "T", scope: "host" },
      { ...STDIO, scope: "host" },
    ];
    assert.notEqual(sharing(bearer, {}, { T: "one" }).key, sharing(bearer, {}, { T: "two" }).key);
    assert.notEqual(sharing(host, { offers: "{}" }).key, sharing(host, { offers: "[]" }).key);
    assert.notEqual(
      sharing(host, { headers: [["a", "1"]] }).key,
      sharing(host, { headers: [["a", "2"]] }).key,
    );
    assert.notEqual(sharing(host, { headers: 1 }).key, sharing(host, { headers: 2 }).key);
    assert.notEqual(sharing(host, { workspace: "/a" }).key, sharing(host, { workspace: "/b" }).key);
    const anywhere = { ...host, cwd: "/fixed" };
    assert.equal(sharing(anywhere, { workspace: "/a" }).key, sharing(anywhere, { workspace: "/b" }).key);
  });

  const credentials: readonly (readonly [what: string, server: Server, about?: Partial<SharingInput>])[] = [
    ["a bearer token", { ...HTTP, bearer_token_env_var: "T" }],
    ["a header", { ...HTTP, http_headers: { "X-Key": "k" } }],
    ["a header of the environment", { ...HTTP, env_http_headers: { "X-Key": "T" } }],
    ["a helper", { ...HTTP, http_headers_helper: "print" }],
    ["a key in the URL", { url: "https://example.com/mcp?key=k" }],
    ["a variable", { ...STDIO, env: { A: "1" } }],
    ["a variable by name", { ...STDIO, env_vars: ["T"] }],
    ["a header of the thread", HTTP, { headers: [["Authorization", "k"]] }],
    ["a resolver of the thread", HTTP, { headers: 7 }],
    ["a login", HTTP, { hasCredentials: true }],
  ];
  for (const [what, server, about] of credentials) {
    test(`keeps principals apart with scope host where there is ${what} (H2)`, () => {
      const of = (principal: string): Sharing =>
        sharing({ ...server, scope: "host" }, { ...about, principal }, { T: "token" });
      assert.notEqual(of("p").key, of("q").key);
    });
  }

  test("keeps principals apart with the scopes project and principal, and lets them share a host's server without credentials (H2)", () => {
    for (const scope of ["project", "principal"]) {
      const of = (principal: string): Sharing => sharing({ ...HTTP, scope }, { principal, workspace: "/w" });
      assert.notEqual(of("p").key, of("q").key);
    }
    const plain = { ...HTTP, http_headers: { "User-Agent": "us" }, scope: "host" };
    assert.deepEqual(sharing(plain, { principal: "p" }), sharing(plain, { principal: "q" }));
    assert.notEqual(
      sharing({ ...STDIO, scope: "principal" }, {}).key,
      sharing({ ...STDIO, scope: "principal" }, { principal: "p" }).key,
    );
  });

  test("holds no value in its key (H3)", () => {
    const { key } = sharing(
      { ...STDIO, env: { A: "value-of-a-secret" }, scope: "principal" },
      { principal: "somebody" },
    );
    assert.match(key, /^[\w-]{43}$/);
  });
});
