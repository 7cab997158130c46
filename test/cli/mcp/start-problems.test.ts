/** A server that cannot start here has a status and a reason, and stops no other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OURS, TestHome } from "../support/test-home.ts";

const timeout = 60_000;
const CANNOT_START: readonly (readonly [name: string, keys: string, reason: RegExp])[] = [
  ["bearer", 'url = "https://h"\nbearer_token_env_var = "NOT_SET"', /variable NOT_SET is not set/],
  ["header", 'url = "https://h"\nenv_http_headers = { A = "EMPTY" }', /variable EMPTY is not set/],
  ["program", 'command = "no-such-program"', /there is no program "no-such-program" in PATH/],
  ["file", 'command = "./no-such-file"', /there is no program ".\/no-such-file"/],
  ["text", 'command = "../notes.txt"', /"..\/notes.txt" cannot be executed/],
  ["folder", 'command = "sh"\ncwd = "no-such-folder"', /there is no folder .*no-such-folder/],
  ["nowhere", 'command = "sh"\nenvironment_id = "nowhere"\ncwd = "/"', /there is no environment "nowhere"/],
  ["missing", 'command = "sh"\nenvironment_id = "box"', /needs a cwd, because it runs on an executor/],
  ["relative", 'command = "sh"\nenvironment_id = "box"\ncwd = "here"', /not absolute: write the whole path/],
  ["locked", 'command = "sh"\nenvironment_id = "locked"\ncwd = "/"', /token from the variable NOT_SET/],
];
const TEXT =
  '[environments.box]\nurl = "ws://127.0.0.1:1"\n' +
  '[environments.locked]\nurl = "ws://127.0.0.1:1"\nauth_bearer_token_env_var = "NOT_SET"\n' +
  '[mcp_servers.good]\ncommand = "sh"\n[mcp_servers.remote]\ncommand = "x"\nenvironment_id = "box"\ncwd = "/"\n' +
  CANNOT_START.map(([name, keys]) => `[mcp_servers.${name}]\n${keys}\n`).join("");

test("list has a status and a reason for each, as a table and as JSON", { timeout }, async () => {
  using home = new TestHome({ [OURS]: TEXT, "notes.txt": "x" });
  const table = await home.runInOneProcess(["mcp", "list"], "", { EMPTY: "" });
  assert.equal(table.code, 0);
  assert.match(table.stdout, /\ngood .* enabled /);
  const { stdout } = await home.runInOneProcess(["mcp", "list", "--json"], "", { EMPTY: "" });
  const servers = JSON.parse(stdout) as {
    name: string;
    status: string;
    enabled: boolean;
    reason: string | null;
  }[];
  const statusOf = new Map(servers.map((server) => [server.name, server]));
  for (const name of ["good", "remote"]) assert.equal(statusOf.get(name)?.status, "enabled", name);
  for (const [name, , reason] of CANNOT_START) {
    assert.match(table.stdout, new RegExp(`\\n${name} .* unstartable `));
    assert.match(table.stdout.slice(table.stdout.indexOf("Will not run:")), reason);
    assert.equal(statusOf.get(name)?.status, "unstartable", name);
    assert.match(statusOf.get(name)?.reason ?? "", reason);
  }
});

test("check warns of each, and get says why", { timeout }, async () => {
  using home = new TestHome({ [OURS]: TEXT, "notes.txt": "x" });
  const { code, stderr } = await home.runInOneProcess(["mcp", "check"], "", { EMPTY: "" });
  assert.equal(code, 0, stderr);
  for (const [name, , reason] of CANNOT_START) {
    const warning = stderr
      .split("warning: ")
      .find((each) => each.includes(`MCP server "${name}" will not run`));
    assert.match(warning ?? "", reason, name);
  }
  assert.doesNotMatch(stderr, /"(?:good|remote)" will not run/);
  assert.match(
    (await home.runInOneProcess(["mcp", "get", "program"])).stdout,
    /program: unstartable \(command: there is no program/,
  );
  // One file alone does not depend on the machine.
  assert.doesNotMatch(
    (await home.runInOneProcess(["mcp", "list", "--file", `${home.home}/${OURS}`])).stdout,
    /no-such-program" in PATH/,
  );
});
