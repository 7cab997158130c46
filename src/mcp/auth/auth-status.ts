/** How a server is authorized, in Codex's words. */
import type { Clock } from "../../base/clock.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { resolve, type Variables } from "../../servers/resolve.ts";
import { type LoginWanted, McpError } from "../errors.ts";
import type { HttpFetch } from "../http/http-fetch.ts";
import { type AuthStatus, configuredAuth } from "./configured-auth.ts";
import type { CredentialSource } from "./credential-source.ts";
import { describedLogin, probeLogin } from "./discovery.ts";
import { LoginError } from "./login-error.ts";
import { type OAuthHttp, withHeadersOf } from "./oauth-fetch.ts";

export interface AuthStatusOptions {
  readonly server: string;
  readonly config: McpServerConfig;
  readonly env: Variables;
  /** Whose login. */
  readonly principal: string | undefined;
  readonly credentials: CredentialSource | undefined;
  readonly fetch: HttpFetch;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Of the question as a whole, in milliseconds. @default 5 000, Codex's for each request */
  readonly timeoutMs?: number | undefined;
  /** What the server wanted when it was asked; `false` when it wanted nothing. @default it is asked */
  readonly wanted?: LoginWanted | false | undefined;
}

const TIMEOUT_MS = 5_000;

/**
 * In Codex's order: the configuration, a stored login, what the server says of itself.
 *
 * @throws the signal's reason
 */
export async function authStatusOf(options: AuthStatusOptions): Promise<AuthStatus> {
  const { server, config, env, wanted, fetch, clock, signal, timeoutMs = TIMEOUT_MS } = options;
  const { transport } = config;
  const configured = configuredAuth(config, env);
  if (configured !== undefined || transport.type === "stdio") return configured ?? "unsupported";
  if (await hasLogin(options)) return "oAuth";
  // What it prints may be what authorizes.
  if (transport.http_headers_helper !== undefined) return "unknown";
  const late = new AbortController();
  const timer = clock.schedule(timeoutMs, () => late.abort());
  const resolved = resolve(config, env, [server]);
  const headers =
    resolved.ok && resolved.value.type === "streamable_http" ? resolved.value.headers : new Map();
  const http: OAuthHttp = {
    fetch: withHeadersOf(transport.url, headers, fetch),
    clock,
    signal: AbortSignal.any([signal, late.signal]),
    timeoutMs,
  };
  const about = { server, url: transport.url, http };
  try {
    const asked = wanted === undefined ? await probeLogin(about) : wanted || undefined;
    return (await describedLogin({ ...about, wanted: asked })) === undefined ? "unsupported" : "notLoggedIn";
  } catch (error) {
    signal.throwIfAborted();
    if (late.signal.aborted) return "unknown";
    if (!(error instanceof LoginError)) throw error;
    // Pages for people, at an address that would have the metadata, are none.
    const { cause } = error;
    return error.code === "bad_metadata" && (cause instanceof SyntaxError || isOfShape(cause))
      ? "unsupported"
      : "unknown";
  } finally {
    timer.clear();
  }
}

async function hasLogin({
  server,
  config,
  principal,
  credentials,
  fetch,
  signal,
}: AuthStatusOptions): Promise<boolean> {
  try {
    const question = { server, config, principal, why: "open", signal, fetch } as const;
    return (await credentials?.token(question)) !== undefined;
  } catch (error) {
    signal.throwIfAborted();
    // One that cannot be refreshed now is one.
    return !(error instanceof McpError && error.code === "needs_login");
  }
}

function isOfShape(error: unknown): boolean {
  return error instanceof Error && error.name === "ZodError";
}
