/**
 * An MCP server over stdio that does what its first argument says, good or bad.
 *
 *   node stdio-server.ts '{"startupDelayMs":100,"whoamiEnv":["TENANT"]}'
 *
 * The environment variable SWITCHYARD_TEST_SERVER stands in for a missing argument. The options are described
 * in `stdio-server-config.ts`; clients of both eras are served. Left alone it ends when stdin ends.
 */
import { writeSync } from "node:fs";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { sleep, systemClock } from "../../base/clock.ts";
import type { StdioServerOptions } from "./stdio-server-config.ts";
import { stdioTools } from "./stdio-tools.ts";
import { CallRecord } from "../call-record.ts";
import { createTestServer } from "../mcp-server.ts";
import { defaultTools } from "../mcp-tools.ts";
import { Watch } from "../watch.ts";

const text = process.argv[2] ?? process.env["SWITCHYARD_TEST_SERVER"] ?? "{}";
const options = JSON.parse(text) as StdioServerOptions;

// Synchronous: what is written must be out before an exit.
if (options.stderr !== undefined) writeSync(2, `${options.stderr}\n`);
if (options.exitAtStart !== undefined) {
  if (options.exitAtStart.stderr !== undefined) writeSync(2, `${options.exitAtStart.stderr}\n`);
  process.exit(options.exitAtStart.code);
}
if (options.stubborn === true || options.hangAtStart === true) setInterval(() => {}, 1_000_000_000);
if (options.stubborn === true) {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
}
if (options.garbage !== undefined) writeSync(1, `${options.garbage}\n`);
if (options.startupDelayMs !== undefined) await sleep(systemClock, options.startupDelayMs);
if (options.hangAtStart !== true) serve();

function serve(): void {
  const tools = [...defaultTools(whoami), ...stdioTools()];
  const record = new CallRecord(new Watch(), 1);
  // The process is the session: what ends it ends every call.
  const { signal } = new AbortController();
  serveStdio(() => createTestServer(options, tools, record, signal), {
    onerror: (error) => process.stderr.write(`test server: ${error.message}\n`),
  });
}

function whoami(): unknown {
  const env = Object.fromEntries((options.whoamiEnv ?? []).map((name) => [name, process.env[name] ?? null]));
  return { pid: process.pid, ppid: process.ppid, cwd: process.cwd(), env };
}
