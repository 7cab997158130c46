/**
 * Checks a server as a whole: one transport, no keys of the other one, and settings that go together.
 *
 * Invariants
 *   C1. The checks run in Codex's order (measured with 0.169), so the first error is Codex's. Unlike Codex, all run.
 *   C2. A key counts when it is there, whatever its value: `args = []` is rejected on an HTTP server.
 *   C3. The place of an error is the offending key; of a missing transport, the server's own.
 */
import { headerNameProblem, headerValueProblem } from "../../base/http-header.ts";
import { REFUSED } from "../schema/server-keys.ts";
import { type ConfigProblem, problem, type ProblemText } from "../problem.ts";
import type { StructReading } from "../schema/read-value.ts";
import { withValue } from "../schema/serde-text.ts";
import { secondsFromNumber } from "../schema/seconds.ts";
import type { Place, TomlEntry } from "../../toml/node.ts";
import { LOCAL_ENVIRONMENT_ID, type McpServerOAuthConfig } from "./types.ts";

const REFUSAL_HINTS: ReadonlyMap<string, string> = new Map([
  ["bearer_token", "Put the token in an environment variable and set bearer_token_env_var to its name"],
  ["url", "A server has either command (stdio) or url (streamable HTTP): remove one of them"],
]);

/** @param place of the server's key */
export function checkServer(
  { entries, values }: StructReading,
  path: readonly string[],
  place: Place | undefined,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse: Refuse = (text, field, at, hint) => {
    problems.push(problem(text, path, at, hint, field));
  };
  const startup = values.get("startup_timeout_sec");
  if (typeof startup === "number") {
    const seconds = secondsFromNumber(startup);
    if (!seconds.ok)
      refuse(seconds.problem, ["startup_timeout_sec"], entries.get("startup_timeout_sec")?.value.place);
  }
  const transport = entries.has("command") ? "stdio" : entries.has("url") ? "streamable_http" : undefined;
  if (transport === undefined) {
    refuse("invalid transport", undefined, place, "Set command (a stdio server) or url (streamable HTTP)");
    const token = entries.get("bearer_token");
    if (token !== undefined) problems.push(inlineToken(path, token));
    return problems;
  }
  for (const key of REFUSED[transport]) {
    const entry = entries.get(key);
    if (entry === undefined) continue;
    refuse(
      aboutField(key, `is not supported for ${transport}`),
      [key],
      entry.keyPlace,
      refusalHint(key, transport),
    );
  }
  if (transport === "stdio") checkEnvVars(entries, values, refuse);
  else checkHttp(entries, values, refuse);
  return problems;
}

/** In the words of Codex's `mcp add`, which rejects it before anything else (measured). */
export function inlineToken(path: readonly string[], { keyPlace }: TomlEntry): ConfigProblem {
  const message = `${path.join(".")} uses unsupported \`bearer_token\`; set \`bearer_token_env_var\`.`;
  const text = { message, what: "is not supported" };
  return problem(text, path, keyPlace, REFUSAL_HINTS.get("bearer_token"), ["bearer_token"]);
}

type Refuse = (
  text: string | ProblemText,
  field: readonly string[] | undefined,
  at: Place | undefined,
  hint?: string,
) => void;

/** Codex begins with the name of the field. */
function aboutField(field: string, what: string): ProblemText {
  return { message: `${field} ${what}`, what };
}
type Entries = StructReading["entries"];
type Values = StructReading["values"];

function refusalHint(key: string, transport: "stdio" | "streamable_http"): string {
  const other = transport === "stdio" ? "streamable HTTP servers (url)" : "stdio servers (command)";
  return REFUSAL_HINTS.get(key) ?? `It is for ${other}; remove it, even where it is empty`;
}

function checkEnvVars(entries: Entries, values: Values, refuse: Refuse): void {
  const node = entries.get("env_vars")?.value;
  const items = (values.get("env_vars") ?? []) as readonly (string | { readonly source?: string })[];
  for (const [index, item] of items.entries()) {
    const source = typeof item === "string" ? undefined : item.source;
    if (source === undefined || source === "local" || source === "remote") continue;
    const at = node?.kind === "array" ? node.items[index] : undefined;
    refuse(
      withValue("unsupported env_vars source", `\`${source}\``, "; expected `local` or `remote`"),
      ["env_vars"],
      (at?.kind === "table" ? at.entries.get("source")?.value : at)?.place,
    );
  }
}

function checkHttp(entries: Entries, values: Values, refuse: Refuse): void {
  const helper = values.get("http_headers_helper");
  if (typeof helper === "string") {
    const key = "http_headers_helper";
    const at = entries.get(key)?.keyPlace;
    if (isBlank(helper)) refuse(aboutField(key, "must not be empty"), [key], at);
    const environment = values.get("environment_id") ?? LOCAL_ENVIRONMENT_ID;
    if (environment !== LOCAL_ENVIRONMENT_ID) {
      refuse(aboutField(key, "is only supported for local MCP servers"), [key], at);
    }
  }
  const oauth = values.get("oauth") as McpServerOAuthConfig | undefined;
  if (oauth !== undefined) checkOauth(oauth, entries, values, refuse);
}

function checkOauth(oauth: McpServerOAuthConfig, entries: Entries, values: Values, refuse: Refuse): void {
  const { client_id = "", client_secret, token_endpoint_auth_method, authorization_server_issuer } = oauth;
  const entry = entries.get("oauth");
  const refuseKey = (key: keyof McpServerOAuthConfig, what: string): void => {
    const at = entry?.value.kind === "table" ? entry.value.entries.get(key) : entry;
    refuse(aboutField(`oauth.${key}`, what), ["oauth", key], at?.keyPlace);
  };
  // A wrong `auth` has its own error, and would have allowed anything.
  const isEma = values.has("auth") || !entries.has("auth") ? values.get("auth") === "ema_auth" : true;
  const onlyEma = 'requires auth = "ema_auth"';
  if (client_secret !== undefined) {
    if (isBlank(client_secret)) refuseKey("client_secret", "must not be empty");
    if (isBlank(client_id)) refuseKey("client_secret", "requires oauth.client_id");
  }
  if (token_endpoint_auth_method !== undefined) {
    if (!isEma) refuseKey("token_endpoint_auth_method", onlyEma);
    if (client_secret === undefined) refuseKey("token_endpoint_auth_method", "requires oauth.client_secret");
  }
  if (authorization_server_issuer !== undefined && !isEma) {
    refuseKey("authorization_server_issuer", onlyEma);
  }
}

/** The headers that Codex silently leaves out, because no request could carry them. */
export function ignoredHeaders({ entries, values }: StructReading, path: readonly string[]): ConfigProblem[] {
  return ["http_headers", "env_http_headers"].flatMap((key) => {
    const node = entries.get(key)?.value;
    const headers = (values.get(key) ?? new Map()) as ReadonlyMap<string, string>;
    return [...headers].flatMap(([name, value]): ConfigProblem[] => {
      const wrong =
        headerNameProblem(name) ?? (key === "http_headers" ? headerValueProblem(value) : undefined);
      if (wrong === undefined) return [];
      const at = node?.kind === "table" ? node.entries.get(name)?.keyPlace : node?.place;
      const message = `header ${JSON.stringify(name)} ${wrong}, and Codex leaves it out`;
      return [problem(message, [...path, key], at)];
    });
  });
}

/** As Rust's `trim` sees it: U+FEFF is no white space there, U+0085 is. */
export function isBlank(text: string): boolean {
  return /^\p{White_Space}*$/u.test(text);
}
