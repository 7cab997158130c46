/** The result of `threads`, as Markdown: tables, and what was aimed at beside what was reached. */
import { cpus } from "node:os";
import { VARIANTS, type Variant } from "./hosts.ts";

/** One turn on each of N threads. CPU is per turn. */
export interface Phase {
  readonly wallMs: number;
  readonly medianTurnMs: number;
  readonly codexCpuMs: number;
  readonly ownCpuMs: number;
  readonly modelCpuMs: number;
  readonly mcpCpuMs: number;
  readonly modelRequests: number;
  /** Share of the turns whose one tool call reached the thread's own server with the thread's own header. */
  readonly reached: number;
  readonly failures: readonly string[];
}

export interface CaseResult {
  readonly variant: Variant;
  readonly n: number;
  /** The host's very first turn: for ours it starts Codex. */
  readonly first: Phase;
  readonly cold: Phase;
  readonly warm: Phase;
  /** Codex's CPU for closing a thread. */
  readonly dropCpuMs: number;
  /** While every thread waits for the model. */
  readonly codexPssMb: number;
  readonly codexRssMb: number;
  readonly codexProcesses: number;
  readonly hostPssMb: number;
  /** Share of the machine that processes not ours took meanwhile. */
  readonly foreignShare: number;
}

export interface RunFacts {
  readonly rounds: number;
  readonly environment: string;
  readonly codexVersion: string;
  readonly sdkVersion: string;
  readonly loadBefore: number;
}

const OURS: readonly Variant[] = ["switchyard", "switchyard+ephemeral", "direct", "direct+ephemeral"];
/** What share of the SDK's a cold turn may cost, as its divisor. */
const AIMS: readonly (readonly [Variant, number])[] = [
  ["switchyard", 3.5],
  ["switchyard+ephemeral", 6],
  ["direct", 4],
  ["direct+ephemeral", 8],
];
/** The number of threads at which the targets are set. */
const AT = 20;
/** Below this the fixed cost of a host hides what one more thread costs. */
const SLOPE_FROM = 5;
const SLOPE_TO = 40;

