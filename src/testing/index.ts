/**
 * What tests of agents need: a model that follows a script, and MCP servers that record and misbehave.
 *
 * Used by this repository's own tests, demo and bench, and by its users' tests; not meant for production.
 */
export { ScriptedModel } from "./scripted-model.ts";
export type { RecordedModelRequest, Script, ScriptedModelOptions } from "./scripted-model.ts";
export type { ModelRequest, OfferedTool, ToolOutput } from "./responses-request.ts";
export { applyPatch, callTool, cut, delay, fail, hang, pace, raw, reason } from "./reply.ts";
export { runCommand, say, updatePlan, usage, webSearch } from "./reply.ts";
export type { ModelReply, PlanStep, ReplyControl, ReplyItem, ReplyPart } from "./reply.ts";
export type { ToolCallRequest, Usage } from "./reply.ts";
export { playPrompt, promptOf } from "./prompt-script.ts";
export type { PromptScript, PromptStep } from "./prompt-script.ts";
export { RecordingMcpServer } from "./recording-http-server.ts";
export type { HttpBehaviour, RecordedHttpRequest, RecordedSession } from "./recording-http-server.ts";
export type { RecordingMcpServerOptions } from "./recording-http-server.ts";
export { maxOverlap } from "./call-record.ts";
export type { CallOutcome, RecordedCall } from "./call-record.ts";
export type { TestServerOptions } from "./mcp-server.ts";
export type { TestTool, ToolContext } from "./mcp-tools.ts";
export { stdioServer } from "./stdio-server-config.ts";
export type { StdioServerEntry, StdioServerOptions } from "./stdio-server-config.ts";
export { descendants, isAlive, openHandles, processesWithEnv, waitUntilGone } from "./leaks.ts";
export { ManualClock } from "./manual-clock.ts";
export { pick, pickText } from "./pick.ts";
export type { WaitOptions } from "./watch.ts";
