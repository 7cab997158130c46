/** `switchyard mcp list`: every server, whether it will run, and where it is defined. */
import { assess } from "../../config/effective/assess.ts";
import { configuredServers } from "../../config/effective/configured.ts";
import { type EffectiveMcpServer, effectiveServers } from "../../config/effective/effective.ts";
import type { ConfigLayers } from "../../config/layers/layers.ts";
import { shellWord } from "../../base/shell-word.ts";
import { formatOrigin } from "../../config/layers/origins.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import type { Args } from "../args/parse.ts";
import { JSON_FLAG, SECRETS_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { count, printable, printJson, say, shortPaths, tell } from "../output.ts";
import { eachOnce, environmentProblems, isOfEnvironment } from "./environment-problems.ts";
import { commandLine, printFindings, shownName } from "./findings.ts";
import { maskServer } from "../../config/show/mask-server.ts";
import { serverView } from "./server-view.ts";
import { placeOf, withStartProblems } from "./start-problems.ts";
import { folderOf, READ_FLAGS, readLayers } from "./target.ts";

export const list: Command = { flags: [...READ_FLAGS, JSON_FLAG, SECRETS_FLAG], run: listServers };

async function listServers(args: Args): Promise<number> {
  const layers = readLayers(args);
  const assessment = assess(layers);
  const { servers: written } = effectiveServers(assessment);
  const servers = args.has("file") ? written : withStartProblems(written, placeOf(layers, folderOf(args)));
  const found = configuredServers(assessment);
  // A broken environment stops no server but those that name it, and these say so.
  const errors = found.errors.filter((error) => !isOfEnvironment(error));
  const { broken, missing } = environmentProblems(args, layers);
  const warnings = eachOnce([
    ...found.warnings,
    ...found.errors.filter(isOfEnvironment),
    ...broken,
    ...missing,
  ]);
  const showSecrets = args.has("show-secrets");
  if (args.has("json")) {
    printJson(servers.map((server) => serverView(server, showSecrets)));
    // The array has room for servers only.
    for (const text of inactiveTexts(layers)) tell(`warning: ${text}\n`);
  } else if (servers.length === 0) {
    if (errors.length === 0) sayEmpty(args);
    sayInactive(layers);
  } else {
    const { table } = await import("../table.ts");
    const rows = servers.map((server) => row(server, showSecrets).map((cell) => printable(shortPaths(cell))));
    // The narrow columns stay whole: the end of a command or a path says enough.
    say(table(HEADER, rows, { width: process.stdout.columns || undefined, shrink: [1, 6, 0], usual: USUAL }));
    sayNotRunning(servers);
    sayInactive(layers);
  }
  const isSaid = !args.has("json") && (servers.length > 0 || errors.length === 0);
  if (isSaid && errors.length + warnings.length > 0) say("");
  printFindings("warning", warnings, showSecrets);
  printFindings("error", errors, showSecrets);
  return errors.length === 0 ? 0 : 1;
}

const HEADER = ["Name", "Transport", "Environment", "Scope", "Approval", "Status", "Origin"];
/** By column. */
const USUAL: ReadonlyMap<number, string> = new Map([
  [2, "local"],
  [3, "thread"],
  [4, "-"],
]);

function row(server: EffectiveMcpServer, showSecrets: boolean): string[] {
  const { name, status, config, definedIn } = server;
  const shown = config === undefined || showSecrets ? config : maskServer(config);
  const origin = definedIn === undefined ? "-" : formatOrigin(definedIn);
  if (shown === undefined) return [shownName(name), "-", "-", "-", "-", status, origin];
  return [
    shownName(name),
    commandLine(shown),
    shown.environment_id,
    shown.scope,
    approval(shown),
    status,
    origin,
  ];
}

function approval({ default_tools_approval_mode: mode, tools }: McpServerConfig): string {
  const own = [...tools.values()].filter(({ approval_mode }) => approval_mode !== undefined).length;
  if (own === 0) return mode ?? "-";
  return mode === undefined ? count(own, "tool") : `${mode}, ${count(own, "tool")}`;
}

function sayNotRunning(servers: readonly EffectiveMcpServer[]): void {
  const lines = servers
    .filter(({ status }) => status === "disabled" || status === "unstartable")
    .map(({ name, reason }) => `  ${shownName(name)}: ${reason ?? "no reason is known"}`);
  if (lines.length > 0) say(shortPaths(["\nWill not run:", ...lines].join("\n")));
}

function sayInactive(layers: ConfigLayers): void {
  for (const text of inactiveTexts(layers)) say(`\n${text}`);
}

/** What files that do not count ask for. */
function inactiveTexts({ layers }: ConfigLayers): string[] {
  return layers.flatMap(({ root, inactive }) => {
    if (inactive === undefined) return [];
    const servers = root.entries.get("mcp_servers")?.value;
    const names = servers?.kind === "table" ? [...servers.entries.keys()].map(shownName) : [];
    const asked = names.length === 0 ? "it asks for no server" : `it asks for ${names.join(", ")}`;
    return [shortPaths(`${inactive.reason}; ${asked}.\n${inactive.hint}`)];
  });
}

function sayEmpty(args: Args): void {
  const file = args.one("file");
  const target = file !== undefined ? ` --file ${shellWord(file)}` : args.has("codex") ? " --codex" : "";
  say("There are no MCP servers yet. Add one, or import those of another product:");
  say(`  switchyard mcp add${target} NAME -- COMMAND ARGS…`);
  say(`  switchyard mcp add${target} NAME https://example.com/mcp`);
  say(`  switchyard mcp import${target}`);
}
