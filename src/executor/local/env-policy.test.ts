import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { EnvironmentPolicy } from "../executor.ts";
import { childEnvironment } from "./env-policy.ts";

const own = {
  PATH: "/bin",
  Home: "/root",
  TERM: "xterm",
  API_KEY: "k",
  monkey: "m",
  FOO: "1",
  UNSET: undefined,
};

function environment(
  policy: Partial<EnvironmentPolicy>,
  env: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const all = { inherit: "all", ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] } as const;
  return childEnvironment({ env, own, policy: { ...all, ...policy } });
}

suite("childEnvironment", () => {
  test("gives what was sent and nothing else without a policy (V1)", () => {
    assert.deepEqual(childEnvironment({ env: { A: "1" }, own, policy: undefined }), { A: "1" });
    assert.deepEqual(childEnvironment({ env: {}, own }), {});
  });

  test("inherits nothing, the core in any case of letters, or all", () => {
    assert.deepEqual(environment({ inherit: "none" }), {});
    assert.deepEqual(environment({ inherit: "core" }), { PATH: "/bin", Home: "/root" });
    const { UNSET: _unset, ...all } = own;
    assert.deepEqual(environment({}), all);
  });

  test("leaves out variables that are named like secrets, unless the policy includes them", () => {
    const { API_KEY: _key, monkey: _monkey, UNSET: _unset, ...rest } = own;
    assert.deepEqual(environment({ ignoreDefaultExcludes: false }), rest);
  });

  test("removes excluded names from inherited variables, not from set or sent ones (V2, V3)", () => {
    const made = environment({ exclude: ["*"], set: { FOO: "set", API_KEY: "set" } }, { API_KEY: "sent" });
    assert.deepEqual(made, { FOO: "set", API_KEY: "sent" });
  });

  test("removes all but the only names from set variables too; sent ones stay (V2, V3)", () => {
    const made = environment({ set: { NEW: "1", OTHER: "1" }, includeOnly: ["n?w", "FOO"] }, { SENT: "1" });
    assert.deepEqual(made, { FOO: "1", NEW: "1", SENT: "1" });
  });

  test("takes a name like __proto__ as a name", () => {
    const sent = JSON.parse('{"__proto__":"1","constructor":"2"}') as Record<string, string>;
    const made = environment({ inherit: "none", set: sent, includeOnly: ["*proto*", "toString"] });
    assert.deepEqual(Object.entries(made), [["__proto__", "1"]]);
    assert.deepEqual(Object.entries(childEnvironment({ env: sent, own })), Object.entries(sent));
  });

  test("takes no longer for a malicious pattern (V4)", () => {
    const name = "a".repeat(2_000);
    const exclude = [`${"*a".repeat(200)}*b`, `${"a*".repeat(200)}b`, "*".repeat(10_000)];
    const steps = childEnvironment({
      env: {},
      own: { [name]: "1" },
      policy: {
        inherit: "all",
        ignoreDefaultExcludes: true,
        exclude: exclude.slice(0, 2),
        set: {},
        includeOnly: [],
      },
    });
    assert.deepEqual(steps, { [name]: "1" });
    assert.deepEqual(environment({ exclude: exclude.slice(2) }), {});
  });
});
