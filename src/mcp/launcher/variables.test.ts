import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type StdioServer, variablesOf } from "./stdio-server.ts";
import { localEnvironment, remoteEnvironment } from "./variables.ts";

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

suite("localEnvironment", () => {
  test("is the short list of the host's variables, and what is configured", () => {
    const variables = variablesOf(server({ env: new Map([["HOME", "/other"]]), env_vars: ["A"] }), host);
    assert.deepEqual(localEnvironment(variables, host), {
      PATH: "/host/bin",
      HOME: "/other",
      NODE_EXTRA_CA_CERTS: "/host/ca.pem",
      A: "a of the host",
    });
  });
});

suite("remoteEnvironment", () => {
  test("asks for the executor's own core and nothing else", () => {
    assert.deepEqual(remoteEnvironment(variablesOf(server({}), host)), {
      envPolicy: { inherit: "core", ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] },
      env: {},
    });
  });

  test("sends values as Codex does, in set and in env", () => {
    const given = server({ env: new Map([["LIT", "x"]]), env_vars: ["A"] });
    const values = { A: "a of the host", LIT: "x" };
    assert.deepEqual(remoteEnvironment(variablesOf(given, host)), {
      envPolicy: { inherit: "core", ignoreDefaultExcludes: true, exclude: [], set: values, includeOnly: [] },
      env: values,
    });
  });

  test("asks for a variable of the executor by name, in the list that Codex sends", () => {
    const given = server({ env_vars: [{ name: "B", source: "remote" }] });
    const { envPolicy, env } = remoteEnvironment(variablesOf(given, host));
    assert.equal(envPolicy.inherit, "all");
    assert.equal(
      envPolicy.includeOnly.join(),
      "HOME,LOGNAME,PATH,SHELL,USER,__CF_USER_TEXT_ENCODING,LANG,LC_ALL,TERM,TMPDIR,TZ,SYSTEMROOT,TEMP,TMP,SYSTEMDRIVE,LOCALAPPDATA,B",
    );
    assert.deepEqual(env, {});
  });
});
