/** `switchyard mcp skills`: which MCP servers the skills need, which of them are missing, and adding those. */
import type { ConfigEdit } from "../../config/edit/edits.ts";
import { type EffectiveMcpServer, effectiveMcpServers } from "../../config/effective/effective.ts";
import { formatOrigin } from "../../config/layers/origins.ts";
import { ConfigError } from "../../config/problem.ts";
import type { WrittenMcpServer } from "../../config/server/types.ts";
import { maskArgs, maskText, maskUrl } from "../../config/show/mask-text.ts";
import { loadSkills } from "../../config/skills/load-skills.ts";
import {
  type MissingSkillServer,
  missingSkillDependencies,
  type SkillNeed,
  skillNeeds,
} from "../../config/skills/needs.ts";
import type { Skill } from "../../config/skills/read-skill.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { Command } from "../command.ts";
import { count, printable, printJson, say, shortPaths, tell } from "../output.ts";
import type { Stop } from "../signals.ts";
import { applyAndReport, checkedEdit } from "./apply-edit.ts";
import { EDIT_FLAGS, type EditContext, elsewhere, openEditContext } from "./edit-context.ts";
import { printFindings, shownName } from "./findings.ts";
import { READ_FLAGS, readLayers } from "./target.ts";

const FLAGS = [...READ_FLAGS, ...EDIT_FLAGS].filter(
  ({ name }, index, flags) =>
    !["file", "codex"].includes(name) && flags.findIndex((each) => each.name === name) === index,
);

export const skills: Command = {
  flags: [
    { name: "add", about: "add those that are missing" },
    { name: "codex", about: "only what Codex itself reads; with --add, to its config.toml" },
    ...FLAGS,
  ],
  notes:
    "A skill says which servers it needs in agents/openai.yaml beside its SKILL.md. One that is configured under another name, " +
    "with the same URL or command, is not missing.",
  run: showSkills,
};

async function showSkills(args: Args, { signal }: Stop): Promise<number> {
  const adds = args.has("add");
  for (const flag of ["project", "dry-run"])
    if (args.has(flag) && !adds) throw new UsageError(`--${flag} needs --add`);
  const layers = readLayers(args);
  const { skills, problems } = await loadSkills(layers);
  const { servers } = effectiveMcpServers(layers);
  const missing = missingSkillDependencies(skills, servers);
  if (adds) {
    const exit = await addServers(openEditContext(args), missing, servers, signal);
    printFindings("warning", problems, args.has("show-secrets"));
    return exit;
  }
  const needed = serversOf(skillNeeds(skills, servers));
  if (args.has("json")) printJson(needed.map((each) => viewOf(each, args.has("show-secrets"))));
  else await sayNeeded(args, skills, needed);
  if (missing.length > 0) {
    const how = `switchyard mcp skills --add${args.has("codex") ? " --codex" : ""}`;
    tell(`${count(missing.length, "server")} ${missing.length === 1 ? "is" : "are"} missing. To add: ${how}`);
  }
  printFindings("warning", problems, args.has("show-secrets"));
  return 0;
}

/** A server that skills need, and all of them. */
interface Needed extends Omit<SkillNeed, "skill"> {
  readonly skills: readonly Skill[];
}

function serversOf(needs: readonly SkillNeed[]): readonly Needed[] {
  const groups = Map.groupBy(needs, (need) => JSON.stringify(need.needs.server));
  return [...groups.values()].map((group) => {
    const [first] = group as [SkillNeed];
    return { ...first, skills: [...new Set(group.map(({ skill }) => skill))] };
  });
}

/** The shape of an element of `--json`. */
function viewOf({ needs, configured, skills }: Needed, showSecrets: boolean): object {
  return {
    name: needs.name,
    description: needs.description ?? null,
    transport: needs.server.command === undefined ? "streamable_http" : "stdio",
    where: whereOf(needs.server, showSecrets),
    configured: configured === undefined ? null : { name: configured.name, status: configured.status },
    skills: skills.map(({ name, scope, file, pluginId = null }) => ({ name, scope, file, plugin: pluginId })),
  };
}

