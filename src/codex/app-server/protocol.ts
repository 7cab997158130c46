/**
 * The part of the app-server's wire protocol (v2) that we use, written by hand.
 *
 * Source: `codex app-server generate-ts --experimental` of Codex 0.169. `protocol.codex.test.ts` compares
 * with the schema of the real binary: it must accept what we send, and promise what we read. Members that we neither send
 * nor read are left out.
 */
import type { JsonObject, JsonValue } from "../../base/json.ts";

// ---- requests we send --------------------------------------------------------------------------------------

export type SandboxMode = "read-only" | "workspace-write" | "danger-full-access";
export type ApprovalPolicy = "never" | "on-request" | "untrusted";

export interface ThreadStartParams {
  model?: string;
  modelProvider?: string;
  cwd?: string;
  approvalPolicy?: ApprovalPolicy;
  sandbox?: SandboxMode;
  config?: JsonObject;
  ephemeral?: boolean;
  threadSource?: string;
}

export interface ThreadResumeParams extends Omit<ThreadStartParams, "ephemeral" | "threadSource"> {
  threadId: string;
  excludeTurns?: boolean;
}

/** The part we read of the answer to start, resume and fork. */
export interface ThreadOpened {
  /** The file is absent for a thread that is not kept. It exists from the first turn on. */
  thread: { id: string; path?: string | null };
}

export type WireInput =
  | { type: "text"; text: string; text_elements: [] }
  | { type: "localImage"; path: string };

export interface TurnStartParams {
  threadId: string;
  input: WireInput[];
  outputSchema?: JsonValue;
  cyberAccessProgram?: "standard" | "daybreakBlue" | "daybreakRed";
}

export interface ConfigReadResponse {
  layers: { name: { type: string; file?: string }; config: JsonValue }[] | null;
}

export interface McpServerStatusListResponse {
  data: {
    name: string;
    runtimeStatus:
      | "notStarted"
      | "starting"
      | "connected"
      | "authenticationRequired"
      | "failed"
      | "cancelled"
      | "disabled"
      | null;
    toolsError: string | null;
    /** As the server declares them. */
    tools: { [key: string]: { name: string } };
  }[];
}

/** For each method: its parameters, and the part of its result that we read. */
export interface Requests {
  initialize: {
    params: {
      clientInfo: { name: string; title: string | null; version: string };
      capabilities: { experimentalApi: boolean; optOutNotificationMethods: string[] };
    };
    result: object;
  };
  "account/login/start": { params: { type: "apiKey"; apiKey: string }; result: { type: string } };
  "environment/add": {
    params: {
      environmentId: string;
      execServerUrl: string;
      authBearerToken?: string;
      connectTimeoutMs?: number;
    };
    result: object;
  };
  "config/read": { params: { includeLayers: boolean; cwd?: string }; result: ConfigReadResponse };
  "mcpServerStatus/list": {
    params: { threadId: string; serverName?: string; detail: "toolsAndAuthOnly" };
    result: McpServerStatusListResponse;
  };
  "mcpServer/resource/read": { params: { threadId: string; server: string; uri: string }; result: object };
  "thread/start": { params: ThreadStartParams; result: ThreadOpened };
  "thread/resume": { params: ThreadResumeParams; result: ThreadOpened };
  "thread/fork": { params: ThreadStartParams & ThreadResumeParams; result: ThreadOpened };
  "thread/unsubscribe": {
    params: { threadId: string };
    result: { status: "notLoaded" | "notSubscribed" | "unsubscribed" };
  };
  "turn/start": { params: TurnStartParams; result: { turn: { id: string } } };
  "turn/interrupt": { params: { threadId: string; turnId: string }; result: object };
}

// ---- notifications we read ---------------------------------------------------------------------------------

export interface TurnError {
  message: string;
  additionalDetails: string | null;
  /** A string, or an object with one member. New versions of Codex add more. */
  codexErrorInfo: string | { [kind: string]: unknown } | null;
}

export interface WireTurn {
  id: string;
  status: "completed" | "interrupted" | "failed" | "inProgress";
  items: WireItem[];
  error: TurnError | null;
}

export interface TokenUsage {
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteInputTokens: number;
  outputTokens: number;
  reasoningOutputTokens: number;
}

export interface FileChange {
  path: string;
  kind: { type: "add" } | { type: "delete" } | { type: "update" };
}

export type WebSearchAction =
  | { type: "search"; query: string | null; queries: string[] | null }
  | { type: "openPage"; url: string | null }
  | { type: "findInPage"; url: string | null; pattern: string | null }
  | { type: "other" };

