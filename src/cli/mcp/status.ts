/** `switchyard mcp status`: starts the configured servers, and shows what each of them is and offers. */
import { formatOrigin } from "../../config/layers/origins.ts";
import { maskServer } from "../../config/show/mask-server.ts";
import type { Args } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { printable, printJson, say, shortPaths } from "../output.ts";
import { padText } from "../text-width.ts";
import { commandLine, shownName } from "./findings.ts";
import {
  reasonLine,
  reasonOf,
  reportBroken,
  type SeenServer,
  seeServers,
  stateOf,
  works,
} from "./snapshot.ts";
import { inSnakeCase } from "./server-view.ts";
import { READ_FLAGS } from "./target.ts";

export const status: Command = {
  operands: [
    { name: "NAME", optional: true, completes: "server", about: "a server; without it, all of them" },
  ],
  flags: [...READ_FLAGS, JSON_FLAG],
  description:
    "Starts every server that is enabled, asks it what it offers, and ends it. All at the same time, each within its startup_timeout_sec.",
  notes: "The exit code is 1 when a server that is enabled does not work, or the one that is named.",
  run: showStatus,
};

async function showStatus(args: Args, { signal }: { readonly signal: AbortSignal }): Promise<number> {
  const [name] = args.operands;
  const lists = ["resources", "resourceTemplates", "prompts"] as const;
  const seen = await seeServers(args, { name, lists, askAuth: true, signal });
  const [only] = seen.servers;
  if (args.has("json")) {
    printJson(name === undefined ? seen.servers.map(statusView) : only && statusView(only));
    return reportBroken(seen, name !== undefined, false);
  }
  if (name !== undefined && only !== undefined) sayOne(only);
  else if (only === undefined) say("There are no MCP servers yet: switchyard mcp add --help");
  else await sayAll(seen.servers);
  return reportBroken(seen, name !== undefined, false);
}

/** The keys are always the same, in this order; docs/mcp-commands.md lists them. */
export function statusView(seen: SeenServer): Readonly<Record<string, unknown>> {
  const { server, snapshot } = seen;
  const { config, definedIn } = server;
  const state = snapshot?.status;
  return {
    name: server.name,
    state: stateOf(seen),
    works: works(seen),
    reason: reasonOf(seen) ?? null,
    reason_code: reasonCode(seen) ?? null,
    transport: config?.transport.type ?? null,
    where: config === undefined ? null : commandLine(maskServer(config)),
    http_origin: snapshot?.httpOrigin ?? null,
    environment_id: config?.environment_id ?? null,
    auth_status: snapshot === undefined ? null : inSnakeCase(snapshot.authStatus),
    plugin: server.plugin?.id ?? null,
    origin: definedIn === undefined ? null : formatOrigin(definedIn),
    took_ms: state?.state === "ready" ? Math.round(state.tookMs) : null,
    era: snapshot?.era ?? null,
    protocol_version: snapshot?.protocolVersion ?? null,
    server_info: snapshot?.serverInfo ?? null,
    capabilities: snapshot?.capabilities ?? null,
    instructions: snapshot?.instructions ?? null,
    tools: snapshot?.tools.map((tool) => tool.name) ?? [],
    hidden_tools: snapshot?.hiddenTools ?? 0,
    resources: snapshot?.resources.map(({ uri }) => uri) ?? [],
    resource_templates: snapshot?.resourceTemplates.map(({ uriTemplate }) => uriTemplate) ?? [],
    prompts: snapshot?.prompts.map((prompt) => prompt.name) ?? [],
    failures: snapshot?.failures ?? [],
  };
}

function reasonCode({ snapshot }: SeenServer): string | undefined {
  const state = snapshot?.status;
  return state !== undefined && "reason" in state && typeof state.reason === "object"
    ? state.reason.code
    : undefined;
}

const HEADER = ["Name", "State", "Transport", "Where", "Environment", "Era", "Tools", "Time", "Reason"];

