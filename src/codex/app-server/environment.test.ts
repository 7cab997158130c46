import assert from "node:assert/strict";
import { delimiter } from "node:path";
import { suite, test } from "node:test";
import fc from "fast-check";
import { TOOL_LOG } from "./tool-log.ts";
import { processEnvironment } from "./environment.ts";
import { HTTP_LOG } from "./http-answers.ts";

const path = (...dirs: readonly string[]): string => dirs.join(delimiter);
/** Variables that we set. */
const OURS = { RUST_BACKTRACE: "0", RUST_LOG: `error,${HTTP_LOG},${TOOL_LOG}` };

suite("processEnvironment", () => {
  test("passes on harmless and necessary variables, and no others", () => {
    const harmless = {
      PATH: path("/bin", "/usr/bin"),
      HOME: "/home/u",
      USER: "u",
      LANG: "C",
      LC_ALL: "C",
      XDG_CONFIG_HOME: "/x",
      TMPDIR: "/t",
      TZ: "UTC",
      HTTPS_PROXY: "http://proxy",
      no_proxy: "a",
      SSL_CERT_FILE: "/ca",
      NODE_EXTRA_CA_CERTS: "/ca2",
    };
    const secrets = {
      OPENAI_API_KEY: "s",
      CODEX_API_KEY: "s",
      AWS_SECRET_ACCESS_KEY: "s",
      GITHUB_TOKEN: "s",
      DATABASE_URL: "s",
      NODE_OPTIONS: "s",
      LD_PRELOAD: "s",
      CODEX_HOME: "s",
      SSH_AUTH_SOCK: "s",
      npm_config__authToken: "s",
      MY_PATH: "s",
      PATH_TOKEN: "s",
      "": "s",
    };
    const given = { ...harmless, ...secrets, NOTHING: undefined, HTTP_PROXY: undefined };
    assert.deepEqual(processEnvironment({}, given, []), { ...harmless, no_proxy: "a,127.0.0.1", ...OURS });
  });

  test("asks no proxy for what is on this machine", () => {
    const of = (env: Record<string, string>): unknown => {
      const { PATH: _, RUST_BACKTRACE: _b, RUST_LOG: _l, ...rest } = processEnvironment({}, env, []);
      return rest;
    };
    const http_proxy = "http://proxy";
    assert.deepEqual(of({ http_proxy }), { http_proxy, NO_PROXY: "127.0.0.1" });
    assert.deepEqual(of({ http_proxy, no_proxy: "", NO_PROXY: "a,b" }), {
      http_proxy,
      no_proxy: "127.0.0.1",
      NO_PROXY: "a,b,127.0.0.1",
    });
    assert.deepEqual(of({ NO_PROXY: "a" }), { NO_PROXY: "a" });
  });

  test("passes on no variable with an unknown name", () => {
    const known =
      /^(LC_|XDG_)|^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|TERM|TE?MP|TMPDIR|TZ|SSL_CERT_(FILE|DIR)|CODEX_CA_CERTIFICATE|NODE_EXTRA_CA_CERTS|(HTTPS?|ALL|NO)_PROXY|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT|(LOCAL)?APPDATA|USERPROFILE|USERNAME|PROGRAMDATA)$/i;
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom("Path", "__proto__", "constructor", "HOME_TOKEN", "KEY_LC_A"),
    );
    fc.assert(
      fc.property(fc.dictionary(name, fc.string()), (env) => {
        for (const each of Object.keys(processEnvironment({}, env, []))) {
          assert.ok(each in OURS || known.test(each), each);
        }
      }),
    );
  });

  test("is the host's own environment when it gives one", () => {
    const env = { PATH: "/bin", OPENAI_API_KEY: "s", RUST_LOG: "debug", RUST_BACKTRACE: "1" };
    assert.deepEqual(processEnvironment({ env }, env, []), env);
  });

  test("puts Codex's own folders in front of PATH, and leaves out empty ones", () => {
    const of = (PATH: string | undefined): unknown => processEnvironment({}, { PATH }, ["/codex/path"]).PATH;
    assert.equal(of(path("/bin", "/usr/bin")), path("/codex/path", "/bin", "/usr/bin"));
    // An empty folder in PATH is the current one: the agent's repository.
    assert.equal(of(path("", "/bin", "")), path("/codex/path", "/bin"));
    assert.equal(of(""), "/codex/path");
    assert.equal(of(undefined), "/codex/path");
  });

  test("keeps Windows' names as they are spelled there, and one PATH", () => {
    const env = {
      Path: path("C", "D"),
      SystemRoot: "C:\\Windows",
      windir: "C:\\Windows",
      ComSpec: "cmd.exe",
      ProgramData: "P",
      LOCALAPPDATA: "L",
      GitHub_Token: "s",
    };
    const { GitHub_Token: _, ...wanted } = env;
    assert.deepEqual(processEnvironment({}, env, ["X"]), { ...wanted, Path: path("X", "C", "D"), ...OURS });
  });

  test("prefers PATH to another spelling of it", () => {
    const env = { path: "/lower", PATH: "/upper" };
    assert.deepEqual(processEnvironment({}, env, ["/x"]), {
      path: "/lower",
      PATH: path("/x", "/upper"),
      ...OURS,
    });
  });

  test("trusts the host's root certificates instead of the system's when given a file", () => {
    const env = { SSL_CERT_FILE: "/old", SSL_CERT_DIR: "/olds" };
    assert.deepEqual(processEnvironment({ caFile: "/mine" }, env, []), {
      PATH: "",
      SSL_CERT_FILE: "/mine",
      ...OURS,
    });
  });

  test("does not change the environment it was given", () => {
    const env = Object.freeze({ PATH: "/bin", SSL_CERT_DIR: "/olds" });
    processEnvironment({ env, caFile: "/mine" }, env, ["/x"]);
    assert.deepEqual(env, { PATH: "/bin", SSL_CERT_DIR: "/olds" });
  });
});
