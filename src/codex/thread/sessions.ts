/** The sessions of one `Codex`: at most one for each thread, found by the thread's id while the thread is in use. */
import type { ThreadStart } from "./open-thread.ts";
import { type SessionRegistry, ThreadSession, type ThreadSessionOptions } from "./session.ts";

export class ThreadSessions implements SessionRegistry {
  readonly #options: ThreadSessionOptions;
  readonly #inUse = new Set<ThreadSession>();
  readonly #byThread = new Map<string, ThreadSession>();

  constructor(options: ThreadSessionOptions) {
    this.#options = options;
  }

  create(start: ThreadStart): ThreadSession {
    const session = new ThreadSession(this.#options, this, start);
    this.onBusy(session);
    return session;
  }

  /** The session of a thread that is in use. */
  find(threadId: string): ThreadSession | undefined {
    return this.#byThread.get(threadId);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#inUse].map((session) => session.close()));
  }

  onNamed(session: ThreadSession, threadId: string): void {
    this.#byThread.set(threadId, session);
  }

  onBusy(session: ThreadSession): void {
    this.#inUse.add(session);
    if (session.threadId !== null) this.#byThread.set(session.threadId, session);
  }

  /** A thread that is not loaded takes no memory: its id is enough to open it again. */
  onCold(session: ThreadSession): void {
    this.#inUse.delete(session);
    const { threadId } = session;
    if (threadId !== null && this.#byThread.get(threadId) === session) this.#byThread.delete(threadId);
  }
}
