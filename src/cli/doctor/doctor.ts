/**
 * `switchyard doctor`: starts every configured server, looks at everything around them, and says what is wrong, why, and the command that
 * mends it.
 *
 * Invariants
 *   D3. A file that cannot be read hides no other finding.
 */
import { Redactor } from "../../base/redact.ts";
import { ConfigError, type ConfigProblem } from "../../config/problem.ts";
import { maskText } from "../../config/show/mask-text.ts";
import { describeProblem } from "../../config/show/show-problem.ts";
import { lineAndColumn } from "../../toml/node.ts";
import type { Args } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { printJson, say } from "../output.ts";
import { type ConfiguredServers, configuredServersOf } from "../mcp/configured.ts";
import { READ_FLAGS } from "../mcp/target.ts";
import { type ExaminedServers, examineServers } from "./examine-servers.ts";
import { type Finding, finding } from "./finding.ts";
import { openFile } from "./fixes.ts";
import { examineMachine } from "./machine.ts";
import { reportOf, withoutSecrets } from "./report.ts";
import { reportText } from "./report-text.ts";

export const doctor: Command = {
  operands: [
    { name: "NAME", optional: true, completes: "server", about: "a server; without it, all of them" },
  ],
  flags: [...READ_FLAGS, { name: "lenient", about: "exit with 0 when there are only warnings" }, JSON_FLAG],
  description:
    "Starts every server that is enabled and ends it again, looks at Codex, logins, homes, locks and what dead hosts left behind, and says what " +
    "is wrong, why that is probably so, and the command that mends it.",
  notes:
    "Nothing of the configuration is changed. A server is started as a thread starts it, and asked for its tools; none is called.\n" +
    "The exit code is 0 only if all is well: no error and no warning, with --lenient no error. Notes never count.\n" +
    "With NAME, what concerns no server is left out, and does not count.",
  run: examine,
};

async function examine(args: Args, { signal }: { readonly signal: AbortSignal }): Promise<number> {
  const [name] = args.operands;
  const redactor = new Redactor();
  const { configured, findings } = readConfiguration(args);
  const [servers, machine] = await Promise.all([
    configured === undefined ? NO_SERVERS : examineServers(args, configured, name, redactor, signal),
    examineMachine(process.env, configured === undefined ? [] : filesOf(configured)),
  ]);
  const around = name === undefined ? machine : { ...machine, findings: [] };
  // A home that is not there says it better.
  const isHome =
    around.homes.some(({ name: home, writable }) => home === "CODEX_HOME" && !writable) &&
    around.findings.some(({ code }) => code === "home_unusable");
  const ofFiles = findings.filter(({ code, origin }) =>
    code === "config_unreadable"
      ? origin !== null || !isHome
      : code !== "config_warning" || name === undefined,
  );
  const all = [...ofFiles, ...servers.findings];
  const report = withoutSecrets(reportOf(all, servers.views, around, args.has("lenient")), redactor);
  if (args.has("json")) printJson(report);
  else say(await reportText(report, name !== undefined, process.stdout.columns || undefined));
  return report.ok ? 0 : 1;
}

const NO_SERVERS: ExaminedServers = { views: [], findings: [] };

function filesOf({ layers }: ConfiguredServers): string[] {
  return layers.layers.flatMap(({ name, source }) => (name === "overrides" ? [] : [source.name]));
}

interface ReadConfiguration {
  /** `undefined`: it cannot be read. */
  readonly configured: ConfiguredServers | undefined;
  readonly findings: readonly Finding[];
}

/** @throws {UsageError} */
function readConfiguration(args: Args): ReadConfiguration {
  try {
    const configured = configuredServersOf(args);
    const findings = [
      ...configured.errors.map((problem) => problemFinding(problem, "config_invalid")),
      ...configured.warnings.map((problem) => problemFinding(problem, "config_warning")),
    ];
    return { configured, findings };
  } catch (error) {
    // The rest can be looked at without (D3).
    if (!(error instanceof ConfigError)) throw error;
    const located = error.problems.map((problem) => problemFinding(problem, "config_unreadable"));
    const cause = CAUSES.config_unreadable;
    const whole = finding("config_unreadable", maskText(error.message), { cause });
    return { configured: undefined, findings: located.length > 0 ? located : [whole] };
  }
}

const CAUSES = {
  config_unreadable: "No server is read while this is so",
  config_invalid: "Codex refuses the whole configuration for it",
  config_warning: undefined,
} as const;

function problemFinding(problem: ConfigProblem, code: keyof typeof CAUSES): Finding {
  const { place, hint } = problem;
  const cause = [hint === undefined ? [] : [maskText(hint)], CAUSES[code] ?? []].flat().join(". ") || null;
  if (place === undefined) return finding(code, describeProblem(problem), { cause });
  const { name: file } = place.source;
  const { line } = lineAndColumn(place);
  return finding(code, describeProblem(problem), {
    cause,
    origin: `${file}:${line}`,
    fix: file.startsWith("-c") ? null : openFile(file, line),
  });
}