async function sayAll(servers: readonly SeenServer[]): Promise<void> {
  const { table } = await import("../table.ts");
  const rows = servers.map((each) => rowOf(each).map((cell) => printable(shortPaths(cell))));
  const usual = new Map([
    [4, "local"],
    [8, "-"],
  ]);
  say(table(HEADER, rows, { width: process.stdout.columns || undefined, shrink: [3, 0], usual }));
  const why = servers.filter((each) => reasonOf(each) !== undefined).map(reasonLine);
  if (why.length > 0) say(["\nWhy not:", ...why].join("\n"));
}

function rowOf(seen: SeenServer): string[] {
  const { server, snapshot } = seen;
  const { config } = server;
  return [
    shownName(server.name),
    stateOf(seen),
    transportText(seen),
    config === undefined ? "-" : commandLine(maskServer(config)),
    config?.environment_id ?? "-",
    snapshot?.era ?? "-",
    works(seen) ? String(snapshot?.tools.length) : "-",
    timeText(seen),
    reasonCode(seen) ?? "-",
  ];
}

function transportText({ server: { config } }: SeenServer): string {
  if (config === undefined) return "-";
  return config.transport.type === "stdio" ? "stdio" : "http";
}

function timeText({ snapshot }: SeenServer): string {
  return snapshot?.status.state === "ready" ? `${(snapshot.status.tookMs / 1000).toFixed(2)} s` : "-";
}

/** One server, a line for each thing that is known. */
function sayOne(seen: SeenServer): void {
  const { server, snapshot } = seen;
  const { config, definedIn } = server;
  const reason = reasonOf(seen);
  say(`${shownName(server.name)}: ${stateOf(seen)}${works(seen) ? ` in ${timeText(seen)}` : ""}`);
  const info = snapshot?.serverInfo;
  const rows: readonly (readonly [what: string, text: string | undefined])[] = [
    ["reason", reason?.replaceAll("\n", `\n${" ".repeat(14)}`)],
    ["transport", transportText(seen)],
    ["where", config === undefined ? undefined : commandLine(maskServer(config))],
    ["environment", config?.environment_id],
    ["origin", definedIn === undefined ? undefined : formatOrigin(definedIn)],
    ["auth", authText(snapshot)],
    ["era", snapshot?.era === undefined ? undefined : `${snapshot.era} (${snapshot.protocolVersion})`],
    ["server", info === undefined ? undefined : `${info.title ?? info.name} ${info.version}`],
    ["tools", listText(snapshot?.tools.map((tool) => tool.name))],
    [
      "hidden",
      snapshot?.hiddenTools ? `${snapshot.hiddenTools}, by enabled_tools or disabled_tools` : undefined,
    ],
    ["resources", listText(snapshot?.resources.map(({ uri }) => uri))],
    ["templates", listText(snapshot?.resourceTemplates.map(({ uriTemplate }) => uriTemplate))],
    ["prompts", listText(snapshot?.prompts.map((prompt) => prompt.name))],
  ];
  for (const [what, text] of rows) {
    if (text !== undefined) say(shortPaths(`  ${padText(what, 11)} ${text}`));
  }
}

/** Nothing for a server that takes no login, or where only it could tell. */
function authText(snapshot: SeenServer["snapshot"]): string | undefined {
  const status = snapshot?.authStatus;
  return status === "unsupported" || status === "unknown" || status === undefined
    ? undefined
    : inSnakeCase(status).replaceAll("_", " ");
}

/** Nobody reads more names than these on a line; `--json` has all. */
const NAMES_MAX = 12;

function listText(names: readonly string[] | undefined): string | undefined {
  if (names === undefined || names.length === 0) return undefined;
  const more = names.length > NAMES_MAX ? ", …" : "";
  return `${names.length}: ${names.slice(0, NAMES_MAX).join(", ")}${more}`;
}
