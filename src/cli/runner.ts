/**
 * `switchyard runner`: many Codex runs behind one pipe (docs/runner-protocol.md).
 *
 * stdout belongs to the protocol, stderr is NDJSON too; so whatever goes wrong from here on is said as a line.
 *
 * Exit codes
 *   0    stdin ended and every accepted run got its end
 *   1    the runner cannot work at all; the `fatal` line says why
 *   2    the command line makes no sense
 *   129, 130, 143   SIGHUP, SIGINT, SIGTERM: every run was cancelled and got its end, no process is left
 *   141  the host closed stdout
 */
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { messageOf } from "../base/errors.ts";
import { Redactor } from "../base/redact.ts";
import {
  checkCodexVersion,
  Codex,
  type CodexOptions,
  findCodex,
  hasUserLogin,
  switchyardHome,
} from "../codex/index.ts";
import { type DiagLevel, DiagnosticWriter, serveNdjson, type ServeOutcome } from "../runner/index.ts";

interface RunnerFlags {
  readonly maxConcurrent?: number;
  readonly maxQueued?: number;
  readonly baseUrl?: string;
  readonly home: string;
  readonly caFile?: string;
  readonly diagLevel: DiagLevel;
}

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const SIGPIPE_EXIT_CODE = 141;

export function defineRunner(command: Command): void {
  command
    .showHelpAfterError("(switchyard runner --help lists the options)")
    .description(
      "Reads runs from stdin and writes their events to stdout, one JSON object per line, until stdin ends.\n" +
        "The key is taken from OPENAI_API_KEY, otherwise the user's Codex login is used.\n" +
        "The protocol is described in docs/runner-protocol.md.",
    )
    .option("--max-concurrent <n>", "runs at once; the rest wait in order (default: by memory)", count)
    .option("--max-queued <n>", "waiting runs at which stdin is no longer read (default: 1000)", count)
    .option("--base-url <url>", "a Responses API endpoint, spoken to over HTTP", httpUrl)
    .option(
      "--home <home>",
      'where Codex keeps its threads: "switchyard", "user", or a folder (with a slash in it)',
      homeOf,
      "switchyard",
    )
    .option("--ca-file <file>", "the root certificates to trust; a small file makes threads cheaper")
    .option("--diag-level <level>", "least level of diagnostics: debug, info, warn or error", level, "info")
    .action(async (flags: RunnerFlags) => {
      // Nothing may outlive the last message, e.g. a host that holds on to stdin.
      process.exit(await serve(flags));
    });
}

async function serve(flags: RunnerFlags): Promise<number> {
  const apiKey = process.env.OPENAI_API_KEY || undefined;
  const redactor = new Redactor();
  if (apiKey !== undefined) redactor.add(apiKey);
  const diagnostics = new DiagnosticWriter(process.stderr, flags.diagLevel, redactor);
  sayEverythingAsLines(diagnostics);
  const stop = new AbortController();
  let exitCode = 0;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      exitCode = 128 + constants.signals[signal];
      // The second time somebody means it. Codex ends with its input.
      if (stop.signal.aborted) process.exit(exitCode);
      stop.abort();
    });
  }
  try {
    await checkCodexVersion(findCodex(undefined, process.env));
    if (
      apiKey === undefined &&
      flags.baseUrl === undefined &&
      flags.home !== "user" &&
      !hasUserLogin(process.env)
    ) {
      const message =
        "There is no key: OPENAI_API_KEY is not set, and there is no Codex login. Runs need an api_key";
      diagnostics.log("warn", message);
    }
    const codex: CodexOptions = {
      home: flags.home === "switchyard" || flags.home === "user" ? flags.home : { path: resolve(flags.home) },
      ...(flags.baseUrl === undefined ? {} : { baseUrl: flags.baseUrl }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(flags.caFile === undefined ? {} : { caFile: flags.caFile }),
    };
    const outcome: ServeOutcome = await serveNdjson({
      input: process.stdin,
      output: process.stdout,
      diagnostics: process.stderr,
      signal: stop.signal,
      diagLevel: flags.diagLevel,
      createEngine: ({ home, ...settings }) =>
        new Codex({ ...codex, ...settings, ...(home === undefined ? {} : { home: { path: home } }) }),
      homesRoot: join(switchyardHome(process.env), "isolated"),
      ...(apiKey === undefined ? {} : { secrets: [apiKey] }),
      ...(flags.maxConcurrent === undefined ? {} : { maxConcurrent: flags.maxConcurrent }),
      ...(flags.maxQueued === undefined ? {} : { waitingMax: flags.maxQueued }),
    });
    return outcome === "output_closed" ? SIGPIPE_EXIT_CODE : exitCode;
  } catch (error) {
    diagnostics.fatal(messageOf(error));
    return 1;
  }
}

/** Node's own words on stderr would not be lines of ours. */
function sayEverythingAsLines(diagnostics: DiagnosticWriter): void {
  process.removeAllListeners("warning");
  process.on("warning", (warning) => diagnostics.log("warn", `${warning.name}: ${warning.message}`));
  process.on("uncaughtException", (error) => {
    diagnostics.fatal(`A bug in switchyard: ${error.stack ?? error.message}`);
    process.exit(1);
  });
}

function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError("It must be a whole number, 1 or more.");
  }
  return value;
}

function httpUrl(text: string): string {
  const { protocol } = URL.parse(text) ?? {};
  if (protocol !== "http:" && protocol !== "https:") {
    throw new InvalidArgumentError("It must be an http or https URL.");
  }
  return text;
}

function homeOf(text: string): string {
  // A misspelt "user" must not become a folder of that name.
  if (text === "switchyard" || text === "user" || /[\\/]/.test(text)) return text;
  throw new InvalidArgumentError('It must be "switchyard", "user", or a folder such as ./home.');
}

function level(text: string): DiagLevel {
  if (text === "debug" || text === "info" || text === "warn" || text === "error") return text;
  throw new InvalidArgumentError("It must be debug, info, warn or error.");
}
