/**
 * `npm run bench -- config [--rounds N] [--write]`: reading, checking and editing configuration, and the start of the command.
 *
 * Each round runs every case in a fresh process that has loaded the compiled library: once cold, which is what a user
 * of the command pays, and then again and again, which is what a host pays. Medians over the rounds.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { writeToReadme } from "./readme.ts";

const SERVERS = 1_000;
/** Of a case in one process: the first is cold. */
const TURNS = 12;
const DIST = resolve(import.meta.dirname, "../dist");
const MAIN = join(DIST, "cli/main.js");
const LIST = "switchyard mcp list --json";
const TOOLS = "switchyard mcp tools --json, 20 servers of 10 tools, kept";
const ANSWER = "switchyard completion answer: the tools of a server";

/** What is timed in a process of its own: `setup` may take its time, `work` is the measured line. */
interface Case {
  readonly name: string;
  readonly target: string;
  readonly setup: string;
  readonly work: string;
}

const CASES: readonly Case[] = [
  {
    name: `load and check ${SERVERS} servers`,
    target: "100 ms",
    setup: `import { loadGlobalMcpServers } from "${DIST}/config/index.js";`,
    work: `const servers = await loadGlobalMcpServers(HOME); if (servers.size !== ${SERVERS}) throw new Error("?")`,
  },
  {
    name: `one edit in a file of ${SERVERS} servers`,
    target: "50 ms",
    setup: `import { ConfigEditor } from "${DIST}/config/index.js";`,
    work: `await new ConfigEditor(HOME + "/config.toml").set("server-500", "tool_timeout_sec", turn).apply()`,
  },
  {
    name: "peer: smol-toml parses the same file, no check, no places",
    target: "–",
    setup: `import { parse } from "smol-toml"; import { readFileSync } from "node:fs";`,
    work: `parse(readFileSync(HOME + "/config.toml", "utf8"))`,
  },
  {
    name: "peer: @decimalturn/toml-patch makes the same edit, no proof, no write",
    target: "–",
    setup: `import { patch, parse } from "@decimalturn/toml-patch"; import { readFileSync } from "node:fs";`,
    work:
      `const text = readFileSync(HOME + "/config.toml", "utf8"); const wanted = parse(text);` +
      `wanted.mcp_servers["server-500"].tool_timeout_sec = turn; patch(text, wanted)`,
  },
];

