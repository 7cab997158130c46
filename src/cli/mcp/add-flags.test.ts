import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { OAUTH, SERVER } from "../../config/fields.ts";
import { parseMcpServers } from "../../config/read-servers.ts";
import { type CommandSpec, parseArgs } from "../flags.ts";
import { ADD_FLAGS, ADDED_KEYS, serverOf } from "./add-flags.ts";

const spec: CommandSpec = { name: "add", operands: "", about: "", count: [0, 0], flags: ADD_FLAGS };
const serverFrom = (...argv: string[]): object => serverOf(parseArgs(spec, argv), true);

suite("the flags of add", () => {
  test("there is one for every key, but for those that are operands or must not be used", () => {
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
    test(argv.join(" "), () => {
      assert.deepEqual(serverFrom(...argv), server);
      const transport =
        "http_headers" in server || "oauth" in server ? { url: "https://a.b" } : { command: "c" };
      const rest = "oauth_resource" in server ? { cwd: "true" } : server;
      assert.deepEqual(
        parseMcpServers({ s: { ...transport, ...rest } }, { strict: true, own: true }).errors,
        [],
      );
    });
  }

  const refused: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
    [["--env", "PLANTED"], /^--env takes NAME=VALUE/],
    [["--env", "=PLANTED"], /^--env takes NAME=VALUE/],
    [["--header", "PLANTED"], /^--header takes 'NAME: VALUE'/],
    [["--env-var", "A=PLANTED"], /given with --env/],
    [["--approval", "always"], /^--approval: default_tools_approval_mode takes one of auto/],
    [["--tool-timeout", "soon"], /^--tool-timeout: .*number of seconds/],
    [["--tool-token-limit", "a"], /TOOL=N/],
    [["--tool-token-limit", "a=x"], /whole number/],
    [["--omit-tools-from", "x"], /code_mode, deferred, direct/],
    [["--env-file", "/nope"], /cannot read \/nope/],
  ];
  for (const [argv, message] of refused) {
    test(`${argv.join(" ")} is refused`, () => {
      assert.throws(
        () => serverFrom(...argv),
        (error: Error) =>
          error.name === "UsageError" && message.test(error.message) && !error.message.includes("PLANTED"),
      );
    });
  }
});
