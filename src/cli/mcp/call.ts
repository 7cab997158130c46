/** `switchyard mcp call`: one tool call, with its progress on stderr and its result on stdout. */
import type { JsonObject } from "../../base/json.ts";
import { shellWord } from "../../base/shell-word.ts";
import { nearest } from "../../base/suggest.ts";
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import type { ConfigLayers } from "../../config/layers/layers.ts";
import { loginKeyOf } from "../../mcp/auth/stored-login.ts";
import type { CallOutcome, McpConnectionManager, Progress, ThreadTool } from "../../mcp/index.ts";
import { type Args, UsageError } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { printJson, shortPaths, tell } from "../output.ts";
import type { Stop } from "../signals.ts";
import { personAtTerminal } from "./ask-person.ts";
import { ARG_FLAG, pairsOf, readJson, typedArguments } from "./call-args.ts";
import { configuredServersOf, doctorAdvice, notStartedText, openServers, serverNamed } from "./configured.ts";
import { contentText, printAnswer } from "./content.ts";
import { READ_FLAGS } from "./target.ts";

export const call: Command = {
  operands: [
    { name: "SERVER", completes: "server" },
    { name: "TOOL", completes: "tool", about: "as its server declares it: switchyard mcp tools SERVER" },
    { name: "JSON", optional: true, about: "the arguments, as an object; - reads it from stdin" },
  ],
  flags: [{ ...ARG_FLAG, completes: "argument" }, ...READ_FLAGS, JSON_FLAG],
  notes:
    "The result goes to stdout, progress and everything else to stderr. --json prints how the call ended, with the whole result.\n" +
    "Ctrl-C cancels the call at the server. A question of the server is asked here, if stdin is a terminal.\n" +
    "The exit code is 1 when the tool failed or was not reached, and 130 after Ctrl-C.\n\n" +
    "Examples:\n" +
    `  switchyard mcp call files read_file --arg path=notes.txt\n` +
    `  switchyard mcp call tickets search '{"text": "printer", "limit": 5}' --json`,
  run: callTool,
};

async function callTool(args: Args, stop: Stop): Promise<number> {
  const [name = "", tool = "", json] = args.operands;
  const pairs = pairsOf(args);
  if (json !== undefined && pairs.size > 0) throw new UsageError("JSON and --arg cannot be given together");
  const configured = configuredServersOf(args);
  const server = serverNamed(configured, name);
  const given = json === undefined ? undefined : await readJson(json, stop.signal);
  if (server.status !== "enabled") {
    return report(
      { kind: "not_sent", reason: "server_unavailable", message: notStartedText(server) },
      args,
      stop,
    );
  }
  let outcome: CallOutcome;
  {
    await using open = await openServers(configured, [server], { onElicit: personAtTerminal() });
    const { thread } = open;
    const found = await toolNamed(thread, name, tool, stop.signal);
    const typed: JsonObject = given ?? typedArguments(pairs, tool, found?.tool.inputSchema ?? {});
    outcome = await thread.callTool(name, tool, typed, { signal: stop.signal, onProgress: progressLines() });
  }
  const more = await moreScopes(outcome, server, configured.layers, stop.signal);
  return report(outcome, args, stop, more);
}

/** Those of the login there is, and those that the server asks for: a login with them replaces the other. */
async function moreScopes(
  outcome: CallOutcome,
  { name, config }: EffectiveMcpServer,
  layers: ConfigLayers,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const wanted = outcome.kind === "not_sent" ? outcome.wanted : undefined;
  const key = config === undefined ? undefined : loginKeyOf(name, config);
  if (wanted?.insufficientScope !== true || key === undefined) return [];
  const { userLoginStore } = await import("../../mcp/index.ts");
  const login = await userLoginStore({ layers }).read(key, signal);
  return [...new Set([...(login?.scopes ?? []), ...wanted.scopes])];
}

/**
 * @returns `undefined` where there is no list of tools to find it in: the outcome of the call will say why
 * @throws {UsageError} when the server has no such tool
 */
