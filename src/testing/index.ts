/**
 * What tests of agents need: a model that follows a script, and MCP servers that record and misbehave.
 *
 * Used by this repository's own tests, demo and bench, and by its users' tests; not meant for production.
 */
export { ScriptedModel } from "./model/scripted-model.ts";
export type { RecordedModelRequest, Script, ScriptedModelOptions } from "./model/scripted-model.ts";
export type { ModelRequest, OfferedTool, ToolOutput } from "./model/responses-request.ts";
export { applyPatch, callTool, cut, delay, fail, hang, pace, raw, reason } from "./model/reply.ts";
export { runCommand, say, updatePlan, usage, webSearch } from "./model/reply.ts";
export type { ModelReply, PlanStep, ReplyControl, ReplyItem, ReplyPart } from "./model/reply.ts";
export type { ToolCallRequest, Usage } from "./model/reply.ts";
export { playPrompt, promptOf } from "./model/prompt-script.ts";
export type { PromptScript, PromptStep } from "./model/prompt-script.ts";
export { RecordingMcpServer } from "./http-server/recording-http-server.ts";
export type {
  HttpBehaviour,
  RecordedHttpRequest,
  RecordedSession,
} from "./http-server/recording-http-server.ts";
export type { RecordingMcpServerOptions } from "./http-server/recording-http-server.ts";
export { AuthorizationServer } from "./authorization-server/authorization-server.ts";
export type {
  AuthorizationServerOptions,
  OAuthAnswer,
  OAuthBehaviour,
  OAuthEndpoint,
  RecordedOAuthRequest,
} from "./authorization-server/authorization-server.ts";
export type { Grant, IssuedTokens, OAuthClient } from "./authorization-server/grants.ts";
export { ProtectedResource } from "./authorization-server/protected-resource.ts";
export type { ProtectedResourceOptions } from "./authorization-server/protected-resource.ts";
export { maxOverlap } from "./call-record.ts";
export type { CallOutcome, RecordedCall } from "./call-record.ts";
export type { TestServerOptions } from "./mcp-server.ts";
export type { TestTool, ToolContext } from "./mcp-tools.ts";
export { stdioServer } from "./stdio-server/stdio-server-config.ts";
export type { StdioServerEntry, StdioServerOptions } from "./stdio-server/stdio-server-config.ts";
export { descendants, isAlive, openHandles, processesWithEnv, waitUntilGone } from "./leaks.ts";
export { ManualClock } from "./manual-clock.ts";
export { pick, pickText } from "./pick.ts";
export type { WaitOptions } from "./watch.ts";
