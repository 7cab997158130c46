/** `mcp-switchyard/agent`: an agent of our own on any Responses API endpoint, with the surface of `Codex`. */
export { Agent, AgentThread } from "./agent.ts";
export type { AgentOptions, AgentThreadOptions } from "./options.ts";
export type { HostTool, OutputPart, ToolOutput } from "../tools/router/contract.ts";
export type { Engine, EngineThread, StreamedTurn } from "../thread/engine.ts";
export { AbortError, EngineError, type EngineErrorCode } from "../thread/errors.ts";
export type { ThreadEvent, ThreadItem, Usage } from "../thread/events.ts";
export type { Input, ThreadOptions, TurnOptions, UserInput } from "../thread/options.ts";
export type { Answer, Question, QuestionHandler } from "../thread/questions.ts";
export type { Turn } from "../thread/turn.ts";
export type { McpServerEvent, McpServerHandler } from "../servers/server-event.ts";
