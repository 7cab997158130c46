/** What carries the messages of one server, however it is reached, and says how it ended. */
import type { Transport } from "@modelcontextprotocol/client";
import type { TransportError } from "../errors.ts";

export interface ServerTransport extends Transport, AsyncDisposable {
  /** The name of the server. */
  readonly server: string;
  /** The number of its process, where that is one of this machine. Not `pid`: by that the SDK recognises stdio. */
  readonly localPid?: number | undefined;
  /** The last lines that its process wrote to stderr, without secrets; empty over HTTP. */
  readonly stderrLines?: readonly string[];
  /** Settles with the error everything was given when it ended. Never rejects. */
  readonly ended: Promise<TransportError>;
  /** Over HTTP: whether the session was begun by somebody else. Known once it was started. */
  readonly joined?: boolean;
  /** Over HTTP: how far the clock of what answered last is ahead of ours, in milliseconds, by the `Date` of its answer. */
  readonly clockAheadMs?: number | undefined;
  /** Over HTTP: opens the stream of notifications. */
  resumeStream?(lastEventId: string): Promise<void>;
  /** Over HTTP: the stream of notifications is open again after a gap, in which some may have been missed. */
  onStreamRestored?: (() => void) | undefined;
  /** Over HTTP: the server no longer knows the session. */
  onSessionLost?: (() => void) | undefined;
}
