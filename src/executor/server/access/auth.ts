/**
 * Who may connect, by the `Authorization` header of an upgrade.
 *
 * Refusals are those of `codex exec-server` 0.169, word for word (`test/executor/auth-differential.test.ts`). `jose`
 * checks the signature of a token. Its claims are read here, in the original's order: `jose` has another one, and would
 * report the other fault of a token with two.
 *
 * Invariants
 *   H1. The sent and the expected token are compared as digests, in a time that depends on neither.
 *   H2. No message contains a token or a secret, not even a part of one.
 *   H3. A signed token is HS256, has an end, and is rejected for a critical header that is not understood.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { compactVerify } from "jose";
import { integer, Issue, list, nullish, object, type Reader, string } from "../../../base/reader.ts";
import { ExecutorError } from "../../errors.ts";

export type AuthVerdict =
  | { readonly ok: true }
  /** `reason` is for the other side: the body of the 401. */
  | { readonly ok: false; readonly reason: string };

export interface Authenticator {
  /** @param header the value of `Authorization`, if there is one */
  check(header: string | undefined): Promise<AuthVerdict>;
}

/** Lets everybody in. */
export const openAuthenticator: Authenticator = { check: async () => ALLOWED };

export type BearerOptions =
  /** The token itself; white space around it does not count. */
  | { readonly token: string }
  /** The SHA-256 of the token, in hex. */
  | { readonly sha256: string };

export interface JwtOptions {
  /** The key of HS256, at least 32 bytes; white space around it does not count. */
  readonly secret: string;
  /** The time of day. */
  readonly now: () => Date;
  /** The required issuer. @default any */
  readonly issuer?: string;
  /** The required audience. @default any */
  readonly audience?: string;
  /** By how much clocks may differ: added to the end of a token, taken off its beginning. @default 30 */
  readonly maxClockSkewSeconds?: number;
}

const ALLOWED: AuthVerdict = { ok: true };
const JWT_SECRET_BYTES_MIN = 32;
const CLOCK_SKEW_SECONDS = 30;
/** What an HTTP header can carry. */
const PRINTABLE = /^[\t\x20-\x7e]*$/;

/** @throws {ExecutorError} `invalid_request` when no token could ever be right */
export function bearerAuthenticator(options: BearerOptions): Authenticator {
  const expected = "token" in options ? digestOf(readToken(options.token)) : readDigest(options.sha256);
  return {
    check: async (header) => {
      const sent = readBearer(header);
      if (!sent.ok) return sent;
      const isRight = timingSafeEqual(digestOf(sent.token), expected);
      return isRight ? ALLOWED : refused("invalid websocket bearer token");
    },
  };
}

/** @throws {ExecutorError} `invalid_request` for a secret that is too short, or a skew that is not a number of seconds */
export function jwtAuthenticator(options: JwtOptions): Authenticator {
  const { now, maxClockSkewSeconds: skew = CLOCK_SKEW_SECONDS } = options;
  const secret = Buffer.from(options.secret.trim());
  if (secret.length < JWT_SECRET_BYTES_MIN) {
    throw invalid(
      `The secret of signed tokens has ${secret.length} bytes and must have at least ${JWT_SECRET_BYTES_MIN}: ` +
        "make one with `openssl rand -hex 32`",
    );
  }
  if (!Number.isSafeInteger(skew) || skew < 0) {
    throw invalid(`The clock skew of signed tokens must be a number of seconds, not ${skew}`);
  }
  const expected: Expected = {
    issuer: options.issuer?.trim() || undefined,
    audience: options.audience?.trim() || undefined,
    skew,
  };
  return {
    check: async (header) => {
      const sent = readBearer(header);
      if (!sent.ok) return sent;
      const claims = await verify(sent.token, secret);
      if (claims === undefined) return refused("invalid websocket jwt");
      return judge(claims, expected, Math.floor(now().getTime() / 1000));
    },
  };
}

type Bearer = { readonly ok: true; readonly token: string } | (AuthVerdict & { readonly ok: false });

function readBearer(header: string | undefined): Bearer {
  if (header === undefined) return refused("missing websocket bearer token");
  const space = header.indexOf(" ");
  const token = header.slice(space + 1).trim();
  const isBearer = space !== -1 && header.slice(0, space).toLowerCase() === "bearer";
  if (!PRINTABLE.test(header) || !isBearer || token === "") return refused("invalid authorization header");
  return { ok: true, token };
}

function refused(reason: string): AuthVerdict & { readonly ok: false } {
  return { ok: false, reason };
}

function readToken(text: string): string {
  const token = text.trim();
  if (token === "") throw invalid("The bearer token is empty: anybody could send it");
  if (!PRINTABLE.test(token)) {
    throw invalid(
      "The bearer token has characters that a header cannot hold: use printable ASCII characters",
    );
  }
  return token;
}

function readDigest(text: string): Buffer {
  const hex = text.trim();
  if (/^[0-9a-f]{64}$/i.test(hex)) return Buffer.from(hex, "hex");
  throw invalid("The SHA-256 of the bearer token must be 64 hex digits: printf %s TOKEN | sha256sum");
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

interface Claims {
  readonly exp: number;
  readonly nbf?: number;
  readonly iss?: string;
  readonly aud?: readonly string[];
}

/** A 64-bit integer. */
const seconds: Reader<number> = integer({ min: -(2 ** 63), max: 2 ** 63 });
const audiences: Reader<readonly string[]> = (input) => list(string)(Array.isArray(input) ? input : [input]);
/** Strictly: a claim of the wrong type is rejected, even if that claim is not checked. */
const readClaims: Reader<Claims> = object(
  { exp: seconds, nbf: nullish(seconds), iss: nullish(string), aud: nullish(audiences) },
  "ignore",
);

interface Expected {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly skew: number;
}

/** @returns what a token claims, or `undefined` if it is not signed with the secret or cannot be read */
async function verify(token: string, secret: Uint8Array): Promise<Claims | undefined> {
  // A token has one spelling. The decoder of `jose` accepts others; the original does not.
  if (!token.split(".").every(isCanonicalBase64)) return undefined;
  try {
    const { payload } = await compactVerify(token, secret, { algorithms: ["HS256"] });
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
    const claims = readClaims(JSON.parse(text));
    return claims instanceof Issue ? undefined : claims;
  } catch {
    // The token is wrong: everything else is the same for all tokens.
    return undefined;
  }
}

function isCanonicalBase64(text: string): boolean {
  return Buffer.from(text, "base64url").toString("base64url") === text;
}

function judge(
  { exp, nbf, iss, aud }: Claims,
  { issuer, audience, skew }: Expected,
  now: number,
): AuthVerdict {
  if (now > exp + skew) return refused("expired websocket jwt");
  if (nbf !== undefined && now < nbf - skew) return refused("websocket jwt is not valid yet");
  if (issuer !== undefined && iss !== issuer) return refused("websocket jwt issuer mismatch");
  if (audience !== undefined && aud?.includes(audience) !== true)
    return refused("websocket jwt audience mismatch");
  return ALLOWED;
}

function invalid(message: string): ExecutorError {
  return new ExecutorError("invalid_request", message);
}
