/**
 * The events and items of a thread, in the shapes of `@openai/codex-sdk` 0.163.
 *
 * Code written for the SDK reads ours, and the other way round; `test/codex/sdk-types.test.ts` holds that.
 * We add optional members, never another kind of event. They are type aliases, as in the SDK: an interface could not be
 * passed as a `Record<string, unknown>`.
 */

/** What a content block may carry besides its content, as MCP has it. */
type Annotated = {
  annotations?:
    | {
        audience?: ("user" | "assistant")[] | undefined;
        priority?: number | undefined;
        lastModified?: string | undefined;
      }
    | undefined;
  _meta?: Record<string, unknown> | undefined;
};

type ResourceContents = {
  uri: string;
  mimeType?: string | undefined;
  _meta?: Record<string, unknown> | undefined;
} & ({ text: string } | { blob: string });

/** A block of MCP content, as the protocol has it. */
export type ContentBlock =
  | ({ type: "text"; text: string } & Annotated)
  | ({ type: "image"; data: string; mimeType: string } & Annotated)
  | ({ type: "audio"; data: string; mimeType: string } & Annotated)
  | ({
      type: "resource_link";
      uri: string;
      name: string;
      title?: string | undefined;
      description?: string | undefined;
      mimeType?: string | undefined;
      size?: number | undefined;
      icons?:
        | {
            src: string;
            mimeType?: string | undefined;
            sizes?: string[] | undefined;
            theme?: "light" | "dark" | undefined;
          }[]
        | undefined;
    } & Annotated)
  | ({ type: "resource"; resource: ResourceContents } & Annotated);

export type CommandExecutionStatus = "in_progress" | "completed" | "failed";

/** A command the agent ran. */
export type CommandExecutionItem = {
  id: string;
  type: "command_execution";
  command: string;
  /** stdout and stderr together. */
  aggregated_output: string;
  /** Missing while the command runs. */
  exit_code?: number;
  status: CommandExecutionStatus;
};

export type PatchChangeKind = "add" | "delete" | "update";

export type FileUpdateChange = {
  path: string;
  kind: PatchChangeKind;
};

export type PatchApplyStatus = "completed" | "failed";

/** Files the agent changed. */
export type FileChangeItem = {
  id: string;
  type: "file_change";
  changes: FileUpdateChange[];
  status: PatchApplyStatus;
};

export type McpToolCallStatus = "in_progress" | "completed" | "failed";

/** A call of a tool on an MCP server. `server` and `tool` are the names as configured and as declared. */
export type McpToolCallItem = {
  id: string;
  type: "mcp_tool_call";
  server: string;
  tool: string;
  arguments: unknown;
  /** What the server answered; a tool that reports an error has a `result` and `status: "failed"`. */
  result?: { content: ContentBlock[]; _meta?: unknown; structured_content: unknown };
  /** Why there is no answer. */
  error?: { message: string };
  status: McpToolCallStatus;
};

/** What the agent says: text, or JSON when an output schema was given. */
export type AgentMessageItem = {
  id: string;
  type: "agent_message";
  text: string;
};

/** A summary of the agent's reasoning. */
export type ReasoningItem = {
  id: string;
  type: "reasoning";
  text: string;
};

export type WebSearchItem = {
  id: string;
  type: "web_search";
  query: string;
};

/**
 * Something went wrong that did not end the turn.
 *
 * `code` and what belongs to it are ours; the message alone is complete for a reader that does not know them:
 * - `mcp_server_failed`: `server` is missing in this turn, for `reason`
 * - `mcp_tool_rejected`: the `tool` of `server` is missing in this turn, for `reason`: its schema cannot be used
 * - `engine_waiting`: the engine fails again and again, and the turn waits for its next start
 * - `thread_not_saved`: the turn completed, but is not on disk
 * - `request_declined`: the engine asked for something, and got no answer. `request` says what kind of
 *   question it was, `option` which option would have let it through
 */
export type ErrorItem = {
  id: string;
  type: "error";
  message: string;
  code?:
    | "mcp_server_failed"
    | "mcp_tool_rejected"
    | "engine_waiting"
    | "thread_not_saved"
    | "request_declined";
  server?: string;
  tool?: string;
  reason?: string;
  request?: string;
  option?: string;
};

export type TodoItem = {
  text: string;
  completed: boolean;
};

/** The agent's to-do list. It completes when the turn ends. */
export type TodoListItem = {
  id: string;
  type: "todo_list";
  items: TodoItem[];
};

export type ThreadItem =
  | AgentMessageItem
  | ReasoningItem
  | CommandExecutionItem
  | FileChangeItem
  | McpToolCallItem
  | WebSearchItem
  | TodoListItem
  | ErrorItem;

/** First event of every turn, also in a thread that was resumed. */
export type ThreadStartedEvent = {
  type: "thread.started";
  thread_id: string;
};

export type TurnStartedEvent = {
  type: "turn.started";
};

/**
 * Tokens used. As in the SDK, these are the totals of the thread so far, not of the turn.
 */
export type Usage = {
  input_tokens: number;
  cached_input_tokens: number;
  cache_write_input_tokens: number;
  output_tokens: number;
  reasoning_output_tokens: number;
};

export type TurnCompletedEvent = {
  type: "turn.completed";
  usage: Usage;
};

/** Why a turn failed. `code` is ours: the code of the `CodexError`, if the failure is not the model's. */
export type ThreadError = {
  message: string;
  code?: string;
};

export type TurnFailedEvent = {
  type: "turn.failed";
  error: ThreadError;
};

export type ItemStartedEvent = {
  type: "item.started";
  item: ThreadItem;
};

export type ItemUpdatedEvent = {
  type: "item.updated";
  item: ThreadItem;
};

export type ItemCompletedEvent = {
  type: "item.completed";
  item: ThreadItem;
};

/** An error of the stream, including those after which the engine tries again. */
export type ThreadErrorEvent = {
  type: "error";
  message: string;
};

export type ThreadEvent =
  | ThreadStartedEvent
  | TurnStartedEvent
  | TurnCompletedEvent
  | TurnFailedEvent
  | ItemStartedEvent
  | ItemUpdatedEvent
  | ItemCompletedEvent
  | ThreadErrorEvent;
