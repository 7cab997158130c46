/**
 * The MCP servers of a thread as Codex's own MCP client is given them: the `mcp_servers` object of the thread's
 * configuration.
 *
 *   ServerSet ──references filled in──> DirectServer[]
 *
 * References are looked up here and not by Codex: the shared process then needs no secret in its environment, and a
 * missing variable is an error instead of a header that is silently left out.
 *
 * Invariants
 *   D1. Only what was read goes to Codex, so that no value has a meaning there that we have not seen.
 */
import { resolve } from "node:path";
import type { JsonObject } from "../../base/json.ts";
import { showPath } from "../../base/reader.ts";
import { SERVER } from "../../config/schema/server-keys.ts";
import { toWritten } from "../../config/server/normal-form.ts";
import {
  type AppToolApproval,
  LOCAL_ENVIRONMENT_ID,
  type McpServerConfig,
  type McpServerTransportConfig,
} from "../../config/server/types.ts";
import { check, type ServerSet } from "../../servers/check.ts";
import { type Outcome, sentenceOf } from "../../servers/problem.ts";
import { type ResolvedMcpServer, resolveAll, type Variables } from "../../servers/resolve.ts";
import { CodexError } from "../errors.ts";

/** What goes to Codex of a server, and what we must know of it. */
export interface DirectServer {
  readonly name: string;
  readonly config: JsonObject;
  readonly enabled: boolean;
  readonly required: boolean;
  readonly startupTimeoutMs: number;
  /** Keys of ours that say something and mean nothing to Codex. */
  readonly ownKeys: readonly string[];
  /** Values that must never show in a message of ours. */
  readonly secrets: readonly string[];
}

export interface DirectOptions {
  /** Where references are looked up. */
  readonly env: Variables;
  /** Used where a server does not say. */
  readonly defaultApproval: AppToolApproval | undefined;
  /** The keys of the servers, for errors. */
  readonly at: readonly string[];
  /** The thread's working directory: where a relative `cwd` of a server begins. Codex would begin at its own. */
  readonly cwd?: string;
}

/** Codex does not know them. */
const OWN_KEYS: readonly string[] = SERVER.fields.filter(({ own }) => own).map(({ name }) => name);
/** Codex's default. */
const STARTUP_TIMEOUT_SEC = 30;
/** 68 years. Codex takes up to 2^64 seconds, but beyond 2^63 it never answers (seen with 0.169). */
const TIMEOUT_MAX_SEC = 2 ** 31;
/** What a timer of Node can wait. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * @param servers as a host wrote them, or checked already
 * @throws {CodexError} `invalid_options`, with the path of the field
 */
export function checkedServers(servers: unknown, at: readonly string[]): ServerSet {
  return valueOf(check(servers, at));
}

/**
 * @param servers as a host wrote them, or checked already
 * @throws {CodexError} `invalid_options`, with the path of the field
 */
export function directServers(servers: unknown, options: DirectOptions): DirectServer[] {
  const { env, defaultApproval, at, cwd } = options;
  const checked = checkedServers(servers, at);
  const resolved = valueOf(resolveAll(checked, env, at));
  return [...checked.configs].map(([name, server]) => {
    const { enabled, required, startup_timeout_sec: seconds = STARTUP_TIMEOUT_SEC } = server;
    const own = resolved.get(name) as ResolvedMcpServer;
    const config = toWritten({
      ...bounded(server),
      transport: placed(filledIn(server.transport, own), server.environment_id, cwd),
    }) as JsonObject;
    const ownKeys = OWN_KEYS.filter((key) => config[key] !== undefined);
    for (const key of ownKeys) delete config[key];
    if (defaultApproval !== undefined) config.default_tools_approval_mode ??= defaultApproval;
    return {
      name,
      config,
      enabled,
      required: required && enabled,
      startupTimeoutMs: Math.min(seconds * 1000, TIMER_MAX_MS),
      ownKeys,
      secrets: own.secrets,
    };
  });
}

function valueOf<Value>(result: Outcome<Value>): Value {
  if (result.ok) return result.value;
  const [problem] = result.problems;
  const [option] = problem.path;
  throw new CodexError(
    "invalid_options",
    sentenceOf(problem, showPath),
    option === undefined ? {} : { option },
  );
}

function bounded(server: McpServerConfig): McpServerConfig {
  const { startup_timeout_sec: startup, tool_timeout_sec: tool } = server;
  return {
    ...server,
    ...(startup === undefined ? {} : { startup_timeout_sec: Math.min(startup, TIMEOUT_MAX_SEC) }),
    ...(tool === undefined ? {} : { tool_timeout_sec: Math.min(tool, TIMEOUT_MAX_SEC) }),
  };
}

/** With an absolute `cwd`; paths of another machine stay as they are. */
function placed(
  transport: McpServerTransportConfig,
  environment: string,
  directory: string | undefined,
): McpServerTransportConfig {
  if (transport.type !== "stdio" || transport.cwd === undefined || directory === undefined) return transport;
  if (environment !== LOCAL_ENVIRONMENT_ID) return transport;
  return { ...transport, cwd: resolve(directory, transport.cwd) };
}

/** With all variables in `env`, and all headers in `http_headers`. */
function filledIn(
  transport: McpServerTransportConfig,
  resolved: ResolvedMcpServer,
): McpServerTransportConfig {
  if (transport.type === "stdio" && resolved.type === "stdio") {
    const forRemote = resolved.remote.map((name) => ({ name, source: "remote" }) as const);
    return { ...transport, env: resolved.variables, env_vars: forRemote };
  }
  if (transport.type === "streamable_http" && resolved.type === "streamable_http") {
    const { env_http_headers: _, bearer_token_env_var: __, ...rest } = transport;
    return { ...rest, http_headers: resolved.headers };
  }
  return transport;
}
