/** The login of `codex login` as an `AppsAuth`. Codex's file is read, each time anew, and never written: Codex renews its tokens itself. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../../base/json.ts";
import { existingCodexHome } from "../../config/layers/homes.ts";
import { McpError } from "../errors.ts";
import { type AppsAuth, type AppsToolsCacheKey, claimsOf } from "./apps-auth.ts";
import { APPS_SERVER } from "./apps-server.ts";

export interface CodexAppsAuthOptions {
  /** The home of Codex's files. @default $CODEX_HOME, which has to be there, or ~/.codex */
  readonly codexHome?: string;
  /** Where the home is looked up. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** As in `AppsAuth`. */
  readonly baseUrl?: string;
}

/** Plans of accounts of several people (0.171, measured; in this spelling only). */
const WORKSPACE_PLANS: ReadonlySet<string> = new Set([
  "team",
  "self_serve_business_prolite",
  "self_serve_business_usage_based",
  "business",
  "ent26",
  "enterprise_cbp_automation",
  "enterprise_cbp_usage_based",
  "enterprise",
  "hc",
  "edu",
  "education",
  "edu_plus",
  "edu_pro",
]);

interface CodexLogin extends AppsToolsCacheKey {
  readonly token: string;
}

/**
 * @returns `allowsApps: false` where there is no `auth.json`, or it has an API key. A login that Codex keeps in a keyring is not seen
 * @throws {ConfigError} `unreadable` for a CODEX_HOME that does not exist
 */
export function codexAppsAuth(options: CodexAppsAuthOptions = {}): AppsAuth {
  const { env = process.env, baseUrl } = options;
  const file = join(options.codexHome ?? existingCodexHome(env), "auth.json");
  const login = loginIn(file);
  if (login === undefined) return { allowsApps: false };
  const { accountId, userId, isWorkspaceAccount } = login;
  return {
    allowsApps: true,
    ...(accountId === undefined ? {} : { accountId }),
    ...(userId === undefined ? {} : { userId }),
    isWorkspaceAccount,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    token: () => {
      const now = loginIn(file);
      if (now?.accountId === accountId && now?.userId === userId) return now?.token ?? "";
      const message = `MCP server "${APPS_SERVER}": the login of Codex is gone, or is another one now; open a thread with that`;
      throw new McpError("needs_login", message, { server: APPS_SERVER });
    },
  };
}

/** What Codex takes for a ChatGPT login (0.171, measured): without an API key, and with an `id_token` that can be read. */
function loginIn(file: string): CodexLogin | undefined {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // Absent, or not Codex's: there is no login.
    return undefined;
  }
  if (!isObject(read)) return undefined;
  const { auth_mode: mode, OPENAI_API_KEY: key, tokens } = read;
  const isChatgpt = typeof mode === "string" ? mode.startsWith("chatgpt") : typeof key !== "string";
  if (!isChatgpt || !isObject(tokens)) return undefined;
  const { id_token, access_token, account_id } = tokens;
  const claims = typeof id_token === "string" ? claimsOf(id_token) : undefined;
  if (claims === undefined || typeof access_token !== "string") return undefined;
  return {
    accountId: typeof account_id === "string" ? account_id : undefined,
    userId: claims.userId,
    isWorkspaceAccount: WORKSPACE_PLANS.has(claims.plan ?? ""),
    token: access_token,
  };
}
