import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { toWritten } from "../config/server/normal-form.ts";
import type { ServerSet } from "../servers/check.ts";
import { parseArgs } from "./args/parse.ts";
import { CD } from "./mcp/target.ts";
import { type GivenServers, MCP_FLAG, parseServerFlags, SERVER_FLAGS } from "./server-flags.ts";

type Variables = Readonly<Record<string, string>>;

function given(argv: readonly string[], env?: Variables): GivenServers {
  return parseServerFlags(
    parseArgs({ name: "x", about: "", flags: [...SERVER_FLAGS, CD, MCP_FLAG] }, argv),
    env,
  );
}

function parse(argv: readonly string[], env?: Variables): ServerSet {
  return given(argv, env).servers;
}

/** The servers as a file would say them. `KEY` is set where they are looked up. */
function written(argv: readonly string[], env: Variables = {}): Record<string, unknown> {
  const { configs } = parse(argv, { KEY: "k", ...env });
  return Object.fromEntries([...configs].map(([name, config]) => [name, toWritten(config)]));
}

test("parseServerFlags tells a URL from a command, and splits a command as a shell does", () => {
  assert.deepEqual(written(["--server", "a=https://h/mcp?x=1", "-s", `b=npx -y srv "two words" --k=v`]), {
    a: { url: "https://h/mcp?x=1" },
    b: { command: "npx", args: ["-y", "srv", "two words", "--k=v"] },
  });
});

test("parseServerFlags adds headers to the server they name, with everything after the first =", () => {
  const argv = [
    ...["--server", "a:b=http://h/mcp", "--header", "a:b:Authorization=Basic dTpw=="],
    ...["-H", "a:b:X-Two=ü", "--header-env", "a:b:X-Key=KEY"],
    ...["-H", "a:b:X-Three: d=e:f", "-H", "a:b:X-Four:g", "--header-env", "a:b:X-Five: KEY"],
  ];
  assert.deepEqual(written(argv), {
    "a:b": {
      url: "http://h/mcp",
      http_headers: { Authorization: "Basic dTpw==", "X-Two": "ü", "X-Three": "d=e:f", "X-Four": "g" },
      env_http_headers: { "X-Key": "KEY", "X-Five": "KEY" },
    },
  });
});