async function toolNamed(
  thread: McpConnectionManager,
  server: string,
  tool: string,
  signal: AbortSignal,
): Promise<ThreadTool | undefined> {
  // A required server that failed rejects.
  await thread.ready([server], { signal, live: true }).catch(() => signal.throwIfAborted());
  const { status, config } = thread.server(server);
  if (status.state !== "ready" || config.disabled_tools?.includes(tool) === true) return undefined;
  const tools = thread.listTools(server);
  const found = tools.find((each) => each.tool.name === tool);
  if (found !== undefined) return found;
  const names = tools.map((each) => each.tool.name);
  const near = nearest(tool, names);
  const hint =
    near === undefined ? `see: switchyard mcp tools ${server}` : `did you mean ${JSON.stringify(near)}?`;
  const offers = config.enabled_tools === undefined ? "has no tool" : "offers (enabled_tools) no tool";
  throw new UsageError(`MCP server ${JSON.stringify(server)} ${offers} ${JSON.stringify(tool)}; ${hint}`);
}

/** Nobody reads more often than this, in milliseconds. */
const PROGRESS_MS = 100;

function progressLines(): (progress: Progress) => void {
  let shownAt = Number.NEGATIVE_INFINITY;
  return ({ progress, total, message }) => {
    const now = performance.now();
    if (now - shownAt < PROGRESS_MS && progress !== total) return;
    shownAt = now;
    const of = total === undefined ? "" : ` of ${total}`;
    tell(`progress: ${progress}${of}${message === undefined ? "" : `  ${message}`}`);
  };
}

/** @returns the exit code */
function report(outcome: CallOutcome, args: Args, stop: Stop, more: readonly string[] = []): number {
  if (args.has("json")) printJson(outcome);
  switch (outcome.kind) {
    case "result":
    case "tool_error": {
      const { content, structuredContent } = outcome.result;
      const text =
        content.length === 0 && structuredContent !== undefined
          ? JSON.stringify(structuredContent, undefined, 2)
          : contentText(content);
      if (!args.has("json")) printAnswer(text);
      if (outcome.truncated !== undefined) tell(`note: ${outcome.truncated}`);
      if (outcome.kind === "result") return 0;
      tell("switchyard: The tool says that it failed");
      return 1;
    }
    case "cancelled":
      tell(
        `interrupted; ${outcome.sent ? "the server was told to cancel, but the tool may have run" : "the server did not get the call"}`,
      );
      return stop.exitCode;
    default:
      tell(shortPaths(`switchyard: ${failureText(outcome, adviceOf(outcome, args, more))}`));
      return 1;
  }
}

/** What happened, and what to do. */
function failureText(
  outcome: Exclude<CallOutcome, { kind: "result" | "tool_error" | "cancelled" }>,
  advice: string,
): string {
  const { message } = outcome;
  switch (outcome.kind) {
    case "protocol_error":
      return `The server answered with an error (${outcome.code}): ${message}`;
    case "timeout":
      return `${message}\nThe tool may have run: look before you call it again.`;
    case "lost":
      return `${message}\nLook at what the tool did before you call it again.`;
    case "not_sent":
      return `${message}\nNothing was carried out. ${advice}`.trimEnd();
  }
}

function adviceOf(outcome: CallOutcome, args: Args, more: readonly string[]): string {
  if (outcome.kind !== "not_sent") return "";
  const [server = ""] = args.operands;
  if (more.length === 0) return ADVICE[outcome.reason]?.(server) ?? "";
  const words = ["login", server, "--scopes", more.join(",")];
  return `Log in with more scopes: switchyard mcp ${words.map(shellWord).join(" ")}`;
}

/** By the reason why a call was not sent, with the name of the server. */
const ADVICE: Readonly<Partial<Record<string, (server: string) => string>>> = {
  server_unavailable: doctorAdvice,
  needs_login: () =>
    "Where a token is at hand, see bearer_token_env_var and http_headers in switchyard mcp add --help",
  tool_disabled: (server) =>
    `enabled_tools and disabled_tools of the server decide: switchyard mcp get ${shellWord(server)}`,
};
