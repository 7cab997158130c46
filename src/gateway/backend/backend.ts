/** What a client of the gateway reaches: one server of a thread, or all of them together. */
import type {
  ClientCapabilities,
  Implementation,
  ServerCapabilities,
  Tool,
} from "@modelcontextprotocol/client";
import type { JsonObject } from "../../base/json.ts";
import type { RelayOptions, RelayOutcome, ServerRequest } from "../../mcp/index.ts";

/** What it says of itself to a client. */
export interface Description {
  readonly serverInfo: Implementation;
  readonly capabilities: ServerCapabilities;
  readonly instructions: string | undefined;
}

export type ListName = "tools" | "prompts" | "resources";

/** What happened that belongs to no request. */
export type News =
  | { readonly kind: "changed"; readonly list: ListName }
  | { readonly kind: "updated"; readonly uri: string }
  | { readonly kind: "log"; readonly params: JsonObject };

export interface Watcher {
  readonly told: (news: News) => void;
  /** Answers a question that belongs to no request. @default nobody does */
  readonly ask?: (request: ServerRequest, signal: AbortSignal) => Promise<JsonObject>;
}

export interface Backend {
  /** Aborts when it has ended. */
  readonly ended: AbortSignal;
  /**
   * What there is, once that is known.
   *
   * @throws {McpError} why there is nothing
   * @throws the signal's reason
   */
  describe(signal: AbortSignal): Promise<Description>;
  /** A tool as far as it is known now, by the name that the client calls it by. */
  tool(name: string): Tool | undefined;
  /** Any request of a client. It does not throw. */
  request(method: string, params: JsonObject, options: RelayOptions): Promise<RelayOutcome>;
  /** Makes `updated` news of this resource. @throws {McpError} */
  subscribe(uri: string, signal: AbortSignal): Promise<AsyncDisposable>;
  /** From now on. */
  watch(watcher: Watcher): Disposable;
}

/** A param that has to be text; what is not is no name of anything. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A client, as it says of itself. */
export interface ClientFacts {
  readonly era: "legacy" | "modern";
  readonly name: string;
  readonly version: string;
  readonly capabilities: ClientCapabilities;
}

/** A backend that a client uses; `end` is called when the client is gone. */
export interface OpenBackend {
  readonly backend: Backend;
  readonly end: () => Promise<void>;
}