test("parseServerFlags reads a TOML file, and flags win over it", () => {
  const directory = mkdtempSync(join(tmpdir(), "switchyard-flags-"));
  try {
    const path = join(directory, "servers.toml");
    writeFileSync(path, `[mcp_servers.a]\nurl = "http://file/mcp"\n[mcp_servers.b]\ncommand = "true"\n`);
    assert.deepEqual(written(["--servers", path, "--server", "a=http://flag/mcp"]), {
      a: { url: "http://flag/mcp" },
      b: { command: "true" },
    });
    writeFileSync(path, `[mcp_servers.a]\nurl = \n`);
    assert.throws(() => parse(["--servers", path]), /servers\.toml:2:\d+/);
    writeFileSync(path, `title = "no servers"\n`);
    assert.throws(() => parse(["--servers", path]), /no \[mcp_servers/);
    assert.throws(() => parse(["--servers", join(directory, "missing.toml")]), /there is no file/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("parseServerFlags takes the configured servers that are enabled", () => {
  const home = mkdtempSync(join(tmpdir(), "switchyard-flags-"));
  const env = { HOME: home, CODEX_HOME: join(home, "codex"), SWITCHYARD_HOME: home };
  const write = (text: string): void => writeFileSync(join(home, "switchyard.toml"), text);
  const configured = ["--configured", "--cd", home];
  mkdirSync(env.CODEX_HOME);
  try {
    write(
      '[mcp_servers.on]\ncommand = "sh"\nscope = "host"\nenabled_tools = []\n' +
        '[mcp_servers.off]\ncommand = "y"\nenabled = false\n[mcp_servers.same]\nurl = "http://file/mcp"\n',
    );
    assert.deepEqual(written([...configured, "--server", "same=http://flag/mcp"], env), {
      on: { command: "sh", enabled_tools: [], scope: "host" },
      same: { url: "http://flag/mcp" },
    });
    assert.deepEqual(written(["--cd", home], env), {});
    write('[mcp_servers.bad]\nurl = "http://h/mcp"\nargs = []\n');
    assert.throws(
      () => parse(configured, env),
      /--configured: .*switchyard\.toml:3:1: args is not supported for streamable_http/,
    );
    write('[mcp_servers.none]\ncommand = ""\nrequired = true\n');
    assert.throws(
      () => parse(configured, env),
      /--configured: MCP server "none" cannot start: command is empty: name the program to start/,
    );
    writeFileSync(join(env.CODEX_HOME, "config.toml"), "mcp_servers = 1\n");
    write("");
    assert.throws(() => parse(configured, env), /--configured: .*config\.toml:1:15: invalid type: integer/);
  } finally {
    rmSync(home, { recursive: true });
  }
});

test("a configured server that cannot start is left out, and the others stay", () => {
  const home = mkdtempSync(join(tmpdir(), "switchyard-flags-"));
  const env = { HOME: home, CODEX_HOME: join(home, "codex"), SWITCHYARD_HOME: home, EMPTY: "" };
  mkdirSync(env.CODEX_HOME);
  try {
    const cannotStart = [
      'url = "http://h/mcp"\nbearer_token_env_var = "NOT_SET"',
      'url = "http://h/mcp"\nenv_http_headers = { A = "EMPTY" }',
      'command = "no-such-program"',
      'command = "./no/such/program"',
      'command = "sh"\ncwd = "no-such-folder"',
      'command = "sh"\nenvironment_id = "nowhere"\ncwd = "/"',
      'command = "sh"\nenvironment_id = "box"',
      'command = "sh"\nenvironment_id = "box"\ncwd = "here"',
      'command = "sh"\nenvironment_id = "broken"\ncwd = "/"',
      'command = "sh"\nenvironment_id = "program"\ncwd = "/"',
      'command = "sh"\nenvironment_id = "locked"\ncwd = "/"',
      'url = "ftp://h"',
    ];
    const tables = cannotStart.map((keys, at) => `[mcp_servers.s${at}]\n${keys}\n`);
    const environments =
      '[environments.box]\nurl = "ws://127.0.0.1:1"\n[environments.broken]\nurl = 1\n' +
      '[environments.program]\nprogram = "ssh"\n' +
      '[environments.locked]\nurl = "ws://127.0.0.1:1"\nauth_bearer_token_env_var = "NOT_SET"\n';
    const good = '[mcp_servers.good]\ncommand = "sh"\n[mcp_servers.web]\nurl = "http://h/mcp"\n';
    const write = (text: string): void => writeFileSync(join(home, "switchyard.toml"), text);
    const managed = ["--configured", "--cd", home];
    const configured = [...managed, "--mcp", "direct"];
    write(environments + tables.join("") + good);
    assert.deepEqual(Object.keys(written(configured, env)), ["good", "web"]);
    const ofProgram = `s${cannotStart.findIndex((keys) => keys.includes('"program"'))}`;
    assert.deepEqual(Object.keys(written(managed, env)), ["good", ofProgram, "web"]);
    for (const keys of cannotStart) {
      write(`${environments}[mcp_servers.s]\n${keys}\nrequired = true\n${good}`);
      assert.throws(
        () => parse(configured, env),
        /^UsageError: --configured: MCP server "s" cannot (?:start|run): /,
      );
    }
  } finally {
    rmSync(home, { recursive: true });
  }
});

test("the configured servers of plugins are taken with their plugin; a broken one is left out, and a flag wins", () => {
  const home = mkdtempSync(join(tmpdir(), "switchyard-flags-"));
  const env = { HOME: home, CODEX_HOME: home, SWITCHYARD_HOME: home };
  const root = join(home, "plugins/cache/m/p/1");
  try {
    mkdirSync(join(root, ".codex-plugin"), { recursive: true });
    writeFileSync(join(home, "config.toml"), '[plugins."p@m"]\n');
    writeFileSync(join(root, ".codex-plugin/plugin.json"), '{"interface":{"displayName":"P"}}');
    const servers = { one: { command: "sh" }, two: { command: "sh" }, broken: {} };
    writeFileSync(join(root, ".mcp.json"), JSON.stringify(servers));
    const found = given(["--configured", "--cd", home, "-s", "two=sh -c true"], env);
    assert.deepEqual([...found.servers.configs.keys()], ["one", "two"]);
    assert.deepEqual([...found.provenance], [["one", { id: "p@m", displayName: "P" }]]);
  } finally {
    rmSync(home, { recursive: true });
  }
});

const rejected: readonly (readonly [what: string, argv: readonly string[], message: RegExp])[] = [
  ["a server without a name", ["-s", "=http://h"], /^--server takes NAME=/],
  ["a server without a target", ["-s", "a="], /^--server: the command of "a" is empty$/],
  [
    "a header of an unknown server",
    ["-s", "a=http://h", "-H", "b:K=v"],
    /^--header: there is no server "b"; there are: a$/,
  ],
  ["a header of a command", ["-s", "a=true", "-H", "a:K=v"], /takes no headers$/],
  ["a header without a value", ["-s", "a=http://h", "-H", "a:K"], /^--header takes NAME:HEADER=VALUE$/],
  [
    "a header that cannot be sent",
    ["-s", "a.b=http://h", "-H", "a.b:X Y=v"],
    /^mcp_servers\."a\.b"\.http_headers\."X Y": is not a valid header name$/,
  ],
  [
    "a header whose variable is not set",
    ["-s", "a=http://h", "--header-env", "a:K=NOPE_NOPE"],
    /^mcp_servers\.a\.env_http_headers\.K: the environment variable NOPE_NOPE is not set$/,
  ],
  ["a header without a server", ["-s", "a=http://h", "-H", "K=v"], /^--header takes/],
];
for (const [what, argv, message] of rejected) {
  test(`parseServerFlags rejects ${what}`, () => {
    assert.throws(() => parse(argv), { name: "UsageError", message });
  });
}

test("parseServerFlags never repeats a value that may be a secret", () => {
  for (const header of [
    "nobody:Authorization=Bearer secret-value",
    "nobody:Authorization: Basic secret-value:x=",
    "Authorization: Bearer secret-value:x=y",
    "Authorization=secret-value:a",
    "secret-value",
  ]) {
    assert.throws(
      () => parse(["--header", header]),
      (error: Error) => error.name === "UsageError" && !error.message.includes("secret-value"),
    );
  }
});
