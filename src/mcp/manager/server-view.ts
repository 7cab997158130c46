/** A server of a thread as a host sees it. */
import type { ServerCapabilities } from "@modelcontextprotocol/client";
import type { JsonObject } from "../../base/json.ts";
import type { PluginAttribution } from "../../config/plugins/types.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import type { ServerStatus } from "../connection/status.ts";
import type { LeaseHolder } from "../lease/lease-pool.ts";

/** A server of a thread, as it is now. */
export interface ServerView {
  readonly name: string;
  readonly config: McpServerConfig;
  /** The plugin that it comes from, as the host said when it opened the thread. */
  readonly plugin: PluginAttribution | undefined;
  readonly status: ServerStatus;
  /** Names its connection: the same for all threads that share it. `undefined` when there is none. */
  readonly connection: string | undefined;
  /** Who holds its connection, this thread among them. */
  readonly holders: readonly LeaseHolder[];
  /** How many tools it offers, before the thread's rules. */
  readonly tools: number;
  /** `_meta` of its list of tools. Over HTTP in the modern era it is not known. */
  readonly toolListMeta: JsonObject | undefined;
  /** What it declared that it can do, while it is ready; empty in a session that somebody else began. */
  readonly capabilities: ServerCapabilities | undefined;
  /** What it tells the model about itself. */
  readonly instructions: string | undefined;
  /** Over HTTP: how far its clock is ahead of ours, in milliseconds, by the `Date` of its last answer; exact to a second. */
  readonly clockAheadMs: number | undefined;
}

export interface WaitOptions {
  /** Gives up when it aborts. */
  readonly signal?: AbortSignal;
  /** In milliseconds. @default the server's `tool_timeout_sec`, 300 s */
  readonly timeoutMs?: number;
}
