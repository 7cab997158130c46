/** `switchyard trust`: whether the configuration files of a project count, and what they let in. */
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { effectiveMcpServers, type EffectiveMcpServer } from "../config/effective/effective.ts";
import { type LoadedEnvironments, loadEnvironments } from "../config/environments/load-environments.ts";
import type { LoadedEnvironment } from "../config/environments/types.ts";
import { existingCodexHome, switchyardHome } from "../config/layers/homes.ts";
import {
  type ConfigLayer,
  type ConfigLayers,
  isProjectFile,
  loadConfigLayers,
  readConfigFile,
} from "../config/layers/layers.ts";
import { projectKey } from "../config/layers/project-trust.ts";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import { LOCAL_ENVIRONMENT_ID } from "../config/server/types.ts";
import { maskServer } from "../config/show/mask-server.ts";
import { formatProblem } from "../config/show/show-problem.ts";
import { lineAndColumn, nodeAt } from "../toml/node.ts";
import { type Args, UsageError } from "./args/parse.ts";
import { JSON_FLAG, SECRETS_FLAG } from "./args/spec.ts";
import type { Command } from "./command.ts";
import { viewOf } from "./environments/view.ts";
import { commandLine, shownName } from "./mcp/findings.ts";
import { OWN_FILE, parseFile } from "./mcp/target.ts";
import { printable, printJson, say, shortPath, shortPaths, tell } from "./output.ts";
import type { Stop } from "./signals.ts";

export const trust: Command = {
  operands: [
    { name: "DIR", optional: true, about: "the project's folder; the working directory by default" },
  ],
  flags: [
    { name: "untrust", about: "record that the files do not count" },
    { name: "forget", about: "remove what is recorded about the folder" },
    { name: "list", about: "list the folders that are trusted or untrusted, and where that is recorded" },
    { name: "codex", about: "write to Codex's own config.toml, so that it holds for Codex too" },
    { name: "dry-run", about: "write nothing; show what would change" },
    JSON_FLAG,
    SECRETS_FLAG,
  ],
  run: setTrust,
};

async function setTrust(args: Args, { signal }: Stop): Promise<number> {
  if (args.has("list")) return await listFolders(args);
  args.atMostOne("untrust", "forget");
  const cwd = resolve(args.operands[0] ?? ".");
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new ConfigError("invalid_edit", `There is no folder ${cwd}`);
  }
  const folder = projectKey(cwd);
  const level = args.has("forget") ? undefined : args.has("untrust") ? "untrusted" : "trusted";
  const file = args.has("codex")
    ? join(existingCodexHome(process.env), "config.toml")
    : join(switchyardHome(process.env), OWN_FILE);
  const { ConfigEditor } = await import("../config/edit/config-editor.ts");
  const dryRun = args.has("dry-run");
  const editor = new ConfigEditor(file, { own: !args.has("codex") });
  const result = await editor.trust(folder, level).apply({ dryRun, signal });
  const { lets, problems } = whatCounts(cwd, dryRun && level === "trusted");
  const showSecrets = args.has("show-secrets");
  if (args.has("json")) {
    const files = lets.map(({ layer, servers, environments }) => {
      const file = layer.source.name;
      const names = serversOf(layer);
      return { file, active: layer.inactive === undefined, servers: names, runs: servers, environments };
    });
    printJson({
      ok: true,
      folder,
      trust_level: level ?? null,
      file,
      changed: result.changed,
      dry_run: dryRun,
      files,
      notes: problems.map((problem) => formatProblem(problem, { showSecrets })),
    });
    return 0;
  }
  if (dryRun) {
    const { printDryRun } = await import("./mcp/masked-diff.ts");
    printDryRun(result, showSecrets);
  } else {
    const what = level ?? "no longer mentioned";
    say(`${shortPath(folder)} is ${what}${result.changed ? "" : " already"} in ${shortPath(file)}`);
  }
  if (lets.length === 0 && problems.length === 0) say("It has no configuration files of its own yet.");
  for (const each of lets) sayWhatCounts(each, dryRun ? "would count" : "counts now");
  for (const problem of problems) tell(shortPaths(`note: ${formatProblem(problem, { showSecrets })}`));
  return 0;
}

/** A file of the project, and what it lets in where it counts. Without secrets. */
interface LetIn {
  readonly layer: ConfigLayer;
  readonly servers: readonly { readonly name: string; readonly what: string }[];
  readonly environments: readonly { readonly id: string; readonly target: string }[];
}

/**
 * The files of the project. One that cannot be read does not undo the trust.
 *
 * @param assumed what would be if all of them counted
 */
function whatCounts(
  cwd: string,
  assumed: boolean,
): { readonly lets: readonly LetIn[]; readonly problems: readonly ConfigProblem[] } {
  try {
    const loaded = loadConfigLayers({ cwd });
    const active = ({ name, source, own, root }: ConfigLayer): ConfigLayer => ({ name, source, own, root });
    const all = assumed
      ? loaded.layers.map((layer) => (isProjectFile(layer) ? active(layer) : layer))
      : loaded.layers;
    const layers = { ...loaded, layers: all };
    const { servers } = effectiveMcpServers(layers);
    const { loaded: environments, problems } = tryEnvironments(layers);
    const lets = all.filter(isProjectFile).map((layer): LetIn => {
      const isOf = (origins: Iterable<{ readonly file?: string }>): boolean =>
        layer.inactive === undefined && [...origins].some(({ file }) => file === layer.source.name);
      return {
        layer,
        servers: servers
          .filter(({ origins }) => isOf(origins.values()))
          .map((server) => ({ name: server.name, what: whatRuns(server) })),
        environments: [...(environments?.environments.values() ?? [])]
          .filter(({ origins }) => isOf(origins.values()))
          .map((each) => ({ id: each.id, target: targetOf(each) })),
      };
    });
    return { lets, problems };
  } catch (error) {
    return { lets: [], problems: problemsOf(error) };
  }
}

