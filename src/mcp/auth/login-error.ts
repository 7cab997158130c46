/** What a login fails with. */

/**
 * - `no_http`: a stdio server has no login
 * - `invalid_server`: its configuration cannot be used, as it names a variable that is not set
 * - `other_credentials`: the configuration names credentials already: a bearer token, or an `Authorization` header
 * - `not_needed`: the server works without a login, or offers none
 * - `no_metadata`: the server wants a login and does not say where
 * - `bad_metadata`: what the server or the authorization server says of itself breaks a rule that protects logins
 * - `cannot_register`: the authorization server takes only clients that it knows, and the configuration names none
 * - `registration_rejected`: it rejected the registration of a client
 * - `scopes_rejected`: it rejected the scopes
 * - `scopes_not_granted`: the login has the scopes that the server asks for, or asking again did not give them
 * - `denied`: the person, or the authorization server, said no
 * - `wrong_callback`: the callback belongs to another login, or comes from another authorization server
 * - `ended`: the login was completed before, or is over
 * - `unreachable`: a server did not answer, or not in time
 * - `rejected`: the authorization server answered with another error
 */
export type LoginErrorCode =
  | "no_http"
  | "invalid_server"
  | "other_credentials"
  | "not_needed"
  | "no_metadata"
  | "bad_metadata"
  | "cannot_register"
  | "registration_rejected"
  | "scopes_rejected"
  | "scopes_not_granted"
  | "denied"
  | "wrong_callback"
  | "ended"
  | "unreachable"
  | "rejected";

/** Why there is no login. Its message has no code, token or secret in it, and what a server said only within bounds. */
export class LoginError extends Error {
  override readonly name = "LoginError";
  readonly code: LoginErrorCode;
  /** The name of the MCP server. */
  readonly server: string;

  /** @param what a sentence */
  constructor(code: LoginErrorCode, server: string, what: string, options?: ErrorOptions) {
    super(what, options);
    this.code = code;
    this.server = server;
  }
}