function whereOf({ command, url = "" }: WrittenMcpServer, showSecrets: boolean): string {
  if (showSecrets) return command ?? url;
  return command === undefined ? maskText(maskUrl(url)) : maskArgs([command]).join(" ");
}

async function sayNeeded(args: Args, skills: readonly Skill[], needed: readonly Needed[]): Promise<void> {
  if (skills.length === 0) {
    say("There are no skills here.");
  } else if (needed.length === 0) {
    say(`None of ${count(skills.length, "skill")} needs an MCP server.`);
  } else {
    const { table } = await import("../table.ts");
    const rows = needed.map((each) => rowOf(each, args.has("show-secrets")).map(printable));
    say(table(HEADER, rows, { width: process.stdout.columns || undefined, shrink: [1, 2] }));
  }
}

const HEADER = ["Server", "Where", "Skills", "Status"];

function rowOf({ needs, configured, skills }: Needed, showSecrets: boolean): readonly string[] {
  const as =
    configured === undefined || configured.name === needs.name ? "" : ` as ${shownName(configured.name)}`;
  return [
    shownName(needs.name),
    shortPaths(whereOf(needs.server, showSecrets)),
    skills.map(({ name }) => name).join(", "),
    `${configured?.status ?? "missing"}${as}`,
  ];
}

/** What is wrong with one server stops that one: the others are added. @returns the exit code */
async function addServers(
  context: EditContext,
  missing: readonly MissingSkillServer[],
  servers: readonly EffectiveMcpServer[],
  signal: AbortSignal,
): Promise<number> {
  const edits: (ConfigEdit & { readonly name: string })[] = [];
  const notes: string[] = [];
  let error: ConfigError | undefined;
  for (const { name, server } of missing) {
    try {
      const plugin = servers.find((each) => each.name === name)?.plugin;
      if (plugin !== undefined) throw taken(name, `that of plugin \`${plugin.displayName}\``);
      checkIsFree(context, name, edits);
      edits.push(await checkedEdit(context, name, server, signal));
    } catch (cause) {
      if (!(cause instanceof ConfigError) || cause.code !== "invalid_edit") throw cause;
      error ??= cause;
      const what = context.args.has("show-secrets") ? cause.message : maskText(cause.message);
      notes.push(`${what}. The server is left out`);
    }
  }
  if (edits.length === 0 && error !== undefined) {
    if (notes.length === 1) throw error;
    throw new ConfigError(error.code, `No server was added:\n${notes.join("\n")}`, { cause: error });
  }
  const names = edits.map(({ name }) => name);
  const quoted = names.map((name) => JSON.stringify(name)).join(", ");
  const done = `Added ${count(names.length, "server")} (${quoted}) to`;
  if (missing.length === 0) notes.push("every server that a skill needs is configured");
  return await applyAndReport(context, { edits, names, done, notes, toRun: true }, signal);
}

/** @throws {ConfigError} `invalid_edit` when another server has the name that skills give to this one */
function checkIsFree(context: EditContext, name: string, edits: readonly { readonly name: string }[]): void {
  if (context.names.has(name)) throw taken(name, `already in ${context.target.file}`);
  const other = elsewhere(context, name).at(-1);
  if (other !== undefined) throw taken(name, `already in ${formatOrigin(other)}`);
  if (edits.some((edit) => edit.name === name)) throw taken(name, "what another skill calls another server");
}

function taken(name: string, by: string): ConfigError {
  const what = `MCP server ${JSON.stringify(name)} is ${by}, with another URL or command`;
  return new ConfigError(
    "invalid_edit",
    `${what}. To add this one by another name: switchyard mcp add NAME …`,
  );
}
