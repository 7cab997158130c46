/** From Codex's requests to questions for the host, and from answers back to Codex. */
import type { JsonValue } from "../../base/json.ts";
import type { Answer, Question } from "../../thread/questions.ts";
import type { ServerRequests } from "../app-server/protocol.ts";

/**
 * Translates a request of Codex into a question, and the answer back.
 *
 * @returns `undefined` for a request that a host cannot answer
 */
export function toQuestion(
  method: string,
  params: unknown,
): { question: Question; reply: (answer: Answer) => unknown } | undefined {
  switch (method) {
    case "item/commandExecution/requestApproval": {
      const p = params as ServerRequests[typeof method]["params"];
      const question: Question = {
        kind: "command",
        threadId: p.threadId,
        itemId: p.itemId,
        command: p.command ?? "",
        cwd: p.cwd ?? null,
        reason: p.reason ?? null,
      };
      return { question, reply: approval };
    }
    case "item/fileChange/requestApproval": {
      const p = params as ServerRequests[typeof method]["params"];
      const question: Question = {
        kind: "file_change",
        threadId: p.threadId,
        itemId: p.itemId,
        grantRoot: p.grantRoot ?? null,
        reason: p.reason ?? null,
      };
      return { question, reply: approval };
    }
    case "mcpServer/elicitation/request": {
      const p = params as ServerRequests[typeof method]["params"];
      // Codex has another mode, for verification by its own applications, which no host can answer.
      const known: readonly string[] = ["form", "openai/form", "openaiForm", "url"];
      return known.includes(p.mode) ? { question: elicitation(p), reply: elicited } : undefined;
    }
    case "item/tool/requestUserInput": {
      const p = params as ServerRequests[typeof method]["params"];
      const question: Question = {
        kind: "user_input",
        threadId: p.threadId,
        itemId: p.itemId,
        questions: p.questions.map((q) => ({
          id: q.id,
          header: q.header,
          question: q.question,
          options: q.options ?? [],
          secret: q.isSecret,
        })),
      };
      return { question, reply: userInput };
    }
    default:
      return undefined;
  }
}

function elicitation(p: ServerRequests["mcpServer/elicitation/request"]["params"]): Question {
  const meta = asObject(p._meta);
  if (meta.codex_approval_kind === "mcp_tool_call") {
    return {
      kind: "mcp_tool_call",
      threadId: p.threadId,
      server: p.serverName,
      tool: typeof meta.tool_name === "string" ? meta.tool_name : "",
      arguments: meta.tool_params ?? {},
      message: p.message,
    };
  }
  return {
    kind: "elicitation",
    threadId: p.threadId,
    server: p.serverName,
    message: p.message,
    schema: p.mode === "url" ? null : p.requestedSchema,
    url: p.mode === "url" ? p.url : null,
  };
}

type Approval = ServerRequests["item/commandExecution/requestApproval"]["result"];

// An answer comes from the host's code, which may be JavaScript: an unknown decision counts as "decline".

function approval(answer: Answer): Approval {
  switch (answer.decision) {
    case "accept":
    case "cancel":
      return { decision: answer.decision };
    case "accept_for_session":
      return { decision: "acceptForSession" };
    default:
      return { decision: "decline" };
  }
}

function elicited(answer: Answer): ServerRequests["mcpServer/elicitation/request"]["result"] {
  const { decision } = answer;
  if (decision !== "accept" && decision !== "accept_for_session") {
    return { action: decision === "cancel" ? "cancel" : "decline", content: null, _meta: null };
  }
  const _meta = decision === "accept_for_session" ? { persist: "session" } : null;
  return { action: "accept", content: answer.content ?? {}, _meta };
}

function userInput(answer: Answer): ServerRequests["item/tool/requestUserInput"]["result"] {
  const accepted = answer.decision === "accept" || answer.decision === "accept_for_session";
  const given = accepted ? Object.entries(answer.answers ?? {}) : [];
  return { answers: Object.fromEntries(given.map(([id, answers]) => [id, { answers: [...answers] }])) };
}

function asObject(value: JsonValue): { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
