import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { toWritten } from "../config/server/normal-form.ts";
import { parseServerFlags } from "./server-flags.ts";

/** The servers as a file would say them. `KEY` is set where they are looked up. */
function written(...[flags, env = {}]: Parameters<typeof parseServerFlags>): Record<string, unknown> {
  const { configs } = parseServerFlags(flags, { KEY: "k", ...env });
  return Object.fromEntries([...configs].map(([name, config]) => [name, toWritten(config)]));
}

test("parseServerFlags tells a URL from a command, and splits a command as a shell does", () => {
  assert.deepEqual(written({ server: ["a=https://h/mcp?x=1", `b=npx -y srv "two words" --k=v`] }), {
    a: { url: "https://h/mcp?x=1" },
    b: { command: "npx", args: ["-y", "srv", "two words", "--k=v"] },
  });
});

test("parseServerFlags adds headers to the server they name, with all that follows the first =", () => {
  const flags = {
    server: ["a:b=http://h/mcp"],
    header: ["a:b:Authorization=Basic dTpw==", "a:b:X-Two=2"],
    headerEnv: ["a:b:X-Key=KEY"],
  };
  assert.deepEqual(written(flags), {
    "a:b": {
      url: "http://h/mcp",
      http_headers: { Authorization: "Basic dTpw==", "X-Two": "2" },
      env_http_headers: { "X-Key": "KEY" },
    },
  });
});

test("parseServerFlags reads a TOML file, and flags win over it", () => {
  const directory = mkdtempSync(join(tmpdir(), "switchyard-flags-"));
  try {
    const path = join(directory, "servers.toml");
    writeFileSync(path, `[mcp_servers.a]\nurl = "http://file/mcp"\n[mcp_servers.b]\ncommand = "true"\n`);
    assert.deepEqual(written({ servers: path, server: ["a=http://flag/mcp"] }), {
      a: { url: "http://flag/mcp" },
      b: { command: "true" },
    });
    writeFileSync(path, `[mcp_servers.a]\nurl = \n`);
    assert.throws(() => parseServerFlags({ servers: path }), /servers\.toml:2:\d+/);
    writeFileSync(path, `title = "no servers"\n`);
    assert.throws(() => parseServerFlags({ servers: path }), /no \[mcp_servers/);
    assert.throws(() => parseServerFlags({ servers: join(directory, "missing.toml") }), /there is no file/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("parseServerFlags takes what is configured and enabled, and nothing else of it", () => {
  const home = mkdtempSync(join(tmpdir(), "switchyard-flags-"));
  const env = { HOME: home, CODEX_HOME: join(home, "codex"), SWITCHYARD_HOME: home };
  const write = (text: string): void => writeFileSync(join(home, "switchyard.toml"), text);
  const flags = { configured: true, cd: home };
  mkdirSync(env.CODEX_HOME);
  try {
    write(
      '[mcp_servers.on]\ncommand = "x"\nscope = "host"\nenabled_tools = []\n' +
        '[mcp_servers.off]\ncommand = "y"\nenabled = false\n[mcp_servers.same]\nurl = "http://file/mcp"\n',
    );
    assert.deepEqual(written({ ...flags, server: ["same=http://flag/mcp"] }, env), {
      on: { command: "x", enabled_tools: [], scope: "host" },
      same: { url: "http://flag/mcp" },
    });
    assert.deepEqual(written({ cd: home }, env), {});
    write('[mcp_servers.bad]\nurl = "http://h/mcp"\nargs = []\n');
    assert.throws(
      () => parseServerFlags(flags, env),
      /--configured: .*switchyard\.toml:3:1: args is not supported for streamable_http/,
    );
    write('[mcp_servers.none]\ncommand = ""\n');
    assert.throws(
      () => parseServerFlags(flags, env),
      /--configured: MCP server "none" cannot start: command is empty: name the program to start/,
    );
    writeFileSync(join(env.CODEX_HOME, "config.toml"), "mcp_servers = 1\n");
    write("");
    assert.throws(
      () => parseServerFlags(flags, env),
      /--configured: .*config\.toml:1:15: invalid type: integer/,
    );
  } finally {
    rmSync(home, { recursive: true });
  }
});

const refused: readonly [what: string, flags: Parameters<typeof parseServerFlags>[0], message: RegExp][] = [
  ["a server without a name", { server: ["=http://h"] }, /--server: expected name=/],
  ["a server without a target", { server: ["a="] }, /the command is empty/],
  ["a header of an unknown server", { server: ["a=http://h"], header: ["b:K=v"] }, /no server "b"; known: a/],
  ["a header of a command", { server: ["a=true"], header: ["a:K=v"] }, /takes no headers/],
  [
    "a header without a value",
    { server: ["a=http://h"], header: ["a:K"] },
    /--header: expected name:Header=value/,
  ],
  [
    "a header that cannot be sent",
    { server: ["a.b=http://h"], header: ["a.b:X Y=v"] },
    /^mcp_servers\."a\.b"\.http_headers\."X Y": is not a valid header name$/,
  ],
  [
    "a header whose variable is not set",
    { server: ["a=http://h"], headerEnv: ["a:K=NOPE_NOPE"] },
    /^mcp_servers\.a\.env_http_headers\.K: the environment variable NOPE_NOPE is not set$/,
  ],
  ["a header without a server", { server: ["a=http://h"], header: ["K=v"] }, /--header: expected/],
];
for (const [what, flags, message] of refused) {
  test(`parseServerFlags refuses ${what}`, () => {
    assert.throws(() => parseServerFlags(flags), { name: "UsageError", message });
  });
}

test("parseServerFlags never repeats a value that may be a secret", () => {
  assert.throws(
    () => parseServerFlags({ header: ["nobody:Authorization=Bearer secret-value"] }),
    (error: Error) => !error.message.includes("secret-value"),
  );
});
