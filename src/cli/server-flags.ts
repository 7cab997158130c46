/** `--configured`, `--servers`, `--server` and the header flags: the MCP servers of one turn, from the command line. */
import fs from "node:fs";
import { resolve } from "node:path";
import { messageOf } from "../base/errors.ts";
import { missingServer } from "../base/suggest.ts";
import { parseArgsStringToArgv } from "string-argv";
import {
  type EffectiveMcpServer,
  effectiveMcpServers,
  type EffectiveMcpServers,
} from "../config/effective/effective.ts";
import { loadConfigLayers, readConfigFile } from "../config/layers/layers.ts";
import type { ToolPluginProvenance } from "../config/plugins/types.ts";
import { readMcpServers } from "../config/server/read-servers.ts";
import type { McpServerConfig } from "../config/server/types.ts";
import { keysOf } from "../config/problem.ts";
import { formatProblem } from "../config/show/show-problem.ts";
import { check, checkConfigs, type ServerSet } from "../servers/check.ts";
import { type Outcome, sentenceOf } from "../servers/problem.ts";
import { resolveAll, type Variables } from "../servers/resolve.ts";
import { formatKeys } from "../toml/format.ts";
import { toPlain } from "../toml/node.ts";
import { parseToml } from "../toml/parse.ts";
import { placeOf, withStartProblems } from "./mcp/start-problems.ts";
import { tell } from "./output.ts";
import { environmentProblem } from "./run-environments.ts";
import { type Args, UsageError } from "./args/parse.ts";
import { HEADER_PAIR, splitPair } from "./args/pair.ts";
import type { Flag } from "./args/spec.ts";

export const MCP_FLAG: Flag = {
  name: "mcp",
  value: "MODE",
  choices: ["managed", "direct"],
  default: "managed",
  about: "who runs the MCP servers: managed, by Switchyard, or direct, by Codex itself",
};

export const MODEL_REQUESTS_FLAG: Flag = {
  name: "model-requests",
  value: "MODE",
  choices: ["relayed", "direct"],
  about:
    "who asks the model: Switchyard, where it has the key, or direct, Codex itself (default: relayed where it can be)",
};

/** Who asks the model of Codex, where it is said. */
export function modelRequestsOf(args: Args): { readonly modelRequests?: "relayed" | "direct" } {
  const mode = args.one("model-requests");
  return mode === "relayed" || mode === "direct" ? { modelRequests: mode } : {};
}

/** Who runs the servers of Codex. */
export function mcpModeOf(args: Args): "managed" | "direct" {
  return args.one("mcp") === "direct" ? "direct" : "managed";
}

/** Whether environments that are programs are started by this process, and not by Codex. */
export function startsPrograms(args: Args): boolean {
  return args.one("engine") === "responses" || mcpModeOf(args) === "managed";
}

export const SERVER_FLAGS: readonly Flag[] = [
  {
    name: "server",
    short: "s",
    value: "NAME=TARGET",
    many: true,
    about: "an MCP server: NAME=https://… or NAME=command with arguments",
  },
  {
    name: "header",
    short: "H",
    value: "NAME:HEADER=VALUE",
    many: true,
    about: "a header for the HTTP server NAME; 'NAME:HEADER: VALUE' will do too",
  },
  {
    name: "header-env",
    value: "NAME:HEADER=VAR",
    many: true,
    about: "a header whose value is in the environment variable VAR",
  },
  { name: "servers", value: "FILE.toml", about: "the servers in the [mcp_servers.NAME] tables of a file" },
  { name: "configured", about: "also the servers that `switchyard mcp list` shows as enabled" },
  {
    name: "only",
    value: "NAME",
    many: true,
    completes: "server",
    about: "of all these servers, only this one",
  },
  {
    name: "except",
    value: "NAME",
    many: true,
    completes: "server",
    about: "of all these servers, not this one",
  },
];

type Servers = Map<string, McpServerConfig>;

/** Problems name a server as in a file. */
const PATH: readonly string[] = ["mcp_servers"];

export interface GivenServers {
  readonly servers: ServerSet;
  /** Which of them come from a plugin. */
  readonly provenance: ToolPluginProvenance;
}

