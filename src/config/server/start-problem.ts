/** What a file may say and no server can start with: Codex loads any name and any URL. */
import { LOCAL_ENVIRONMENT_ID, type McpServerConfig } from "./types.ts";

/** Why a server cannot have this name, or `undefined`. */
export function serverNameProblem(name: string): string | undefined {
  if (/^[a-zA-Z0-9_:@/.-]+$/.test(name)) return undefined;
  // Quoted as JSON does, so that a control character shows.
  return `invalid server name '${JSON.stringify(name).slice(1, -1)}' (use letters, numbers, '-', '_', ':', '@', '/', '.')`;
}

/**
 * Why a streamable HTTP server cannot be reached at this URL, or `undefined`. The URL itself may hold a password.
 *
 * @param options.quoteScheme whether an unsupported scheme is shown; that of "user:password" is the user
 */
export function serverUrlProblem(
  url: string,
  { quoteScheme = true }: { readonly quoteScheme?: boolean } = {},
): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null) return "invalid URL (write it in full, such as https://example.com/mcp)";
  if (parsed.protocol === "http:" || parsed.protocol === "https:") return undefined;
  const scheme = quoteScheme ? ` '${parsed.protocol.slice(0, -1)}'` : "";
  return `unsupported URL scheme${scheme} (use http or https)`;
}

/**
 * Why a server that loads will not start, and what to do, or `undefined`. Each was tried with Codex 0.169. Only what
 * the configuration shows: whether a program exists, its start shows.
 */
export function startProblem(
  name: string,
  { transport, environment_id }: McpServerConfig,
): string | undefined {
  const wrongName = serverNameProblem(name);
  if (wrongName !== undefined) return `${wrongName}: rename it`;
  if (transport.type === "streamable_http") {
    const wrongUrl = serverUrlProblem(transport.url);
    return wrongUrl === undefined ? undefined : `url: ${wrongUrl}`;
  }
  if (transport.command === "") return "command is empty: name the program to start";
  if (transport.cwd === "") return "cwd is empty: name a folder, or leave it out";
  if (environment_id !== LOCAL_ENVIRONMENT_ID) return undefined;
  for (const variable of transport.env_vars) {
    if (typeof variable === "string" || variable.source !== "remote") continue;
    return (
      `env_vars entry \`${variable.name}\` uses source \`remote\`, which requires remote MCP stdio: ` +
      "leave source out, or set environment_id"
    );
  }
  return undefined;
}
