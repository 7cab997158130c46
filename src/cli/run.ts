/** `switchyard run`: one turn, watched by a person. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { systemClock } from "../base/clock.ts";
import { isObject } from "../base/json.ts";
import type { Log } from "../base/log.ts";
import { shellWord } from "../base/shell-word.ts";
import { parseOverrides } from "../config/layers/overrides.ts";
import { describeProblem } from "../config/show/show-problem.ts";
import type { McpServerEvent } from "../servers/server-event.ts";
import type { EngineName, StreamedTurn } from "../thread/engine.ts";
import type { Input, ThreadOptions, UserInput } from "../thread/options.ts";
import { type Args, UsageError } from "./args/parse.ts";
import type { Command } from "./command.ts";
import { ENGINES, lastThreadIn, missingLogin, openAgent, openEngine } from "./engine.ts";
import { folderOf } from "./mcp/target.ts";
import { readInput, readStdin } from "./input.ts";
import { shortPath, shortPaths, stopWhenOutputFails, tell, writeAside } from "./output.ts";
import { environmentsOf } from "./run-environments.ts";
import {
  MCP_FLAG,
  MODEL_REQUESTS_FLAG,
  mcpModeOf,
  modelRequestsOf,
  parseServerFlags,
  SERVER_FLAGS,
  startsPrograms,
} from "./server-flags.ts";
import type { Stop } from "./signals.ts";
import { type Line, TurnRenderer } from "./turn-renderer.ts";

export const run: Command = {
  overridable: true,
  operands: [{ name: "PROMPT", about: "what to tell the agent; - reads it from stdin" }],
  flags: [
    ...SERVER_FLAGS,
    {
      name: "engine",
      value: "ENGINE",
      choices: ENGINES,
      default: "codex",
      about: "what thinks: codex, or responses, which needs a --model and no Codex, and runs no commands",
    },
    MCP_FLAG,
    { name: "resume", short: "r", value: "THREAD", about: "continue a thread" },
    { name: "last", about: "continue the thread that was last worked with in this folder" },
    { name: "ephemeral", about: "keep nothing of the thread on disk; it cannot be continued" },
    { name: "image", short: "i", value: "FILE", many: true, about: "an image to show the agent" },
    { name: "output-schema", value: "FILE", about: "the JSON Schema that the answer must fit" },
    { name: "model", short: "m", value: "MODEL", about: "the model to ask" },
    { name: "base-url", value: "URL", about: "a Responses API endpoint to use instead of OpenAI's" },
    MODEL_REQUESTS_FLAG,
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
    { name: "config", short: "c", value: "KEY=VALUE", many: true, about: "a setting of Codex for this turn" },
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
  for (const other of ["last", "ephemeral"]) args.atMostOne("resume", other);
  args.atMostOne("last", "ephemeral");
  const [operand = ""] = args.operands;
  const prompt = operand === "-" ? (await readStdin(stop.signal)).toString("utf8") : operand;
  if (prompt.trim() === "") throw new UsageError("The prompt is empty");
  const images = args.all("image").map(imageOf);
  const schemaFile = args.one("output-schema");
  const outputSchema = schemaFile === undefined ? undefined : await readSchema(schemaFile, stop.signal);
  const engineName = args.one("engine") as EngineName;
  if (engineName === "responses") checkForResponses(args);
  const configOverrides = overridesOf(args);
  const apiKey = process.env["OPENAI_API_KEY"] || undefined;
  const baseUrl = args.one("base-url");
  const userHome = args.has("user-home");
  const missing =
    engineName === "codex" && apiKey === undefined && baseUrl === undefined
      ? missingLogin(configOverrides, userHome, process.env)
      : undefined;
  if (missing !== undefined) {
    tell(shortPaths(`switchyard: ${missing}`));
    return 1;
  }
  const cd = args.has("cd") ? folderOf(args) : undefined;
  const { servers: mcpServers, provenance } = parseServerFlags(args);
  stopWhenOutputFails(stop);
  // Every message to and from Codex is among the diagnostics then.
  const isVerbose = args.has("verbose") || process.env.SWITCHYARD_DEBUG === "wire";
  const log: Log = (level, message, about) => {
    if (isVerbose || level === "error") tell(`${engineName} ${level}: ${message}`);
    // What is wrong with a server is an event of the turn, too.
    else if (level === "warn" && about?.["server"] === undefined) tell(`warning: ${message}`);
  };
  const environments = environmentsOf(mcpServers, {
    userHome,
    programs: startsPrograms(args),
    ...(cd === undefined ? {} : { cd }),
  });
  const screen = new Screen(args.has("json"));
  const shared = {
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
    log,
  };
  const engine =
    engineName === "responses"
      ? await openAgent({ ...shared, environments })
      : openEngine({
          ...shared,
          environments: environments.flatMap((each) => (each.kind === "local" ? [] : [each])),
          configOverrides,
          mcp: mcpModeOf(args),
          ...modelRequestsOf(args),
          ...(userHome ? { home: "user" as const } : {}),
        });
  try {
    const model = args.one("model");
    const sandbox = args.one("sandbox") as ThreadOptions["sandboxMode"];
    const options: ThreadOptions = {
      mcpServers,
      onMcpServer: (event) => screen.showServer(event),
      provenance,
      ...(model === undefined ? {} : { model }),
      ...(cd === undefined ? {} : { workingDirectory: cd }),
      ...(sandbox === undefined ? {} : { sandboxMode: sandbox }),
      ...(args.has("ephemeral") ? { ephemeral: true } : {}),
    };
    const id = args.has("last") ? lastId(cd ?? ".", userHome) : args.one("resume");
    const thread = id === undefined ? engine.startThread(options) : engine.resumeThread(id, options);
    const input: Input = images.length === 0 ? prompt : [{ type: "text", text: prompt }, ...images];
    const turn = await thread.runStreamed(input, {
      signal: stop.signal,
      ...(outputSchema === undefined ? {} : { outputSchema }),
    });
    const { threadId, completed } = await screen.show(turn);
    if (!args.has("json") && !args.has("ephemeral") && threadId !== undefined) {
      tell(`To continue: switchyard run "…" --resume ${threadId}${sameAgain(args)}`);
    }
    return completed ? 0 : 1;
  } finally {
    await engine.close();
  }
}

/** @throws {UsageError} for a flag that says something about Codex */
function checkForResponses(args: Args): void {
  for (const flag of ["last", "sandbox", "user-home", "config", "mcp", "model-requests"])
    if (args.has(flag)) throw new UsageError(`--${flag} needs the engine codex`);
  if (!args.has("model")) throw new UsageError("--engine responses needs the --model to ask");
}

