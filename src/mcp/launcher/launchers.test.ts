import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ExecutorError, type ExecutorErrorCode } from "../../executor/errors.ts";
import type { Executor, ExecutorProcess, ProcessSpec, WaitOptions } from "../../executor/executor.ts";
import { LocalExecutor } from "../../executor/local/local-executor.ts";
import { TransportError, type TransportErrorCode } from "../errors.ts";
import { ExecutorStdioLauncher } from "./executor-launcher.ts";
import { LocalStdioLauncher } from "./local-launcher.ts";
import type { LaunchOptions, StdioServer } from "./stdio-server.ts";

/** An executor that records requests, and starts nothing. */
class RefusingExecutor implements Executor {
  readonly specs: ProcessSpec[] = [];
  error: Error = new ExecutorError("start_failed", "No such file or directory (os error 2)");

  info(): Promise<never> {
    return Promise.reject(this.error);
  }

  start(spec: ProcessSpec, _options?: WaitOptions): Promise<ExecutorProcess> {
    this.specs.push(spec);
    return Promise.reject(this.error);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const env = { PATH: "/host/bin", HOST_SECRET: "s3cret-of-the-host", TOKEN: "t0ken-of-the-server" };

function server(rest: Partial<StdioServer> = {}): StdioServer {
  return { name: "svc", command: "clock-server", args: ["--fast"], env_vars: [], ...rest };
}

async function launch(
  where: "local" | "box",
  given: StdioServer,
  options: LaunchOptions = {},
  error?: Error,
): Promise<{
  readonly spec: ProcessSpec | undefined;
  readonly error: TransportError;
  readonly log: string[];
}> {
  const executor = new RefusingExecutor();
  if (error !== undefined) executor.error = error;
  const launcher =
    where === "local"
      ? new LocalStdioLauncher({ executor, env, cwd: "/host/work" })
      : new ExecutorStdioLauncher({ executor, environment: where, env });
  const log: string[] = [];
  const caught: unknown = await launcher
    .launch(given, { log: (level, message) => void log.push(`${level} ${message}`), ...options })
    .catch((reason: unknown) => reason);
  assert.ok(caught instanceof TransportError, String(caught));
  return { spec: executor.specs[0], error: caught, log };
}

suite("ExecutorStdioLauncher", () => {
  test("starts the program as written, in its folder there, with piped stdin", async () => {
    const { spec } = await launch("box", server({ cwd: "/srv/x", env: new Map([["LIT", "x"]]) }));
    assert.deepEqual(structuredClone(spec), {
      argv: ["clock-server", "--fast"],
      cwd: "/srv/x",
      env: { LIT: "x" },
      envPolicy: {
        inherit: "core",
        ignoreDefaultExcludes: true,
        exclude: [],
        set: { LIT: "x" },
        includeOnly: [],
      },
      pipeStdin: true,
    });
  });

  test("starts in the workspace of the thread when the server names no folder", async () => {
    assert.equal((await launch("box", server(), { workspace: "/srv/w" })).spec?.cwd, "/srv/w");
    assert.equal(
      (await launch("box", server({ cwd: "/srv/x" }), { workspace: "/srv/w" })).spec?.cwd,
      "/srv/x",
    );
    assert.equal((await launch("box", server({ cwd: "C:\\srv" }))).spec?.cwd, "C:\\srv");
  });

  const refused: readonly (readonly [
    what: string,
    server: StdioServer,
    workspace: string | undefined,
    says: RegExp,
  ])[] = [
    [
      "no folder",
      server(),
      undefined,
      /needs a cwd, because it runs in environment "box": set cwd to an absolute path/,
    ],
    [
      "a relative cwd",
      server({ cwd: "sub" }),
      "/srv",
      /has a cwd that is not absolute, "sub": write the whole path in/,
    ],
    ["an empty cwd", server({ cwd: "" }), "/srv", /has a cwd that is not absolute, ""/],
    ["a relative workspace", server(), "work", /has a workspace that is not absolute, "work"/],
    [
      "an empty command",
      server({ cwd: "/", command: "" }),
      undefined,
      /empty command: name the program to start/,
    ],
    [
      "a pattern for a name",
      server({ cwd: "/", env_vars: [{ name: "A*", source: "remote" }] }),
      undefined,
      /env_vars entry `A\*` that is not a name/,
    ],
  ];
  for (const [what, given, workspace, says] of refused) {
    test(`rejects ${what} before anything starts (S1)`, async () => {
      const { spec, error } = await launch("box", given, { workspace });
      assert.equal(spec, undefined);
      assert.deepEqual([error.code, error.remedy], ["invalid_server", "fix_config"]);
      assert.match(error.message, says);
    });
  }

  test("says what failed to start, where, why, and what to do (S3)", async () => {
    const { error } = await launch("box", server({ cwd: "/srv/x" }));
    assert.equal(
      error.message,
      'MCP server "svc" cannot be started in environment "box": "clock-server": No such file or directory (os error 2). ' +
        "Check that the program is installed there and found in PATH, and that the folder /srv/x exists [start_failed]",
    );
    assert.ok(error.cause instanceof ExecutorError);
  });

  test("says what to check when the executor does not allow the program", async () => {
    const cause = new ExecutorError("refused", 'Program "clock-server" is not on the list');
    const { error } = await launch("box", server({ cwd: "/" }), {}, cause);
    assert.match(
      error.message,
      /: Program "clock-server" is not on the list\. Check what "box" allows, and how much/,
    );
  });

  const codes: readonly (readonly [ExecutorErrorCode, TransportErrorCode, TransportError["remedy"]])[] = [
    ["start_failed", "start_failed", "fix_config"],
    ["refused", "start_failed", "fix_config"],
    ["executor_unreachable", "executor_unreachable", "retry"],
    ["timeout", "executor_unreachable", "retry"],
    ["executor_lost", "executor_lost", "relaunch"],
    ["outcome_unknown", "executor_lost", "relaunch"],
  ];
  for (const [from, to, remedy] of codes) {
    test(`calls ${from} of the executor ${to}, whose remedy is ${remedy}`, async () => {
      const { error } = await launch("box", server({ cwd: "/" }), {}, new ExecutorError(from, "because"));
      assert.deepEqual([error.code, error.remedy], [to, remedy]);
    });
  }
});

suite("LocalStdioLauncher", () => {
  test("starts the program with its whole environment, and no policy", async () => {
    const { spec } = await launch("local", server({ env_vars: ["TOKEN"] }));
    assert.deepEqual(structuredClone(spec), {
      argv: ["clock-server", "--fast"],
      cwd: "/host/work",
      env: { PATH: "/host/bin", TOKEN: "t0ken-of-the-server" },
      pipeStdin: true,
    });
  });

  test("takes a folder relative to the thread's workspace, else to its own", async () => {
    assert.equal((await launch("local", server({ cwd: "sub" }), { workspace: "/w" })).spec?.cwd, "/w/sub");
    assert.equal((await launch("local", server({ cwd: "sub" }))).spec?.cwd, "/host/work/sub");
    assert.equal((await launch("local", server({ cwd: "/abs" }), { workspace: "/w" })).spec?.cwd, "/abs");
    assert.equal((await launch("local", server(), { workspace: "/w" })).spec?.cwd, "/w");
  });

  test("rejects variables of another machine", async () => {
    const { spec, error } = await launch("local", server({ env_vars: [{ name: "B", source: "remote" }] }));
    assert.equal(spec, undefined);
    assert.match(
      error.message,
      /has an env_vars entry `B` with source `remote`, which requires remote MCP stdio: leave source out, or set/,
    );
  });

  test("rejects an empty cwd and a workspace that is not absolute (S1)", async () => {
    assert.match((await launch("local", server({ cwd: "" }))).error.message, /has an empty cwd/);
    assert.match(
      (await launch("local", server(), { workspace: "w" })).error.message,
      /a workspace that is not absolute: w/,
    );
  });
});

suite("both launchers", () => {
  for (const where of ["local", "box"] as const) {
    test(`show no value of a variable in an error (S3, ${where})`, async () => {
      const cause = new ExecutorError("start_failed", "cannot run with t0ken-of-the-server");
      const given = server({ cwd: "/", env_vars: ["TOKEN"], args: ["--key", "an-argument"] });
      const { error } = await launch(where, given, {}, cause);
      assert.match(error.message, /cannot run with \*\*\*/);
      assert.doesNotMatch(error.message, /t0ken|an-argument/);
    });

    test(`say which variable is not set, and start without it (${where})`, async () => {
      const { spec, log } = await launch(where, server({ cwd: "/", env_vars: ["NOT_SET"] }));
      assert.deepEqual(log, [
        'warn MCP server "svc" starts without NOT_SET of its env_vars, which is not set on this machine',
      ]);
      assert.equal(spec?.env["NOT_SET"], undefined);
    });

    test(`end what an executor started in spite of an abort (S2, ${where})`, async () => {
      await using local = new LocalExecutor({ env });
      const controller = new AbortController();
      const reason = new Error("not any more");
      let started: ExecutorProcess | undefined;
      const executor: Executor = {
        info: () => local.info(),
        start: async (spec) => {
          started = await local.start(spec);
          controller.abort(reason);
          return started;
        },
        [Symbol.asyncDispose]: async () => {},
      };
      const launcher =
        where === "local"
          ? new LocalStdioLauncher({ executor, env })
          : new ExecutorStdioLauncher({ executor, environment: where, env });
      const given = server({ command: "/bin/sleep", args: ["1000"], cwd: "/" });
      const { signal } = controller;
      await assert.rejects(launcher.launch(given, { signal }), (error) => error === reason);
      assert.equal((await started?.read())?.closed, true);
    });

    test(`start nothing when it is aborted already (${where})`, async () => {
      const executor = new RefusingExecutor();
      const launcher =
        where === "local"
          ? new LocalStdioLauncher({ executor, env })
          : new ExecutorStdioLauncher({ executor, environment: where, env });
      const reason = new Error("not any more");
      const signal = AbortSignal.abort(reason);
      await assert.rejects(launcher.launch(server({ cwd: "/" }), { signal }), (error) => error === reason);
      assert.deepEqual(executor.specs, []);
    });
  }
});
