import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { StdioServer } from "./stdio-server.ts";
import { configuredVariables, localEnvironment, remoteEnvironment } from "./variables.ts";

const host = {
  PATH: "/host/bin",
  HOME: "/host/home",
  NODE_EXTRA_CA_CERTS: "/host/ca.pem",
  HOST_SECRET: "s3cret",
  A: "a of the host",
};

function server(rest: Partial<StdioServer>): StdioServer {
  return { name: "svc", command: "x", args: [], env_vars: [], ...rest };
}

/** Without the prototype, which is none. */
const plain = <T extends object>(value: T): T => structuredClone(value);

suite("configuredVariables", () => {
  test("takes env as written and env_vars from the host, and env wins", () => {
    const given = server({
      env: new Map([
        ["LIT", "x"],
        ["A", "b"],
      ]),
      env_vars: ["A", { name: "HOME", source: "local" }],
    });
    assert.deepEqual(plain(configuredVariables(given, host)), {
      values: { LIT: "x", A: "b", HOME: "/host/home" },
      remote: [],
      unset: [],
    });
  });

  test("leaves out what is not set, as Codex does, and names it", () => {
    const env = new Map([["GIVEN", "x"]]);
    const given = server({
      env,
      env_vars: ["NOT_SET", "GIVEN", "constructor", { name: "B", source: "remote" }],
    });
    assert.deepEqual(plain(configuredVariables(given, host)), {
      values: { GIVEN: "x" },
      remote: ["B"],
      unset: ["NOT_SET", "constructor"],
    });
  });

  test("takes a variable of any name", () => {
    const { values } = configuredVariables(server({ env: new Map([["__proto__", "x"]]) }), host);
    assert.deepEqual(Object.entries(values), [["__proto__", "x"]]);
  });
});

suite("localEnvironment", () => {
  test("is the short list of the host's variables, and what is configured", () => {
    const variables = configuredVariables(
      server({ env: new Map([["HOME", "/other"]]), env_vars: ["A"] }),
      host,
    );
    assert.deepEqual(plain(localEnvironment(variables, host)), {
      PATH: "/host/bin",
      HOME: "/other",
      NODE_EXTRA_CA_CERTS: "/host/ca.pem",
      A: "a of the host",
    });
  });
});

suite("remoteEnvironment", () => {
  test("asks for the executor's own core and nothing else", () => {
    assert.deepEqual(plain(remoteEnvironment(configuredVariables(server({}), host))), {
      envPolicy: { inherit: "core", ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] },
      env: {},
    });
  });

  test("sends values as Codex does, in set and in env", () => {
    const given = server({ env: new Map([["LIT", "x"]]), env_vars: ["A"] });
    const values = { A: "a of the host", LIT: "x" };
    assert.deepEqual(plain(remoteEnvironment(configuredVariables(given, host))), {
      envPolicy: { inherit: "core", ignoreDefaultExcludes: true, exclude: [], set: values, includeOnly: [] },
      env: values,
    });
  });

  test("asks for a variable of the executor by name, in the list that Codex sends", () => {
    const given = server({ env_vars: [{ name: "B", source: "remote" }] });
    const { envPolicy, env } = remoteEnvironment(configuredVariables(given, host));
    assert.equal(envPolicy.inherit, "all");
    assert.equal(
      envPolicy.includeOnly.join(),
      "HOME,LOGNAME,PATH,SHELL,USER,__CF_USER_TEXT_ENCODING,LANG,LC_ALL,TERM,TMPDIR,TZ,SYSTEMROOT,TEMP,TMP,SYSTEMDRIVE,LOCALAPPDATA,B",
    );
    assert.deepEqual(plain(env), {});
  });
});