/** @throws {UsageError} */
function imageOf(file: string): UserInput {
  const path = resolve(file);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return { type: "local_image", path };
  throw new UsageError(`--image: there is no file ${shortPath(path)}`);
}

/** @throws {UsageError} */
async function readSchema(file: string, signal: AbortSignal): Promise<unknown> {
  const text = await readInput(file, signal);
  try {
    const schema: unknown = JSON.parse(text);
    if (isObject(schema)) return schema;
  } catch {
    // Reported below.
  }
  throw new UsageError(`--output-schema takes a file with a JSON object; ${shortPath(file)} has none`);
}

/** Those about servers change what is configured. @throws {UsageError} that does not repeat a value */
function overridesOf(args: Args): string[] {
  const texts = args.all("config");
  const { root, problems } = parseOverrides(texts);
  const [wrong] = problems;
  if (wrong !== undefined) throw new UsageError(`--config: ${describeProblem(wrong)}`);
  if (root.entries.has("mcp_servers") && !args.has("configured")) {
    throw new UsageError("--config: mcp_servers needs --configured; without it, --server names the servers");
  }
  return texts.filter((text) => !/^\s*mcp_servers\s*[.=]/.test(text));
}

/** @throws {UsageError} */
function lastId(folder: string, userHome: boolean): string {
  const id = lastThreadIn(folder, userHome, process.env);
  if (id !== undefined) return id;
  const where = userHome ? "your own Codex home" : "Switchyard's Codex home; --user-home looks in your own";
  throw new UsageError(`--last: no thread of ${shortPath(resolve(folder))} was found in ${where}`);
}

/** What has to be given again for a thread to continue as it was. Headers are left out: they may be secrets. */
function sameAgain(args: Args): string {
  const baseUrl = args.one("base-url");
  const parts = [
    ...(args.one("engine") === "responses"
      ? [` --engine responses --model ${shellWord(args.one("model") ?? "")}`]
      : []),
    ...(args.has("configured") ? [" --configured"] : []),
    ...["only", "except"].flatMap((flag) => args.all(flag).map((name) => ` --${flag} ${shellWord(name)}`)),
    ...(args.has("user-home") ? [" --user-home"] : []),
    ...(baseUrl === undefined ? [] : [` --base-url ${baseUrl}`]),
    ...(args.has("config") ? [" (and the same -c settings)"] : []),
    ...(args.has("server") || args.has("servers") ? [" (and the same --server and --header flags)"] : []),
  ];
  return parts.join("");
}

interface Shown {
  /** The thread's id, once it can be continued. */
  readonly threadId: string | undefined;
  readonly completed: boolean;
}

/** What is seen of a turn. */
class Screen {
  readonly #json: boolean;
  readonly #renderer = new TurnRenderer({
    clock: systemClock,
    colour: process.stderr.isTTY && process.env["NO_COLOR"] === undefined,
    width: Math.max(60, process.stderr.columns ?? 160),
  });

  constructor(json: boolean) {
    this.#json = json;
  }

  async show({ events }: StreamedTurn): Promise<Shown> {
    let shown: Shown = { threadId: undefined, completed: false };
    for await (const event of events) {
      if (event.type === "thread.started") shown = { ...shown, threadId: event.thread_id };
      if (event.type === "turn.completed") shown = { ...shown, completed: true };
      this.#print(event, () => this.#renderer.render(event));
    }
    return shown;
  }

  showServer(event: McpServerEvent): void {
    // That they end with the turn is no news.
    if (event.state !== "ended") this.#print(event, () => this.#renderer.renderServer(event));
  }

  #print(event: object, lines: () => readonly Line[]): void {
    if (this.#json) {
      process.stdout.write(`${JSON.stringify(event)}\n`);
      return;
    }
    for (const { to, text } of lines()) {
      if (to === "answer") process.stdout.write(`${text}\n`);
      else writeAside(`${text}\n`);
    }
  }
}
