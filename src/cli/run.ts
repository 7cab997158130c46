/** `switchyard run`: one turn, watched by a person. */
import { constants } from "node:os";
import { resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { type Command, InvalidArgumentError, Option } from "commander";
import { systemClock } from "../base/clock.ts";
import { Codex, type CodexOptions, hasUserLogin, userCodexHome } from "../codex/index.ts";
import type { StreamedTurn } from "../thread/engine.ts";
import { AbortError } from "../thread/errors.ts";
import type { ThreadOptions } from "../thread/options.ts";
import { environmentsOf } from "./run-environments.ts";
import { TurnRenderer } from "./render.ts";
import { parseServerFlags, type ServerFlags } from "./server-flags.ts";

interface RunFlags extends ServerFlags {
  readonly resume?: string;
  readonly json?: boolean;
  readonly model?: string;
  readonly baseUrl?: string;
  readonly sandbox?: NonNullable<ThreadOptions["sandboxMode"]>;
  readonly userHome?: boolean;
  readonly verbose?: boolean;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

export function defineRun(command: Command): void {
  command
    .showHelpAfterError("(switchyard run --help lists the options)")
    .argument("<prompt>", "what to tell the agent; - reads it from stdin")
    .option(
      "-s, --server <name=target>",
      "an MCP server: name=https://… or name=command with arguments",
      collect,
    )
    .option("-H, --header <name:Header=value>", "a header for an HTTP server", collect)
    .option("--header-env <name:Header=VAR>", "a header whose value is in an environment variable", collect)
    .option("--servers <file.toml>", "servers from the [mcp_servers.<name>] tables of a file")
    .option("--configured", "also the servers that `switchyard mcp list` shows as enabled")
    .option("-r, --resume <thread>", "go on with a thread")
    .option("-m, --model <model>", "the model to ask")
    .option("--base-url <url>", "a Responses API endpoint to use instead of OpenAI's")
    .option("-C, --cd <directory>", "the directory to work in")
    .addOption(
      new Option("--sandbox <mode>", "what commands may do").choices([
        "read-only",
        "workspace-write",
        "danger-full-access",
      ]),
    )
    .option(
      "--user-home",
      "work in your own Codex home: your sessions and settings, still none of its MCP servers",
    )
    .option("--json", "print the events as JSON, one a line")
    .option("-v, --verbose", "print diagnostics of Codex")
    .action(async (argument: string, flags: RunFlags) => {
      const prompt = argument === "-" ? await readAll(process.stdin) : argument;
      if (prompt.trim() === "") throw new InvalidArgumentError("the prompt is empty");
      process.exitCode = await run(prompt, flags);
    });
}

/** @returns the exit code */
async function run(prompt: string, flags: RunFlags): Promise<number> {
  const apiKey = process.env.OPENAI_API_KEY || undefined;
  if (apiKey === undefined && flags.baseUrl === undefined && !hasUserLogin(process.env)) {
    process.stderr.write(
      `switchyard: there is no way to ask a model: OPENAI_API_KEY is not set and ${userCodexHome(process.env)} has no login.\n` +
        'Set OPENAI_API_KEY, or log in once with "npx codex login".\n' +
        'To see Switchyard work without either: "switchyard demo".\n',
    );
    return 1;
  }
  const mcpServers = parseServerFlags(flags);
  const threadOptions: ThreadOptions = {
    mcpServers,
    ...(flags.model === undefined ? {} : { model: flags.model }),
    ...(flags.cd === undefined ? {} : { workingDirectory: resolve(flags.cd) }),
    ...(flags.sandbox === undefined ? {} : { sandboxMode: flags.sandbox }),
  };
  const codexOptions: CodexOptions = {
    environments: environmentsOf(mcpServers, flags),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(flags.baseUrl === undefined ? {} : { baseUrl: flags.baseUrl }),
    ...(flags.userHome === true ? { home: "user" as const } : {}),
    log: (level, message) => {
      if (flags.verbose === true || level === "error") process.stderr.write(`codex ${level}: ${message}\n`);
    },
  };

  const interrupt = new AbortController();
  let interruptedCode = 130;
  const onSignal = (signal: NodeJS.Signals): void => {
    interruptedCode = 128 + constants.signals[signal];
    // A second one means it: leave at once. Codex ends with its input, so nothing stays behind.
    if (interrupt.signal.aborted) process.exit(interruptedCode);
    interrupt.abort(new Error(signal));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    await using codex = new Codex(codexOptions);
    const thread =
      flags.resume === undefined
        ? codex.startThread(threadOptions)
        : codex.resumeThread(flags.resume, threadOptions);
    const { opened, completed } = await watch(
      thread.runStreamed(prompt, { signal: interrupt.signal }),
      flags.json === true,
    );
    if (flags.json !== true && opened) {
      process.stderr.write(`go on with: switchyard run "…" --resume ${thread.id}${again(flags)}\n`);
    }
    return completed ? 0 : 1;
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    process.stderr.write("interrupted\n");
    return interruptedCode;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

/** What has to be said again for a thread to go on as it was. Headers are left out: they may be secrets. */
function again(flags: RunFlags): string {
  const parts = [
    ...(flags.configured === true ? ["--configured"] : []),
    ...(flags.userHome === true ? ["--user-home"] : []),
    ...(flags.baseUrl === undefined ? [] : [`--base-url ${flags.baseUrl}`]),
  ];
  const servers = flags.server !== undefined || flags.servers !== undefined;
  return `${parts.map((part) => ` ${part}`).join("")}${servers ? " (and the same --server and --header flags)" : ""}`;
}

/** Shows a turn. @returns how far it came */
async function watch(
  turn: Promise<StreamedTurn>,
  json: boolean,
): Promise<{ opened: boolean; completed: boolean }> {
  const renderer = new TurnRenderer({
    clock: systemClock,
    colour: process.stderr.isTTY && process.env.NO_COLOR === undefined,
    width: Math.max(60, process.stderr.columns ?? 160),
  });
  let opened = false;
  let completed = false;
  for await (const event of (await turn).events) {
    if (event.type === "thread.started") opened = true;
    if (event.type === "turn.completed") completed = true;
    if (json) {
      process.stdout.write(`${JSON.stringify(event)}\n`);
      continue;
    }
    for (const { to, text } of renderer.render(event)) {
      (to === "answer" ? process.stdout : process.stderr).write(`${text}\n`);
    }
  }
  return { opened, completed };
}
