/**
 * A login as it is kept, and what keeps it.
 *
 * What is read here came from a server's authorization server; every value but `server`, `url` and `issuer` may be a secret.
 */
import type { McpServerConfig } from "../../config/server/types.ts";

/** Which login: Codex's store knows one for each pair of a server's name and URL. */
export interface LoginKey {
  readonly server: string;
  /** As configured, character by character. */
  readonly url: string;
}

/** @returns `undefined` for a stdio server, which has no login */
export function loginKeyOf(server: string, { transport }: McpServerConfig): LoginKey | undefined {
  return transport.type === "streamable_http" ? { server, url: transport.url } : undefined;
}

export interface StoredLogin extends LoginKey {
  /** Of the authorization server, as it names itself. */
  readonly issuer?: string | undefined;
  readonly clientId: string;
  /** Of a client that the authorization server gave one. */
  readonly clientSecret?: string | undefined;
  /** How the client proves itself to the token endpoint. Absent: not known. */
  readonly clientAuthMethod?: "none" | "client_secret_basic" | "client_secret_post" | undefined;
  /** What the tokens are for (RFC 8707), where it is not the URL. */
  readonly resource?: string | undefined;
  readonly accessToken: string;
  readonly refreshToken?: string | undefined;
  /** Milliseconds since 1970. Absent: not known. */
  readonly expiresAt?: number | undefined;
  readonly scopes: readonly string[];
}

/** Keeps logins: Codex's own files, a folder of the host's, or anything else a host implements. */
export interface LoginStore {
  /** @returns the login as it is now; never a remembered one */
  read(key: LoginKey, signal: AbortSignal): Promise<StoredLogin | undefined>;
  /** Replaces what is kept for the login's server and URL, whole or not at all. */
  write(login: StoredLogin, signal: AbortSignal): Promise<void>;
  /** @returns whether there was one */
  remove(key: LoginKey, signal: AbortSignal): Promise<boolean>;
  /**
   * Does `work` while nobody else does any for the same key: in this process, in others, and after one of them has died.
   * `read`, `write` and `remove` work inside of it.
   */
  exclusively<T>(key: LoginKey, work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}
