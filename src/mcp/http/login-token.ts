/** The token of a login, and where a connection gets it. */

export interface LoginToken {
  readonly token: string;
  /** When another one should be asked for, in milliseconds since 1970. @default after a 401 only */
  readonly dueAt?: number | undefined;
  /** Until when it counts, in milliseconds since 1970. @default not known */
  readonly endsAt?: number | undefined;
}

/**
 * @param about.last the token that is due, or that was answered with 401; `undefined` where none was sent
 * @throws {McpError} `needs_login` when only a person can help; anything else may pass
 */
export type LoginSource = (about: {
  readonly why: "open" | "due" | "unauthorized";
  readonly last: string | undefined;
  readonly signal: AbortSignal;
}) => Promise<LoginToken | undefined>;
