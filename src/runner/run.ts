/** A run, from its acceptance to its end, and the ways it can end. */
import type { Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { EngineError } from "../thread/errors.ts";
import type { Answer } from "../thread/questions.ts";
import type { EndMessage, RunParams } from "./messages.ts";
import { fieldOfOption } from "./thread-options.ts";

export interface Run {
  readonly id: string;
  /** Size of the line it came in. */
  readonly bytes: number;
  readonly params: RunParams;
  /** The thread it continues, later the one it has started. */
  threadId: string | undefined;
  /** Its turn is not on disk. */
  isUnsaved?: boolean;
  /** Ends the run when its time is over. */
  readonly deadline: Timer | undefined;
  /** Makes the redactor forget its secrets. */
  readonly forget: readonly (() => void)[];
  readonly ended: PromiseWithResolvers<void>;
  state: { readonly kind: "waiting" } | Running | { readonly kind: "ended" };
}

/** A run that has a slot. */
export interface Running {
  readonly kind: "running";
  /** Aborts when the host or the runner cancels the run, or its time is over (`RunTimeout`). */
  readonly abort: AbortController;
  /** The questions the host has not answered, by the name it knows them under. */
  readonly asks: Map<string, PromiseWithResolvers<Answer>>;
}

/** What the `end` of a run says. */
export type Outcome = Omit<EndMessage, "type" | "id">;

export function completed(run: Run, rest: Pick<EndMessage, "final_response" | "usage">): Outcome {
  return { status: "completed", ...threadOf(run), ...rest };
}

export function failed(run: Run, error: EndMessage["error"], final?: string): Outcome {
  return { status: "failed", ...threadOf(run), ...finalOf(final), ...(error === undefined ? {} : { error }) };
}

export function cancelled(run: Run, final?: string): Outcome {
  return { status: "cancelled", ...threadOf(run), ...finalOf(final) };
}

/** Why a run was ended that took longer than its `timeout_ms`. */
export class RunTimeout extends Error {
  constructor({ params }: Run) {
    super(`The run did not end within the ${params.timeout_ms} ms of its timeout_ms`);
  }
}

/** The outcome of a run that was ended from outside. */
export function stopped(run: Run, { abort }: Running, final?: string): Outcome {
  const reason: unknown = abort.signal.reason;
  return reason instanceof RunTimeout ? timedOut(run, reason, final) : cancelled(run, final);
}

export function timedOut(run: Run, { message }: RunTimeout, final?: string): Outcome {
  return failed(run, { message, code: "run_timeout" }, final);
}

/** What a host reads about an error that was thrown. */
export function errorOf(error: unknown): NonNullable<EndMessage["error"]> {
  if (!(error instanceof EngineError)) return { message: messageOf(error) };
  const { code, option, message } = error;
  if (option === undefined) return { message, code };
  // A message about an option begins with its name.
  return { message: `${fieldOfOption(option)}${message.slice(option.length)}`, code };
}

export function finalOf(final: string | undefined): Pick<EndMessage, "final_response"> {
  return final === undefined ? {} : { final_response: final };
}

function threadOf({ threadId, isUnsaved }: Run): Pick<EndMessage, "thread_id" | "saved"> {
  return {
    ...(threadId === undefined ? {} : { thread_id: threadId }),
    ...(isUnsaved === true ? { saved: false } : {}),
  };
}
