/** The `codex` engine: real Codex through its app-server, with the surface of its SDK. */
export {
  Codex,
  type RunResult,
  type RunStreamedResult,
  Thread,
  type Turn,
} from "./codex.ts";
export { CodexError, type CodexErrorCode } from "./errors.ts";
export { AbortError } from "../thread/errors.ts";
export type { StreamedTurn } from "../thread/engine.ts";
export type * from "../thread/events.ts";
export { checkCodexVersion, type CodexBinary, findCodex, SUPPORTED_CODEX } from "./app-server/binary.ts";
export { switchyardHome, userCodexHome } from "../config/layers/homes.ts";
export type { AppToolApproval } from "../config/server/types.ts";
export { hasUserLogin } from "./app-server/home.ts";
export type {
  McpHttpServerInput,
  McpServerInput,
  McpServerRules,
  McpServers,
  McpStdioServerInput,
} from "../servers/written.ts";
export type { CodexEnvironment, CodexOptions } from "./options.ts";
export type * from "../thread/options.ts";
export type {
  Answer,
  CommandQuestion,
  ElicitationQuestion,
  FileChangeQuestion,
  McpToolCallQuestion,
  Question,
  QuestionHandler,
  UserInputQuestion,
} from "../thread/questions.ts";
