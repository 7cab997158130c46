/**
 * The MCP servers of a thread, checked once, where they come in.
 *
 *   what a host wrote ──check──> ServerSet: typed configurations by name, references intact
 *                            └─> problems, as data
 *
 * The keys are Codex 0.169's own, and `config/` says what is right; here stands what applies to a server that is about
 * to run, though a file may say it. References to variables are looked up later, when they are used (`resolve.ts`).
 *
 * Invariants
 *   M1. Servers are rejected whole, before anything starts, and each problem has the path of the field.
 *   M2. Nothing is inherited: what is not written here does not apply.
 *   M3. A problem shows names (of servers, fields, headers, variables) and no other value: it may be a secret that
 *       landed in the wrong place.
 */
import { headerNameProblem, headerValueProblem } from "../base/http-header.ts";
import { isObject } from "../base/json.ts";
import { type ConfigProblem, keysOf, valueFreeText } from "../config/problem.ts";
import { parseMcpServers } from "../config/server/read-servers.ts";
import { serverNameProblem, serverUrlProblem } from "../config/server/start-problem.ts";
import type { McpServerConfig } from "../config/server/types.ts";
import { type Outcome, rejected, type ServerProblem, unless, within } from "./problem.ts";
import { shapeProblem } from "./shape.ts";

/** Servers that have been checked, by name, in the order they were written in. */
export class ServerSet {
  readonly configs: ReadonlyMap<string, McpServerConfig>;

  /** Only for this module: `check` and `checkConfigs` make them. */
  constructor(configs: ReadonlyMap<string, McpServerConfig>) {
    this.configs = configs;
  }
}

/** How a host may spell `http_headers`. */
type HeadersKey = "headers" | "http_headers";

/** Codex's own server, and a name that objects treat in a way of its own. */
const RESERVED: ReadonlySet<string> = new Set(["codex_apps", "__proto__"]);

/**
 * @param input an object of servers by name (`McpServers`), or what was checked before
 * @param at the keys the servers stand under, for the problems
 */
export function check(input: unknown, at: readonly string[]): Outcome<ServerSet> {
  if (input instanceof ServerSet) return { ok: true, value: input };
  if (!isObject(input)) return rejected({ path: at, what: "must be an object of servers by name" });
  const configs = new Map<string, McpServerConfig>();
  const problems: ServerProblem[] = [];
  for (const [name, written] of Object.entries(input)) {
    if (written === undefined) continue;
    const read = readServer(name, written);
    if (read.ok) configs.set(name, read.value);
    else problems.push(...within([...at, name], read.problems));
  }
  return unless(problems, () => new ServerSet(configs));
}

/** The same for servers that have been read from files. */
export function checkConfigs(
  configs: ReadonlyMap<string, McpServerConfig>,
  at: readonly string[],
): Outcome<ServerSet> {
  const problems = [...configs].flatMap(([name, config]) =>
    within([...at, name], [...nameProblems(name), ...configProblems(config, "http_headers")]),
  );
  return unless(problems, () => new ServerSet(configs));
}

/** The same servers and one of ours, whose name nobody else can give. */
export function withOwnServer({ configs }: ServerSet, name: string, config: McpServerConfig): ServerSet {
  return new ServerSet(new Map([...configs, [name, config]]));
}

/** The paths of its problems begin below the server. */
function readServer(name: string, written: unknown): Outcome<McpServerConfig> {
  const [wrongName] = nameProblems(name);
  if (wrongName !== undefined) return rejected(wrongName);
  let given = written;
  let headersKey: HeadersKey = "http_headers";
  if (isObject(written) && written.headers !== undefined) {
    const { headers, ...rest } = written;
    if (rest.http_headers !== undefined) {
      const what = 'stands beside "headers", which means the same';
      return rejected({ path: ["http_headers"], what, hint: "Give one of them" });
    }
    headersKey = "headers";
    given = { ...rest, http_headers: headers };
  }
  const misshapen = shapeProblem(given);
  if (misshapen !== undefined) {
    const [key, ...rest] = misshapen.path;
    return rejected({ ...misshapen, path: key === undefined ? [] : [spelled(key, headersKey), ...rest] });
  }
  const read = parseMcpServers(new Map([[name, given]]), { strict: true, own: true });
  if (!read.ok) {
    const [first, ...others] = read.errors;
    return rejected(toProblem(first, headersKey), ...others.map((other) => toProblem(other, headersKey)));
  }
  const [config] = read.servers.values();
  if (config === undefined) throw new Error(`Server ${name} was read as nothing`);
  return unless(configProblems(config, headersKey), () => config);
}

function toProblem(problem: ConfigProblem, headersKey: HeadersKey): ServerProblem {
  const [, , key, ...rest] = keysOf(problem);
  const { hint } = problem;
  return {
    path: key === undefined ? [] : [spelled(key, headersKey), ...rest],
    what: valueFreeText(problem),
    ...(hint === undefined ? {} : { hint }),
  };
}

function spelled(key: string, headersKey: HeadersKey): string {
  return key === "http_headers" ? headersKey : key;
}

function nameProblems(name: string): ServerProblem[] {
  const what = RESERVED.has(name) ? "this name is reserved; choose another" : serverNameProblem(name);
  return what === undefined ? [] : [{ path: [], what }];
}

function configProblems({ transport }: McpServerConfig, headersKey: HeadersKey): ServerProblem[] {
  if (transport.type === "stdio") {
    return transport.command === "" ? [{ path: ["command"], what: "must not be empty" }] : [];
  }
  const { url, http_headers = [], env_http_headers = [], bearer_token_env_var } = transport;
  const problems: ServerProblem[] = [];
  // Without the scheme: that of "user:password" is the user (M3).
  const wrongUrl = serverUrlProblem(url, { quoteScheme: false });
  if (wrongUrl !== undefined) problems.push({ path: ["url"], what: wrongUrl });
  /** Lower-case name to the field that gives it: which of two would be sent is chance. */
  const givenBy = new Map<string, readonly string[]>();
  const add = (path: readonly string[], name: string, value: string): void => {
    const before = givenBy.get(name.toLowerCase());
    const what =
      headerNameProblem(name) ??
      headerValueProblem(value) ??
      (before === undefined ? undefined : `the header is given by ${before.join(".")}, too`);
    if (what !== undefined) problems.push({ path, what });
    givenBy.set(name.toLowerCase(), before ?? path);
  };
  for (const [name, value] of http_headers) add([headersKey, name], name, value);
  for (const [name] of env_http_headers) add(["env_http_headers", name], name, "");
  if (bearer_token_env_var !== undefined) add(["bearer_token_env_var"], "Authorization", "");
  return problems;
}
