import assert from "node:assert/strict";
import { test } from "node:test";
import { missingServer, nearest } from "./suggest.ts";

const KNOWN = ["command", "args", "env", "env_vars", "url", "enabled", "enabled_tools", "tool_timeout_sec"];

test("nearest finds a name by a few slips or another way of writing", () => {
  assert.equal(nearest("comand", KNOWN), "command");
  assert.equal(nearest("ocmmand", KNOWN), "command");
  assert.equal(nearest("envVars", KNOWN), "env_vars");
  assert.equal(nearest("Tool-Timeout-Sec", KNOWN), "tool_timeout_sec");
  assert.equal(nearest("enabledtools", KNOWN), "enabled_tools");
});

test("nearest finds a name that is known in camel case", () => {
  assert.equal(nearest("workingDirectry", ["sandboxMode", "workingDirectory"]), "workingDirectory");
  assert.equal(nearest("working_directory", ["sandboxMode", "workingDirectory"]), "workingDirectory");
});

test("nearest is silent when nothing is near", () => {
  for (const name of ["", "x", "foo", "frobnicate", "ur"])
    assert.equal(nearest(name, KNOWN), undefined, name);
});

test("the empty name is near to nothing", () => {
  assert.equal(nearest("a", ["", "frobnicate"]), undefined);
  assert.equal(missingServer("", ["a", "b"]), 'There is no MCP server ""; there are "a", "b"');
  assert.equal(missingServer("x", ["", "docs"]), 'There is no MCP server "x"; there are "", "docs"');
});
