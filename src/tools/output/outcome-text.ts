/** What a model is told of a call that has no result: what happened, whether it may have been carried out, and what helps. */
import type { CallOutcome, NotSentReason } from "../../mcp/index.ts";
import { withoutStack } from "./plain-text.ts";

type WithoutResult = Exclude<CallOutcome, { readonly kind: "result" | "tool_error" }>;

const DATA_CHARS_MAX = 2_000;
/** Keys of an error's data whose values are for its developers. */
const STACKS = new Set(["stack", "stacktrace", "stack_trace", "traceback", "backtrace"]);

const HINTS: Readonly<Record<NotSentReason, string>> = {
  server_unavailable: "The tools of this server cannot be used until it runs again.",
  needs_login: "A person has to log in to this server before its tools can be used.",
  unknown_server: "Use a tool of the list you were given.",
  tool_disabled: "This tool may not be used here. Use another one.",
  unreachable: "Trying again later may help.",
  rejected: "Trying the same again at once will not help.",
  server_stalled: "Trying again later may help.",
  message_too_large: "Send less in one call.",
};

export function outcomeText(outcome: WithoutResult, server: string, tool: string): string {
  const what = `${JSON.stringify(tool)} of MCP server ${JSON.stringify(server)}`;
  switch (outcome.kind) {
    case "protocol_error": {
      const said = withoutStack(outcome.message);
      const data = dataText(outcome.data);
      return `The call of ${what} failed with error ${outcome.code}: ${said}${data}`;
    }
    case "timeout":
      return sentences(outcome.message, "The call may have been carried out all the same.");
    case "cancelled":
      return outcome.sent
        ? `The call of ${what} was cancelled. It may have been carried out in part.`
        : `The call of ${what} was cancelled before it was sent.`;
    case "lost":
      return sentences(withoutStack(outcome.message), "Find out what it changed before you call it again.");
    case "not_sent":
      return sentences(
        `The call of ${what} was not carried out: ${withoutStack(outcome.message)}`,
        HINTS[outcome.reason],
      );
  }
}

function sentences(first: string, second: string): string {
  return `${first}${/[.!?]$/.test(first) ? "" : "."} ${second}`;
}

function dataText(data: unknown): string {
  if (data === undefined || data === null) return "";
  const json = JSON.stringify(data, (key: string, value: unknown) =>
    STACKS.has(key.toLowerCase()) ? undefined : typeof value === "string" ? withoutStack(value) : value,
  );
  if (json === undefined || json === "{}") return "";
  const shown = json.length <= DATA_CHARS_MAX ? json : `${json.slice(0, DATA_CHARS_MAX)}…`;
  return `\n${shown}`;
}
