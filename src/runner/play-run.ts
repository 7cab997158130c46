/**
 * One run, from its slot to its outcome.
 *
 *   engine ─> thread ─> turn ─> its events and questions go to the sink ─> outcome
 *
 * What becomes of a run is decided in `playRun` and nowhere else. The next event is taken when the sink has taken the
 * one before (R4 of `runner.ts`).
 */
import { abortable } from "../base/abort.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Variables } from "../servers/resolve.ts";
import type { EngineThread } from "../thread/engine.ts";
import { AbortError } from "../thread/errors.ts";
import type { ThreadError, Usage } from "../thread/events.ts";
import type { Answer, Question } from "../thread/questions.ts";
import type { Engines, EngineUse } from "./engine-use.ts";
import type { EndMessage, RunOutbound } from "./messages.ts";
import { completed, errorOf, failed, finalOf, type Outcome, type Run, type Running, stopped } from "./run.ts";
import { toInput, toThreadOptions, toWireEvent, toWireQuestion } from "./thread-options.ts";

export interface PlayOptions {
  readonly engines: Engines;
  /** For runs that inherit it. */
  readonly env: Variables;
  /** Variables of it that no run inherits. */
  readonly withheld: readonly string[];
  readonly log: Log;
  readonly stopping: AbortSignal;
  /** Sends a message, unless the run has had its end; settles when there is room for the next. */
  readonly send: (message: Exclude<RunOutbound, EndMessage>) => Promise<void>;
  /** A name that no other question of this runner has. */
  readonly nextAsk: () => string;
  /** The thread belongs to this run from now on. */
  readonly onThread: (threadId: string) => void;
}

/** How a turn went. `final` is the agent's last message. */
type Turn =
  | { readonly kind: "completed"; readonly final: string | undefined; readonly usage: Usage }
  | { readonly kind: "failed"; readonly final: string | undefined; readonly error: ThreadError }
  /** Its events ended, or we stopped reading them, before it did. */
  | { readonly kind: "cut_off"; readonly final: string | undefined }
  | { readonly kind: "thrown"; readonly error: unknown };

/** Never rejects. */
export async function playRun(run: Run, running: Running, options: PlayOptions): Promise<Outcome> {
  const turn = await playTurn(run, running, options).catch(
    (error: unknown): Turn => ({ kind: "thrown", error }),
  );
  const isStopped = running.abort.signal.aborted;
  switch (turn.kind) {
    case "completed":
      return completed(run, { ...finalOf(turn.final), usage: turn.usage });
    case "failed":
      return failed(run, turn.error, turn.final);
    case "cut_off": {
      if (isStopped) return stopped(run, running, turn.final);
      const message = "Codex ended the turn without saying how";
      return failed(run, { message, code: "turn_interrupted" }, turn.final);
    }
    case "thrown":
      if (isStopped || turn.error instanceof AbortError) return stopped(run, running);
      return failed(run, errorOf(turn.error));
  }
}

async function playTurn(run: Run, running: Running, options: PlayOptions): Promise<Turn> {
  const { params } = run;
  const use = await options.engines.use(run);
  const threadOptions = toThreadOptions(params, options.env, options.withheld);
  // What becomes of servers is told after the first event, which names the thread, and while the run lasts.
  const begun = Promise.withResolvers<void>();
  let isOver = false;
  threadOptions.onMcpServer = (event) => {
    if (!isOver) void begun.promise.then(() => options.send({ type: "event", id: run.id, event }));
  };
  if (params.questions === "host") {
    threadOptions.onQuestion = (question, { signal }) => ask(run, running, options, question, signal);
  }
  const thread =
    params.resume !== undefined
      ? use.engine.resumeThread(params.resume, threadOptions)
      : params.fork !== undefined
        ? use.engine.forkThread(params.fork, threadOptions)
        : use.engine.startThread(threadOptions);
  try {
    return await readTurn(run, running, options, use, thread, begun.resolve);
  } finally {
    begun.resolve();
    isOver = true;
    for (const name of running.asks.keys()) closeAsk(run, running, options, name);
    try {
      await use.leave(thread);
    } catch (error) {
      // What it leaves behind is ended with the runner; the outcome of the turn stands.
      options.log("error", `Cannot clean up after the run: ${messageOf(error)}`, { run: run.id });
    }
  }
}

async function readTurn(
  run: Run,
  running: Running,
  { send, onThread, stopping }: PlayOptions,
  use: EngineUse,
  thread: EngineThread,
  onBegun: () => void,
): Promise<Turn> {
  const { output_schema: outputSchema } = run.params;
  const { events } = await thread.runStreamed(toInput(run.params), {
    signal: running.abort.signal,
    ...(outputSchema === undefined ? {} : { outputSchema }),
  });
  let final: string | undefined;
  let turn: Turn | undefined;
  for await (const event of events) {
    switch (event.type) {
      case "thread.started":
        onThread(event.thread_id);
        await use.onThread(event.thread_id);
        break;
      case "item.completed":
        if (event.item.type === "agent_message") final = event.item.text;
        if (event.item.type === "error" && event.item.code === "thread_not_saved") run.isUnsaved = true;
        break;
      case "turn.completed":
        turn = { kind: "completed", final, usage: event.usage };
        break;
      case "turn.failed":
        turn = { kind: "failed", final, error: event.error };
        break;
      default:
    }
    await send({ type: "event", id: run.id, event: toWireEvent(event) });
    onBegun();
    // A stopping runner leaves the loop, which interrupts the turn: the sink may never take another event.
    if (stopping.aborted) break;
  }
  return turn ?? { kind: "cut_off", final };
}

async function ask(
  run: Run,
  running: Running,
  options: PlayOptions,
  question: Question,
  signal: AbortSignal,
): Promise<Answer> {
  const name = options.nextAsk();
  const open = Promise.withResolvers<Answer>();
  running.asks.set(name, open);
  try {
    void options.send({ type: "ask", id: run.id, ask: name, question: toWireQuestion(question) });
    return await abortable(open.promise, signal);
  } finally {
    closeAsk(run, running, options, name);
  }
}

/** Tells the host that a question needs no answer any more, unless it has answered (R8 of `runner.ts`). */
function closeAsk({ id }: Run, { asks }: Running, { send }: PlayOptions, ask: string): void {
  if (asks.delete(ask)) void send({ type: "ask_closed", id, ask });
}
