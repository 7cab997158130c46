/**
 * `test/fixtures/codex-as-executor-client.jsonl` as a recording: real Codex with the real exec-server, seen by a proxy
 * between them.
 *
 * What we say is what Codex said. In place of its MCP server over stdio there is `MCP_SERVER`, which says the same.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { membersOf, readFixture, type Recording, type Row, textOf, wholeStrings } from "./rows.ts";
import type { World } from "./world.ts";

/** How the MCP server's long answer ends; the fixture has only its beginning. */
const END_OF_RESULT = '"}]}}\n';

/** What the executor's environment had beside what every world has. */
export const CODEX_CLIENT_ENV: Readonly<Record<string, string>> = {
  BOTH: "exec",
  FROM_EXECUTOR: "exec-side-value",
  TERM: "xterm",
};

/** Processes that somebody killed from outside. */
export const KILLED: readonly { readonly case: RegExp; readonly process: string }[] = [
  { case: /^L: MCP process killed from outside/, process: "mcp-stdio-1" },
];

const MCP_SERVER = `
import { createInterface } from "node:readline";
process.stderr.write("mcp-stdio server starting pid " + process.pid + "\\n");
const tool = (name, description, properties) => ({ name, description, inputSchema: { type: "object", properties }, annotations: { readOnlyHint: true } });
const tools = [tool("whoami", "who", {}), tool("big", "big", { n: { type: "number" } }), tool("slow", "slow", { ms: { type: "number" } })];
const call = {
  whoami: () => JSON.stringify({ pid: process.pid, ppid: process.ppid, cwd: process.cwd(), argv0: process.argv0, env: process.env }),
  big: ({ n }) => "x".repeat(n),
  slow: ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms, "slept")),
};
const answer = {
  initialize: () => ({ protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "stdio-probe", version: "1" } }),
  "tools/list": () => ({ tools }),
  "tools/call": async ({ name, arguments: given }) => ({ content: [{ type: "text", text: await call[name](given) }] }),
};
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result: await answer[method](params) }) + "\\n");
}
`;

export function putMcpServer({ scratch }: World): void {
  writeFileSync(join(scratch, "mcpstdio.mjs"), MCP_SERVER);
}

export function readCodexClientRecording(): Recording {
  const raw = readFixture("codex-as-executor-client.jsonl").filter(({ conn }) => conn !== undefined);
  // Attempts to reach a server that was not there.
  const inVain = new Set(raw.filter(({ event }) => event === "exec-error").map(nameOf));
  const rows = raw
    .filter((each) => !inVain.has(nameOf(each)))
    .map(toRow)
    .filter((row) => row !== undefined)
    .toSorted((a, b) => a.t - b.t);
  return { name: "Codex as a client", rows: withWholeResults(onceClosed(rows)) };
}

/** Behind which of the two proxies it was, and which connection there. */
function nameOf({ via, conn }: Readonly<Record<string, unknown>>): string {
  return via === undefined ? textOf(conn) : `${textOf(via)} ${textOf(conn)}`;
}

function toRow(raw: Readonly<Record<string, unknown>>): Row | undefined {
  const row = { case: textOf(raw["phase"]), t: Number(raw["t"]), conn: nameOf(raw) };
  switch (raw["dir"]) {
    case "codex->exec-server":
      return { ...row, dir: "client->server", msg: wholeStrings(raw["msg"]) };
    case "exec-server->codex":
      return { ...row, dir: "server->client", msg: wholeStrings(raw["msg"]) };
    case "event":
      if (raw["event"] === "client-connected") return { ...row, dir: "event", msg: { event: "ws-open" } };
      return { ...row, dir: "event", msg: { event: "ws-close", code: 1006, reason: "" } };
    default:
      return undefined;
  }
}

/** The proxy saw both ends of a connection go. */
function onceClosed(rows: readonly Row[]): readonly Row[] {
  const closed = new Set<string>();
  return rows.filter(({ conn, msg }) => {
    if (membersOf(msg)["event"] !== "ws-close") return true;
    if (closed.has(conn)) return false;
    closed.add(conn);
    return true;
  });
}

/** Of a long result only the beginnings of its chunks were kept: it ends where other output follows. */
function withWholeResults(rows: readonly Row[]): readonly Row[] {
  return rows.map((row, at) => {
    if (!outputOf(row).endsWith("x")) return row;
    const next = rows.slice(at + 1).find((each) => outputOf(each) !== "");
    if (next !== undefined && outputOf(next).startsWith("x")) return row;
    const { method, params } = membersOf(row.msg);
    const whole = outputOf(row).slice(0, -END_OF_RESULT.length) + END_OF_RESULT;
    return {
      ...row,
      msg: { method, params: { ...membersOf(params), chunk: Buffer.from(whole).toString("base64") } },
    };
  });
}

/** What a process is heard to say. */
function outputOf({ dir, msg }: Row): string {
  const { method, params } = membersOf(msg);
  if (dir !== "server->client" || method !== "process/output") return "";
  return Buffer.from(textOf(membersOf(params)["chunk"]), "base64").toString("latin1");
}
