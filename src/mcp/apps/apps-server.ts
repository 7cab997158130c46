/**
 * The server of ChatGPT's apps (`codex_apps`), added to a thread for a login: Codex's `with_codex_apps_mcp`.
 *
 *   servers + AppsAuth ──withAppsServer──> servers, headers, principals ──> openThread
 *
 * Invariants
 *   P1. The server is there only where the login that is passed in allows it. What a configuration says under its name never counts.
 *   P2. The token is in no configuration; it goes to the login's own address only, and not if it says that it is another account's.
 *   P3. A list of tools is kept for one account, user and kind of account, and is seen by no other.
 */
import { isLoopback } from "../../config/environments/websocket-url.ts";
import { parseMcpServers } from "../../config/server/read-servers.ts";
import { ServerSet, withOwnServer } from "../../servers/check.ts";
import { McpError } from "../errors.ts";
import { readServers } from "../manager/read-servers.ts";
import type { HeaderResolver, McpThreadOptions, ThreadServers } from "../manager/thread-options.ts";
import { type AllowedAppsAuth, type AppsAuth, appsToolsCacheKey, claimsOf, keyText } from "./apps-auth.ts";

/** Codex's name of the server. */
export const APPS_SERVER = "codex_apps";

const CHATGPT = "https://chatgpt.com/backend-api";

/** For `McpManager.openThread`. Other headers and principals of the thread are put beside these. */
export interface ThreadWithApps {
  readonly servers: ServerSet;
  readonly headers: NonNullable<McpThreadOptions["headers"]>;
  readonly principals: NonNullable<McpThreadOptions["principals"]>;
}

/**
 * Adds the apps server where the login allows it, and takes away what has its name (P1).
 *
 * Its address and its header `X-OpenAI-Product-Sku` are Codex's (0.171, measured). As in Codex it counts as ready with the tools it
 * had the last time for this account and user; without knowing both, nothing is kept. Codex sends a token to ChatGPT's own address
 * only, wherever it was told to look for apps; here the login names the address, and no configuration does.
 *
 * @throws {McpError} `invalid_servers`: as `openThread`, and for a `baseUrl` that would send the token in the clear
 */
export function withAppsServer(servers: ThreadServers, auth: AppsAuth | undefined): ThreadWithApps {
  const others = readServers(withoutApps(servers));
  if (auth?.allowsApps !== true) return { servers: others, headers: {}, principals: {} };
  const url = appsUrl(auth.baseUrl ?? CHATGPT);
  const { accountId, userId } = auth;
  const isKept = accountId !== undefined && userId !== undefined;
  const written = {
    url,
    http_headers: { "X-OpenAI-Product-Sku": "codex" },
    auth: "chatgpt",
    startup_readiness: isKept ? "catalog" : "connection",
  };
  const config = parseMcpServers({ [APPS_SERVER]: written }).servers.get(APPS_SERVER);
  if (config === undefined) throw new TypeError("The apps server was read as nothing");
  return {
    servers: withOwnServer(others, APPS_SERVER, config),
    headers: { [APPS_SERVER]: headersOf(auth) },
    principals: isKept ? { [APPS_SERVER]: keyText(appsToolsCacheKey(auth)) } : {},
  };
}

/** A host that writes the name itself is told that it is reserved. */
function withoutApps(servers: ThreadServers): ThreadServers {
  const configs = servers instanceof ServerSet ? servers.configs : servers;
  return configs instanceof Map ? new Map([...configs].filter(([name]) => name !== APPS_SERVER)) : servers;
}

/** Codex's rule. @throws {McpError} */
function appsUrl(baseUrl: string): string {
  const base = baseUrl.replace(/\/+$/, "");
  const parsed = URL.parse(base);
  const isSafe = parsed?.protocol === "https:" || (parsed?.protocol === "http:" && isLoopback(parsed));
  if (!isSafe) {
    const message = `${APPS_SERVER}: baseUrl must be an https URL, or an http URL on loopback: the token is sent there`;
    throw new McpError("invalid_servers", message, { server: APPS_SERVER });
  }
  if (/\/(?:backend-api|api\/codex)/.test(base)) return `${base}/ps/mcp`;
  const isChatgpt = parsed.hostname === "chatgpt.com" || parsed.hostname === "chat.openai.com";
  return `${base}/${isChatgpt ? "backend-api" : "api/codex"}/ps/mcp`;
}

function headersOf(auth: AllowedAppsAuth): HeaderResolver {
  return async ({ why, signal }) => {
    const token = await auth.token({ why, signal });
    assertOwn(token, auth);
    return {
      Authorization: `Bearer ${token}`,
      ...(auth.accountId === undefined ? {} : { "ChatGPT-Account-ID": auth.accountId }),
    };
  };
}

/** A host may have changed its login meanwhile: the tools of one account are not listed with the token of another (P2). */
function assertOwn(token: string, { accountId, userId }: AllowedAppsAuth): void {
  const claims = claimsOf(token);
  const differs = (own: string | undefined, said: string | undefined): boolean =>
    own !== undefined && said !== undefined && own !== said;
  if (!differs(accountId, claims?.accountId) && !differs(userId, claims?.userId)) return;
  const message = `MCP server "${APPS_SERVER}": the token is that of another account; open a thread with that login`;
  throw new McpError("needs_login", message, { server: APPS_SERVER });
}
