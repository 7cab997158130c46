/**
 * What a server may say as a whole: one transport, nothing of the other one, and settings that go together.
 *
 * Invariants
 *   C1. The checks run in Codex's order (measured with 0.169), so the first error is Codex's. Unlike Codex, all run.
 *   C2. A key that is there counts, whatever its value: `args = []` is refused on an HTTP server.
 *   C3. The place of an error is the offending key; of a missing transport, the server's own.
 */
import { REFUSED } from "../schema/server-keys.ts";
import type { ConfigProblem } from "../problem.ts";
import { problem, type StructReading } from "../schema/read-value.ts";
import { secondsFromNumber } from "../schema/seconds.ts";
import type { Place, TomlEntry } from "../../toml/node.ts";
import { DEFAULT_MCP_SERVER_ENVIRONMENT_ID, type McpServerOAuthConfig } from "./types.ts";

const REFUSAL_HINTS: ReadonlyMap<string, string> = new Map([
  ["bearer_token", 'Put the token into an environment variable and set bearer_token_env_var = "NAME"'],
  ["url", "A server has either command (stdio) or url (streamable HTTP): remove one of them"],
]);

/** @param place of the server's key */
export function checkServer(
  { entries, values }: StructReading,
  path: string,
  place: Place | undefined,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (message: string, at: Place | undefined, hint?: string): void => {
    problems.push(problem(message, path, at, hint));
  };
  const startup = values.get("startup_timeout_sec");
  if (typeof startup === "number") {
    const seconds = secondsFromNumber(startup);
    if (!seconds.ok) refuse(seconds.problem, entries.get("startup_timeout_sec")?.value.place);
  }
  const transport = entries.has("command") ? "stdio" : entries.has("url") ? "streamable_http" : undefined;
  if (transport === undefined) {
    refuse("invalid transport", place, "Set command (a stdio server) or url (streamable HTTP)");
    const token = entries.get("bearer_token");
    if (token !== undefined) problems.push(inlineToken(path, token));
    return problems;
  }
  for (const key of REFUSED[transport]) {
    const entry = entries.get(key);
    if (entry === undefined) continue;
    refuse(`${key} is not supported for ${transport}`, entry.keyPlace, refusalHint(key, transport));
  }
  if (transport === "stdio") checkEnvVars(entries, values, refuse);
  else checkHttp(entries, values, refuse);
  return problems;
}

/** In the words of Codex's `mcp add`, which refuses it before anything else (measured). */
export function inlineToken(path: string, { keyPlace }: TomlEntry): ConfigProblem {
  const message = `${path} uses unsupported \`bearer_token\`; set \`bearer_token_env_var\`.`;
  return problem(message, path, keyPlace, REFUSAL_HINTS.get("bearer_token"));
}

type Refuse = (message: string, at: Place | undefined, hint?: string) => void;
type Entries = StructReading["entries"];
type Values = StructReading["values"];

function refusalHint(key: string, transport: "stdio" | "streamable_http"): string {
  const other = transport === "stdio" ? "streamable HTTP servers (url)" : "stdio servers (command)";
  return REFUSAL_HINTS.get(key) ?? `It is for ${other}; remove it, also where it is empty`;
}

function checkEnvVars(entries: Entries, values: Values, refuse: Refuse): void {
  const node = entries.get("env_vars")?.value;
  const items = (values.get("env_vars") ?? []) as readonly (string | { readonly source?: string })[];
  for (const [index, item] of items.entries()) {
    const source = typeof item === "string" ? undefined : item.source;
    if (source === undefined || source === "local" || source === "remote") continue;
    const at = node?.kind === "array" ? node.items[index] : undefined;
    refuse(
      `unsupported env_vars source \`${source}\`; expected \`local\` or \`remote\``,
      (at?.kind === "table" ? at.entries.get("source")?.value : at)?.place,
    );
  }
}

function checkHttp(entries: Entries, values: Values, refuse: Refuse): void {
  const helper = values.get("http_headers_helper");
  if (typeof helper === "string") {
    const at = entries.get("http_headers_helper")?.keyPlace;
    if (isBlank(helper)) refuse("http_headers_helper must not be empty", at);
    const environment = values.get("environment_id") ?? DEFAULT_MCP_SERVER_ENVIRONMENT_ID;
    if (environment !== DEFAULT_MCP_SERVER_ENVIRONMENT_ID) {
      refuse("http_headers_helper is only supported for local MCP servers", at);
    }
  }
  const oauth = values.get("oauth") as McpServerOAuthConfig | undefined;
  if (oauth === undefined) return;
  const { client_id = "", client_secret, token_endpoint_auth_method, authorization_server_issuer } = oauth;
  const entry = entries.get("oauth");
  const at = (key: string): Place | undefined =>
    (entry?.value.kind === "table" ? entry.value.entries.get(key) : entry)?.keyPlace;
  // A wrong `auth` has its own error; what it would have allowed nobody knows.
  const isEma = values.has("auth") || !entries.has("auth") ? values.get("auth") === "ema_auth" : true;
  if (client_secret !== undefined) {
    if (isBlank(client_secret)) refuse("oauth.client_secret must not be empty", at("client_secret"));
    if (isBlank(client_id)) refuse("oauth.client_secret requires oauth.client_id", at("client_secret"));
  }
  if (token_endpoint_auth_method !== undefined) {
    const key = "oauth.token_endpoint_auth_method";
    const place = at("token_endpoint_auth_method");
    if (!isEma) refuse(`${key} requires auth = "ema_auth"`, place);
    if (client_secret === undefined) refuse(`${key} requires oauth.client_secret`, place);
  }
  if (authorization_server_issuer !== undefined && !isEma) {
    const place = at("authorization_server_issuer");
    refuse('oauth.authorization_server_issuer requires auth = "ema_auth"', place);
  }
}

/** As Rust's `trim` sees it: U+FEFF is no white space there, U+0085 is. */
export function isBlank(text: string): boolean {
  return /^\p{White_Space}*$/u.test(text);
}
