/**
 * Which era of the protocol a server speaks, remembered.
 *
 * The 2025 era begins with `initialize`; the 2026 era (2026-07-28) has no handshake and answers `server/discover`. To find out
 * costs a request, and a server that leaves unknown requests unanswered costs a time-out. So the verdict is kept per server.
 */
import { createHash } from "node:crypto";

/** `legacy`: 2025-11-25 and older. `modern`: 2026-07-28. The words of MCP's SDK. */
export type Era = "legacy" | "modern";

export interface EraVerdict {
  readonly era: Era;
  /** The version the server gave for itself. After an upgrade it is asked again. */
  readonly version: string | undefined;
}

/** Verdicts by the identity of a server (`eraKey`). */
export interface EraMemory {
  /** `undefined` when nothing is known, or when it is time to look again. */
  recall(key: string): EraVerdict | undefined;
  /** The server was asked. */
  learn(key: string, verdict: EraVerdict): void;
  /** The verdict is wrong, or may be: the server is another version now. */
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
  const verdicts = new Map<string, EraVerdict & { readonly at: number }>();
  return {
    recall: (key) => {
      const verdict = verdicts.get(key);
      return verdict === undefined || now() - verdict.at > VERDICT_MS ? undefined : verdict;
    },
    learn: (key, { era, version }) => {
      verdicts.delete(key);
      verdicts.set(key, { era, version, at: now() });
      const [oldest] = verdicts.keys();
      if (verdicts.size > VERDICTS_MAX && oldest !== undefined) verdicts.delete(oldest);
    },
    forget: (key) => void verdicts.delete(key),
  };
}

/**
 * The same for a host whose clients speak the legacy era alone, as Codex does (0.171): a server is asked for the modern era only when
 * it rejects the legacy one. A server of both then answers as it does without us: some ask questions in the legacy way alone.
 *
 * @param now milliseconds, on any scale
 */
export function legacyFirst(now: () => number): EraMemory {
  const memory = memoryOfEras(now);
  return {
    ...memory,
    recall: (key) => memory.recall(key) ?? { era: "legacy", version: undefined },
    forget: (key) => memory.learn(key, { era: "modern", version: undefined }),
  };
}

/** What makes two servers the same program or endpoint, without any credential. */
export function eraKey(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