/**
 * A server of a `--server` flag replaces one of the same name in the file, and that one a configured one.
 *
 * @throws {UsageError} naming the flag and what it takes, or the key of the server that is wrong
 */
export function parseServerFlags(args: Args, env: Variables = process.env): GivenServers {
  const file = args.one("servers");
  const configured = args.has("configured") ? effectiveServers(args, env) : undefined;
  const given = new Map([
    ...(file === undefined ? [] : readServersFile(file)),
    ...valueOf(check(Object.fromEntries(writtenServers(args.all("server"))), PATH)).configs,
  ]);
  const servers: Servers = new Map([
    ...(configured === undefined ? [] : configuredServers(configured, args, env)),
    ...given,
  ]);
  for (const header of args.all("header")) addHeader(servers, "--header", header, "http_headers");
  for (const header of args.all("header-env")) addHeader(servers, "--header-env", header, "env_http_headers");
  const known = [...servers.keys(), ...(configured?.servers ?? []).map(({ name }) => name)];
  for (const flag of ["only", "except"]) {
    const missing = args.all(flag).find((name) => !known.includes(name));
    if (missing !== undefined) throw new UsageError(`--${flag}: ${missingServer(missing, known)}`);
  }
  for (const name of servers.keys()) if (!isWanted(name, args)) servers.delete(name);
  const checked = valueOf(checkConfigs(servers, PATH));
  // They are looked up again when the turn starts; what is missing is reported before that.
  valueOf(resolveAll(checked, env, PATH));
  const provenance = [...(configured?.provenance ?? [])].filter(([name]) => !given.has(name));
  return { servers: checked, provenance: new Map(provenance) };
}

/** Whether `--only` and `--except` leave a server. */
function isWanted(name: string, args: Args): boolean {
  return (!args.has("only") || args.all("only").includes(name)) && !args.all("except").includes(name);
}

function valueOf<Value>(result: Outcome<Value>): Value {
  if (result.ok) return result.value;
  throw new UsageError(result.problems.map((problem) => sentenceOf(problem, formatKeys)).join("\n"));
}

