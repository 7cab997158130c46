/** What an engine asks its host in the middle of a turn, and the answer it gets. */
import type { JsonValue } from "../base/json.ts";

interface QuestionOf<Kind extends string> {
  readonly kind: Kind;
  readonly threadId: string;
}

/** A command wants to run outside what the sandbox or the policy allows. */
export interface CommandQuestion extends QuestionOf<"command"> {
  readonly itemId: string;
  readonly command: string;
  readonly cwd: string | null;
  readonly reason: string | null;
}

/** A patch wants to be applied. The `file_change` item with the same raw id has its files. */
export interface FileChangeQuestion extends QuestionOf<"file_change"> {
  readonly itemId: string;
  readonly grantRoot: string | null;
  readonly reason: string | null;
}

/** A tool of an MCP server wants to be called. */
export interface McpToolCallQuestion extends QuestionOf<"mcp_tool_call"> {
  readonly server: string;
  readonly tool: string;
  readonly arguments: JsonValue;
  readonly message: string;
}

/** An MCP server asks for input: a form that follows `schema`, or a page to visit. */
export interface ElicitationQuestion extends QuestionOf<"elicitation"> {
  readonly server: string;
  readonly message: string;
  /** JSON Schema of the form; `null` when `url` is to be visited instead. */
  readonly schema: JsonValue;
  readonly url: string | null;
}

/** The agent asks its user. */
export interface UserInputQuestion extends QuestionOf<"user_input"> {
  readonly itemId: string;
  readonly questions: readonly {
    readonly id: string;
    readonly header: string;
    readonly question: string;
    readonly options: readonly { readonly label: string; readonly description: string }[];
    /** Whether the answer must not be shown or logged. */
    readonly secret: boolean;
  }[];
}

export type Question =
  | CommandQuestion
  | FileChangeQuestion
  | McpToolCallQuestion
  | ElicitationQuestion
  | UserInputQuestion;

/**
 * - `accept`: once. `accept_for_session`: this and similar requests, as long as the thread is loaded (commands, file
 *   changes, MCP tool calls; otherwise the same as `accept`)
 * - `decline`: the turn goes on. `cancel`: for commands and file changes the turn is interrupted too
 * - `content`: the filled form of an elicitation
 * - `answers`: for `user_input`, the answers by the id of the question
 */
export interface Answer {
  readonly decision: "accept" | "accept_for_session" | "decline" | "cancel";
  readonly content?: JsonValue;
  readonly answers?: Readonly<Record<string, readonly string[]>>;
}

/**
 * Answers a question. `signal` aborts when no answer is needed any more: the call that asked has ended in another way, the
 * turn is over, or the time is. What the handler returns or throws after that is ignored.
 */
export type QuestionHandler = (
  question: Question,
  options: { readonly signal: AbortSignal },
) => Promise<Answer> | Answer;

/** The option that allows each kind of question. */
export const OPTION_FOR: Readonly<Record<Question["kind"], string>> = {
  command: 'onQuestion, or approvalPolicy "never" with a wider sandboxMode',
  file_change: 'onQuestion, or sandboxMode "workspace-write"',
  mcp_tool_call: 'onQuestion, or default_tools_approval_mode "approve" on the server',
  elicitation: "onQuestion",
  user_input: "onQuestion",
};

/** The question as a clause for people, after "Codex asked". */
export function describe(question: Question): string {
  switch (question.kind) {
    case "command":
      return `to run the command "${question.command}"`;
    case "file_change":
      return "to change files";
    case "mcp_tool_call":
      return `to call the tool "${question.tool}" of MCP server "${question.server}"`;
    case "elicitation":
      return `for input for MCP server "${question.server}": ${question.message}`;
    case "user_input":
      return `its user: ${question.questions.map((q) => q.question).join(" / ")}`;
  }
}
