import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { OAUTH, SERVER } from "../../config/schema/server-keys.ts";
import { parseMcpServers } from "../../config/server/read-servers.ts";
import { parseArgs } from "../args/parse.ts";
import type { NamedSpec } from "../args/spec.ts";
import { ADD_FLAGS, ADDED_KEYS, serverOf } from "./add-flags.ts";
import { EDIT_FLAGS } from "./edit-context.ts";
import { READ_FLAGS } from "./target.ts";

const spec: NamedSpec = { name: "add", about: "", flags: ADD_FLAGS };
const serverFrom = async (...argv: string[]): Promise<object> =>
  await serverOf(parseArgs(spec, argv), true, new AbortController().signal);

suite("the flags of add", () => {
  test("every key has a flag, except those that are operands or must not be used", () => {
    const without = ["command", "args", "bearer_token", "startup_timeout_ms", "oauth", "name"];
    const keys = [
      ...SERVER.fields.map(({ name }) => name),
      ...OAUTH.fields.map(({ name }) => `oauth.${name}`),
    ];
    assert.deepEqual(keys.filter((key) => !ADDED_KEYS.includes(key)).sort(), without.sort());
    assert.equal(new Set(ADD_FLAGS.map(({ name }) => name)).size, ADD_FLAGS.length);
  });

  const written: readonly (readonly [argv: readonly string[], server: object])[] = [
    [["--env", " A =b =c ", "--env", "A=d"], { env: { A: "d" } }],
    [
      ["--header", "A: b", "--header", "C=d:e", "--header", "F:g"],
      { http_headers: { A: "b", C: "d:e", F: "g" } },
    ],
    [["-e", "A=b", "-eC=d"], { env: { A: "b", C: "d" } }],
    [["-H", "A: b", "-HC=d"], { http_headers: { A: "b", C: "d" } }],
    [
      ["--header-env", "A: B", "--header-env", "C=D", "--header-env", "E:F"],
      { env_http_headers: { A: "B", C: "D", E: "F" } },
    ],
    [["--env-var", "A", "--env-var", "B=remote"], { env_vars: ["A", { name: "B", source: "remote" }] }],
    [["--no-tools"], { enabled_tools: [] }],
    [["--enabled-tool", "a", "--enabled-tool", "b"], { enabled_tools: ["a", "b"] }],
    [
      ["--disabled", "--required", "--parallel"],
      { enabled: false, required: true, supports_parallel_tool_calls: true },
    ],
    [["--tool-timeout", "1.5", "--startup-timeout", "2"], { tool_timeout_sec: 1.5, startup_timeout_sec: 2n }],
    [
      ["--tool-approval", "a=b=prompt", "--tool-token-limit", "a=b=7"],
      { tools: { "a=b": { approval_mode: "prompt", output_token_limit: 7n } } },
    ],
    [["--cwd", "true", "--oauth-resource", "[x]"], { cwd: "true", oauth_resource: "[x]" }],
    [
      ["--oauth-client-id", "i", "--oauth-callback-port", "0"],
      { oauth: { client_id: "i", callback_port: 0n } },
    ],
    [
      ["--omit-tools-from", "direct", "--schema-max-bytes", "9"],
      { omit_tools_from: ["direct"], tool_input_schema_max_bytes: 9n },
    ],
  ];
  for (const [argv, server] of written) {
    test(argv.join(" "), async () => {
      assert.deepEqual(await serverFrom(...argv), server);
      const transport = ["http_headers", "env_http_headers", "oauth"].some((key) => key in server)
        ? { url: "https://a.b" }
        : { command: "c" };
      const rest = "oauth_resource" in server ? { cwd: "true" } : server;
      assert.deepEqual(
        parseMcpServers({ s: { ...transport, ...rest } }, { strict: true, own: true }).errors,
        [],
      );
    });
  }

  const rejected: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
    [["--env", "PLANTED"], /^--env takes NAME=VALUE/],
    [["--env", "=PLANTED"], /^--env takes NAME=VALUE/],
    [["--header", "PLANTED"], /^--header takes HEADER=VALUE or 'HEADER: VALUE'/],
    [["--header-env", "PLANTED"], /^--header-env takes HEADER=VAR/],
    [["--env-var", "A=PLANTED"], /to set a value, use --env$/],
    [["--approval", "always"], /^--approval: default_tools_approval_mode takes one of auto/],
    [["--tool-timeout", "soon"], /^--tool-timeout: .*number of seconds/],
    [["--tool-token-limit", "a"], /TOOL=N/],
    [["--tool-token-limit", "a=x"], /whole number/],
    [["--omit-tools-from", "x"], /code_mode, deferred, direct/],
    [["--header", "A B: PLANTED"], /^--header: "A B" is not a valid header name/],
    [["--header", "A: PLAN\nTED"], /^--header: "A" has a line break or another control character/],
    [["--header-env", "A(=PLANTED"], /^--header-env: "A\(" is not a valid header name/],
    [["--oauth-callback-port", "70000"], /a whole number, 0 to 65535/],
    [["--tool-timeout", "-1"], /a number of seconds, 0 or more/],
    [["--env-from", "-", "--oauth-client-secret-file", "-"], /stdin/],
  ];
  for (const [argv, message] of rejected) {
    test(`${argv.join(" ")} is rejected`, async () => {
      await assert.rejects(
        serverFrom(...argv),
        (error: Error) =>
          error.name === "UsageError" && message.test(error.message) && !error.message.includes("PLANTED"),
      );
    });
  }

  test("no flag is one of Node's, which Node takes from anywhere on the command line", () => {
    const node = new Set([
      ...process.allowedNodeEnvironmentFlags,
      ...["--env-file", "--env-file-if-exists", "--eval", "--print", "--check", "--require", "--import"],
      ...["--input-type", "--test", "--watch", "--run", "--version", "--interactive", "--v8-options"],
    ]);
    const ours = [...ADD_FLAGS, ...EDIT_FLAGS, ...READ_FLAGS].map(({ name }) => `--${name}`);
    assert.deepEqual(
      ours.filter((flag) => node.has(flag)),
      [],
    );
  });

  test("--env-from reads a .env file, and --env wins over it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "switchyard-add-"));
    try {
      const [good, bad] = [join(folder, "good.env"), join(folder, "bad.env")];
      writeFileSync(good, 'export A = "x\\ny" # why\nB=2\n');
      writeFileSync(bad, "A=1\nPLANTED\n");
      assert.deepEqual(await serverFrom("--env-from", good, "--env", "B=3"), { env: { A: "x\ny", B: "3" } });
      await assert.rejects(serverFrom("--env-from", bad), (error: Error) => {
        return error.message.startsWith(`--env-from: ${bad}:2: `) && !error.message.includes("PLANTED");
      });
      await assert.rejects(serverFrom("--env-from", join(folder, "none")), { message: /There is no file/ });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