function writtenServers(flags: readonly string[]): Map<string, object> {
  const servers = new Map<string, object>();
  for (const flag of flags) {
    const form = "NAME=https://host/mcp or NAME=command with arguments";
    const { name, rest } = split("--server", flag, form);
    if (servers.has(name)) throw new UsageError(`--server: "${name}" is given twice`);
    const [command, ...args] = parseArgsStringToArgv(rest);
    if (/^https?:\/\//.test(rest)) servers.set(name, { url: rest });
    else if (command !== undefined) servers.set(name, { command, args });
    else throw new UsageError(`--server: the command of "${name}" is empty`);
  }
  return servers;
}

function addHeader(
  servers: Servers,
  option: string,
  flag: string,
  field: "http_headers" | "env_http_headers",
): void {
  const form = field === "http_headers" ? "NAME:HEADER=VALUE" : "NAME:HEADER=VAR";
  // A server's name may have a colon in it.
  const [known] = [...servers.keys()]
    .filter((each) => flag.startsWith(`${each}:`))
    .sort((a, b) => b.length - a.length);
  const name = known ?? /^([^:=]+):/.exec(flag)?.[1];
  const pair = name === undefined ? undefined : splitPair(flag.slice(name.length + 1), HEADER_PAIR);
  if (name === undefined || pair === undefined) throw new UsageError(`${option} takes ${form}`);
  const server = servers.get(name);
  if (server === undefined) {
    const list = [...servers.keys()].join(", ");
    const hint = list === "" ? "there are no servers" : `there are: ${list}`;
    throw new UsageError(`${option}: there is no server "${name}"; ${hint}`);
  }
  const { transport } = server;
  if (transport.type === "stdio") {
    throw new UsageError(`${option}: server "${name}" is a command, which takes no headers`);
  }
  const headers = new Map([...(transport[field] ?? []), pair]);
  servers.set(name, { ...server, transport: { ...transport, [field]: headers } });
}

/** At the first `=`. An error does not repeat the flag: a header's value may be a secret. */
function split(option: string, flag: string, form: string): { name: string; rest: string } {
  const index = flag.indexOf("=");
  if (index < 1) throw new UsageError(`${option} takes ${form}`);
  return { name: flag.slice(0, index), rest: flag.slice(index + 1) };
}

function effectiveServers(args: Args, env: Variables): EffectiveMcpServers {
  const cd = args.one("cd");
  const overrides = args.all("config");
  const cwd = resolve(cd ?? ".");
  const layers = loadConfigLayers({ env, overrides, cwd });
  const found = effectiveMcpServers(layers);
  return { ...found, servers: withStartProblems(found.servers, placeOf(layers, cwd, env)) };
}

/** One that cannot start is left out with a message, unless it is required. */
function configuredServers(
  { servers: all, errors }: EffectiveMcpServers,
  args: Args,
  env: Variables,
): Servers {
  const servers = all.filter(({ name }) => isWanted(name, args));
  const found = servers.flatMap((server) => {
    const why = startReason(server, args, env);
    return why === undefined ? [] : [{ server, text: `MCP server ${JSON.stringify(server.name)} ${why}` }];
  });
  const isRequired = ({ server }: (typeof found)[number]): boolean => server.config?.required === true;
  // A broken environment stops only the servers that name it, and an old profile only the user's own Codex.
  const stopsNone = (error: (typeof errors)[number]): boolean =>
    ["environments", "profile"].includes(keysOf(error)[0] ?? "");
  const problems = [
    // Without a broken server of a plugin the others run, as in Codex.
    ...[
      ...errors.filter((each) => !stopsNone(each)),
      ...servers.flatMap((server) => (server.plugin === undefined ? server.errors : [])),
    ].map((problem) => formatProblem(problem)),
    ...found.filter(isRequired).map(({ text }) => text),
  ];
  if (problems.length > 0) throw new UsageError(`--configured: ${problems.join("\n")}`);
  for (const problem of errors.filter(stopsNone)) tell(`switchyard: ${formatProblem(problem)}`);
  for (const { text } of found) tell(`switchyard: ${text}; the run goes on without it`);
  const leftOut = new Set(found.map(({ server }) => server.name));
  return new Map(
    servers.flatMap(({ name, status, config }) =>
      status === "enabled" && config !== undefined && !leftOut.has(name) ? [[name, config] as const] : [],
    ),
  );
}

function startReason(
  { status, config, reason, plugin }: EffectiveMcpServer,
  args: Args,
  env: Variables,
): string | undefined {
  const isBroken = status === "invalid" && plugin !== undefined;
  if (status === "unstartable" || isBroken) return `cannot start: ${reason}`;
  if (status !== "enabled" || config === undefined) return undefined;
  try {
    if (plugin?.dataFolder !== undefined) fs.mkdirSync(plugin.dataFolder, { recursive: true, mode: 0o700 });
  } catch (error) {
    return `cannot start: the data folder of its plugin cannot be made: ${messageOf(error)}`;
  }
  const cd = args.one("cd");
  const programs = startsPrograms(args);
  const flags = { programs, userHome: args.has("user-home"), ...(cd === undefined ? {} : { cd }) };
  return environmentProblem(config.environment_id, flags, env);
}

function readServersFile(path: string): ReadonlyMap<string, McpServerConfig> {
  const source = readConfigFile(path);
  if (source === undefined) throw new UsageError(`--servers: there is no file ${path}`);
  const parsed = parseToml(source);
  if (!parsed.ok) throw new UsageError(`--servers: ${formatProblem(parsed.problem)}`);
  const table = parsed.document.root.entries.get("mcp_servers")?.value;
  if (table?.kind !== "table") {
    throw new UsageError(`--servers: ${path} has no [mcp_servers.NAME] table`);
  }
  // First for the places of errors; then as strictly as what a host writes, with its names for headers.
  const { errors } = readMcpServers(table);
  if (errors.length > 0) {
    throw new UsageError(`--servers: ${errors.map((problem) => formatProblem(problem)).join("\n")}`);
  }
  return valueOf(check(toPlain(table), PATH)).configs;
}
