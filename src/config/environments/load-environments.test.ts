import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { loadConfigLayers } from "../layers/layers.ts";
import { ConfigError } from "../problem.ts";
import { describeProblem, formatProblem, problemToJson } from "../show/show-problem.ts";
import { toEnvironmentDefinition } from "./resolve-environment.ts";
import { type EnvironmentConfig, formatEnvironmentOrigin, type LoadedEnvironment } from "./types.ts";
import { maskEnvironment } from "./read-environment.ts";
import {
  type LoadedEnvironments,
  loadEnvironments,
  type LoadEnvironmentsOptions,
} from "./load-environments.ts";

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-environments-")));
  mkdirSync(join(dir, "app"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

/** Codex's file, ours, and the project's. */
const CODEX = "codex/environments.toml";
const OURS = "home/switchyard.toml";
const PROJECT = "app/switchyard.toml";

function trust(): void {
  write("codex/config.toml", `[projects."${join(dir, "app")}"]\ntrust_level = "trusted"\n`);
}

function load(options: LoadEnvironmentsOptions = {}): LoadedEnvironments {
  return loadEnvironments({
    codexHome: join(dir, "codex"),
    switchyardHome: join(dir, "home"),
    systemDir: join(dir, "etc"),
    cwd: join(dir, "app"),
    env: {},
    ...options,
  });
}

function only(id: string, options?: LoadEnvironmentsOptions): LoadedEnvironment {
  const environment = load(options).environments.get(id);
  assert.ok(environment, `there is no ${id}`);
  return environment;
}

function config(id: string, options?: LoadEnvironmentsOptions): EnvironmentConfig {
  const environment = only(id, options);
  assert.equal(environment.status, "usable", inspect(environment.errors.map(({ message }) => message)));
  assert.ok(environment.status === "usable");
  return environment.config;
}

/** Without the temporary folder. */
function reason(environment: LoadedEnvironment): string {
  assert.ok(environment.status !== "usable");
  return environment.reason.replaceAll(dir, "");
}

function statuses({ environments }: LoadedEnvironments): Record<string, string> {
  return Object.fromEntries([...environments].map(([id, { status }]) => [id, status]));
}

function configError(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error;
  }
  throw new Error("no error");
}

suite("loadEnvironments", () => {
  test("has local, and nothing else, where nothing is written", () => {
    const loaded = load();
    assert.deepEqual(statuses(loaded), { local: "usable" });
    assert.deepEqual([loaded.defaultId, loaded.errors, loaded.warnings], ["local", [], []]);
    assert.deepEqual(config("local"), { id: "local", kind: "local" });
  });

  test("reads Codex's entries, in the order of its file, and ours behind them", () => {
    write(
      CODEX,
      `default = "b"
[[environments]]
id = "b"
url = " wss://b.example.com/x#part "
connect_timeout_sec = 1.5
initialize_timeout_sec = 0.0001
[[environments]]
id = "a"
program = " ssh "
args = ["lab", "x"]
env = { A = "1" }
cwd = "/srv"
initialize_timeout_sec = 2
`,
    );
    write(OURS, '[environments.c]\nurl = "ws://127.0.0.1:1"\n');
    const loaded = load();
    assert.deepEqual(statuses(loaded), { local: "usable", b: "usable", a: "usable", c: "usable" });
    assert.equal(loaded.defaultId, "b");
    assert.deepEqual(config("b"), {
      id: "b",
      kind: "url",
      url: "wss://b.example.com/x",
      connectTimeoutMs: 1500,
      initializeTimeoutMs: 1,
    });
    assert.deepEqual(config("a"), {
      id: "a",
      kind: "program",
      program: "ssh",
      args: ["lab", "x"],
      env: new Map([["A", "1"]]),
      cwd: "/srv",
      initializeTimeoutMs: 2000,
    });
    assert.deepEqual(config("c"), { id: "c", kind: "url", url: "ws://127.0.0.1:1" });
  });

  test("merges by id and key, ours above Codex's and the project's above ours, and knows who wrote what", () => {
    trust();
    write(CODEX, '[[environments]]\nid = "box"\nurl = "ws://127.0.0.1:1"\nconnect_timeout_sec = 1\n');
    write(OURS, '[environments.box]\nauth_bearer_token_env_var = "T"\nconnect_timeout_sec = 2\n');
    write(PROJECT, "[environments.box]\ninitialize_timeout_sec = 3\n");
    assert.deepEqual(config("box"), {
      id: "box",
      kind: "url",
      url: "ws://127.0.0.1:1",
      bearerToken: { from: "variable", name: "T" },
      connectTimeoutMs: 2000,
      initializeTimeoutMs: 3000,
    });
    const { origins, definedIn } = only("box");
    assert.deepEqual(
      Object.fromEntries(
        [...origins].map(([key, { file, line }]) => [key, `${file?.slice(dir.length + 1)}:${line}`]),
      ),
      {
        url: `${CODEX}:3`,
        connect_timeout_sec: `${OURS}:3`,
        auth_bearer_token_env_var: `${OURS}:2`,
        initialize_timeout_sec: `${PROJECT}:2`,
      },
    );
    assert.deepEqual(definedIn, { layer: "user", file: join(dir, CODEX), line: 3, column: 1 });
  });

  test("takes the layers it is given, whatever the files say by now", () => {
    write(OURS, '[environments.box]\nurl = "ws://a"\n');
    const layers = loadConfigLayers({
      codexHome: join(dir, "codex"),
      switchyardHome: join(dir, "home"),
      systemDir: join(dir, "etc"),
      cwd: join(dir, "app"),
      env: {},
    });
    write(OURS, "");
    assert.deepEqual(statuses(load({ layers })), { local: "usable", box: "usable" });
  });

  test("refuses url from one layer with program from another, and names both places", () => {
    write(CODEX, '[[environments]]\nid = "box"\nurl = "ws://a"\n');
    write(OURS, '[environments.box]\nprogram = "ssh"\n');
    assert.equal(
      reason(only("box")),
      "environment `box` must set exactly one of url or program. " +
        `url is in /${CODEX}:3:1, program in /${OURS}:2:1: remove one of them`,
    );
  });

  test("keeps a broken entry with the reason, and its neighbours (L1)", () => {
    write(
      CODEX,
      '[[environments]]\nid = "bad"\nurl = "http://a"\n[[environments]]\nid = "box"\nurl = "ws://a"\n',
    );
    write(
      OURS,
      '[environments.worse]\nurl = "ws://a"\ntoken = "x"\n[environments.bad]\nconnect_timeout_sec = 1\n',
    );
    const loaded = load();
    assert.deepEqual(statuses(loaded), {
      local: "usable",
      bad: "invalid",
      box: "usable",
      worse: "invalid",
    });
    assert.match(reason(only("bad")), /^environment url `http:\/\/a` must use ws:\/\/ or wss:\/\//);
    assert.match(reason(only("worse")), /^unknown field `token`, expected one of `url`, /);
    assert.deepEqual(
      loaded.errors.map(({ message }) => message.slice(0, 20)),
      ["environment url `htt", "unknown field `token"],
    );
  });

  test("takes neither of two entries of Codex's with one id", () => {
    const entry = '[[environments]]\nid = "box"\nurl = "ws://a"\n';
    write(CODEX, entry + entry);
    assert.deepEqual(statuses(load()), { local: "usable", box: "invalid" });
    assert.equal(reason(only("box")), "environment id `box` is duplicated");
  });

  test("has an error where environments is not a table of tables", () => {
    write(OURS, "environments = 1\n");
    assert.deepEqual(
      load().errors.map(({ message }) => message),
      ["invalid type: integer `1`, expected a map"],
    );
    write(OURS, "[environments]\nbox = 1\n");
    assert.match(reason(only("box")), /^invalid type: integer `\*+`, expected struct EnvironmentToml/);
  });

  test("throws where Codex's file is not valid TOML or not a file", () => {
    write(CODEX, 'x = "secret');
    const error = configError(load);
    assert.equal(error.code, "invalid_config");
    assert.match(error.message, /environments\.toml:1:5: /);
    assert.doesNotMatch(error.message, /secret/);
    rmSync(join(dir, CODEX));
    mkdirSync(join(dir, CODEX));
    assert.equal(configError(load).code, "unreadable");
  });

  test("starts a relative cwd at the folder of the file it is written in", () => {
    trust();
    write(CODEX, '[[environments]]\nid = "a"\nprogram = "p"\ncwd = "sub/../x"\n');
    write(OURS, '[environments.b]\nprogram = "p"\ncwd = "sub"\n');
    write(PROJECT, '[environments.c]\nprogram = "p"\ncwd = ""\n');
    const folders = ["a", "b", "c"].map((id) => {
      const found = config(id);
      return found.kind === "program" && found.cwd?.slice(dir.length);
    });
    assert.deepEqual(folders, ["/codex/sub/../x", "/home/sub", "/app/"]);
  });
});

suite("local", () => {
  test("is off where include_local is false, with the line", () => {
    write(CODEX, '\ninclude_local = false\n[[environments]]\nid = "box"\nurl = "ws://a"\n');
    const loaded = load();
    assert.deepEqual(statuses(loaded), { local: "disabled", box: "usable" });
    assert.equal(loaded.defaultId, undefined);
    assert.equal(reason(only("local")), `include_local = false in /${CODEX}:2`);
  });

  for (const url of ["ws://127.0.0.1:1", "none"]) {
    test(`is off where CODEX_EXEC_SERVER_URL is ${url}`, () => {
      const options = { env: { CODEX_EXEC_SERVER_URL: url } };
      const local = only("local", options);
      assert.equal(reason(local), "CODEX_EXEC_SERVER_URL switches it off");
      assert.deepEqual(local.definedIn, { layer: "variable", file: "CODEX_EXEC_SERVER_URL" });
    });
  }

  const redefinitions: readonly (readonly [file: string, text: string, why: string])[] = [
    [CODEX, '[[environments]]\nid = "local"\nurl = "ws://a"\n', "environment id `local` is reserved"],
    [CODEX, 'include_local = "no"\n', 'invalid type: string "no", expected a boolean'],
    [OURS, '[environments.local]\nurl = "ws://a"\n', "environment id `local` is reserved"],
  ];
  for (const [file, text, why] of redefinitions) {
    test(`cannot be used (E2) where ${file} says ${JSON.stringify(text)}`, () => {
      write(file, text);
      const loaded = load();
      assert.deepEqual(statuses(loaded), { local: "invalid" });
      assert.ok(reason(only("local")).startsWith(why), reason(only("local")));
      assert.deepEqual(
        loaded.errors.map(({ message }) => message),
        [why],
      );
    });
  }
});

suite("CODEX_EXEC_SERVER_URL", () => {
  const env = { CODEX_EXEC_SERVER_URL: " ws://127.0.0.1:1 " };

  test("is an environment remote, which ours may add to", () => {
    write(OURS, '[environments.remote]\nauth_bearer_token_env_var = "T"\n');
    assert.equal(load({ env }).defaultId, "remote");
    assert.deepEqual(config("remote", { env }), {
      id: "remote",
      kind: "url",
      url: "ws://127.0.0.1:1",
      bearerToken: { from: "variable", name: "T" },
    });
    const { definedIn } = only("remote", { env });
    assert.ok(definedIn);
    assert.equal(formatEnvironmentOrigin(definedIn), "CODEX_EXEC_SERVER_URL");
  });

  test("is rejected where it is not the URL of an executor, which Codex finds out when it connects", () => {
    const remote = only("remote", { env: { CODEX_EXEC_SERVER_URL: "http://a" } });
    assert.match(reason(remote), /^environment url `http:\/\/a` must use ws:\/\/ or wss:\/\/\. /);
  });

  test("does not count where there is a file, an empty one too", () => {
    write(CODEX, "");
    assert.deepEqual(statuses(load({ env })), { local: "usable" });
  });
});

suite("a project", () => {
  const text = '[environments.box]\nurl = "ws://127.0.0.1:1"\n';

  test("defines no environment unless it is trusted, and the reason says how to trust it", () => {
    write(PROJECT, text);
    const box = only("box");
    assert.equal(box.status, "inactive");
    assert.equal(
      reason(box),
      `/${PROJECT} does not count: its project is not trusted. To use it: switchyard trust /app`,
    );
    assert.equal(box.definedIn?.file, join(dir, PROJECT));
    trust();
    assert.equal(only("box").status, "usable");
  });

  test("changes no environment unless it is trusted, and a warning says so", () => {
    write(OURS, '[environments.box]\nurl = "wss://a"\n');
    write(PROJECT, text);
    const found = config("box");
    assert.ok(found.kind === "url" && found.url === "wss://a");
    assert.deepEqual(
      load().warnings.map(({ message }) => message),
      ["what this file says about environment `box` does not count"],
    );
  });

  test("breaks nothing unless it is trusted", () => {
    write(PROJECT, '[environments.local]\nurl = "ws://a"\n[environments."a b"]\nx = 1\n');
    const loaded = load();
    assert.deepEqual(statuses(loaded), { local: "usable", "a b": "inactive" });
    assert.deepEqual(loaded.errors, []);
  });
});

suite("a token", () => {
  test("of the higher layer counts, whichever of the two keys it has", () => {
    const url = 'url = "ws://127.0.0.1:1"\n';
    write(CODEX, `[[environments]]\nid = "box"\n${url}auth_bearer_token = "low"\n`);
    write(OURS, '[environments.box]\nauth_bearer_token_env_var = "T"\n');
    trust();
    const token = (): unknown => {
      const environment = only("box");
      assert.ok(environment.status === "usable");
      const definition = toEnvironmentDefinition(environment, { T: "of-variable" });
      return definition.kind === "url" && definition.bearerToken;
    };
    assert.equal(token(), "of-variable");
    write(PROJECT, `[environments.box]\n${url}auth_bearer_token = "high"\n`);
    assert.equal(token(), "high");
    write(PROJECT, `[environments.box]\nauth_bearer_token = "high"\nauth_bearer_token_env_var = "T"\n`);
    assert.equal(token(), "of-variable");
  });

  test("does not go to a url that another layer put in the place of the one it was written for (T1)", () => {
    trust();
    write(OURS, '[environments.box]\nurl = "wss://a"\nauth_bearer_token_env_var = "T"\n');
    write(PROJECT, '[environments.box]\nurl = "wss://b"\n');
    assert.equal(
      reason(only("box")),
      "environment `box` has the token of another url. " +
        `auth_bearer_token_env_var is in /${OURS}:3:1: write auth_bearer_token_env_var beside this url, too`,
    );
    write(PROJECT, '[environments.box]\nurl = "wss://a"\n');
    assert.equal(only("box").status, "usable", "the same url again");
    write(PROJECT, '[environments.box]\nurl = "wss://b"\nauth_bearer_token_env_var = "U"\n');
    assert.equal(only("box").status, "usable", "with a token of its own");
  });

  test("that is written below the first url is not used", () => {
    trust();
    write(OURS, '[environments.box]\nauth_bearer_token_env_var = "T"\n');
    write(PROJECT, '[environments.box]\nurl = "wss://b"\n');
    assert.match(reason(only("box")), /has the token of another url/);
  });

  test("in a variable does not go over an open line, either", () => {
    write(OURS, '[environments.box]\nurl = "ws://10.0.0.5:7777"\nauth_bearer_token_env_var = "T"\n');
    assert.match(
      reason(only("box")),
      /^exec-server WebSocket headers require wss:\/\/ or a loopback destination/,
    );
  });

  test("in our file is a warning that says what to do; in Codex's it is not", () => {
    const text = 'url = "wss://a"\nauth_bearer_token = "t"\n';
    write(CODEX, `[[environments]]\nid = "box"\n${text}`);
    assert.deepEqual(load().warnings, []);
    write(OURS, `[environments.box]\n${text}`);
    const [warning] = load().warnings;
    assert.equal(warning?.message, "the token of environment `box` is in a file");
    assert.match(warning.hint ?? "", /auth_bearer_token_env_var = "NAME"/);
  });

  test("where the name of a variable belongs is rejected, and not shown (C3)", () => {
    write(OURS, '[environments.box]\nurl = "wss://a"\nauth_bearer_token_env_var = "s3cret-token"\n');
    const box = only("box");
    assert.match(reason(box), /^auth_bearer_token_env_var is not the name of a variable/);
    assert.doesNotMatch(box.errors.map((error) => formatProblem(error)).join(), /s3cret/);
  });
});

/** What a text may have in it, so that nothing else in a result looks like it. */
const SECRET = "s3cret-Zq81";

suite("what is shown", () => {
  test("of an environment has neither its token nor the variables of its program", () => {
    write(
      CODEX,
      `[[environments]]\nid = "a"\nurl = "wss://u:${SECRET}@a/?k=${SECRET}"\nauth_bearer_token = "${SECRET}"\n`,
    );
    write(
      OURS,
      `[environments.b]\nprogram = "p"\nargs = ["--token", "${SECRET}"]\nenv = { A = "${SECRET}" }\n`,
    );
    for (const id of ["a", "b"]) {
      const shown = maskEnvironment(config(id));
      assert.doesNotMatch(inspect(shown, { depth: null }) + JSON.stringify(shown), /s3cret/);
    }
    const a = config("a");
    assert.ok(a.kind === "url");
    assert.doesNotMatch(inspect(a.bearerToken) + JSON.stringify(a.bearerToken), /s3cret/);
  });

  test("of any error, warning and reason has no secret of the file (L2)", () => {
    const secret = `"${SECRET}"`;
    const line = fc.constantFrom(
      `auth_bearer_token = ${secret}`,
      `auth_bearer_token = [${secret}]`,
      `auth_bearer_token = "${SECRET}\\n"`,
      `auth_bearer_token_env_var = ${secret}`,
      `auth_bearer_token_env_var = { x = ${secret} }`,
      `bearer = ${secret}`,
      `env = { A = ${secret} }`,
      `env = ${secret}`,
      `env = [${secret}]`,
      `args = ["--token", ${secret}]`,
      `args = [1, "--api-key=${SECRET}"]`,
      `url = "ws://u:${SECRET}@a"`,
      `url = "ws://a b/?k=${SECRET}"`,
      `url = "http://:${SECRET}@a"`,
      `program = " "`,
      `connect_timeout_sec = -1`,
    );
    const entry = fc.uniqueArray(line, {
      minLength: 1,
      maxLength: 4,
      selector: (text) => text.split(" ")[0],
    });
    fc.assert(
      fc.property(entry, fc.boolean(), fc.boolean(), (lines, ours, inline) => {
        rmSync(join(dir, CODEX), { force: true });
        rmSync(join(dir, OURS), { force: true });
        if (ours && inline) write(OURS, `[environments]\nbox = { ${lines.join(", ")} }\n`);
        else if (ours) write(OURS, `[environments.box]\n${lines.join("\n")}\n`);
        else if (inline) write(CODEX, `environments = [{ id = "box", ${lines.join(", ")} }]\n`);
        else write(CODEX, `[[environments]]\nid = "box"\n${lines.join("\n")}\n`);
        const { environments, errors, warnings } = load();
        const problems = [...errors, ...warnings];
        const shown = [
          ...problems.map((each) => formatProblem(each) + describeProblem(each)),
          ...problems.map((each) => JSON.stringify(problemToJson(each))),
          ...[...environments.values()].map((each) => (each.status === "usable" ? "" : each.reason)),
        ];
        assert.doesNotMatch(shown.join("\n"), /s3cret/);
        assert.ok(problems.length > 0 || lines.every((text) => /^(?:auth|url)/.test(text)));
      }),
      { numRuns: 300 },
    );
  });
});
