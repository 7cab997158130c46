/**
 * The interface of an engine, for users of threads that do not depend on a particular engine: `runner` and `cli`.
 *
 * `Codex` and `Thread` (`codex/codex.ts`) are the first to implement it.
 */
import type { Log } from "../base/log.ts";
import type { ThreadEvent } from "./events.ts";
import type { Input, ThreadOptions, TurnOptions } from "./options.ts";

/** What thinks: real Codex, or our own loop on a Responses API endpoint. */
export type EngineName = "codex" | "responses";

/** What the creator of an engine decides for each one. Everything else is known where it is created. */
export interface EngineSettings {
  readonly engine: EngineName;
  /** Receives diagnostics. */
  readonly log: Log;
  /** Milliseconds events may go unread before their turn is interrupted. */
  readonly readerStallMs: number;
  /** A home of its own, by its path. @default the one that engines share */
  readonly home?: string;
}

export type CreateEngine = (settings: EngineSettings) => Engine | Promise<Engine>;

/** Many threads. Nothing is started before the first turn runs. */
export interface Engine {
  startThread(options?: ThreadOptions): EngineThread;
  /** Continues a thread. Nothing of its earlier options is kept: `options` is the whole of them. */
  resumeThread(id: string, options?: ThreadOptions): EngineThread;
  /** A new thread that begins with the history of another. */
  forkThread(id: string, options?: ThreadOptions): EngineThread;
  /** Interrupts every turn, and ends everything the engine has started. Idempotent. */
  close(): Promise<void>;
}

/** One conversation. Its turns run one after the other. */
export interface EngineThread {
  /** Yields the events of a turn. The turn starts when the first one is asked for; leaving the loop interrupts it. */
  runStreamed(input: Input, options?: TurnOptions): Promise<StreamedTurn>;
  /** Interrupts the turn that runs and ends the thread's MCP servers. Idempotent. */
  close(): Promise<void>;
}

export type StreamedTurn = {
  events: AsyncGenerator<ThreadEvent>;
};
