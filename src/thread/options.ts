/** What a host can say about a thread and a turn. The options of `@openai/codex-sdk`, and ours marked as such. */
import type { ToolPluginProvenance } from "../servers/provenance.ts";
import type { ServerSet } from "../servers/check.ts";
import type { McpServerHandler } from "../servers/server-event.ts";
import type { McpServers } from "../servers/written.ts";
import type { QuestionHandler } from "./questions.ts";

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

export type ThreadOptions = {
  /** The model to ask. @default Codex's own */
  model?: string;
  /** A word for where the thread comes from, kept with it. */
  threadSource?: string;
  /** What the agent's commands may do. @default "read-only" */
  sandboxMode?: SandboxMode;
  /** Where the agent works. @default the current directory */
  workingDirectory?: string;
  /** Accepted and ignored: threads never trust their directory, so the check that it skips is not needed. */
  skipGitRepoCheck?: boolean;
  /** How much the model reasons. @default the model's own */
  modelReasoningEffort?: ModelReasoningEffort;
  /** With the sandbox "workspace-write": whether commands reach the network. @default false */
  networkAccessEnabled?: boolean;
  /** Whether the agent searches the web, and whether pages may come from a cache. @default Codex's own */
  webSearchMode?: WebSearchMode;
  /** Whether the agent may search the web, where `webSearchMode` does not say it. */
  webSearchEnabled?: boolean;
  /** `"on-failure"`, which Codex no longer has, means `"on-request"`. @default "never" */
  approvalPolicy?: ApprovalMode;
  /** With the sandbox "workspace-write": more folders that commands may write to. @default none */
  additionalDirectories?: string[];

  // ---- ours ----

  /** The MCP servers of this thread, by name. They replace all that are configured elsewhere. @default none */
  mcpServers?: McpServers | ServerSet;
  /**
   * Who runs the MCP servers of a thread of Codex. `"managed"`: we do, and Codex reaches each by a URL on this machine, so that a dead
   * server is started again, servers may be shared, and none of their secrets is in Codex. `"direct"`: Codex's own MCP client does.
   * The engine `responses` has `"managed"` alone. @default that of `CodexOptions`
   */
  mcp?: "managed" | "direct";
  /**
   * Which of the servers come from a plugin: `provenance` of `effectiveMcpServers`. The model is told at each of their tools, where they
   * are managed. @default none
   */
  provenance?: ToolPluginProvenance;
  /**
   * Who asks the model of a thread of Codex. `"relayed"`: we do, for Codex, which reaches us at a URL on this machine, so that the key is not in
   * Codex, keys and endpoints may differ from thread to thread, and Codex need not read the machine's root certificates, a third to two
   * thirds of what a turn costs. `"direct"`: Codex does. A login of Codex, a model provider in the files of the home and a SOCKS proxy are always direct; to
   * ask for `"relayed"` there is an error. The engine `responses` has no such choice. @default that of `CodexOptions`, or `"relayed"` where it can be: with an
   * `apiKey`, or a model provider of `config` with a key and a URL
   */
  modelRequests?: "relayed" | "direct";
  /** Whose credentials the thread works with, where its servers are managed: see `McpThreadOptions`. */
  principal?: string;
  /** Answers the engine's questions. @default decline them, with an event for each */
  onQuestion?: QuestionHandler;
  /** Milliseconds `onQuestion` has for an answer; then the question is declined. @default 600 000 */
  questionTimeoutMs?: number;
  /**
   * Told what becomes of the thread's MCP servers, unless they are `mcp: "direct"`. Between turns, too.
   * @default nobody is told
   */
  onMcpServer?: McpServerHandler;
  /** Codex configuration of this thread, which counts more than that of `CodexOptions`. */
  config?: CodexConfigObject;
  /** Keeps nothing on disk. Cheaper, but the thread is lost when it is closed or its process ends. @default false */
  ephemeral?: boolean;
  /** Variables for the agent's commands, in addition to a minimal set (PATH, HOME and the like). */
  env?: Record<string, string>;
  /** Whether the agent's commands also see the environment of Codex. @default only if `CodexOptions.env` is given */
  inheritEnv?: boolean;
  /** The endpoint of this thread. @default that of `CodexOptions`, or OpenAI's */
  baseUrl?: string;
  /** The key of this thread. @default that of `CodexOptions` */
  apiKey?: string;
};

export type TurnOptions = {
  /** The access program of OpenAI that the turn belongs to. */
  cyberAccessProgram?: CyberAccessProgram;
  /** JSON Schema of the answer. */
  outputSchema?: unknown;
  /** Interrupts the turn. The MCP call in flight is cancelled too. */
  signal?: AbortSignal;

  // ---- ours ----

  /** The MCP servers from this turn on. @default those of the thread */
  mcpServers?: McpServers | ServerSet;
};

export type UserInput = { type: "text"; text: string } | { type: "local_image"; path: string };
export type Input = string | UserInput[];
