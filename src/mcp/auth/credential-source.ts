/** Whom a manager asks for the tokens of logins: a broker of ours, or anything of a host. */
import type { McpServerConfig } from "../../config/server/types.ts";
import type { HttpFetch } from "../http/http-fetch.ts";
import type { LoginToken } from "../http/login-token.ts";

export interface TokenQuestion {
  readonly server: string;
  readonly config: McpServerConfig;
  /** Whose login is asked for. */
  readonly principal: string | undefined;
  /**
   * - `open`: a connection begins, or there may be another login by now
   * - `due`: as the last token said
   * - `unauthorized`: a request was answered with 401
   */
  readonly why: "open" | "due" | "unauthorized";
  /** The token that is due, or that the request had which was answered with 401. Another one helps, and it may be there. */
  readonly last?: string | undefined;
  /** Reaches what the server's environment reaches, where that is not this machine. */
  readonly fetch?: HttpFetch | undefined;
  readonly signal: AbortSignal;
}

/** Yields the token of a login. It is asked only where nothing else authorizes requests. */
export interface CredentialSource {
  /**
   * @returns the access token for this server and principal, if it is known with when another one is due; `undefined` without a login
   * @throws {McpError} `needs_login` when only a person can help; anything else may pass, and is tried again
   */
  token(question: TokenQuestion): Promise<string | LoginToken | undefined>;
}
