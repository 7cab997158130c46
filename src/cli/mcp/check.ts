/** `switchyard mcp check`: what is wrong with a file, or with all layers together. */
import { basename, resolve } from "node:path";
import { shellWord } from "../../base/shell-word.ts";
import { checkConfig } from "../../config/effective/check-root.ts";
import { assess } from "../../config/effective/assess.ts";
import { configuredServers } from "../../config/effective/configured.ts";
import { effectiveServers } from "../../config/effective/effective.ts";
import { existingCodexHome } from "../../config/layers/homes.ts";
import { type ConfigLayers, readConfigFile } from "../../config/layers/layers.ts";
import { toNormalForm } from "../../config/server/normal-form.ts";
import { ConfigError, type ConfigProblem } from "../../config/problem.ts";
import { type ConfigProblemJson, invalidConfig, problemToJson } from "../../config/show/show-problem.ts";
import { parseToml } from "../../toml/parse.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { EngineError } from "../../thread/errors.ts";
import { type Args, UsageError } from "../args/parse.ts";
import { JSON_FLAG, SECRETS_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { isPipe, isStdin, readInput } from "../input.ts";
import type { Stop } from "../signals.ts";
import { count, printJson, say, shortPath, tell } from "../output.ts";
import { eachOnce, environmentProblems } from "./environment-problems.ts";
import { printFindings } from "./findings.ts";
import { maskServer } from "../../config/show/mask-server.ts";
import { placeOf, startWarnings } from "./start-problems.ts";
import { folderOf, OWN_FILE, READ_FLAGS, readLayers } from "./target.ts";

export const check: Command = {
  operands: [{ name: "FILE", optional: true }],
  flags: [
    { name: "strict", about: "treat unknown keys as errors" },
    { name: "ask-codex", about: "also let the installed Codex load it, with all its other settings" },
    ...READ_FLAGS,
    JSON_FLAG,
    SECRETS_FLAG,
  ],
  notes:
    `FILE is checked alone; - is stdin. A file named ${OWN_FILE} may have Switchyard's own keys.\n` +
    "Only servers and the settings they depend on are checked; --ask-codex lets Codex check its other settings.\n" +
    "With FILE, --json has the values of its servers and Codex's messages as they are, secrets included.",
  run: checkConfiguration,
};

/** The shape of what `--json` prints. */
interface CheckResult {
  readonly ok: boolean;
  readonly errors: readonly ConfigProblemJson[];
  readonly warnings: readonly ConfigProblemJson[];
  readonly servers: Readonly<Record<string, unknown>>;
}

interface Findings {
  readonly servers: ReadonlyMap<string, McpServerConfig>;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

async function checkConfiguration(args: Args, { signal }: Stop): Promise<number> {
  const [operand] = args.operands;
  if (operand !== undefined && args.has("file"))
    throw new UsageError("FILE and --file cannot be given together");
  const file = operand ?? args.one("file");
  if (file !== undefined) {
    for (const other of ["codex", "profile", "config", "cd"]) {
      if (args.has(other)) throw new UsageError(`--${other} has no effect: FILE is checked alone`);
    }
  }
  const strict = args.has("strict");
  const askCodex = args.has("ask-codex");
  if (askCodex && args.has("profile"))
    throw new UsageError("--ask-codex and --profile cannot be given together");
  if (
    askCodex &&
    file !== undefined &&
    (isStdin(file) || (await isPipe(file)) || basename(file) === OWN_FILE)
  ) {
    throw new UsageError("--ask-codex needs a file that Codex reads");
  }
  const ours = file === undefined ? checkLayers(args, strict) : await checkFile(file, strict, signal);
  const findings = askCodex ? await withCodexsVerdict(ours, args, file, signal) : ours;
  const showSecrets = args.has("show-secrets");
  // With FILE, servers are as Codex's `config/read` shows them, so that they can be compared and passed on.
  if (args.has("json")) printJson(resultOf(findings, showSecrets, showSecrets || file !== undefined));
  else sayFindings(findings, file, askCodex, showSecrets);
  return findings.errors.length === 0 ? 0 : 1;
}

function checkLayers(args: Args, strict: boolean): Findings {
  try {
    const layers = readLayers(args);
    const assessment = assess(layers, { strict });
    const found = configuredServers(assessment);
    const { broken, missing } = environmentProblems(args, layers);
    const warnings = [
      ...found.warnings,
      ...missing,
      ...startWarnings(effectiveServers(assessment).servers, layers, placeOf(layers, folderOf(args))),
      ...notChecked(layers),
    ];
    return { ...found, errors: eachOnce([...found.errors, ...broken]), warnings };
  } catch (error) {
    return problemsOf(error);
  }
}

/** The findings, and Codex's first error unless it is among them. */
async function withCodexsVerdict(
  findings: Findings,
  args: Args,
  file: string | undefined,
  signal: AbortSignal,
): Promise<Findings> {
  const { askCodex, askCodexAbout } = await import("./ask-codex.ts");
  const { errors } = findings;
  try {
    const codexHome = existingCodexHome(process.env);
    const verdict =
      file === undefined
        ? await askCodex({ codexHome, cwd: folderOf(args), overrides: args.all("config") }, signal)
        : await askCodexAbout(resolve(file), signal);
    // When the text is not valid TOML, Codex puts the line before the message.
    const isKnown = errors.some(({ message }) => verdict?.message.endsWith(message));
    return verdict === undefined || isKnown ? findings : { ...findings, errors: [...errors, verdict] };
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof EngineError)) throw error;
    return { ...findings, errors: [...errors, { message: `Codex cannot be asked: ${error.message}` }] };
  }
}

