/**
 * `npm run bench -- shared [--n 20] [--rounds 3] [--write]`: threads that share one stdio server, against a server for each.
 *
 * The threads of a host are the same but for who runs the server: we do, with `scope = "host"`, or Codex does, which has a process for each thread.
 * The server is the stdio server of `mcp-switchyard/testing`, a Node process. CPU and memory are those of the host with all that it started.
 */
import { parseArgs } from "node:util";
import { childrenMemory, ownMemory } from "./proc.ts";
import { writeToReadme } from "./readme.ts";
import { Workspace } from "./workspace.ts";

const VARIANTS = ["stdio+shared", "stdio+direct"] as const;

interface Case {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly processes: number;
  readonly pssMb: number;
  readonly failed: number;
}

export async function benchShared(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      n: { type: "string", default: "20" },
      rounds: { type: "string", default: "3" },
      write: { type: "boolean", default: false },
    },
  });
  const [n, rounds] = [Number(values.n), Number(values.rounds)];
  if (!(n >= 1) || !(rounds >= 1)) throw new Error("Use --n 20 --rounds 3");
  await using workspace = await Workspace.open();
  const cases = new Map<string, Case[]>(VARIANTS.map((variant) => [variant, []]));
  for (let round = 0; round < rounds; round++)
    for (const variant of round % 2 === 0 ? VARIANTS : VARIANTS.toReversed())
      cases.get(variant)?.push(await runCase(workspace, variant, n));
  const report = render(cases, n, rounds);
  process.stdout.write(`${report}\n`);
  if (values.write) writeToReadme("shared", report);
}

async function runCase(workspace: Workspace, variant: (typeof VARIANTS)[number], n: number): Promise<Case> {
  const driver = await workspace.openDriver(variant);
  try {
    await driver.ask("start", { names: ["first"] });
    await driver.ask("turns", undefined);
    await driver.ask("start", { names: Array.from({ length: n }, (_, index) => `cold-${index}`) });
    const { wallMs, codexCpuMs, ownCpuMs, failures } = await driver.ask("turns", undefined);
    const children = childrenMemory(driver.pid);
    return {
      wallMs,
      cpuMs: (codexCpuMs + ownCpuMs) / n,
      processes: children.processes,
      pssMb: children.pssMb + ownMemory(driver.pid).pssMb,
      failed: failures.length,
    };
  } finally {
    await workspace.closeDriver(driver);
  }
}

function render(cases: ReadonlyMap<string, readonly Case[]>, n: number, rounds: number): string {
  const middle = (variant: string, pick: (each: Case) => number): string => {
    const sorted = (cases.get(variant) ?? []).map(pick).toSorted((a, b) => a - b);
    return (sorted[sorted.length >> 1] ?? 0).toFixed(0);
  };
  const rows: readonly (readonly [string, (each: Case) => number])[] = [
    [`wall of ${n} cold turns at once, ms`, ({ wallMs }) => wallMs],
    ["CPU per cold turn, ms", ({ cpuMs }) => cpuMs],
    ["processes besides the host", ({ processes }) => processes],
    ["PSS of all, MB", ({ pssMb }) => pssMb],
    ["turns that failed", ({ failed }) => failed],
  ];
  const lines = rows.map(
    ([what, pick]) => `| ${what} | ${VARIANTS.map((variant) => middle(variant, pick)).join(" | ")} |`,
  );
  return [
    `Node ${process.version}, median of ${rounds} rounds.`,
    "",
    '| | managed, `scope = "host"` | direct |',
    "|---|--:|--:|",
    ...lines,
  ].join("\n");
}