/** A broken file of environments must not hide the servers. */
function tryEnvironments(layers: ConfigLayers): {
  readonly loaded: LoadedEnvironments | undefined;
  readonly problems: readonly ConfigProblem[];
} {
  try {
    return { loaded: loadEnvironments({ layers }), problems: [] };
  } catch (error) {
    return { loaded: undefined, problems: problemsOf(error) };
  }
}

function problemsOf(error: unknown): readonly ConfigProblem[] {
  if (!(error instanceof ConfigError)) throw error;
  return error.problems.length > 0 ? error.problems : [{ message: error.message }];
}

/** The command or the URL, where it runs, and which variables of this machine it gets. */
function whatRuns({ config, status, reason }: EffectiveMcpServer): string {
  const isRunning = status === "enabled";
  const not = isRunning ? "" : ` (${status}${reason === undefined ? "" : `: ${reason}`})`;
  if (config === undefined) return `nothing${not}`;
  const { transport, environment_id: id } = maskServer(config);
  const variables =
    transport.type === "stdio"
      ? transport.env_vars.map((entry) => (typeof entry === "string" ? entry : entry.name))
      : [transport.bearer_token_env_var ?? [], ...(transport.env_http_headers?.values() ?? [])].flat();
  const parts = [
    commandLine(maskServer(config)),
    ...(transport.type === "streamable_http" && transport.http_headers_helper !== undefined
      ? ["headers from a command of its own (http_headers_helper)"]
      : []),
    ...(id === LOCAL_ENVIRONMENT_ID ? [] : [`in environment ${id}`]),
    ...(variables.length === 0 ? [] : [`gets ${variables.join(", ")}`]),
  ];
  return `${parts.join("; ")}${not}`;
}

function targetOf(environment: LoadedEnvironment): string {
  const { target, status, reason } = viewOf(environment);
  return status === "usable" ? target : `${status}: ${reason ?? "no reason is known"}`;
}

function sayWhatCounts({ layer, servers, environments }: LetIn, counts: string): void {
  const names = serversOf(layer).map((name) => JSON.stringify(name));
  const asks = names.length === 0 ? "it asks for no server" : `it asks for ${names.join(", ")}`;
  if (layer.inactive === undefined) say(`  ${counts}: ${shortPath(layer.source.name)}; ${asks}`);
  else say(shortPaths(`  does not count: ${layer.source.name}; ${asks}`));
  for (const { name, what } of servers) say(shortPaths(`    ${shownName(name)}: ${what}`));
  for (const { id, target } of environments) say(shortPaths(`    environment ${shownName(id)}: ${target}`));
}

/** One entry of `[projects]`. */
interface Entry {
  readonly folder: string;
  readonly trust_level: string;
  readonly file: string;
  readonly line: number | null;
}

/** What is recorded about folders, in our file and in Codex's. */
async function listFolders(args: Args): Promise<number> {
  for (const other of ["untrust", "forget", "dry-run"]) args.atMostOne("list", other);
  if (args.operands.length > 0) throw new UsageError("--list takes no DIR: it lists all folders");
  const own = join(switchyardHome(process.env), OWN_FILE);
  const codexs = join(existingCodexHome(process.env), "config.toml");
  const entries = (args.has("codex") ? [codexs] : [own, codexs]).flatMap(entriesOf);
  if (args.has("json")) printJson(entries);
  else if (entries.length === 0) say("No folder is recorded. To trust a project: switchyard trust DIR");
  else {
    const { table } = await import("./table.ts");
    const rows = entries.map(({ folder, trust_level: level, file, line }) => {
      return [folder, level, `${file}:${line ?? 1}`].map((cell) => printable(shortPath(cell)));
    });
    say(
      table(["Folder", "Trust", "Origin"], rows, {
        width: process.stdout.columns || undefined,
        shrink: [0, 2],
      }),
    );
  }
  return 0;
}

/** @throws {ConfigError} when the file is there and cannot be read */
function entriesOf(file: string): Entry[] {
  const source = readConfigFile(file);
  const projects = source === undefined ? undefined : nodeAt(parseFile(source), ["projects"]);
  return [...(projects?.kind === "table" ? projects.entries : [])].flatMap(([folder, { value }]): Entry[] => {
    const level = nodeAt(value, ["trust_level"]);
    if (level === undefined) return [];
    const trusted = level.kind === "string" && level.value === "trusted";
    const line = level.place === undefined ? null : lineAndColumn(level.place).line;
    return [{ folder, trust_level: trusted ? "trusted" : "untrusted", file, line }];
  });
}

function serversOf({ root }: ConfigLayer): string[] {
  const servers = root.entries.get("mcp_servers")?.value;
  return servers?.kind === "table" ? [...servers.entries.keys()] : [];
}
