/**
 * A login with ChatGPT as far as the apps server is concerned: whether it may be used for it, whose it is, and its token.
 *
 * A host passes it where it opens a thread. It is in no configuration, and its token goes to `baseUrl` and nowhere else.
 */
import { isObject } from "../../base/json.ts";

export type AppsAuth =
  /** The login of somebody who does not use apps, or none that ChatGPT knows, such as an API key. */
  { readonly allowsApps: false } | AllowedAppsAuth;

export interface AllowedAppsAuth {
  readonly allowsApps: true;
  /** The account (workspace) the login is for; sent as `ChatGPT-Account-ID`. */
  readonly accountId?: string;
  /** The user of that account. */
  readonly userId?: string;
  /** Whether the account is a workspace of several people: a plan such as `team`, `business`, `enterprise`, `edu`. @default false */
  readonly isWorkspaceAccount?: boolean;
  /**
   * Yields the access token of exactly this account and user. Asked when a connection opens, and once more after a 401.
   *
   * @throws what then is the reason why the server does not start
   */
  readonly token: (about: {
    readonly why: "open" | "unauthorized";
    readonly signal: AbortSignal;
  }) => string | Promise<string>;
  /** Where the login is from: https, or http on loopback. @default "https://chatgpt.com/backend-api" */
  readonly baseUrl?: string;
}

/** Whose apps a list of tools is about: Codex's `CodexAppsToolsCacheKey`. Two logins share a kept list only if all three are the same. */
export interface AppsToolsCacheKey {
  readonly accountId: string | undefined;
  readonly userId: string | undefined;
  readonly isWorkspaceAccount: boolean;
}

export function appsToolsCacheKey(auth: AllowedAppsAuth): AppsToolsCacheKey {
  const { accountId, userId, isWorkspaceAccount = false } = auth;
  return { accountId, userId, isWorkspaceAccount };
}

/** As Codex writes it; the name of its own file is the SHA-1 of this text (0.171, measured). */
export function keyText({ accountId = null, userId = null, isWorkspaceAccount }: NullableKey): string {
  return JSON.stringify({
    account_id: accountId,
    chatgpt_user_id: userId,
    is_workspace_account: isWorkspaceAccount,
  });
}

type NullableKey = { readonly [Key in keyof AppsToolsCacheKey]: AppsToolsCacheKey[Key] | null };

/** What OpenAI's tokens say of the login they are from. */
export interface TokenClaims {
  readonly accountId: string | undefined;
  readonly userId: string | undefined;
  readonly plan: string | undefined;
}

const CLAIMS = "https://api.openai.com/auth";

/** What a token says of itself; `undefined` where it is no JWT. Nothing is verified: whoever takes the token does that. */
export function claimsOf(token: string): TokenClaims | undefined {
  const [, payload, , ...more] = token.split(".");
  if (payload === undefined || more.length > 0) return undefined;
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(payload, "base64url").toString());
  } catch {
    return undefined;
  }
  if (!isObject(read)) return undefined;
  const claims = isObject(read[CLAIMS]) ? read[CLAIMS] : {};
  const text = (key: string): string | undefined =>
    typeof claims[key] === "string" && claims[key] !== "" ? claims[key] : undefined;
  return {
    accountId: text("chatgpt_account_id"),
    userId: text("chatgpt_user_id") ?? text("user_id"),
    plan: text("chatgpt_plan_type"),
  };
}
