/** What a connection is made from. */
import type { ClientCapabilities, Implementation, Tool } from "@modelcontextprotocol/client";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { EraVerdict } from "../session/era.ts";
import type { ServerTransport } from "../transport/server-transport.ts";

export interface ConnectionOptions {
  /** The name of the server, for messages. */
  readonly server: string;
  /** What it is connected to. */
  readonly place: ServerPlace;
  /** Told of each list of its tools, with the time at which it was asked for. */
  readonly onTools?: ((tools: readonly Tool[], asked: number) => void) | undefined;
  /** Told when what there is to see of it has changed. */
  readonly onChange?: () => void;
  /** Starts the server, or reaches for it. Yields a transport that is not started. */
  readonly open: (signal: AbortSignal) => Promise<ServerTransport>;
  /** What is known of its era. */
  readonly era: EraOfServer;
  readonly client: Implementation;
  readonly capabilities: ClientCapabilities;
  /** Whether several threads may hold it. */
  readonly shared: boolean;
  /** Whether it runs one request at a time, so that a question belongs to that one. */
  readonly serial: boolean;
  /** From the start to the first list, in milliseconds. */
  readonly startupTimeoutMs: number;
  readonly clock: Clock;
  readonly random: (() => number) | undefined;
  readonly log: Log;
}

/** Where a server is, without anything secret. */
export interface ServerPlace {
  readonly environment: string;
  readonly transport: "stdio" | "streamable_http";
  /** Of the URL, over HTTP. */
  readonly origin?: string;
}

export interface EraOfServer {
  recall(): EraVerdict | undefined;
  learn(verdict: EraVerdict): void;
  forget(): void;
}
