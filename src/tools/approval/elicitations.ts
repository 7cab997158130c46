/** Questions of MCP servers themselves, by the same policy as calls: asked, checked, and answered in time. */
import { abortable } from "../../base/abort.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import type { Log } from "../../base/log.ts";
import type { Elicitation, ElicitationAnswer, ElicitationHandler } from "../../mcp/index.ts";
import type { ApprovalPolicy } from "./decide.ts";
import { checkElicitationAnswer } from "./elicitation-answer.ts";

export interface ElicitationOptions {
  /** Who decides. @default "ask" */
  readonly policy?: ApprovalPolicy;
  /** Answers questions. @default nobody does, so they are declined */
  readonly onElicit?: ElicitationHandler;
  /** How long a question stays open, in milliseconds; then it is cancelled. @default 600_000 */
  readonly timeoutMs?: number;
  /** Told of handlers that throw, and of answers that do not fit. */
  readonly log?: Log;
  /** Time, for tests. */
  readonly clock?: Clock;
}

const DECLINE: ElicitationAnswer = { action: "decline" };

/**
 * Under the policies `never` and `full_access` nobody is asked: the question is declined. A form without fields asks for a yes only;
 * with full access it gets one (Codex).
 *
 * @returns the `onElicit` of a thread
 */
export function elicitationsFor(options: ElicitationOptions): ElicitationHandler {
  const { policy = "ask", onElicit, timeoutMs = 600_000, log, clock = systemClock } = options;
  return async (question, { signal }) => {
    if (policy === "full_access" && isEmptyForm(question)) return { action: "accept", content: {} };
    if (policy !== "ask" || onElicit === undefined) return DECLINE;
    const over = new AbortController();
    const late = Promise.withResolvers<ElicitationAnswer>();
    const timer = clock.schedule(timeoutMs, () => late.resolve({ action: "cancel" }));
    try {
      const until = AbortSignal.any([signal, over.signal]);
      const asked = Promise.resolve().then(() => onElicit(question, { signal: until }));
      return checked(question, await abortable(Promise.race([asked, late.promise]), signal), log);
    } catch (error) {
      if (signal.aborted) return { action: "cancel" };
      log?.("warn", `The question of MCP server "${question.server}" failed: ${messageOf(error)}`);
      return DECLINE;
    } finally {
      timer.clear();
      over.abort(new Error("No answer is needed any more"));
    }
  };
}

function checked(
  { server, mode, requestedSchema = {} }: Elicitation,
  answer: ElicitationAnswer,
  log: Log | undefined,
): ElicitationAnswer {
  if (answer.action !== "accept" || mode !== "form") return answer;
  const [issue, ...more] = checkElicitationAnswer(requestedSchema, answer.content);
  if (issue === undefined) return { ...answer, content: answer.content ?? {} };
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  const field = issue.path.length === 0 ? "it" : issue.path.join(".");
  log?.("warn", `The answer to MCP server "${server}" was not sent: ${field} ${issue.what}${others}`);
  return DECLINE;
}

function isEmptyForm({ mode, requestedSchema = {} }: Elicitation): boolean {
  const { properties } = requestedSchema;
  return mode === "form" && (!isObject(properties) || Object.keys(properties).length === 0);
}
