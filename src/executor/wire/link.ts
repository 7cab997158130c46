/**
 * A link between an executor and its client: texts both ways, until it ends.
 *
 * A link knows nothing about what it carries, and is not restored when it ends: both sides have sessions for that.
 *
 * Invariants
 *   L1. Texts arrive in the order they were sent, each once, or the link ends.
 *   L2. `onEnd` is called once, after the last text. Nothing is sent or received after it.
 *   L3. Texts that were sent and not taken yet are counted; a sender of many waits for `room`.
 */

export interface LinkEvents {
  readonly onText: (text: string) => void;
  /** A sign of life other than a text. */
  readonly onSign?: () => void;
  /** @param reason in words, for logs and errors */
  readonly onEnd: (reason: string) => void;
}

export interface Link {
  /** The other end, for messages: `127.0.0.1:40312`, `stdio`. */
  readonly peer: string;
  /** Whether so much waits to be taken that nothing more should be sent. */
  readonly isFull: boolean;
  send(text: string): void;
  /** The same for a text that is not urgent: it may wait a few turns of the event loop, to be sent with the next one. */
  sendSoon(text: string): void;
  /** Waits until the link is not full. Also resolves when it has ended. */
  room(): Promise<void>;
  /** Asks the other side for a sign of life. */
  ping(): void;
  /** Sends a frame without content: it carries the acknowledgement of what was received. */
  nudge(): void;
  pause(): void;
  resume(): void;
  /** Ends it at once. `onEnd` follows. */
  drop(reason: string): void;
}

/** With more than this waiting a link is full; it has room again once everything is on its way. In bytes. */
export const LINK_FULL_BYTES: number = 1024 * 1024;
