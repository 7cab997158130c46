/**
 * Who may connect: what is asked of the `Authorization` header of an upgrade.
 *
 * Refusals are those of `codex exec-server` 0.169, word for word (`test/executor/auth-differential.test.ts`). The
 * signature of a token is `jose`'s business. Its claims are read here: they are to be judged in the original's order,
 * and `jose` has another, so of a token that is wrong in two ways it would tell the other one.
 *
 * Invariants
 *   H1. What was sent and what is expected are compared as digests, in a time that depends on neither.
 *   H2. No message has a token or a secret in it, not even a part of one.
 *   H3. A signed token is HS256, has an end, and is refused for a header that says it must be understood and is not.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { compactVerify } from "jose";
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
  /** The time of day, by which tokens begin and end. */
  readonly now: () => Date;
  /** Who must have issued the token. @default anybody */
  readonly issuer?: string;
  /** For whom it must have been issued. @default anybody */
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

/** @throws {ExecutorError} `invalid_request` for a secret that is too short, or a skew that is no number of seconds */
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
  if (token === "") throw invalid("The bearer token is empty: whoever sends nothing would know it");
  if (!PRINTABLE.test(token)) {
    throw invalid(
      "The bearer token has characters that no header can carry: take letters, digits and signs of ASCII",
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
  readonly nbf: number | undefined;
  readonly iss: string | undefined;
  readonly aud: readonly string[];
}

interface Expected {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly skew: number;
}

/** @returns what a token claims, or `undefined` if it is not signed with the secret or makes no sense */
async function verify(token: string, secret: Uint8Array): Promise<Claims | undefined> {
  // One token has one spelling. The decoder of `jose` lets others pass; the original does not.
  if (!token.split(".").every(isCanonicalBase64)) return undefined;
  try {
    return readClaims((await compactVerify(token, secret, { algorithms: ["HS256"] })).payload);
  } catch {
    // Whatever is wrong, it lies in the token: the rest is the same for all.
    return undefined;
  }
}

function isCanonicalBase64(text: string): boolean {
  return Buffer.from(text, "base64url").toString("base64url") === text;
}

/** Strictly: what has a claim of the wrong kind is refused, also where nobody asks for that claim. */
function readClaims(payload: Uint8Array): Claims | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { exp, nbf, iss, aud } = value as Readonly<Record<string, unknown>>;
  const audiences = aud === undefined || aud === null ? [] : Array.isArray(aud) ? (aud as unknown[]) : [aud];
  if (!isSeconds(exp) || !(isAbsent(nbf) || isSeconds(nbf)) || !(isAbsent(iss) || typeof iss === "string")) {
    return undefined;
  }
  if (!audiences.every((each) => typeof each === "string")) return undefined;
  return { exp, nbf: nbf ?? undefined, iss: iss ?? undefined, aud: audiences };
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** A 64-bit integer. */
function isSeconds(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) <= 2 ** 63;
}

function judge(
  { exp, nbf, iss, aud }: Claims,
  { issuer, audience, skew }: Expected,
  now: number,
): AuthVerdict {
  if (now > exp + skew) return refused("expired websocket jwt");
  if (nbf !== undefined && now < nbf - skew) return refused("websocket jwt is not valid yet");
  if (issuer !== undefined && iss !== issuer) return refused("websocket jwt issuer mismatch");
  if (audience !== undefined && !aud.includes(audience)) return refused("websocket jwt audience mismatch");
  return ALLOWED;
}

function invalid(message: string): ExecutorError {
  return new ExecutorError("invalid_request", message);
}
