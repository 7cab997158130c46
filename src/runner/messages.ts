/** The messages of the runner. `docs/runner-protocol.md` is the same for people. */
import type { ServerSet } from "../servers/check.ts";
import type { McpServerEvent } from "../servers/server-event.ts";
import type { McpServers } from "../servers/written.ts";
import type { EngineName } from "../thread/engine.ts";
import type { ThreadEvent, Usage } from "../thread/events.ts";
import type { ApprovalMode, Input, ModelReasoningEffort, SandboxMode } from "../thread/options.ts";
import type { Answer } from "../thread/questions.ts";

// ---- from the host ---------------------------------------------------------------------------------------------

/** What a run should do, and with what. Every field but `input` has a default. */
export interface RunParams {
  /** The prompt: a text, or texts and images. */
  readonly input: Input;
  /** What thinks: real Codex, or our own loop on a Responses API endpoint. @default the runner's */
  readonly engine?: EngineName;
  /** The model to ask. @default Codex's own; the engine `responses` has none */
  readonly model?: string;
  /** Where the agent works. @default the runner's own */
  readonly cwd?: string;
  /** How much the model reasons. @default the model's own */
  readonly effort?: ModelReasoningEffort;
  /** Whether the agent may search the web. @default Codex's own */
  readonly web_search_enabled?: boolean;
  /** What the agent's commands may do. @default "read-only" */
  readonly sandbox?: SandboxMode;
  /** When Codex asks. @default "never" */
  readonly approval_policy?: ApprovalMode;
  /** With the sandbox "workspace-write": whether commands reach the network. @default false */
  readonly network_access_enabled?: boolean;
  /** With the sandbox "workspace-write": where commands may write, too. @default none */
  readonly additional_directories?: readonly string[];
  /** JSON Schema of the answer. */
  readonly output_schema?: Readonly<Record<string, unknown>>;
  /** The thread to continue. @default a new thread */
  readonly resume?: string;
  /** The thread whose history a new thread begins with. */
  readonly fork?: string;
  /** Keeps nothing: the thread ends with its run. @default false */
  readonly ephemeral?: boolean;
  /** `"process"`: a Codex process and home of its own. @default "shared", or where the resumed thread lives */
  readonly isolation?: "shared" | "process";
  /** What the agent's commands see, besides PATH, HOME and the like. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether they also see the environment of the runner, without its key. @default false */
  readonly inherit_env?: boolean;
  /** The MCP servers of this run, by name, in Codex's field names; checked, if they come from `parseLine`. @default none */
  readonly mcp_servers?: McpServers | ServerSet;
  /** Who runs them: `"managed"`: the runner; `"direct"`: Codex itself. @default the runner's */
  readonly mcp?: "managed" | "direct";
  /** More of Codex's configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Who asks the model: `"relayed"`: the runner; `"direct"`: Codex itself. @default the runner's; `"relayed"` where there is a key */
  readonly model_requests?: "relayed" | "direct";
  /** The Responses API endpoint of the run. @default that of the runner */
  readonly base_url?: string;
  /** The key of the run; it is sent to the model only. @default that of the runner */
  readonly api_key?: string;
  /** What happens to Codex's questions: declined, or asked of the host. @default "decline" */
  readonly questions?: "decline" | "host";
  /** How long the host has for an answer. @default 600 000 */
  readonly question_timeout_ms?: number;
  /** How long the run may take from its acceptance, waiting included; then it fails. @default for ever */
  readonly timeout_ms?: number;
}

export interface RunMessage {
  readonly type: "run";
  readonly id: string;
  readonly params: RunParams;
}

export interface CancelMessage {
  readonly type: "cancel";
  readonly id: string;
}

/** The answer to an `ask`. */
export interface AnswerMessage extends Answer {
  readonly type: "answer";
  readonly id: string;
  readonly ask: string;
}

/** Asks whether the runner is there. It says `pong` when it has read everything before. */
export interface PingMessage {
  readonly type: "ping";
  /** Comes back in the `pong`. */
  readonly id?: string;
}

export type Inbound = RunMessage | CancelMessage | AnswerMessage | PingMessage;

// ---- from the runner -------------------------------------------------------------------------------------------

/** The first line. */
export interface ReadyMessage {
  readonly type: "ready";
  /** Versions by name: `switchyard`, `protocol`, and that of the engine, e.g. `codex`. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface PongMessage {
  readonly type: "pong";
  readonly id?: string;
}

export interface EventMessage {
  readonly type: "event";
  readonly id: string;
  /** Of the turn, or about one of its MCP servers. */
  readonly event: ThreadEvent | McpServerEvent;
}

export interface AskMessage {
  readonly type: "ask";
  readonly id: string;
  readonly ask: string;
  readonly question: WireQuestion;
}

/** A question needs no answer any more. */
export interface AskClosedMessage {
  readonly type: "ask_closed";
  readonly id: string;
  readonly ask: string;
}

/** A question of Codex, with its fields in snake case. */
export type WireQuestion = { readonly kind: string; readonly thread_id: string } & Readonly<
  Record<string, unknown>
>;

export type EndStatus = "completed" | "failed" | "cancelled";

export interface EndMessage {
  readonly type: "end";
  readonly id: string;
  readonly status: EndStatus;
  readonly thread_id?: string;
  /** The agent's last message. */
  readonly final_response?: string;
  /** Tokens of the thread so far. */
  readonly usage?: Usage;
  readonly error?: { readonly message: string; readonly code?: string };
  /** The turn is not on disk: resuming the thread will fail or lack it. The event `thread_not_saved` says why. */
  readonly saved?: false;
}

/** A line that was not accepted. It changed nothing. */
export interface ErrorMessage extends Rejection {
  /** Lines count from 1. */
  readonly line: number;
}

/** About a run. */
export type RunOutbound = EventMessage | AskMessage | AskClosedMessage | EndMessage;
export type Outbound = ReadyMessage | PongMessage | RunOutbound | ErrorMessage;

export type DiagLevel = "debug" | "info" | "warn" | "error";

/** What goes to stderr. */
export type Diagnostic =
  | {
      readonly type: "diag";
      readonly id?: string;
      readonly level: DiagLevel;
      readonly message: string;
    }
  | { readonly type: "fatal"; readonly message: string };

/**
 * - `invalid_json`, `line_too_long`: the line could not be read
 * - `unknown_type`: `type` is not run, cancel, answer or ping
 * - `missing_field`, `unknown_field`, `wrong_type`, `invalid_value`: about `field`
 * - `invalid_mcp_server`: a server's configuration is not valid; `field` says which server and where
 * - `duplicate_id`: a run with this id is still in progress
 * - `unknown_run`, `unknown_ask`: there is no such run or question, or it has ended
 * - `stopping`: the runner takes no more runs
 */
export type RejectionCode =
  | "invalid_json"
  | "line_too_long"
  | "unknown_type"
  | "missing_field"
  | "unknown_field"
  | "wrong_type"
  | "invalid_value"
  | "invalid_mcp_server"
  | "duplicate_id"
  | "unknown_run"
  | "unknown_ask"
  | "stopping";

export interface Rejection {
  readonly type: "error";
  /** The id of the line, where it could be read. */
  readonly id?: string;
  /** Path of the field, e.g. `params.mcp_servers.svc.url`; absent where the line as a whole is meant. */
  readonly field?: string;
  readonly code: RejectionCode;
  readonly message: string;
}
