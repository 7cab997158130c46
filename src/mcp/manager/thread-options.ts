/** What a host says when it opens a thread. */
import type { ClientCapabilities } from "@modelcontextprotocol/client";
import type { JsonObject } from "../../base/json.ts";
import type { CallName } from "../connection/in-flight.ts";
import type { ServerSet } from "../../servers/check.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { McpServers } from "../../servers/written.ts";
import type { ToolPluginProvenance } from "../../config/plugins/types.ts";
import type { McpServerConfig, McpServerScope } from "../../config/server/types.ts";

/** Headers by name. */
export type HeaderValues = Readonly<Record<string, string>>;

/**
 * Yields the headers of a thread for a server. It is asked when a connection opens, and once more after a 401.
 *
 * @throws what then is the reason why the server does not start
 */
export type HeaderResolver = (about: {
  readonly server: string;
  readonly url: string;
  /** `unauthorized`: what it yielded last was answered with 401. */
  readonly why: "open" | "unauthorized";
  readonly signal: AbortSignal;
}) => HeaderValues | Promise<HeaderValues>;

/** What a server asks a person (`elicitation/create`). */
export interface Elicitation {
  readonly server: string;
  /** The call it belongs to; `undefined` where the protocol does not tell. */
  readonly call: CallName | undefined;
  readonly mode: "form" | "url";
  readonly message: string;
  /** In form mode: the JSON Schema of the answer's content. */
  readonly requestedSchema?: JsonObject;
  /** In URL mode. */
  readonly url?: string;
  readonly elicitationId?: string;
  readonly meta?: JsonObject;
}

export interface ElicitationAnswer {
  readonly action: "accept" | "decline" | "cancel";
  /** With `accept` in form mode. */
  readonly content?: JsonObject;
  readonly meta?: JsonObject;
}

/** `signal` aborts when nobody waits for the answer any more. */
export type ElicitationHandler = (
  question: Elicitation,
  options: { readonly signal: AbortSignal },
) => Promise<ElicitationAnswer>;

/** Answers `sampling/createMessage`: params and result are MCP's. */
export type SamplingHandler = (
  params: JsonObject,
  about: { readonly server: string; readonly call: CallName | undefined; readonly signal: AbortSignal },
) => Promise<JsonObject>;

/** Servers by name: as a host writes them, as they were checked, or as a configuration yields them. */
export type ThreadServers =
  | Readonly<
      Record<
        string,
        McpServers[string] & { readonly scope?: McpServerScope; readonly shared_elicitation?: boolean }
      >
    >
  | ServerSet
  | ReadonlyMap<string, McpServerConfig>;

export interface McpThreadOptions {
  /** The thread's servers by name. */
  readonly servers: ThreadServers;
  /** Names the thread in statuses and in `_meta` of its calls. @default a random UUID */
  readonly id?: string;
  /** Whose credentials the thread works with. Two principals never share a connection that carries a credential. */
  readonly principal?: string;
  /** Whose credentials a server is used with, by server, where they are not those of `principal`. */
  readonly principals?: Readonly<Record<string, string>>;
  /** The folder the thread works in: an absolute path. Servers start there. */
  readonly workspace?: string;
  /** Headers of this thread, by server. They win over those of the configuration. */
  readonly headers?: Readonly<Record<string, HeaderValues | HeaderResolver>>;
  /** Where references to variables are looked up. @default the manager's */
  readonly env?: Variables;
  /** Asks a person for a server. @default servers are told that nobody can be asked, and a question is declined */
  readonly onElicit?: ElicitationHandler;
  /** Asks a model for a server. @default sampling is not offered, as in Codex */
  readonly onSample?: SamplingHandler;
  /** What servers are told that the thread's client can do, where that is not said by the handlers above: a gateway knows it. */
  readonly offers?: ClientCapabilities;
  /** File URIs that a server is told when it asks for roots. @default none, as in Codex */
  readonly roots?: readonly string[];
  /** From which level on servers are asked to log: a level of RFC 5424. @default they decide */
  readonly logLevel?: string;
  /** Lets progress extend the time of a call, up to this much in total, in milliseconds. @default it does not */
  readonly progressCapMs?: number;
  /** Which servers come from a plugin: `provenance` of `effectiveMcpServers`. Models are told. @default none */
  readonly provenance?: ToolPluginProvenance;
  /** Ends the thread when it aborts. */
  readonly signal?: AbortSignal;
}
