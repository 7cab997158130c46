/** `switchyard mcp tools`: lists the tools that the configured servers offer; as they were seen last, or asked for now. */
import type { ServerSnapshot } from "../../mcp/index.ts";
import type { Args } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { count, printable, printJson, say, tell } from "../output.ts";
import { keepStart, padText, textWidth } from "../text-width.ts";
import { shownName } from "./findings.ts";
import { ageText } from "./kept-tools.ts";
import { reportBroken, type SeenServer, seeServers, works } from "./snapshot.ts";
import { READ_FLAGS } from "./target.ts";

export const tools: Command = {
  operands: [
    { name: "NAME", optional: true, completes: "server", about: "a server; without it, all of them" },
  ],
  flags: [
    { name: "schema", about: "also what each tool takes, as JSON Schema" },
    { name: "fresh", about: "ask the servers now, also those whose tools are known" },
    ...READ_FLAGS,
    JSON_FLAG,
  ],
  notes:
    "A server is started if its tools are not known from before, or may have changed: its configuration, its program or a file among its arguments is newer, or a day has passed. The output says how old a list is.\n" +
    "The names are those that the servers declare. --json prints the tools whole, each with its server.\n" +
    "The exit code is 1 when a server that is enabled does not work, or the one that is named.",
  run: listTools,
};

async function listTools(args: Args, { signal }: { readonly signal: AbortSignal }): Promise<number> {
  const [name] = args.operands;
  const seen = await seeServers(args, { name, lists: [], kept: !args.has("fresh"), signal });
  if (args.has("json")) {
    const all = seen.servers.flatMap(({ server, snapshot, kept }) =>
      ((snapshot ?? kept)?.tools ?? []).map((tool) => ({
        server: server.name,
        plugin: server.plugin?.id ?? null,
        ...tool,
      })),
    );
    printJson(all);
  } else {
    const texts = seen.servers.filter(works).map((each) => textOf(each, args.has("schema")));
    if (texts.length > 0) say(texts.join("\n\n"));
    else if (seen.servers.length === 0) say("There are no MCP servers yet: switchyard mcp add --help");
  }
  tellAge(seen.servers);
  return reportBroken(seen, name !== undefined, true);
}

/** An old answer must not pass for a new one. */
function tellAge(servers: readonly SeenServer[]): void {
  const old = servers.flatMap(({ server, kept }) => (kept === undefined ? [] : [{ server, at: kept.at }]));
  const [first, ...others] = old;
  if (first === undefined) return;
  const oldest = ageText(Math.min(...old.map(({ at }) => at)));
  if (others.length === 0)
    tell(
      `note: ${shownName(first.server.name)} was not asked; its tools are as of ${oldest} (--fresh asks it)`,
    );
  else
    tell(
      `note: ${old.length} servers were not asked; the oldest list is as of ${oldest} (--fresh asks them)`,
    );
}

function textOf({ server, snapshot, kept }: SeenServer, withSchema: boolean): string {
  const { tools: list, hiddenTools: hidden } = snapshot ?? kept ?? { tools: [], hiddenTools: 0 };
  const what = `${count(list.length, "tool")}${hidden > 0 ? ` (${hidden} hidden by enabled_tools or disabled_tools)` : ""}`;
  const age = kept === undefined ? "" : `, as of ${ageText(kept.at)}`;
  const of = server.plugin === undefined ? "" : `, plugin ${printable(server.plugin.displayName)}`;
  const title = `${shownName(server.name)}${of}: ${what}${age}`;
  const width = Math.max(0, ...list.map((tool) => textWidth(printable(tool.name))));
  const lines = list.flatMap((tool) => {
    const words = printable([aboutOf(tool), hintsOf(tool)].filter((text) => text !== "").join(" "));
    const line = `  ${padText(printable(tool.name), width)}  ${words}`.trimEnd();
    const shown = process.stdout.columns ? keepStart(line, process.stdout.columns) : line;
    if (!withSchema) return [shown];
    return [shown, indented(JSON.stringify(tool.inputSchema, undefined, 2))];
  });
  return [title, ...lines].join("\n");
}

type Tool = ServerSnapshot["tools"][number];

/** Its first line, or its title. */
function aboutOf({ title, description, annotations }: Tool): string {
  return (description ?? title ?? annotations?.title ?? "").trim().split("\n", 1)[0] ?? "";
}

function hintsOf({ annotations = {} }: Tool): string {
  if (annotations.readOnlyHint === true) return "[read-only]";
  return annotations.destructiveHint === true ? "[destructive]" : "";
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}
