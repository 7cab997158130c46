/**
 * Who may share a connection.
 *
 * Two threads share one when everything that makes connections the same is the same: transport, arguments, values of
 * variables, folder, environment, headers, rules, what the client offers; and when the server's `scope` and its credentials
 * allow it.
 *
 * Invariants
 *   H1. With scope `thread`, nobody shares.
 *   H2. Two principals never share, except with scope `host` where the configuration carries no credential.
 *   H3. A key holds no value: it is a digest.
 */
import { createHash } from "node:crypto";
import { isAbsolute } from "node:path";
import type { McpServerConfig } from "../../config/server/types.ts";
import { isHarmlessHeader, type ResolvedMcpServer } from "../../servers/resolve.ts";

export interface SharingInput {
  /** Of the thread; unique for the manager. */
  readonly thread: string;
  readonly server: string;
  readonly config: McpServerConfig;
  readonly resolved: ResolvedMcpServer;
  readonly principal: string | undefined;
  readonly workspace: string | undefined;
  /** Headers of the thread for this server, or the function that yields them, by a number. */
  readonly headers: readonly (readonly [string, string])[] | number | undefined;
  /** What the thread's client offers the server, as JSON. */
  readonly offers: string;
  /** Whether the manager asks somebody for credentials of this server. */
  readonly hasCredentials: boolean;
}

export interface Sharing {
  readonly key: string;
  /** Whether another thread may come to hold the same connection. */
  readonly shared: boolean;
}

export function sharingOf(input: SharingInput): Sharing {
  const { thread, server, config, resolved, principal, workspace, headers, offers } = input;
  const { scope, enabled: _, disabled_reason: __, required: ___, startup: ____, ...rules } = config;
  const same = {
    server,
    rules,
    resolved: "headers" in resolved ? [...resolved.headers] : [...resolved.variables],
    // A folder of the thread counts where the server starts in it.
    folder:
      config.transport.type === "stdio" && !isAbsolute(config.transport.cwd ?? "") ? workspace : undefined,
    headers,
    offers,
  };
  const audience =
    scope === "thread"
      ? { thread }
      : {
          scope,
          project: scope === "project" ? workspace : undefined,
          principal: scope === "host" && !carriesCredential(input) ? undefined : (principal ?? null),
        };
  return { key: digest({ same, audience }), shared: scope !== "thread" };
}

/** Whether anything of it may be a credential: a variable, a header that is not known to be harmless, a login. */
export function carriesCredential({ config, resolved, headers, hasCredentials }: SharingInput): boolean {
  if (
    headers !== undefined &&
    (typeof headers === "number" || headers.some(([name]) => !isHarmlessHeader(name)))
  )
    return true;
  if (!("headers" in resolved)) return resolved.variables.size > 0 || resolved.remote.length > 0;
  const { transport } = config;
  const helper = transport.type === "streamable_http" && transport.http_headers_helper !== undefined;
  return hasCredentials || helper || resolved.secrets.length > 0;
}

function digest(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Map) return [...inner].sort(byName);
    return inner;
  });
  return createHash("sha256").update(text).digest("base64url");
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
