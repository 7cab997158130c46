/** The thread of a client, and what of it the client reaches. */
import type { ClientCapabilities } from "@modelcontextprotocol/client";
import type { Clock } from "../../base/clock.ts";
import type { McpConnectionManager } from "../../mcp/index.ts";
import { AllServers } from "./all-servers.ts";
import type { Backend, ClientFacts, OpenBackend } from "./backend.ts";
import { OneServer } from "./one-server.ts";
import { ThreadNews } from "./thread-news.ts";

/** A client as it says of itself, with what its servers may ask it. */
export interface GatewayClient {
  readonly name: string;
  readonly version: string;
  /** For `offers` of the thread. */
  readonly offers: ClientCapabilities;
}

export interface ClientThreads {
  /** Names of the servers there are. */
  readonly names: () => readonly string[];
  /** Opens a thread with all servers, or with one. It is ended with the client. @throws {McpError} */
  readonly open: (client: GatewayClient, server: string | undefined) => McpConnectionManager;
}

/** The thread of one client, and what it sees of it. @throws {McpError} */
export function openFor(
  threads: ClientThreads,
  { name, version, capabilities }: ClientFacts,
  server: string | undefined,
  clock: Clock,
): OpenBackend {
  const thread = threads.open({ name, version, offers: offersOf(capabilities) }, server);
  const backend = backendOf(thread, server, new ThreadNews(thread), clock);
  return { backend, end: () => thread[Symbol.asyncDispose]() };
}

/**
 * @param server @default all of them
 * @param joins of one server: see `OneServerOptions`
 */
export function backendOf(
  thread: McpConnectionManager,
  server: string | undefined,
  news: ThreadNews,
  clock: Clock,
  joins = false,
): Backend {
  return server === undefined
    ? new AllServers({ thread, news, clock })
    : new OneServer({ thread, server, news, joins });
}

/** The parts that make a server ask, for a server that is told once and for all. */
function offersOf({ elicitation, sampling, roots }: ClientCapabilities): ClientCapabilities {
  return {
    ...(elicitation === undefined ? {} : { elicitation }),
    ...(sampling === undefined ? {} : { sampling }),
    ...(roots === undefined ? {} : { roots }),
  };
}
