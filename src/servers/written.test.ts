import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "./check.ts";
import type { McpServerInput } from "./written.ts";

test("a server is either stdio or HTTP: what the types refuse, the check refuses too", () => {
  const mixes: McpServerInput[] = [
    // @ts-expect-error -- both
    { command: "node", url: "https://a.example" },
    // @ts-expect-error -- headers of a process
    { command: "node", headers: { "X-A": "1" } },
    // @ts-expect-error -- the token of a process
    { command: "node", bearer_token_env_var: "TOKEN" },
    // @ts-expect-error -- arguments of an endpoint
    { url: "https://a.example", args: ["x"] },
    // @ts-expect-error -- the environment of an endpoint
    { url: "https://a.example", env: { A: "1" } },
    // @ts-expect-error -- the folder of an endpoint
    { url: "https://a.example", headers: {}, cwd: "/" },
    // @ts-expect-error -- neither
    { required: true },
    // @ts-expect-error -- a key of no transport
    { command: "node", argz: [] },
  ];
  for (const mix of mixes) assert.ok(!check({ mix }, []).ok, JSON.stringify(mix));
});

test("a server that is one of them is taken, also with the other's keys absent", () => {
  const servers: McpServerInput[] = [
    { command: "node", args: ["x"], env: {}, env_vars: ["A"], cwd: "/", required: true },
    { url: "https://a.example", headers: { "X-A": "1" }, scopes: [], oauth_resource: "r", enabled: false },
    { command: "node", url: undefined, headers: undefined },
    { url: "https://a.example", command: undefined },
  ];
  for (const server of servers) assert.ok(check({ server }, []).ok, JSON.stringify(server));
});
