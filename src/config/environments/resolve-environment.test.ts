import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ConfigError } from "../problem.ts";
import { toEnvironmentDefinition } from "./resolve-environment.ts";
import type { EnvironmentConfig, EnvironmentOrigin, UsableEnvironment } from "./types.ts";

function usable(
  config: EnvironmentConfig,
  origins: ReadonlyMap<string, EnvironmentOrigin> = new Map(),
): UsableEnvironment {
  return { id: config.id, status: "usable", config, errors: [], warnings: [], origins, definedIn: undefined };
}

const BOX = { id: "box", kind: "url", url: "wss://a", connectTimeoutMs: 0 } as const;
const WRITTEN = new Map<string, EnvironmentOrigin>([
  ["auth_bearer_token_env_var", { layer: "switchyard", file: "/home/switchyard.toml", line: 3, column: 1 }],
]);

suite("toEnvironmentDefinition", () => {
  test("is plain data of this machine, of a program and of a url", () => {
    assert.deepEqual(toEnvironmentDefinition(usable({ id: "local", kind: "local" }), {}), {
      id: "local",
      kind: "local",
    });
    const env = new Map([["__proto__", "1"]]);
    const program = { id: "lab", kind: "program", program: "ssh", args: ["lab"], cwd: "/srv" } as const;
    const definition = toEnvironmentDefinition(usable({ ...program, env }), {});
    assert.deepEqual(JSON.parse(JSON.stringify(definition)), {
      ...program,
      env: JSON.parse('{ "__proto__": "1" }') as object,
    });
    assert.deepEqual(toEnvironmentDefinition(usable(BOX), {}), BOX);
  });

  test("has the token of a variable as it is now, or of a file", () => {
    const ofVariable = usable({ ...BOX, bearerToken: { from: "variable", name: "T" } });
    assert.deepEqual(toEnvironmentDefinition(ofVariable, { T: "one" }), { ...BOX, bearerToken: "one" });
    assert.deepEqual(toEnvironmentDefinition(ofVariable, { T: "two" }), { ...BOX, bearerToken: "two" });
    const ofFile = usable({ ...BOX, bearerToken: { from: "file", reveal: () => "three" } });
    assert.deepEqual(toEnvironmentDefinition(ofFile, {}), { ...BOX, bearerToken: "three" });
  });

  const wrong: readonly (readonly [value: string | undefined, why: string])[] = [
    [undefined, "is not set"],
    ["", "is empty"],
    ["s3cret\n", "has a blank, a line break or another character that a token cannot have"],
    ["s3crét", "has a blank, a line break or another character that a token cannot have"],
  ];
  for (const [value, why] of wrong) {
    test(`refuses a variable that ${why} (${JSON.stringify(value)}), and does not show it`, () => {
      const environment = usable({ ...BOX, bearerToken: { from: "variable", name: "BOX_TOKEN" } }, WRITTEN);
      assert.throws(
        () => toEnvironmentDefinition(environment, { BOX_TOKEN: value }),
        (error) => {
          assert.ok(error instanceof ConfigError && error.code === "invalid_config");
          assert.equal(
            error.message,
            `Environment "box" takes its token from the variable BOX_TOKEN, which ${why} (/home/switchyard.toml:3)`,
          );
          return true;
        },
      );
    });
  }
});
