/**
 * The right to use an endpoint, as a secret: 256 random bits.
 *
 * Invariants
 *   K1. It is compared by its digest and in constant time, so that an answer tells nothing of how near a guess was.
 */
import { hash, randomBytes, timingSafeEqual } from "node:crypto";

export class Capability {
  readonly #digest: Buffer;

  /** @param secret kept as a digest only */
  constructor(secret: string) {
    this.#digest = digest(secret);
  }

  static random(): string {
    return randomBytes(32).toString("base64url");
  }

  /** (K1) */
  allows(given: string | undefined): boolean {
    return timingSafeEqual(this.#digest, digest(given ?? "")) && given !== undefined;
  }
}

function digest(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

/** The token of `Authorization: Bearer …`. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +([^ ]+) *$/i.exec(authorization ?? "")?.[1];
}
