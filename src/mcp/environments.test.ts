import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { EnvironmentDefinition } from "../config/environments/types.ts";
import { ExecutorError } from "../executor/errors.ts";
import type { ExecutorProcess, ProcessSpec } from "../executor/executor.ts";
import {
  type Authenticator,
  bearerAuthenticator,
  openAuthenticator,
} from "../executor/server/access/auth.ts";
import { ExecutorServer } from "../executor/server/executor-server.ts";
import { listen } from "../executor/server/listen.ts";
import { parseListenAddress } from "../executor/server/listen-address.ts";
import { Environments, type EnvironmentSource } from "./environments.ts";

const LOCAL: EnvironmentDefinition = { id: "local", kind: "local" };
const BOX: EnvironmentDefinition = { id: "box", kind: "url", url: "ws://127.0.0.1:1" };

interface Served extends AsyncDisposable {
  readonly server: ExecutorServer;
  readonly url: string;
}

/** An executor in this process; what it starts sees its name in WHERE. */
async function serve(name: string, authenticator: Authenticator = openAuthenticator): Promise<Served> {
  const server = new ExecutorServer({ env: { PATH: process.env.PATH, WHERE: name } });
  const address = parseListenAddress("ws://127.0.0.1:0");
  assert.ok(address.kind === "websocket");
  const listener = await listen({ server, address, authenticator });
  return {
    server,
    url: listener.url,
    [Symbol.asyncDispose]: async () => {
      await listener[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const envPolicy = {
  inherit: "all",
  ignoreDefaultExcludes: true,
  exclude: [],
  set: {},
  includeOnly: [],
} as const;
const SPEC: ProcessSpec = {
  argv: ["sh", "-c", 'echo "$WHERE"; cat'],
  cwd: "/",
  env: {},
  envPolicy,
  pipeStdin: true,
};

/** The next output of a process. */
async function said(process: ExecutorProcess): Promise<string> {
  for await (const event of process.events()) {
    if (event.type === "output") return Buffer.from(event.chunk).toString();
  }
  return assert.fail("it said nothing");
}

/** An environment "box" that can be changed. */
function changing(
  definition: EnvironmentDefinition,
): EnvironmentSource & { definition: EnvironmentDefinition | undefined } {
  const source = {
    definition: definition as EnvironmentDefinition | undefined,
    ids: () => (source.definition === undefined ? [] : ["box"]),
    lookup: (id: string) => (id === "box" ? source.definition : undefined),
  };
  return source;
}

suite("Environments", () => {
  test("send the next start to where the environment is now, and leave running processes where they are (N3)", async () => {
    await using one = await serve("one");
    await using two = await serve("two");
    const source = changing({ id: "box", kind: "url", url: one.url });
    await using environments = new Environments(source);
    const first = await environments.get("box").start(SPEC);
    assert.equal(await said(first), "one\n");
    source.definition = { id: "box", kind: "url", url: two.url };
    const second = await environments.get("box").start(SPEC);
    assert.equal(await said(second), "two\n");
    await first.write(Buffer.from("still here"));
    assert.equal(await said(first), "still here");
    assert.deepEqual([one.server.connections, two.server.connections], [1, 1]);
    source.definition = undefined;
    assert.throws(() => environments.get("box"), { code: "unknown_environment" });
    await second.write(Buffer.from("also here"));
    assert.equal(await said(second), "also here");
  });

  test("open the next link with the token that is there then, and keep the executor (N4)", async () => {
    await using box = await serve("box", bearerAuthenticator({ token: "right-token" }));
    const made = { id: "box", kind: "url", url: box.url, bearerToken: "wrong-token" } as const;
    const source = changing(made);
    await using environments = new Environments(source);
    const executor = environments.get("box");
    await assert.rejects(executor.info(), { code: "executor_unreachable" });
    source.definition = { ...made, bearerToken: "right-token" };
    await using running = await executor.start(SPEC);
    assert.equal(await said(running), "box\n");
    source.definition = { ...made, bearerToken: "token-of-the-next-link" };
    await using another = await executor.start(SPEC);
    assert.equal(await said(another), "box\n");
    assert.equal(box.server.connections, 1);
  });

  test("gives all users the same executor of an environment (N2)", async () => {
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

  test("names the environment whose executor cannot be reached", async () => {
    await using environments = new Environments([BOX]);
    await assert.rejects(environments.get("box").info(), (error) => {
      assert.ok(error instanceof ExecutorError);
      assert.equal(error.code, "executor_unreachable");
      assert.match(error.message, /ws:\/\/127\.0\.0\.1:1.*ECONNREFUSED/);
      return true;
    });
  });

  test("reaches an executor that is a program, and says why another is not", async () => {
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
