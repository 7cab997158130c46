/** `mcp-switchyard`: code written for `@openai/codex-sdk` works by changing the import. */
export { Codex, type RunResult, type RunStreamedResult, Thread } from "./codex/codex.ts";
export { CodexError, type CodexErrorCode } from "./codex/errors.ts";
export type {
  CodexEnvironment,
  CodexOptions,
  CodexProgramEnvironment,
  CodexUrlEnvironment,
} from "./codex/options.ts";
export type { StreamedTurn } from "./thread/engine.ts";
export { AbortError } from "./thread/errors.ts";
export type {
  AgentMessageItem,
  CommandExecutionItem,
  CommandExecutionStatus,
  ContentBlock,
  ErrorItem,
  FileChangeItem,
  FileUpdateChange,
  ItemCompletedEvent,
  ItemStartedEvent,
  ItemUpdatedEvent,
  McpToolCallItem,
  McpToolCallStatus,
  PatchApplyStatus,
  PatchChangeKind,
  ReasoningItem,
  ThreadError,
  ThreadErrorEvent,
  ThreadEvent,
  ThreadItem,
  ThreadStartedEvent,
  TodoItem,
  TodoListItem,
  TurnCompletedEvent,
  TurnFailedEvent,
  TurnStartedEvent,
  Usage,
  WebSearchItem,
} from "./thread/events.ts";
export type {
  ApprovalMode,
  CodexConfigObject,
  CodexConfigValue,
  CyberAccessProgram,
  Input,
  ModelReasoningEffort,
  SandboxMode,
  ThreadOptions,
  TurnOptions,
  UserInput,
  WebSearchMode,
} from "./thread/options.ts";
export type {
  Answer,
  CommandQuestion,
  ElicitationQuestion,
  FileChangeQuestion,
  McpToolCallQuestion,
  Question,
  QuestionHandler,
  UserInputQuestion,
} from "./thread/questions.ts";
export type { Turn } from "./thread/turn.ts";
export type { AppToolApproval } from "./config/server/types.ts";
export { type McpConnection, type McpConnectionServer, mcpServerFrom } from "./servers/from-connection.ts";
export type {
  McpHttpServerInput,
  McpServerInput,
  McpServerRules,
  McpServers,
  McpStdioServerInput,
} from "./servers/written.ts";
export type { McpServerEvent, McpServerHandler } from "./servers/server-event.ts";
