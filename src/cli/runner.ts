/**
 * `switchyard runner`: many runs behind one pipe (docs/runner-protocol.md).
 *
 * stdout belongs to the protocol, stderr is NDJSON too; so whatever goes wrong from here on is reported as a line.
 *
 * Exit codes
 *   0    stdin ended and every accepted run got its end
 *   1    the runner cannot work at all; the `fatal` line says why
 *   2    the command line is wrong
 *   129, 130, 143   SIGHUP, SIGINT, SIGTERM: every run was cancelled and got its end, no process is left
 *   141  the host closed stdout
 */
import { join, resolve } from "node:path";
import { messageOf } from "../base/errors.ts";
import { Redactor } from "../base/redact.ts";
import { checkCodexVersion, type CodexOptions, findCodex, hasUserLogin } from "../codex/index.ts";
import { switchyardHome } from "../config/layers/homes.ts";
import type { EngineName } from "../thread/engine.ts";
import { type DiagLevel, DiagnosticWriter, serveNdjson } from "../runner/index.ts";
import { type Args, UsageError } from "./args/parse.ts";
import type { Command } from "./command.ts";
import { ENGINES, openAgent, openEngine, providerVariablesOf } from "./engine.ts";
import { MCP_FLAG, MODEL_REQUESTS_FLAG, mcpModeOf, modelRequestsOf } from "./server-flags.ts";
import type { Stop } from "./signals.ts";

const SIGPIPE_EXIT_CODE = 141;

export const runner: Command = {
  overridable: true,
  description:
    "Reads runs from stdin and writes their events to stdout, one JSON object per line, until stdin ends.\n" +
    "The key is taken from OPENAI_API_KEY; without it, your Codex login is used.\n" +
    "docs/runner-protocol.md describes the protocol.",
  flags: [
    {
      name: "max-concurrent",
      value: "N",
      about: "runs at once; the others wait in order (default: by memory)",
    },
    {
      name: "max-queued",
      value: "N",
      about: "number of waiting runs at which stdin is no longer read (default: 1000)",
    },
    {
      name: "engine",
      value: "ENGINE",
      choices: ENGINES,
      default: "codex",
      about: "what thinks in a run that does not say it: codex, or responses, which needs no Codex",
    },
    MCP_FLAG,
    { name: "base-url", value: "URL", about: "a Responses API endpoint, used over HTTP" },
    MODEL_REQUESTS_FLAG,
    {
      name: "home",
      value: "HOME",
      default: "switchyard",
      about: "where Codex keeps its threads: switchyard, user, or a folder (written with a slash)",
    },
    {
      name: "ca-file",
      value: "FILE",
      about: "the root certificates to trust; a small file makes threads cheaper",
    },
    {
      name: "diag-level",
      value: "LEVEL",
      choices: ["debug", "info", "warn", "error"],
      default: "info",
      about: "the lowest level of diagnostics that is printed",
    },
  ],
  run: async (args, stop) => {
    const options = optionsOf(args);
    // Nothing may outlive the last message, e.g. a host that holds on to stdin.
    process.exit(await serve(options, stop));
  },
};

interface RunnerOptions {
  readonly codex: CodexOptions;
  readonly defaultEngine: EngineName;
  readonly diagLevel: DiagLevel;
  readonly maxConcurrent: number | undefined;
  readonly waitingMax: number | undefined;
}

/** @throws {UsageError} */
function optionsOf(args: Args): RunnerOptions {
  const apiKey = process.env["OPENAI_API_KEY"] || undefined;
  const baseUrl = args.one("base-url");
  if (baseUrl !== undefined && !/^https?:$/.test(URL.parse(baseUrl)?.protocol ?? "")) {
    throw new UsageError("--base-url takes an http or https URL");
  }
  const home = args.one("home") as string;
  const isNamed = home === "switchyard" || home === "user";
  // A misspelt "user" must not become a folder of that name.
  if (!isNamed && !/[\\/]/.test(home)) {
    throw new UsageError('--home takes "switchyard", "user", or a folder such as ./home');
  }
  const caFile = args.one("ca-file");
  return {
    codex: {
      home: isNamed ? home : { path: resolve(home) },
      mcp: mcpModeOf(args),
      ...modelRequestsOf(args),
      ...(baseUrl === undefined ? {} : { baseUrl }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(caFile === undefined ? {} : { caFile }),
    },
    defaultEngine: args.one("engine") as EngineName,
    diagLevel: args.one("diag-level") as DiagLevel,
    maxConcurrent: args.wholeNumber("max-concurrent", 1),
    waitingMax: args.wholeNumber("max-queued", 1),
  };
}

/** @returns the exit code */
async function serve(options: RunnerOptions, stop: Stop): Promise<number> {
  const { codex, defaultEngine, diagLevel, maxConcurrent, waitingMax } = options;
  const { apiKey, baseUrl, home } = codex;
  const redactor = new Redactor();
  if (apiKey !== undefined) redactor.add(apiKey);
  const diagnostics = new DiagnosticWriter(process.stderr, diagLevel, redactor);
  reportAsLines(diagnostics);
  try {
    const versions = defaultEngine === "codex" ? { codex: await codexVersion(options, diagnostics) } : {};
    const outcome = await serveNdjson({
      input: process.stdin,
      output: process.stdout,
      diagnostics: process.stderr,
      signal: stop.signal,
      versions,
      diagLevel,
      defaultEngine,
      createEngine: ({ engine, home: path, ...settings }) =>
        engine === "codex"
          ? openEngine({ ...codex, ...settings, ...(path === undefined ? {} : { home: { path } }) })
          : openAgent({
              ...settings,
              ...(baseUrl === undefined ? {} : { baseUrl }),
              ...(apiKey === undefined ? {} : { apiKey }),
            }),
      homesRoot: join(switchyardHome(process.env), "isolated"),
      withheld: providerVariablesOf(home, process.env),
      ...(apiKey === undefined ? {} : { secrets: [apiKey] }),
      ...(maxConcurrent === undefined ? {} : { maxConcurrent }),
      ...(waitingMax === undefined ? {} : { waitingMax }),
    });
    return outcome === "output_closed" ? SIGPIPE_EXIT_CODE : stop.exitCode;
  } catch (error) {
    diagnostics.fatal(messageOf(error));
    return 1;
  }
}

/** @throws there is no Codex that can be used */
async function codexVersion(
  { codex: { apiKey, baseUrl, home } }: RunnerOptions,
  diagnostics: DiagnosticWriter,
): Promise<string> {
  const version = await checkCodexVersion(findCodex(undefined, process.env), (level, message) =>
    diagnostics.log(level, message),
  );
  if (apiKey === undefined && baseUrl === undefined && home !== "user" && !hasUserLogin(process.env)) {
    const message = "OPENAI_API_KEY is not set and there is no Codex login: every run needs its own api_key";
    diagnostics.log("warn", message);
  }
  return version;
}

/** Node's own words on stderr would not be lines of ours. */
function reportAsLines(diagnostics: DiagnosticWriter): void {
  process.removeAllListeners("warning");
  process.on("warning", (warning) => diagnostics.log("warn", `${warning.name}: ${warning.message}`));
  process.on("uncaughtException", (error) => {
    diagnostics.fatal(`A bug in switchyard: ${error.stack ?? error.message}`);
    process.exit(1);
  });
}