export async function benchConfig(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: "string", default: "15" }, write: { type: "boolean" } },
  });
  const rounds = Number(values.rounds);
  const folder = mkdtempSync(join(tmpdir(), "switchyard-bench-"));
  try {
    const big = writeHome(join(folder, "big"), SERVERS);
    const small = writeHome(join(folder, "small"), 20);
    const seen = seeServers(join(folder, "seen"), 20);
    const times = new Map<string, number[]>();
    const note = (name: string, ms: number): unknown => times.set(name, [...(times.get(name) ?? []), ms]);
    for (let round = 0; round < rounds; round++) {
      for (const each of CASES) {
        const [cold = Number.NaN, ...warm] = timeInside(each, big, round);
        note(`${each.name}, cold`, cold);
        note(each.name, middle(warm));
      }
      note("node -e 0", timeOutside(["-e", "0"], small));
      note(LIST, timeOutside([MAIN, "mcp", "list", "--json"], small));
      note(TOOLS, timeOutside([MAIN, "mcp", "tools", "--json"], seen));
      note(ANSWER, timeOutside([MAIN, "completion", "answer", "--", "mcp", "call", "server-7", ""], seen));
    }
    const result = report(times, rounds);
    process.stdout.write(`${result}\n`);
    if (values.write === true) writeToReadme("config", result);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A home with servers that run, and that were seen once: their lists of tools are kept. */
function seeServers(home: string, servers: number): string {
  mkdirSync(home, { recursive: true });
  const tool = (i: number): object => ({
    name: `tool_${i}`,
    description: "Does what it does, and says so at some length. ".repeat(8),
    inputSchema: { type: "object", properties: { path: { type: "string" }, depth: { type: "integer" } } },
  });
  const tools = JSON.stringify(Array.from({ length: 10 }, (_, i) => tool(i)));
  const answer = (result: string): string => `echo '{"jsonrpc":"2.0","id":'$id',"result":{${result}}}'`;
  writeFileSync(
    join(home, "server.sh"),
    `while read -r line; do
  id=\${line##*\\"id\\":}; id=\${id%%[,\\}]*}
  case $line in
    *'"initialize"'*) ${answer('"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}')} ;;
    *'"tools/list"'*) ${answer(`"tools":${tools}`)} ;;
    *'"id":'*) echo '{"jsonrpc":"2.0","id":'$id',"error":{"code":-32601,"message":"Method not found"}}' ;;
  esac
done
`,
  );
  const blocks = Array.from(
    { length: servers },
    (_, i) => `[mcp_servers.server-${i}]\ncommand = "sh"\nargs = ["${join(home, "server.sh")}"]\n`,
  );
  writeFileSync(join(home, "config.toml"), blocks.join("\n"));
  timeOutside([MAIN, "mcp", "tools"], home);
  return home;
}

function writeHome(home: string, servers: number): string {
  mkdirSync(home, { recursive: true });
  const blocks = Array.from(
    { length: servers },
    (_, i) =>
      `# server ${i}\n[mcp_servers.server-${i}]\ncommand = "npx"\nargs = ["-y", "@scope/package-${i}", "--stdio"]\n` +
      `startup_timeout_sec = 20\nenabled_tools = ["search", "read"]\n\n[mcp_servers.server-${i}.env]\n` +
      `LOG_LEVEL = "debug"\nREGION = "eu-${i}"\n`,
  );
  writeFileSync(join(home, "config.toml"), `model = "m"\n\n${blocks.join("\n")}`);
  return home;
}

/** Milliseconds of each turn. */
function timeInside({ setup, work }: Case, home: string, round: number): number[] {
  const script =
    `${setup}\nconst HOME = ${JSON.stringify(home)};\nconst times = [];\n` +
    `for (let turn = ${round * TURNS + 1}; turn <= ${(round + 1) * TURNS}; turn++) {\n` +
    `const start = performance.now(); ${work}; times.push(performance.now() - start);\n}\n` +
    `console.log(JSON.stringify(times));`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  return JSON.parse(out) as number[];
}

function middle(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function timeOutside(args: readonly string[], home: string): number {
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    CODEX_HOME: home,
    SWITCHYARD_HOME: join(home, "none"),
  };
  const start = performance.now();
  execFileSync(process.execPath, args, { env, cwd: home, stdio: "ignore" });
  return performance.now() - start;
}

function report(times: ReadonlyMap<string, readonly number[]>, rounds: number): string {
  const median = (name: string): string => middle(times.get(name) ?? []).toFixed(1);
  const line = (name: string, target: string): string =>
    `| ${name} | ${median(`${name}, cold`)} | ${median(name)} | ${target} |`;
  const outside = (name: string, target: string): string => `| ${name} | ${median(name)} | – | ${target} |`;
  const ratio = (name: string): string => (Number(median(name)) / Number(median("node -e 0"))).toFixed(2);
  const lines = [
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, medians of ${rounds} fresh processes.`,
    "",
    "| what | cold ms | warm ms | to reach |",
    "|---|---|---|---|",
    ...CASES.map(({ name, target }) => line(name, target)),
    outside("node -e 0", "–"),
    outside(LIST, "2 × `node -e 0`"),
    outside(TOOLS, "3 × `node -e 0`"),
    outside(ANSWER, "–"),
    "",
    `With 20 servers, \`${LIST}\` takes ${ratio(LIST)} times as long as \`node -e 0\`, \`mcp tools\` ${ratio(TOOLS)} times, and a word for the shell ${ratio(ANSWER)} times.`,
  ];
  return lines.join("\n");
}
