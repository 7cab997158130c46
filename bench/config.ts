/**
 * `npm run bench -- config [--rounds N]`: reading, checking and editing configuration, and the start of the command.
 *
 * Every time is the first one in a fresh process that has loaded the compiled library, which is what a user of the
 * command pays; it stands beside a peer measured in the same round. Medians over the rounds.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";

const SERVERS = 1_000;
const DIST = resolve(import.meta.dirname, "../dist");

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
    work: `await new ConfigEditor(HOME + "/config.toml").set("server-500", "tool_timeout_sec", ROUND + 1).apply()`,
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
      `wanted.mcp_servers["server-500"].tool_timeout_sec = ROUND + 2; patch(text, wanted)`,
  },
];

export async function benchConfig(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { rounds: { type: "string", default: "15" } } });
  const rounds = Number(values.rounds);
  const folder = mkdtempSync(join(tmpdir(), "switchyard-bench-"));
  try {
    const big = writeHome(join(folder, "big"), SERVERS);
    const small = writeHome(join(folder, "small"), 20);
    const times = new Map<string, number[]>();
    const note = (name: string, ms: number): unknown => times.set(name, [...(times.get(name) ?? []), ms]);
    for (let round = 0; round < rounds; round++) {
      for (const each of CASES) note(each.name, timeInside(each, big, round));
      note("node -e 0", timeOutside(["-e", "0"], small));
      note(
        "switchyard mcp list --json",
        timeOutside([join(DIST, "cli/main.js"), "mcp", "list", "--json"], small),
      );
    }
    report(times, rounds);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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

function timeInside({ setup, work }: Case, home: string, round: number): number {
  const script =
    `${setup}\nconst HOME = ${JSON.stringify(home)}, ROUND = ${round};\nconst start = performance.now();\n` +
    `${work};\nconsole.log(performance.now() - start);`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  return Number(out);
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

function report(times: ReadonlyMap<string, readonly number[]>, rounds: number): void {
  const median = (name: string): number => {
    const sorted = [...(times.get(name) ?? [])].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  const line = (name: string, target: string): string =>
    `| ${name} | ${median(name).toFixed(1)} | ${target} |`;
  const list = "switchyard mcp list --json";
  const lines = [
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, medians of ${rounds} fresh processes.`,
    "",
    "| what | ms | to reach |",
    "|---|---|---|",
    ...CASES.map(({ name, target }) => line(name, target)),
    line("node -e 0", "–"),
    line(list, "2 × `node -e 0`"),
    "",
    `\`${list}\` with 20 servers takes ${(median(list) / median("node -e 0")).toFixed(2)} times as long as \`node -e 0\`.`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
