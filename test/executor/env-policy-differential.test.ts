/** The environment of a child: ours, and what `codex exec-server` makes of the same policy. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { EnvironmentPolicy } from "../../src/executor/index.ts";
import { childEnvironment } from "../../src/executor/local/env-policy.ts";
import { runs } from "../support/sample.ts";
import { startRealSide } from "./support/exec-server-peer.ts";

const names = [
  "HOME",
  "home",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "LC_TIME",
  "LOGNAME",
  "SHELL",
  "TEMP",
  "TMP",
  "TMPDIR",
  "USER",
  "PATH",
  "TERM",
  "TZ",
  "PWD",
  "__CF_USER_TEXT_ENCODING",
  "API_KEY",
  "monkeys",
  "SECRETS",
  "token",
  "PASSWORD",
  "FOO",
  "foo",
  "FOO_BAR",
  "A[B",
  "A\\B",
  "a.b",
  "a*b",
  "a\nb",
  "ÄÖ",
  "äö",
  "ẞ",
  "ß",
  "Σ",
  "ς",
  "İ",
  "EMPTY",
];
const own: Readonly<Record<string, string>> = {
  ...Object.fromEntries(names.map((name) => [name, name === "EMPTY" ? "" : `own ${name}`])),
  PATH: "/usr/bin:/bin",
};

/** Often a name there is, or a piece of one, in another case. */
const pattern = fc
  .oneof(
    fc.constantFrom(...names, "*KEY*", "*", "", "**", "?", "?OO", "F?O*", "LC_*", "A[AB]B", "a\\*b", "[A]B"),
    fc
      .tuple(fc.constantFrom(...names), fc.array(fc.tuple(fc.nat(12), fc.constantFrom("*", "?", "", "**"))))
      .map(([name, holes]) => {
        const characters = Array.from(name);
        for (const [at, hole] of holes) if (at < characters.length) characters[at] = hole;
        return characters.join("");
      }),
  )
  .chain((text) => fc.constantFrom(text, text.toLowerCase(), text.toUpperCase()));
const variables = fc.dictionary(
  fc.constantFrom(...names, "NEW", "NEW_KEY", "foo_bar"),
  fc.constantFrom("", "set", "a=b"),
  { maxKeys: 4 },
);
const policies: fc.Arbitrary<EnvironmentPolicy> = fc.record({
  inherit: fc.constantFrom("none", "core", "all"),
  ignoreDefaultExcludes: fc.boolean(),
  exclude: fc.array(pattern, { maxLength: 3 }),
  set: variables,
  includeOnly: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(pattern, { maxLength: 4 })),
});

suite("childEnvironment agrees with codex exec-server", () => {
  test("about any policy", async () => {
    await using real = await startRealSide(own);
    const environmentOf = async (
      env: Readonly<Record<string, string>>,
      envPolicy: EnvironmentPolicy | undefined,
    ): Promise<Readonly<Record<string, string>>> => {
      const policy = envPolicy === undefined ? {} : { envPolicy };
      const ran = await real.run({ argv: ["/usr/bin/env", "-0"], cwd: "/", env, ...policy });
      assert.ok("output" in ran, JSON.stringify(ran));
      const entries = ran.output.split("\0").filter((entry) => entry !== "");
      return Object.fromEntries(
        entries.map((entry) => [entry.split("=", 1)[0], entry.replace(/^[^=]*=/s, "")]),
      );
    };
    // It adds to its own environment, its home and a folder of PATH.
    const all = { ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
    const whole = await environmentOf({}, { ...all, inherit: "all" });
    assert.deepEqual(new Set(Object.keys(whole)), new Set([...names, "CODEX_HOME"]));

    await fc.assert(
      fc.asyncProperty(variables, fc.option(policies, { nil: undefined, freq: 10 }), async (env, policy) => {
        assert.deepEqual(childEnvironment({ env, policy, own: whole }), await environmentOf(env, policy));
      }),
      { numRuns: runs(60, 150) },
    );
  });
});
