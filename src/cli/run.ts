/** `switchyard run`: one turn, watched by a person. */
import { systemClock } from "../base/clock.ts";
import type { StreamedTurn } from "../thread/engine.ts";
import type { ThreadOptions } from "../thread/options.ts";
import { type Args, UsageError } from "./args/parse.ts";
import type { Command } from "./command.ts";
import { missingLogin, openEngine } from "./engine.ts";
import { folderOf } from "./mcp/target.ts";
import { readStdin } from "./input.ts";
import { stopWhenOutputFails, tell } from "./output.ts";
import { environmentsOf } from "./run-environments.ts";
import { parseServerFlags, SERVER_FLAGS } from "./server-flags.ts";
import type { Stop } from "./signals.ts";
import { TurnRenderer } from "./turn-renderer.ts";

export const run: Command = {
  overridable: true,
  operands: [{ name: "PROMPT", about: "what to tell the agent; - reads it from stdin" }],
  flags: [
    ...SERVER_FLAGS,
    { name: "resume", short: "r", value: "THREAD", about: "continue a thread" },
    { name: "model", short: "m", value: "MODEL", about: "the model to ask" },
    { name: "base-url", value: "URL", about: "a Responses API endpoint to use instead of OpenAI's" },
    { name: "cd", short: "C", value: "DIR", about: "the directory to work in" },
    {
      name: "sandbox",
      value: "MODE",
      choices: ["read-only", "workspace-write", "danger-full-access"],
      about: "what commands may do",
    },
    {
      name: "user-home",
      about: "work in your own Codex home: with your sessions and settings, but not its MCP servers",
    },
    { name: "json", about: "print the events as JSON, one per line" },
    { name: "verbose", short: "v", about: "print the diagnostics of Codex" },
  ],
  notes:
    "The answer goes to stdout, progress to stderr.\n\nExamples:\n" +
    '  switchyard run "What is in this folder?" --server "files=npx -y my-files-mcp"\n' +
    '  switchyard run "Any news?" -s docs=https://example.com/mcp --header-env docs:Authorization=AUTH\n' +
    "  git diff | switchyard run - --configured",
  run: runTurn,
};

async function runTurn(args: Args, stop: Stop): Promise<number> {
  const [operand = ""] = args.operands;
  const prompt = operand === "-" ? (await readStdin(stop.signal)).toString("utf8") : operand;
  if (prompt.trim() === "") throw new UsageError("The prompt is empty");
  const apiKey = process.env["OPENAI_API_KEY"] || undefined;
  const baseUrl = args.one("base-url");
  const missing = apiKey === undefined && baseUrl === undefined ? missingLogin(process.env) : undefined;
  if (missing !== undefined) {
    tell(`switchyard: ${missing}`);
    return 1;
  }
  const cd = args.has("cd") ? folderOf(args) : undefined;
  const userHome = args.has("user-home");
  const mcpServers = parseServerFlags(args);
  stopWhenOutputFails(stop);
  // Every message to and from Codex is among the diagnostics then.
  const isVerbose = args.has("verbose") || process.env.SWITCHYARD_DEBUG === "wire";
  const engine = openEngine({
    environments: environmentsOf(mcpServers, { userHome, ...(cd === undefined ? {} : { cd }) }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(userHome ? { home: "user" as const } : {}),
    log: (level, message) => {
      if (isVerbose || level === "error") tell(`codex ${level}: ${message}`);
    },
  });
  try {
    const model = args.one("model");
    const sandbox = args.one("sandbox") as ThreadOptions["sandboxMode"];
    const options: ThreadOptions = {
      mcpServers,
      ...(model === undefined ? {} : { model }),
      ...(cd === undefined ? {} : { workingDirectory: cd }),
      ...(sandbox === undefined ? {} : { sandboxMode: sandbox }),
    };
    const id = args.one("resume");
    const thread = id === undefined ? engine.startThread(options) : engine.resumeThread(id, options);
    const turn = await thread.runStreamed(prompt, { signal: stop.signal });
    const { threadId, completed } = await show(turn, args.has("json"));
    if (!args.has("json") && threadId !== undefined) {
      tell(`To continue: switchyard run "…" --resume ${threadId}${sameAgain(args)}`);
    }
    return completed ? 0 : 1;
  } finally {
    await engine.close();
  }
}

/** What has to be given again for a thread to continue as it was. Headers are left out: they may be secrets. */
function sameAgain(args: Args): string {
  const baseUrl = args.one("base-url");
  const parts = [
    ...(args.has("configured") ? [" --configured"] : []),
    ...(args.has("user-home") ? [" --user-home"] : []),
    ...(baseUrl === undefined ? [] : [` --base-url ${baseUrl}`]),
    ...(args.has("server") || args.has("servers") ? [" (and the same --server and --header flags)"] : []),
  ];
  return parts.join("");
}

interface Shown {
  /** The thread's id, once it can be continued. */
  readonly threadId: string | undefined;
  readonly completed: boolean;
}

async function show({ events }: StreamedTurn, json: boolean): Promise<Shown> {
  const renderer = new TurnRenderer({
    clock: systemClock,
    colour: process.stderr.isTTY && process.env["NO_COLOR"] === undefined,
    width: Math.max(60, process.stderr.columns ?? 160),
  });
  let shown: Shown = { threadId: undefined, completed: false };
  for await (const event of events) {
    if (event.type === "thread.started") shown = { ...shown, threadId: event.thread_id };
    if (event.type === "turn.completed") shown = { ...shown, completed: true };
    if (json) {
      process.stdout.write(`${JSON.stringify(event)}\n`);
      continue;
    }
    for (const { to, text } of renderer.render(event)) {
      (to === "answer" ? process.stdout : process.stderr).write(`${text}\n`);
    }
  }
  return shown;
}