export function renderReport(results: readonly CaseResult[], facts: RunFacts): string {
  return [
    renderFacts(results, facts),
    renderTargets(results),
    ...renderTables(results),
    renderServers(results),
    renderFailures(results),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function renderFacts(results: readonly CaseResult[], facts: RunFacts): string {
  const shares = results.map((result) => result.foreignShare);
  const model = cpus()[0]?.model ?? "unknown processor";
  return [
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model}, Node ${process.versions.node}; both sides run the native ` +
      `binary of ${facts.codexVersion}; SDK ${facts.sdkVersion}; ${facts.environment}.`,
    `Median of ${facts.rounds} interleaved round(s), ${results.length} cases. Load before the run ${facts.loadBefore.toFixed(1)}; ` +
      `other processes took ${percent(middle(shares))} of the machine in the median case, ${percent(Math.max(...shares))} in the worst.`,
  ].join("\n");
}

// ---- targets -------------------------------------------------------------------------------------------------

function renderTargets(results: readonly CaseResult[]): string {
  const rows: string[] = [];
  const row = (what: string, aim: string, value: number | undefined, ok: boolean, text: string): void => {
    const verdict = value === undefined || Number.isNaN(value) ? "not measured" : ok ? "ok" : "**missed**";
    rows.push(`| ${what} | ${aim} | ${verdict === "not measured" ? "–" : text} | ${verdict} |`);
  };
  const ratio = (
    what: string,
    variant: Variant,
    divisor: number,
    pick: (result: CaseResult) => number,
  ): void => {
    const value = median(results, variant, AT, pick) / median(results, "sdk", AT, pick);
    row(
      `${what}, ${variant}`,
      `≤ 1/${divisor} of the SDK`,
      value,
      value <= 1 / divisor,
      `1/${(1 / value).toFixed(1)}`,
    );
  };
  const wall = (result: CaseResult): number => result.cold.wallMs;
  const cpu = (result: CaseResult): number => result.cold.codexCpuMs + result.cold.ownCpuMs;
  for (const [variant, divisor] of AIMS) ratio(`wall, ${AT} cold turns`, variant, divisor, wall);
  for (const [variant, divisor] of AIMS) ratio(`CPU per cold turn, N=${AT}`, variant, divisor, cpu);
  for (const variant of OURS) {
    const value = slope(results, variant) / slope(results, "sdk");
    const text = `1/${(1 / value).toFixed(1)} (${slope(results, variant).toFixed(1)} MB)`;
    row(`PSS per additional thread, ${variant}`, "≤ 1/8 of the SDK", value, value <= 1 / 8, text);
  }
  for (const variant of OURS) {
    const shares = results
      .filter((each) => each.variant === variant)
      .flatMap(({ cold, warm }) => [cold.reached, warm.reached]);
    const worst = shares.length === 0 ? undefined : Math.min(...shares);
    row(`tool calls delivered, ${variant}`, "all", worst, worst === 1, percent(worst ?? 0));
  }
  for (const variant of OURS) {
    const value = median(results, variant, 160, cpu) / median(results, variant, 5, cpu) - 1;
    row(`CPU per cold turn at 160 against 5, ${variant}`, "≤ +20 %", value, value <= 0.2, signed(value));
  }
  for (const variant of ["switchyard", "switchyard+ephemeral"] as const) {
    for (const n of [AT, 160]) {
      const value = median(results, variant, n, ({ cold }) => cold.ownCpuMs);
      row(
        `CPU of the host process per cold turn, N=${n}, ${variant}`,
        "≤ 6 ms",
        value,
        value <= 6,
        `${value.toFixed(1)} ms`,
      );
    }
  }
  // Where the host does nothing but drive Codex.
  for (const n of [AT, 160]) {
    const value = median(
      results,
      "direct+direct-model",
      n,
      ({ cold, warm }) => (cold.ownCpuMs + warm.ownCpuMs) / (cold.codexCpuMs + warm.codexCpuMs),
    );
    const what = `CPU of the host process against Codex's, N=${n}, direct+direct-model`;
    row(what, "≤ 5 %", value, value <= 0.05, percent(value));
  }
  return `### Targets\n\n| | aimed at | reached | |\n|---|---|---|---|\n${rows.join("\n")}`;
}

// ---- tables --------------------------------------------------------------------------------------------------

function renderTables(results: readonly CaseResult[]): string[] {
  const ms = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
  const mb = (value: number): string => value.toFixed(0);
  const cpu = ({ codexCpuMs, ownCpuMs }: Phase): number => codexCpuMs + ownCpuMs;
  return [
    table(results, "Wall time of N cold turns at once, ms", ({ cold }) => cold.wallMs, ms),
    table(results, "Wall time of N warm turns at once, ms", ({ warm }) => warm.wallMs, ms),
    table(results, "CPU per cold turn, ms (Codex, its children, and the host)", ({ cold }) => cpu(cold), ms),
    table(results, "CPU per warm turn, ms", ({ warm }) => cpu(warm), ms),
    table(
      results,
      "of which the host process: Node and the library, cold, ms",
      ({ cold }) => cold.ownCpuMs,
      ms,
    ),
    table(results, "of which the host process, warm, ms", ({ warm }) => warm.ownCpuMs, ms),
    table(
      results,
      "PSS of Codex and its children while N turns wait for the model, MB",
      (each) => each.codexPssMb,
      mb,
    ),
    table(results, "The same as sum of RSS, MB", (each) => each.codexRssMb, mb),
    table(results, "PSS of the host process, MB", (each) => each.hostPssMb, mb),
    table(results, "Processes of Codex at that moment", (each) => each.codexProcesses, mb),
    table(results, "Tool calls that reached the thread's server, cold", ({ cold }) => cold.reached, percent),
    table(results, "Tool calls that reached the thread's server, warm", ({ warm }) => warm.reached, percent),
    table(results, "First turn of the host, ms (ours starts Codex in it)", ({ first }) => first.wallMs, ms),
    table(results, "CPU of closing a thread, ms", (each) => each.dropCpuMs, ms),
  ];
}

function table(
  results: readonly CaseResult[],
  title: string,
  pick: (result: CaseResult) => number,
  format: (value: number) => string,
): string {
  const counts = [...new Set(results.map((result) => result.n))].sort((a, b) => a - b);
  const rows = VARIANTS.filter((variant) => results.some((result) => result.variant === variant)).map(
    (variant) => {
      const cells = counts.map((n) => {
        const value = median(results, variant, n, pick);
        return Number.isNaN(value) ? "–" : format(value);
      });
      return `| ${variant} | ${cells.join(" | ")} |`;
    },
  );
  return [
    `### ${title}`,
    "",
    `| N | ${counts.join(" | ")} |`,
    `|---|${counts.map(() => "--:|").join("")}`,
    ...rows,
  ].join("\n");
}

/** Whether the servers of the bench were cheap enough. */
function renderServers(results: readonly CaseResult[]): string {
  const phases = results.flatMap(({ n, cold, warm }) => (n >= AT ? [cold, warm] : []));
  if (phases.length === 0) return "";
  const of = (pick: (phase: Phase) => number): string => middle(phases.map(pick)).toFixed(2);
  return (
    `The bench's own servers took ${of((phase) => phase.modelCpuMs)} ms (model) and ${of((phase) => phase.mcpCpuMs)} ms ` +
    `(MCP) of CPU per turn; the model was asked ${of((phase) => phase.modelRequests)} times per turn.`
  );
}

function renderFailures(results: readonly CaseResult[]): string {
  const lines = results.flatMap(({ variant, n, first, cold, warm }) =>
    [...first.failures, ...cold.failures, ...warm.failures].map((why) => `- ${variant}, N=${n}: ${why}`),
  );
  return lines.length === 0 ? "" : `### Failed turns\n\n${[...new Set(lines)].join("\n")}`;
}

// ---- numbers -------------------------------------------------------------------------------------------------

/** Not a number where nothing was measured. */
function median(
  results: readonly CaseResult[],
  variant: Variant,
  n: number,
  pick: (result: CaseResult) => number,
): number {
  return middle(results.filter((result) => result.variant === variant && result.n === n).map(pick));
}

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(at)] ?? Number.NaN) + (sorted[Math.ceil(at)] ?? Number.NaN)) / 2;
}

/** What one more thread costs, Codex and host together: least squares over the medians. */
function slope(results: readonly CaseResult[], variant: Variant): number {
  const counts = [...new Set(results.map((result) => result.n))].filter(
    (n) => n >= SLOPE_FROM && n <= SLOPE_TO,
  );
  const points = counts
    .map((n) => ({ n, mb: median(results, variant, n, (each) => each.codexPssMb + each.hostPssMb) }))
    .filter(({ mb }) => !Number.isNaN(mb));
  const meanN = points.reduce((sum, { n }) => sum + n, 0) / points.length;
  const meanMb = points.reduce((sum, { mb }) => sum + mb, 0) / points.length;
  const over = points.reduce((sum, { n, mb }) => sum + (n - meanN) * (mb - meanMb), 0);
  return over / points.reduce((sum, { n }) => sum + (n - meanN) ** 2, 0);
}

function percent(value: number): string {
  return `${(100 * value).toFixed(value > 0 && value < 0.1 ? 1 : 0)} %`;
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(0)} %`;
}
