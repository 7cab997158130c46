/**
 * Whether a server still knows our session, found out before somebody needs it: one small request, between two turns.
 *
 * Invariants
 *   V1. A session that is lost over HTTP is renewed, whatever status or words the server has for that. A new session that looks just as
 *       lost at once is the server's way to answer: it is not checked again.
 *   V2. A server that says nothing in time may be at work: it is left alone, and not waited for a second time.
 */
import { ProtocolError } from "@modelcontextprotocol/client";
import { failureOf } from "../session/failure.ts";
import type { Session } from "../session/session.ts";
import type { Clock } from "../../base/clock.ts";
import type { Reason } from "./status.ts";

/** No server that is well and idle takes longer. */
const ANSWER_MS = { http: 2_000, stdio: 250 } as const;
const METHOD_NOT_FOUND = -32601;

export interface LifeCheckOptions {
  readonly server: string;
  readonly clock: Clock;
  /** The session is of no use any more. */
  readonly renew: (session: Session, reason: Reason) => void;
}

export class LifeCheck {
  readonly #options: LifeCheckOptions;
  #isUseful = true;
  /** It came after one that was found to be lost. */
  #replacement: Session | undefined;
  #wasLost = false;

  constructor(options: LifeCheckOptions) {
    this.#options = options;
  }

  /** @param session that is ready. @throws the signal's reason */
  async check(session: Session, signal: AbortSignal): Promise<void> {
    if (!this.#isUseful) return;
    if (this.#wasLost) {
      this.#replacement = session;
      this.#wasLost = false;
    }
    const { clock, server, renew } = this.#options;
    const silent = new AbortController();
    const timer = clock.schedule(ANSWER_MS[session.hasPerRequestStream ? "http" : "stdio"], () =>
      silent.abort("MCP request cancelled by caller"),
    );
    try {
      const isLost = await looksLost(session, AbortSignal.any([silent.signal, signal]));
      signal.throwIfAborted();
      if (silent.signal.aborted) this.#isUseful = false;
      else if (!isLost) this.#replacement = undefined;
      // A process that has ended is started again without us.
      else if (session.hasPerRequestStream) {
        this.#isUseful = session !== this.#replacement;
        this.#wasLost = this.#isUseful;
        if (this.#isUseful) {
          const message = `MCP server "${server}" lost our session`;
          renew(session, { code: "session_lost", message });
        }
      }
    } finally {
      timer.clear();
    }
  }
}

async function looksLost(session: Session, signal: AbortSignal): Promise<boolean> {
  try {
    await session.request(session.era === "legacy" ? "ping" : "server/discover", {}, { signal });
    return false;
  } catch (error) {
    // Who does not know the question lives. Any other error about it is one about the session.
    if (error instanceof ProtocolError) return error.code !== METHOD_NOT_FOUND;
    return failureOf(error, session.endError).kind !== "answered";
  }
}
