/** What a host can say about an `Agent`. */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { CredentialSource, EnvironmentDefinition, McpManager } from "../mcp/index.ts";
import type { ThreadOptions } from "../thread/options.ts";
import type { HostTool } from "../tools/router/contract.ts";

export interface AgentOptions {
  /** The model to ask, where a thread does not name one. */
  readonly model?: string;
  /** A Responses API endpoint, up to and without `/responses`. @default "https://api.openai.com/v1" */
  readonly baseUrl?: string;
  /** The key of the endpoint. One that you named yourself may do without. */
  readonly apiKey?: string;
  /** Headers of every request to the model. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What the model is told before everything else, where a thread does not say it. */
  readonly instructions?: string;
  /** Tools of the host itself, for every thread that has none of its own. */
  readonly tools?: readonly HostTool[];
  /** How the model spells tools: in one piece, or as namespace and name, as OpenAI's models can. @default "flat" */
  readonly toolNames?: "flat" | "namespaces";
  /** `search`: the tools of servers are found through a tool, which spares context where there are many. @default "direct" */
  readonly toolExposure?: "direct" | "search";
  /** Runs the MCP servers of all threads. Yours: it is not disposed here. @default one of the agent's own */
  readonly manager?: McpManager;
  /** Where servers with an `environment_id` run; not together with `manager`, which has its own. @default this machine alone */
  readonly environments?: readonly EnvironmentDefinition[];
  /**
   * Yields the tokens of logins to MCP servers; not together with `manager`, which has its own.
   * @default the user's logins, as Codex keeps them, for threads without a principal
   */
  readonly credentials?: CredentialSource;
  /** The folder that keeps the threads. @default `agent` in `$SWITCHYARD_HOME` (`~/.switchyard`) */
  readonly home?: string;
  /** Where references of MCP servers, and `SWITCHYARD_HOME`, are looked up. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Requests to the model that a turn may take. @default 200 */
  readonly stepsMax?: number;
  /** How long a turn may take, in milliseconds. @default 3 600 000 */
  readonly turnTimeoutMs?: number;
  /** How often one request to the model is tried again. @default 4 */
  readonly retriesMax?: number;
  /** How long the model may be silent in the middle of a request, in milliseconds. @default 300 000 */
  readonly modelSilenceMs?: number;
  /** How long a thread without a turn keeps its MCP servers and its lock, in milliseconds. @default 60 000 */
  readonly idleUnloadMs?: number;
  /** How long events may go unread before their turn is interrupted, in milliseconds. @default 60 000 */
  readonly readerStallMs?: number;
  /** Receives diagnostics, and what MCP servers write to stderr. @default silent */
  readonly log?: Log;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/**
 * The options of a thread of Codex, so that a host changes engines without changing options.
 *
 * This engine runs no commands and changes no files. So what only says what those may do is accepted and has no effect:
 * `networkAccessEnabled`, `additionalDirectories`, `skipGitRepoCheck`, `env`, `inheritEnv`; and so is
 * `threadSource`. What asks for something that it does not have is rejected by name (`invalid_options`): `config`,
 * `webSearchMode` and `webSearchEnabled` (unless they switch it off), `mcp: "direct"`, and `cyberAccessProgram` of a turn.
 *
 * `approvalPolicy` and `sandboxMode` decide about MCP calls as they do in Codex; a server's own questions reach `onQuestion`
 * whatever the policy is.
 */
export type AgentThreadOptions = ThreadOptions & {
  /** What the model is told before everything else. @default that of the agent */
  instructions?: string;
  /** Tools of the host itself. @default those of the agent */
  tools?: readonly HostTool[];
};
