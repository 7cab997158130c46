/**
 * Which era of the protocol a server speaks, remembered.
 *
 * The 2025 era begins with `initialize`; the 2026 era (2026-07-28) has no handshake and answers `server/discover`. To find out
 * costs a request, and a server that leaves unknown requests unanswered costs a time-out. So the verdict is kept per server.
 */
import { createHash } from "node:crypto";

/** `legacy`: 2025-11-25 and older. `modern`: 2026-07-28. The words of MCP's SDK. */
export type Era = "legacy" | "modern";

/** Verdicts by the identity of a server (`eraKey`). */
export interface EraMemory {
  /** `undefined` when nothing is known, or when it is time to look again. */
  recall(key: string): Era | undefined;
  learn(key: string, era: Era): void;
  /** The verdict turned out to be wrong. */
  forget(key: string): void;
}

/** Looked at again after a week. */
const VERDICT_MS = 7 * 24 * 60 * 60 * 1000;
const VERDICTS_MAX = 1000;

/**
 * Verdicts in the memory of this process.
 *
 * @param now milliseconds, on any scale
 */
export function memoryOfEras(now: () => number): EraMemory {
  const verdicts = new Map<string, { readonly era: Era; readonly at: number }>();
  return {
    recall: (key) => {
      const verdict = verdicts.get(key);
      return verdict === undefined || now() - verdict.at > VERDICT_MS ? undefined : verdict.era;
    },
    learn: (key, era) => {
      const known = verdicts.get(key);
      if (known?.era === era && now() - known.at <= VERDICT_MS) return;
      verdicts.delete(key);
      verdicts.set(key, { era, at: now() });
      const [oldest] = verdicts.keys();
      if (verdicts.size > VERDICTS_MAX && oldest !== undefined) verdicts.delete(oldest);
    },
    forget: (key) => void verdicts.delete(key),
  };
}

/**
 * What makes two servers the same program or endpoint, without any credential. A version that is pinned in the arguments is a
 * part of it, so an upgrade asks again.
 */
export function eraKey(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