/** Files of an untrusted project are not looked at; "ok" alone would hide that. */
function notChecked({ layers }: ConfigLayers): ConfigProblem[] {
  return layers.flatMap(({ source: { name }, inactive }) => {
    if (inactive === undefined) return [];
    return [
      {
        message: `not checked: ${inactive.reason}`,
        hint: `To check it: switchyard mcp check ${shellWord(name)}`,
      },
    ];
  });
}

async function checkFile(file: string, strict: boolean, signal: AbortSignal): Promise<Findings> {
  try {
    const source =
      isStdin(file) || (await isPipe(file))
        ? { name: isStdin(file) ? "<stdin>" : file, text: await readInput(file, signal) }
        : readConfigFile(resolve(file));
    if (source === undefined) throw new ConfigError("unreadable", `There is no file ${file}`);
    const parsed = parseToml(source);
    if (!parsed.ok) throw invalidConfig([parsed.problem]);
    return checkConfig(parsed.document.root, { strict, own: basename(file) === OWN_FILE });
  } catch (error) {
    return problemsOf(error);
  }
}

/** An unreadable file is a finding too, so that the output always has the same shape. */
function problemsOf(error: unknown): Findings {
  if (!(error instanceof ConfigError)) throw error;
  const errors = error.problems.length > 0 ? error.problems : [{ message: error.message }];
  return { servers: new Map(), errors, warnings: [] };
}

function resultOf(
  { servers, errors, warnings }: Findings,
  showSecrets: boolean,
  showValues: boolean,
): CheckResult {
  const shown = (problem: ConfigProblem): ConfigProblemJson => {
    const json = problemToJson(problem, { showSecrets });
    return showValues ? { ...json, message: problem.message } : json;
  };
  return {
    ok: errors.length === 0,
    errors: errors.map(shown),
    warnings: warnings.map(shown),
    servers: Object.fromEntries(
      [...servers].map(([name, config]) => [name, toNormalForm(showValues ? config : maskServer(config))]),
    ),
  };
}

function sayFindings(
  { servers, errors, warnings }: Findings,
  file: string | undefined,
  askedCodex: boolean,
  showSecrets: boolean,
): void {
  printFindings("warning", warnings, showSecrets);
  printFindings("error", errors, showSecrets);
  if (errors.length > 0) {
    tell(
      `${count(errors.length, "error")}${warnings.length > 0 ? `, ${count(warnings.length, "warning")}` : ""}`,
    );
    return;
  }
  const where = file === undefined ? "all layers" : isStdin(file) ? "stdin" : shortPath(resolve(file));
  const noted = warnings.length > 0 ? `, ${count(warnings.length, "warning")}` : "";
  const codex = askedCodex ? "; Codex accepts it too" : "";
  say(`ok: ${where}, ${count(servers.size, "server")}${noted}${codex}`);
}
