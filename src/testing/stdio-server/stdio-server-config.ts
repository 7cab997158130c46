/**
 * Options that tell the stdio test server what to do.
 *
 * The options travel as JSON in the first argument, so that a configuration made here can be pasted into any
 * host's `mcp_servers` table. The program that obeys them is `stdio-server.ts`.
 */
import { fileURLToPath } from "node:url";
import type { ToolAnnotations } from "@modelcontextprotocol/server";

export interface StdioServerOptions {
  /** Name in the server's `serverInfo`. @default "test-server" */
  readonly name?: string;
  /** Instructions for the model. */
  readonly instructions?: string;
  /** Hints by tool name. */
  readonly annotations?: Readonly<Record<string, ToolAnnotations>>;
  /** Names of the tools to offer. @default all */
  readonly onlyTools?: readonly string[];
  /** Environment variables whose values `whoami` tells; an unset one is `null`. @default [] */
  readonly whoamiEnv?: readonly string[];
  /** Waits before it reads stdin, in milliseconds. @default 0 */
  readonly startupDelayMs?: number;
  /** Writes `stderr` and exits before the handshake. */
  readonly exitAtStart?: { readonly code: number; readonly stderr?: string };
  /** Lives, and never reads stdin. */
  readonly hangAtStart?: boolean;
  /** Ignores SIGTERM, SIGINT, SIGHUP and the end of stdin: only SIGKILL ends it. */
  readonly stubborn?: boolean;
  /** Written to stdout before the handshake, followed by a newline; breaks the protocol. */
  readonly garbage?: string;
  /** Written to stderr before the handshake, followed by a newline. */
  readonly stderr?: string;
}

/** A stdio server as an `mcp_servers` entry of Codex has it. */
export interface StdioServerEntry {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The `mcp_servers` entry that starts the test server with these options under the running Node. It passes on
 * NODE_COMPILE_CACHE.
 *
 * @param env variables of the server. Put secrets here, not into the options: those show in `ps`
 */
export function stdioServer(
  options: StdioServerOptions = {},
  env: Readonly<Record<string, string>> = {},
): StdioServerEntry {
  // Beside this file lies the source when run from `src`, and the compiled program in `dist`.
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const program = fileURLToPath(new URL(`./stdio-server.${extension}`, import.meta.url));
  // Hosts pass a server little of their environment; with the cache it starts in half the time.
  const cache = process.env["NODE_COMPILE_CACHE"];
  return {
    command: process.execPath,
    args: [program, JSON.stringify(options)],
    env: { ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }), ...env },
  };
}
