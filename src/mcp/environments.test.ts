import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type EnvironmentDefinition, Environments } from "./environments.ts";
import { ExecutorError } from "../executor/errors.ts";

const LOCAL: EnvironmentDefinition = { id: "local", kind: "local" };
const BOX: EnvironmentDefinition = { id: "box", kind: "url", url: "ws://127.0.0.1:1" };

suite("Environments", () => {
  test("gives everybody the same executor of an environment (N2)", async () => {
    await using environments = new Environments([LOCAL, BOX]);
    assert.equal(environments.get("box"), environments.get("box"));
    assert.notEqual(environments.get("box"), environments.get("local"));
  });

  test("says which environments there are when one is missing, or not allowed (N1)", async () => {
    await using environments = new Environments([LOCAL, BOX]);
    const refusal = (code: string, message: RegExp) => (error: unknown) =>
      error instanceof ExecutorError && error.code === code && message.test(error.message);
    assert.throws(
      () => environments.get("bx"),
      refusal("unknown_environment", /"bx"; there are: local, box/),
    );
    assert.throws(() => environments.get("local", ["box"]), refusal("refused", /"local".*there are: box/));
    assert.throws(() => environments.get("local", []), refusal("refused", /there are none/));
    await using none = new Environments([]);
    assert.throws(() => none.get("local"), refusal("unknown_environment", /there are none/));
  });

  test("tells the environment whose executor cannot be reached", async () => {
    await using environments = new Environments([BOX]);
    await assert.rejects(environments.get("box").info(), (error) => {
      assert.ok(error instanceof ExecutorError);
      assert.equal(error.code, "executor_unreachable");
      assert.match(error.message, /ws:\/\/127\.0\.0\.1:1.*ECONNREFUSED/);
      return true;
    });
  });

  test("reaches an executor that is a program, and says why one is none", async () => {
    const program = { kind: "program", program: "sh", env: {} } as const;
    await using environments = new Environments([
      {
        ...program,
        id: "talks",
        args: [
          "-c",
          'read line; echo \'{"id":0,"result":{"sessionId":"s","environmentInfo":{"shell":{"name":"sh","path":"/bin/sh"}}}}\'; cat >/dev/null',
        ],
      },
      { ...program, id: "ends", args: ["-c", "echo broken >&2; exit 3"] },
      { ...program, id: "is missing", program: "no-such-program", args: [] },
    ]);
    assert.equal((await environments.get("talks").info()).shell.path, "/bin/sh");
    await assert.rejects(environments.get("ends").info(), /exit code 3.*broken/);
    await assert.rejects(environments.get("is missing").info(), /no-such-program.*No such file/);
  });

  test("gives nothing more once it is disposed", async () => {
    const environments = new Environments([LOCAL]);
    await environments[Symbol.asyncDispose]();
    assert.throws(() => environments.get("local"), /disposed/);
  });
});