/** The items that become events. The mapper ignores all other kinds. */
export type WireItem =
  | { type: "agentMessage"; id: string; text: string }
  | { type: "reasoning"; id: string; summary: string[] }
  | {
      type: "commandExecution";
      id: string;
      command: string;
      status: "inProgress" | "completed" | "failed" | "declined";
      aggregatedOutput: string | null;
      exitCode: number | null;
    }
  | {
      type: "fileChange";
      id: string;
      changes: FileChange[];
      status: "inProgress" | "completed" | "failed" | "declined";
    }
  | {
      type: "mcpToolCall";
      id: string;
      server: string;
      tool: string;
      status: "inProgress" | "completed" | "failed";
      arguments: JsonValue;
      result: { content: JsonValue[]; structuredContent: JsonValue | null; _meta: JsonValue | null } | null;
      error: { message: string } | null;
    }
  | { type: "subAgentActivity"; id: string; agentThreadId: string }
  | { type: "webSearch"; id: string; query: string; action: WebSearchAction | null }
  | {
      type: "collabAgentToolCall";
      id: string;
      tool: string;
      status: "inProgress" | "completed" | "failed" | "interrupted";
      senderThreadId: string;
      receiverThreadIds: string[];
      prompt: string | null;
      agentsStates: { [threadId: string]: { status: string; message: string | null } | undefined };
    };

/** For each method: its parameters. */
export interface Notifications {
  error: { threadId: string; turnId: string; willRetry: boolean; error: TurnError };
  warning: { threadId: string | null; message: string };
  configWarning: { summary: string; details: string | null };
  deprecationNotice: { summary: string; details: string | null };
  "model/rerouted": { threadId: string; turnId: string; fromModel: string; toModel: string; reason: string };
  "thread/started": { thread: { id: string; parentThreadId: string | null } };
  "thread/closed": { threadId: string };
  "thread/tokenUsage/updated": {
    threadId: string;
    turnId: string;
    tokenUsage: { total: TokenUsage; last: TokenUsage };
  };
  "turn/started": { threadId: string; turn: WireTurn };
  "turn/completed": { threadId: string; turn: WireTurn };
  "turn/plan/updated": {
    threadId: string;
    turnId: string;
    plan: { step: string; status: "pending" | "inProgress" | "completed" }[];
  };
  "item/started": { threadId: string; turnId: string; item: WireItem };
  "item/completed": { threadId: string; turnId: string; item: WireItem };
  "item/fileChange/patchUpdated": { threadId: string; turnId: string; itemId: string; changes: FileChange[] };
  "mcpServer/startupStatus/updated": {
    threadId: string | null;
    name: string;
    status: "starting" | "ready" | "failed" | "cancelled";
    error: string | null;
  };
  "serverRequest/resolved": { threadId: string; requestId: string | number };
}

/** Any notification, as one union over `method`. */
export type Notification = {
  [Method in keyof Notifications]: { readonly method: Method; readonly params: Notifications[Method] };
}[keyof Notifications];

/**
 * Notifications that become no event. Codex is asked not to send them: without the deltas, streaming ten answers of
 * 20 kB takes 40 % less of its time, and nearly none of ours.
 */
export const UNUSED_NOTIFICATIONS: readonly string[] = [
  "item/agentMessage/delta",
  "item/plan/delta",
  "item/reasoning/summaryTextDelta",
  "item/reasoning/summaryPartAdded",
  "item/reasoning/textDelta",
  "item/commandExecution/outputDelta",
  "item/commandExecution/terminalInteraction",
  "item/fileChange/outputDelta",
  "turn/diff/updated",
  "thread/status/changed",
  "thread/readState/changed",
  "thread/name/updated",
  "thread/settings/updated",
  "account/rateLimits/updated",
  "hook/started",
  "hook/completed",
  "skills/changed",
  "app/list/updated",
  "remoteControl/status/changed",
];

// ---- requests Codex sends to us ------------------------------------------------------------------------------

export type FormElicitation = {
  mode: "form" | "openai/form" | "openaiForm";
  message: string;
  requestedSchema: JsonValue;
  _meta: JsonValue | null;
};

/** For each method: the parameters we read and the answer we give. */
export interface ServerRequests {
  "item/commandExecution/requestApproval": {
    params: {
      threadId: string;
      turnId: string;
      itemId: string;
      reason?: string | null;
      command?: string | null;
      cwd?: string | null;
    };
    result: { decision: "accept" | "acceptForSession" | "decline" | "cancel" };
  };
  "item/fileChange/requestApproval": {
    params: {
      threadId: string;
      turnId: string;
      itemId: string;
      reason?: string | null;
      grantRoot?: string | null;
    };
    result: { decision: "accept" | "acceptForSession" | "decline" | "cancel" };
  };
  "mcpServer/elicitation/request": {
    params: {
      threadId: string;
      turnId: string | null;
      serverName: string;
    } & (FormElicitation | { mode: "url"; message: string; url: string; _meta: JsonValue | null });
    result: { action: "accept" | "decline" | "cancel"; content: JsonValue | null; _meta: JsonValue | null };
  };
  "item/tool/requestUserInput": {
    params: {
      threadId: string;
      turnId: string;
      itemId: string;
      questions: {
        id: string;
        header: string;
        question: string;
        isOther: boolean;
        isSecret: boolean;
        options: { label: string; description: string }[] | null;
      }[];
    };
    result: { answers: { [questionId: string]: { answers: string[] } } };
  };
  "item/permissions/requestApproval": {
    params: { threadId: string; turnId: string; itemId: string; reason: string | null };
    result: { permissions: object; scope: "turn" };
  };
}
