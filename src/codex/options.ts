/** What a host can say about Codex, a thread and a turn. The SDK's options, and ours marked as such. */
import type { Log } from "../base/log.ts";
import type { Clock } from "../base/clock.ts";
import type { McpServers } from "./mcp-servers.ts";
import type { QuestionHandler } from "./thread/questions.ts";

export type CodexConfigValue = string | number | boolean | CodexConfigValue[] | CodexConfigObject;
export type CodexConfigObject = { [key: string]: CodexConfigValue };

export type ApprovalMode = "never" | "on-request" | "on-failure" | "untrusted";
export type SandboxMode = "read-only" | "workspace-write" | "danger-full-access";
export type ModelReasoningEffort =
  | "minimal"
  | "low"
  | "medium"
  | "high"
  | "xhigh"
  | "max"
  | "ultra"
  | "persistent";
export type WebSearchMode = "disabled" | "cached" | "live";
export type CyberAccessProgram = "standard" | "daybreak_blue" | "daybreak_red";

export type CodexOptions = {
  /** Path of the Codex binary. @default see `findCodex` */
  codexPathOverride?: string;
  /** A Responses API endpoint, e.g. `https://example.com/v1`. It is spoken to over HTTP, without WebSocket. */
  baseUrl?: string;
  /** Key for the model. Sent over the pipe; never in argv, environment or a file. @default the user's login */
  apiKey?: string;
  /** Codex configuration for every thread, as nested objects or dotted keys. */
  config?: CodexConfigObject;
  /** The same as raw `key=value` strings; the value is TOML, or a plain string where it is not. */
  configOverrides?: string[];
  /**
   * The environment of Codex, instead of what `process.env` holds. Commands of the agent see all of it.
   * @default the harmless part of `process.env` (paths, locale, proxies, certificates)
   */
  env?: Record<string, string>;

  // ---- ours ----

  /**
   * The home (`CODEX_HOME`) Codex runs in. `"switchyard"`: one that is ours, with the user's login and nothing else
   * of theirs. `"user"`: the user's own, with their sessions, skills and settings; its MCP servers are still kept
   * out. Or the path of another. @default "switchyard"
   */
  home?: "switchyard" | "user" | { readonly path: string };
  /**
   * A file of the root certificates to trust, instead of the system's. Codex parses all of them for every thread; a
   * small file saves 60 % of its time per turn (bench/README.md). Commands of the agent see the setting, too.
   */
  caFile?: string;
  /**
   * Executors that servers can name as their `environment_id`, besides those of `environments.toml` in the home.
   * @default none
   */
  environments?: readonly CodexEnvironment[];
  /** Milliseconds a thread stays loaded after its last turn. Its MCP servers run that long. @default 60 000 */
  idleUnloadMs?: number;
  /** Milliseconds of vain tries to reach the model after which a turn fails. @default 120 000 */
  reconnectTimeoutMs?: number;
  /** Milliseconds a full event stream may go unread before its turn is interrupted. All threads stand still meanwhile. @default 60 000 */
  readerStallMs?: number;
  /** Receives diagnostics. @default none */
  log?: Log;
  /** @default the system's clock */
  clock?: Clock;
};

/** An executor that Codex reaches by a URL: `switchyard executor`, or `codex exec-server`. */
export type CodexEnvironment = {
  readonly id: string;
  /** `ws://` or `wss://`. */
  readonly url: string;
  /** Codex sends it to `wss://` and to this machine only. Given to Codex over the pipe, and kept in its memory. */
  readonly bearerToken?: string;
  /** @default 10 000 */
  readonly connectTimeoutMs?: number;
};

export type ThreadOptions = {
  model?: string;
  threadSource?: string;
  /** @default "read-only" */
  sandboxMode?: SandboxMode;
  /** @default the current directory */
  workingDirectory?: string;
  /** Accepted and ignored: no thread of ours trusts its directory, so the check it skips has nothing to protect. */
  skipGitRepoCheck?: boolean;
  modelReasoningEffort?: ModelReasoningEffort;
  networkAccessEnabled?: boolean;
  webSearchMode?: WebSearchMode;
  webSearchEnabled?: boolean;
  /** `"on-failure"` is gone from Codex and means `"on-request"`. @default "never" */
  approvalPolicy?: ApprovalMode;
  additionalDirectories?: string[];

  // ---- ours ----

  /** The MCP servers of this thread, by name. They replace whatever is configured elsewhere. @default none */
  mcpServers?: McpServers;
  /** Answers what Codex asks. @default decline, and say so in the event stream */
  onQuestion?: QuestionHandler;
  /** Milliseconds `onQuestion` has for an answer; then the question is declined. @default 600 000 */
  questionTimeoutMs?: number;
  /** Codex configuration of this thread, over that of `CodexOptions`. */
  config?: CodexConfigObject;
  /** Keeps nothing on disk: cheaper, but the thread ends when it is closed or its process ends. @default false */
  ephemeral?: boolean;
  /** Variables the agent's commands see, besides a minimal set (PATH, HOME and the like). */
  env?: Record<string, string>;
  /** Whether the agent's commands also see the environment of Codex. @default only if `CodexOptions.env` is given */
  inheritEnv?: boolean;
  /** The endpoint of this thread. @default that of `CodexOptions` */
  baseUrl?: string;
  /** The key of this thread. @default that of `CodexOptions` */
  apiKey?: string;
};

export type TurnOptions = {
  cyberAccessProgram?: CyberAccessProgram;
  /** JSON Schema of the answer. */
  outputSchema?: unknown;
  /** Interrupts the turn. The MCP call in flight is cancelled, too. */
  signal?: AbortSignal;

  // ---- ours ----

  /** The MCP servers from this turn on. @default those of the thread */
  mcpServers?: McpServers;
};

export type UserInput = { type: "text"; text: string } | { type: "local_image"; path: string };
export type Input = string | UserInput[];
