/** A stdio server to start, and what starts it. */
import type { Log } from "../../base/log.ts";
import type { McpServerEnvVar } from "../../config/server/types.ts";
import { type ResolvedVariables, resolveVariables, type Variables } from "../../servers/resolve.ts";
import type { ServerTransport } from "../transport/server-transport.ts";

/** `{ name, ...config.transport }` of an `McpServerConfig` whose transport is stdio, or the same by hand. */
export interface StdioServer {
  readonly name: string;
  readonly command: string;
  /** @default none */
  readonly args?: readonly string[];
  /** @default none */
  readonly env?: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
  /** Variables of this machine, by name; with `source: "remote"` of the machine it runs on. @default none */
  readonly env_vars?: readonly McpServerEnvVar[];
  /** Absolute for a server on an executor. @default the folder the thread works in, if that is known */
  readonly cwd?: string;
}

/** @param host the environment of this machine, where plain names of `env_vars` are looked up */
export function variablesOf({ env = {}, env_vars }: StdioServer, host: Variables): ResolvedVariables {
  const written: Iterable<readonly [string, string]> = isMap(env) ? env : Object.entries(env);
  return resolveVariables({ env: written, env_vars }, host);
}

function isMap(env: NonNullable<StdioServer["env"]>): env is ReadonlyMap<string, string> {
  return env instanceof Map;
}

export interface LaunchOptions {
  /** Ends the start, and what was started. The start rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Receives the stderr of the server, and warnings about it. @default silent */
  readonly log?: Log;
  /** The folder the thread works in, in the environment of the server: an absolute path. */
  readonly workspace?: string | undefined;
}

export interface StdioServerLauncher {
  /**
   * Starts the server. The transport is the caller's: to connect a client to it, and to close it.
   *
   * @throws {TransportError} `invalid_server`, `start_failed`, `executor_unreachable`, `executor_lost`
   * @throws the signal's reason when it aborts first; the process has ended then
   */
  launch(server: StdioServer, options?: LaunchOptions): Promise<ServerTransport>;
}
