/**
 * MCP Inspector's command line as a client of the gateway. It is 110 MB, so it is no dependency and no part of the gate:
 *
 *   node test/published/inspector.ts
 *
 * fetches it from npm, asks a server with everything directly, through a gateway at its URLs and through `gateway --stdio`, in both
 * eras, and compares what it prints. What came out is in docs/gateway.md.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Gateway } from "../../src/gateway/index.ts";
import { McpManager } from "../../src/mcp/index.ts";

const VERSION = "2.12.0";
const FIXTURE = join(import.meta.dirname, "../gateway/support/everything-stdio.ts");
const COMMAND = join(import.meta.dirname, "../../src/cli/main.ts");
const TOKEN = "token-of-the-gateway";

/** What is asked, and what of it has a flat name at the URL of all servers. */
const ASKED: readonly { readonly args: readonly string[]; readonly flat?: string }[] = [
  { args: ["--method", "tools/list"] },
  { args: ["--method", "tools/call", "--tool-name", "test_simple_text"], flat: "test_simple_text" },
  { args: ["--method", "tools/call", "--tool-name", "test_error_handling"], flat: "test_error_handling" },
  {
    args: ["--method", "tools/call", "--tool-name", "test_tool_with_progress"],
    flat: "test_tool_with_progress",
  },
  { args: ["--method", "resources/list"] },
  { args: ["--method", "resources/templates/list"] },
  { args: ["--method", "resources/read", "--uri", "test://static-text"] },
  { args: ["--method", "prompts/list"] },
  {
    args: [
      "--method",
      "prompts/get",
      "--prompt-name",
      "test_prompt_with_arguments",
      "--prompt-args",
      "arg1=a",
      "arg2=b",
    ],
    flat: "test_prompt_with_arguments",
  },
];

const run = promisify(execFile);
using folder = mkdtempDisposableSync(join(tmpdir(), "switchyard-inspector-"));
await run("npm", [
  "install",
  "--prefix",
  folder.path,
  "--ignore-scripts",
  "--no-audit",
  "--no-fund",
  `@modelcontextprotocol/inspector@${VERSION}`,
]);
const env = {
  ...process.env,
  MCP_CATALOG_PATH: join(folder.path, "catalog.json"),
  SWITCHYARD_HOME: folder.path,
};

/** @returns what it prints: a result, or the error */
async function inspect(args: readonly string[]): Promise<unknown> {
  const bin = join(folder.path, "node_modules/.bin/mcp-inspector");
  const { stdout, stderr } = await run(bin, ["--cli", ...args], { env }).catch(
    (error: unknown) => error as { readonly stdout: string; readonly stderr: string },
  );
  const text = stdout === "" ? stderr : stdout;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Without the names that differ at the URL of all servers, and in an order that is not promised. */
function comparable(printed: unknown): unknown {
  if (Array.isArray(printed)) {
    const items = printed.map(comparable);
    return items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof printed !== "object" || printed === null) return printed;
  return Object.fromEntries(
    Object.entries(printed)
      .filter(([key]) => key !== "_meta")
      .map(([key, value]): [string, unknown] => [
        key,
        key === "name" && typeof value === "string"
          ? value.replace(/^mcp__everything__/, "")
          : comparable(value),
      ])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

const command = process.execPath;
const file = join(folder.path, "servers.toml");
writeFileSync(
  file,
  `[mcp_servers.everything]\ncommand = ${JSON.stringify(command)}\nargs = [${JSON.stringify(FIXTURE)}]\n`,
);
await using manager = new McpManager({ publish: false });
await using gateway = await Gateway.start({
  token: TOKEN,
  threads: {
    names: () => ["everything"],
    open: ({ offers }) =>
      manager.openThread({ servers: { everything: { command, args: [FIXTURE] } }, offers }),
  },
});
const http = (path: string): string[] => [
  `${gateway.origin}${path}`,
  "--transport",
  "http",
  "--header",
  `Authorization: Bearer ${TOKEN}`,
];
const stdio = ["gateway", "--stdio", "everything", "--servers", file];
const ways: Readonly<Record<string, readonly string[]>> = {
  "the URL of the server": http("/mcp/everything"),
  "the URL of all servers": http("/mcp"),
  "gateway --stdio": [command, COMMAND, ...stdio],
};

let failures = 0;
for (const era of ["legacy", "modern"]) {
  for (const { args, flat } of ASKED) {
    const direct = comparable(await inspect([command, FIXTURE, ...args, "--protocol-era", era]));
    for (const [way, target] of Object.entries(ways)) {
      const named =
        way === "the URL of all servers"
          ? args.map((arg) => (arg === flat ? `mcp__everything__${arg}` : arg))
          : args;
      const printed = comparable(await inspect([...target, ...named, "--protocol-era", era]));
      try {
        assert.deepEqual(printed, direct);
        console.log(`same       ${era}, ${way}: ${args.slice(1, 4).join(" ")}`);
      } catch (error) {
        failures++;
        console.log(`different  ${era}, ${way}: ${args.slice(1, 4).join(" ")}\n${String(error)}`);
      }
    }
  }
}
process.exitCode = failures === 0 ? 0 : 1;
