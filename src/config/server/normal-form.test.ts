import assert from "node:assert/strict";
import { test } from "node:test";
import { toNormalForm, toWritten } from "./normal-form.ts";
import { parseMcpServers } from "./read-servers.ts";
import type { McpServerConfig } from "./types.ts";

function config(raw: object): McpServerConfig {
  const { servers, errors } = parseMcpServers({ a: raw }, { own: true });
  const read = servers.get("a");
  assert.ok(read, errors[0]?.message);
  return read;
}

test("toNormalForm has Codex's keys in Codex's order, tables of names sorted (N1)", () => {
  const form = toNormalForm(
    config({
      tools: { z: { output_token_limit: 1, approval_mode: "auto" }, "\uffee": {}, "\u{1f600}": {} },
      tool_timeout_sec: 1.5,
      enabled_tools: [],
      env: { B: "2", A: "1" },
      env_vars: ["X"],
      required: true,
      command: "x",
      scope: "host",
      name: "An old name",
    }),
  );
  assert.equal(
    JSON.stringify(form),
    '{"command":"x","args":[],"env":{"A":"1","B":"2"},"env_vars":["X"],"environment_id":"local","enabled":true,' +
      '"required":true,"tool_timeout_sec":1.5,"enabled_tools":[],' +
      '"tools":{"z":{"approval_mode":"auto","output_token_limit":1},"\uffee":{},"\u{1f600}":{}}}',
  );
});

test("toWritten leaves out what is usual and keeps an empty list that means something (N3)", () => {
  const usual = {
    command: "x",
    args: [],
    env_vars: [],
    environment_id: "local",
    enabled: true,
    required: false,
    startup_readiness: "connection",
    tools: {},
    scope: "thread",
    shared_elicitation: false,
    startup: "wait",
  };
  assert.deepEqual(toWritten(config(usual)), { command: "x" });
  const kept = {
    url: "u",
    enabled: false,
    enabled_tools: [],
    omit_tools_from: [],
    scopes: [],
    scope: "host",
  };
  assert.deepEqual(toWritten(config(kept)), kept);
});
