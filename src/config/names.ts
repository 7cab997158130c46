/** What is refused when a server is added or started, though a file may say it: Codex loads any name and any URL. */

/** Why a server cannot have this name, or `undefined`. */
export function serverNameProblem(name: string): string | undefined {
  if (/^[a-zA-Z0-9_:@/.-]+$/.test(name)) return undefined;
  // Quoted as JSON does, so that a control character shows.
  return `invalid server name '${JSON.stringify(name).slice(1, -1)}' (use letters, numbers, '-', '_', ':', '@', '/', '.')`;
}

/** Why a streamable HTTP server cannot be reached at this URL, or `undefined`. The URL itself may hold a password. */
export function serverUrlProblem(url: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null) return "invalid URL (write it in full, such as https://example.com/mcp)";
  if (parsed.protocol === "http:" || parsed.protocol === "https:") return undefined;
  return `unsupported URL scheme '${parsed.protocol.slice(0, -1)}' (use http or https)`;
}
