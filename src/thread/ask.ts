/** One question to the host: its answer, or why there is none. */
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Answer, Question, QuestionHandler } from "./questions.ts";

export interface Asking {
  readonly handler: QuestionHandler | undefined;
  /** Milliseconds the handler has. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Aborts when no answer is needed any more. */
  readonly moot: AbortSignal;
}

export type Asked =
  | { readonly kind: "answered"; readonly answer: Answer }
  /** No answer is needed any more. */
  | { readonly kind: "moot" }
  /** A clause. It may hold what the handler threw. */
  | { readonly kind: "unanswered"; readonly why: string };

/** Never rejects. The handler's signal aborts when what it answers would be ignored. */
export async function askHost(question: Question, asking: Asking): Promise<Asked> {
  const { handler, timeoutMs, clock, moot } = asking;
  if (moot.aborted) return { kind: "moot" };
  if (handler === undefined) return { kind: "unanswered", why: "nobody is there to answer" };
  const late = new AbortController();
  const timer = clock.schedule(timeoutMs, () => late.abort());
  const signal = AbortSignal.any([moot, late.signal]);
  const ended = Promise.withResolvers<"moot or late">();
  const onAbort = (): void => ended.resolve("moot or late");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const asked = (async (): Promise<Answer> => await handler(question, { signal }))();
    const answer = await Promise.race([asked, ended.promise]);
    if (moot.aborted) return { kind: "moot" };
    if (answer === "moot or late")
      return { kind: "unanswered", why: `there was no answer within ${timeoutMs} ms` };
    return isAnswer(answer)
      ? { kind: "answered", answer }
      : { kind: "unanswered", why: "the handler gave no decision" };
  } catch (error) {
    if (moot.aborted) return { kind: "moot" };
    return { kind: "unanswered", why: `the handler failed: ${messageOf(error)}` };
  } finally {
    timer.clear();
    signal.removeEventListener("abort", onAbort);
  }
}

const DECISIONS: ReadonlySet<unknown> = new Set(["accept", "accept_for_session", "decline", "cancel"]);

/** A handler may be plain JavaScript. */
function isAnswer(value: unknown): value is Answer {
  return (
    typeof value === "object" && value !== null && DECISIONS.has((value as { decision?: unknown }).decision)
  );
}
