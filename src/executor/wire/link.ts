/**
 * One connection between an executor and its client: texts both ways, until it ends.
 *
 * A link knows nothing of what it carries, and is not restored when it ends; that is the business of the session on
 * both sides.
 *
 * Invariants
 *   L1. Texts arrive in the order they were sent, each once, or the link ends.
 *   L2. `onEnd` is called once, after the last text. Nothing is sent or received after it.
 *   L3. What was sent and is not taken yet is counted; whoever sends much waits for `room`.
 */

export interface LinkEvents {
  readonly onText: (text: string) => void;
  /** A sign of life that is no text. */
  readonly onSign?: () => void;
  /** @param reason in words, for logs and errors */
  readonly onEnd: (reason: string) => void;
}

export interface Link {
  /** Who is at the other end, for messages: `127.0.0.1:40312`, `stdio`. */
  readonly peer: string;
  /** `websocket` or `stdio`; the executor names it in its errors. */
  readonly kind: "websocket" | "stdio";
  /** Whether so much waits to be taken that nothing more should be sent. */
  readonly isFull: boolean;
  send(text: string): void;
  /** The same for what nobody waits for urgently: it may wait a few turns of the event loop for company. */
  sendSoon(text: string): void;
  /** Waits until the link is not full. Resolves too when it has ended. */
  room(): Promise<void>;
  /** Asks the other side for a sign of life. */
  ping(): void;
  /** Has a frame go out without asking for an answer; it carries the acknowledgement of what was received. */
  nudge(): void;
  pause(): void;
  resume(): void;
  /** Ends it at once. `onEnd` follows. */
  drop(reason: string): void;
}

/** Above this much waiting a link is full; there is room again once everything is on its way. In bytes. */
export const LINK_FULL_BYTES: number = 1024 * 1024;
