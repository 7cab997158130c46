/**
 * What an authorization server remembers: clients, codes, tokens, and the families that a login's tokens make.
 *
 * Invariants
 *   G1. A code is used once, by its client, with its redirect URI and the verifier of its challenge.
 *   G2. A refresh token is used once. Using it again revokes its family: every token that came of the same login.
 */
import { createHash, randomBytes } from "node:crypto";

export interface OAuthClient {
  readonly id: string;
  readonly secret?: string;
  /** @default "none" without a secret, else "client_secret_basic" */
  readonly authMethod?: "none" | "client_secret_basic" | "client_secret_post";
  /** Absent: any. The port of a loopback address does not count (RFC 8252, 7.3). */
  readonly redirectUris?: readonly string[];
}

/** What one login was given. */
export interface Grant {
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** The URL of the MCP server that its tokens are for, as the client named it. */
  readonly resource: string | undefined;
}

interface Code extends Grant {
  readonly redirectUri: string;
  readonly challenge: string;
}

interface Family {
  readonly grant: Grant;
  isRevoked: boolean;
}

interface Token {
  readonly family: Family;
  readonly expiresAt: number;
}

export interface TokenRules {
  /** @default 3600 */
  lifetimeS: number;
  /** A refresh yields another refresh token. @default true */
  rotate: boolean;
  /** G2; otherwise a used refresh token is rejected, and that is all. @default true */
  revokeOnReuse: boolean;
}

/** An answer of the token endpoint (RFC 6749, 5.1). */
export interface IssuedTokens {
  readonly access_token: string;
  readonly token_type: "Bearer";
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly scope: string;
}

/** An error of RFC 6749, 5.2. */
export class OAuthProblem extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, description: string, status = 400) {
    super(description);
    this.code = code;
    this.status = status;
  }
}

export class Grants {
  readonly clients: Map<string, OAuthClient> = new Map();
  /** How often a used refresh token was used again. */
  reuses: number = 0;
  readonly #rules: TokenRules;
  readonly #codes = new Map<string, Code>();
  readonly #access = new Map<string, Token>();
  readonly #refresh = new Map<string, { readonly family: Family; isUsed: boolean }>();

  constructor(rules: TokenRules) {
    this.#rules = rules;
  }

  issueCode(code: Code): string {
    const text = secret("code");
    this.#codes.set(text, code);
    return text;
  }

  /** @throws {OAuthProblem} `invalid_grant` (G1) */
  redeemCode(text: string, clientId: string, redirectUri: string, verifier: string): IssuedTokens {
    const code = this.#codes.get(text);
    this.#codes.delete(text);
    if (code === undefined) throw new OAuthProblem("invalid_grant", "The code is not known, or was used");
    if (code.clientId !== clientId) throw new OAuthProblem("invalid_grant", "The code is another client's");
    if (code.redirectUri !== redirectUri) throw new OAuthProblem("invalid_grant", "Another redirect_uri");
    const hashed = createHash("sha256").update(verifier).digest("base64url");
    if (hashed !== code.challenge)
      throw new OAuthProblem("invalid_grant", "The code_verifier does not match");
    return this.issue(code);
  }

  /** A login without a browser: the first tokens of a new family. */
  issue({ clientId, scopes, resource }: Grant): IssuedTokens {
    return this.#issue({ grant: { clientId, scopes, resource }, isRevoked: false }, undefined);
  }

  /** @throws {OAuthProblem} `invalid_grant` (G2) */
  refresh(text: string, clientId: string): IssuedTokens {
    const token = this.#refresh.get(text);
    if (token === undefined) throw new OAuthProblem("invalid_grant", "The refresh token is not known");
    const { family } = token;
    if (family.isRevoked) throw new OAuthProblem("invalid_grant", "The login was revoked");
    if (family.grant.clientId !== clientId) {
      throw new OAuthProblem("invalid_grant", "The refresh token is another client's");
    }
    if (token.isUsed) {
      this.reuses++;
      if (this.#rules.revokeOnReuse) family.isRevoked = true;
      throw new OAuthProblem("invalid_grant", "The refresh token was used before");
    }
    token.isUsed = this.#rules.rotate;
    return this.#issue(family, this.#rules.rotate ? undefined : text);
  }

  /** The grant of an access token that counts now. */
  check(accessToken: string): Grant | undefined {
    const token = this.#access.get(accessToken);
    const counts = token !== undefined && !token.family.isRevoked && token.expiresAt > Date.now();
    return counts ? token.family.grant : undefined;
  }

  /** No access token counts any more; refresh tokens do. */
  expireAccessTokens(): void {
    this.#access.clear();
  }

  /** No token counts any more. */
  revokeAll(): void {
    for (const { family } of this.#refresh.values()) family.isRevoked = true;
  }

  #issue(family: Family, kept: string | undefined): IssuedTokens {
    const { lifetimeS } = this.#rules;
    const access_token = secret("access");
    const refresh_token = kept ?? secret("refresh");
    this.#access.set(access_token, { family, expiresAt: Date.now() + lifetimeS * 1000 });
    if (kept === undefined) this.#refresh.set(refresh_token, { family, isUsed: false });
    const scope = family.grant.scopes.join(" ");
    return { access_token, token_type: "Bearer", expires_in: lifetimeS, refresh_token, scope };
  }
}

/** With its kind in front, so that a test finds where one leaked. */
export function secret(kind: string): string {
  return `${kind}-${randomBytes(16).toString("hex")}`;
}
