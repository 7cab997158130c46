/** `switchyard mcp prompts`: the prompts that the configured servers offer, or one of them, filled in. */
import { nearest } from "../../base/suggest.ts";
import type { McpConnectionManager, ServerSnapshot } from "../../mcp/index.ts";
import { type Args, UsageError } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { count, printable, printJson, say } from "../output.ts";
import { keepStart, padText, textWidth } from "../text-width.ts";
import { ARG_FLAG, pairsOf } from "./call-args.ts";
import { askServer } from "./configured.ts";
import { contentText, printAnswer } from "./content.ts";
import { shownName } from "./findings.ts";
import { reportBroken, type SeenServer, seeServers, works } from "./snapshot.ts";
import { READ_FLAGS } from "./target.ts";

export const prompts: Command = {
  operands: [
    { name: "SERVER", optional: true, completes: "server", about: "a server; without it, all of them" },
    { name: "PROMPT", optional: true, about: "its name; without it, all of the server's are listed" },
  ],
  flags: [{ ...ARG_FLAG, about: "an argument of the prompt: text" }, ...READ_FLAGS, JSON_FLAG],
  notes:
    "--json prints the prompts as their servers declare them, or the whole answer of the server.\n\n" +
    "Example:\n" +
    "  switchyard mcp prompts docs summarize --arg topic=printers",
  run: showPrompts,
};

type Prompt = ServerSnapshot["prompts"][number];

async function showPrompts(args: Args, { signal }: { readonly signal: AbortSignal }): Promise<number> {
  const [server, prompt] = args.operands;
  const pairs = pairsOf(args);
  if (server !== undefined && prompt !== undefined) return await showOne(args, server, prompt, pairs, signal);
  if (pairs.size > 0) throw new UsageError("--arg needs a PROMPT that it is for");
  const seen = await seeServers(args, { name: server, lists: ["prompts"], signal });
  if (args.has("json")) {
    const all = seen.servers.flatMap(({ server: { name }, snapshot }) =>
      (snapshot?.prompts ?? []).map((each) => ({ server: name, ...each })),
    );
    printJson(all);
  } else {
    const isShown = (each: SeenServer): boolean =>
      works(each) && (server !== undefined || (each.snapshot?.prompts.length ?? 0) > 0);
    const texts = seen.servers.filter(isShown).map(listText);
    if (texts.length > 0) say(texts.join("\n\n"));
    else if (seen.servers.every(works)) say("There are no prompts.");
  }
  return reportBroken(seen, server !== undefined, true);
}

function listText({ server, snapshot }: SeenServer): string {
  const list = snapshot?.prompts ?? [];
  const width = Math.max(0, ...list.map(({ name }) => textWidth(printable(name))));
  const lines = list.map((prompt) => {
    const about = (prompt.description ?? prompt.title ?? "").trim().split("\n", 1)[0] ?? "";
    const words = printable([about, argumentsText(prompt)].filter((text) => text !== "").join(" "));
    const line = `  ${padText(printable(prompt.name), width)}  ${words}`.trimEnd();
    return process.stdout.columns ? keepStart(line, process.stdout.columns) : line;
  });
  return [`${shownName(server.name)}: ${count(list.length, "prompt")}`, ...lines].join("\n");
}

/** `(city, [state])`: optional ones in brackets. */
function argumentsText({ arguments: list = [] }: Prompt): string {
  const names = list.map(({ name, required }) => (required === true ? name : `[${name}]`));
  return names.length === 0 ? "" : `(${names.join(", ")})`;
}

async function showOne(
  args: Args,
  server: string,
  name: string,
  pairs: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<number> {
  const { messages, ...rest } = await askServer(args, server, async (thread) => {
    checkArguments(await promptNamed(thread, server, name, signal), pairs);
    const values = pairs.size === 0 ? undefined : Object.fromEntries(pairs);
    return await thread.getPrompt(server, name, values, { signal });
  });
  if (args.has("json")) printJson({ ...rest, messages });
  else printAnswer(messages.map(({ role, content }) => `[${role}]\n${contentText([content])}`).join("\n\n"));
  return 0;
}

/** @throws {UsageError} when the server has no such prompt @throws {McpError} when it cannot be asked */
async function promptNamed(
  thread: McpConnectionManager,
  server: string,
  name: string,
  signal: AbortSignal,
): Promise<Prompt> {
  // A required server that failed rejects; whoever asks it then learns why.
  await thread.ready([server], { signal, live: true }).catch(() => signal.throwIfAborted());
  const { capabilities = {} } = thread.server(server);
  const has = Object.keys(capabilities).length === 0 || capabilities.prompts !== undefined;
  const list = has ? await thread.listPrompts(server, { signal }) : [];
  const found = list.find((prompt) => prompt.name === name);
  if (found !== undefined) return found;
  const names = list.map((prompt) => prompt.name);
  const near = nearest(name, names);
  const hint =
    near !== undefined
      ? `did you mean ${JSON.stringify(near)}?`
      : names.length === 0
        ? "it has none"
        : `see: switchyard mcp prompts ${server}`;
  throw new UsageError(`MCP server ${JSON.stringify(server)} has no prompt ${JSON.stringify(name)}; ${hint}`);
}

/** @throws {UsageError} for an argument that is missing, and for one that the prompt does not have */
function checkArguments({ name, arguments: list = [] }: Prompt, pairs: ReadonlyMap<string, string>): void {
  const subject = `Prompt ${JSON.stringify(name)}`;
  const names = list.map((each) => each.name);
  for (const given of pairs.keys()) {
    if (names.includes(given)) continue;
    const near = nearest(given, names);
    const takes = names.length === 0 ? "it takes none" : `it takes ${names.join(", ")}`;
    const hint = near === undefined ? takes : `did you mean ${JSON.stringify(near)}?`;
    throw new UsageError(`${subject} has no argument ${JSON.stringify(given)}; ${hint}`);
  }
  const missing = list.filter((each) => each.required === true && !pairs.has(each.name));
  if (missing.length > 0)
    throw new UsageError(`${subject} needs ${missing.map((each) => `--arg ${each.name}=…`).join(" and ")}`);
}
