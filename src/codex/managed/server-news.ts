/**
 * Tells a host what becomes of the servers of a managed thread.
 *
 * Servers start before Codex has named the thread: what happens until then is kept, and told with the name.
 */
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Redactor } from "../../base/redact.ts";
import type { McpConnectionManager } from "../../mcp/index.ts";
import type { McpServerEvent, McpServerHandler } from "../../servers/server-event.ts";

/** More happens before a thread has a name only where nobody waits for it. */
const UNTOLD_MAX = 1_000;

export class ServerNews {
  readonly #redactor: Redactor;
  readonly #log: Log;
  readonly #untold: McpServerEvent[] = [];
  #threadId: string | undefined;
  /** That of the last turn. */
  #handler: McpServerHandler | undefined;

  readonly #onMissing: (server: string, reason: string) => void;

  /** @param onMissing called when a server in the background did not start */
  constructor(redactor: Redactor, log: Log, onMissing: (server: string, reason: string) => void) {
    this.#redactor = redactor;
    this.#log = log;
    this.#onMissing = onMissing;
  }

  hear(handler: McpServerHandler | undefined): void {
    this.#handler = handler;
  }

  /** What Codex calls the thread. */
  named(threadId: string): void {
    this.#threadId = threadId;
    for (const event of this.#untold.splice(0)) this.#tell(event);
  }

  /** Until the thread ends. Never rejects. */
  async follow(thread: McpConnectionManager): Promise<void> {
    const { failsInBackground, serverEvents } = await import("../../mcp/manager/server-events.ts");
    const fails = failsInBackground(thread);
    for await (const event of serverEvents(thread)) {
      if (fails(event)) this.#onMissing(event.server, event.reason);
      if (this.#threadId !== undefined) this.#tell(event);
      else if (this.#untold.length < UNTOLD_MAX) this.#untold.push(event);
    }
  }

  #tell(event: McpServerEvent): void {
    const about = { ...event, thread_id: this.#threadId ?? event.thread_id };
    const shown = "reason" in about ? { ...about, reason: this.#redactor.redact(about.reason) } : about;
    try {
      this.#handler?.(shown);
    } catch (error) {
      // It belongs to no turn that could fail for it.
      const message = `onMcpServer failed: ${this.#redactor.redact(messageOf(error))}`;
      this.#log("warn", message, { server: event.server });
    }
  }
}
