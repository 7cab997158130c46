/** What becomes of the servers of a thread, for hosts: `thread.events` without what only a client of MCP needs. */
import { isInBackground } from "../../config/server/types.ts";
import type { McpServerEvent } from "../../servers/server-event.ts";
import type { ServerStatus } from "../connection/status.ts";
import type { McpConnectionManager } from "./mcp-connection-manager.ts";
import type { ServerView } from "./server-view.ts";

/** From how each of them is now until the thread ends, or the signal aborts. */
export async function* serverEvents(
  thread: McpConnectionManager,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<McpServerEvent, undefined, undefined> {
  const events = thread.events(options);
  // It is read from here on: nothing is missed between the statuses of now and the next event.
  let next = events.next();
  for (const view of thread.servers) yield eventOf(thread.id, view.name, view.status, view);
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = events.next();
      if (value.type !== "status") continue;
      const { server, status } = value;
      const view = thread.servers.find(({ name }) => name === server);
      yield eventOf(thread.id, server, status, view);
    }
  } finally {
    await events.return(undefined);
  }
}

/** An event that says why a server does not work. */
export type McpServerFailed = McpServerEvent & { readonly state: "failed" | "needs_login" };

/** @returns whether an event of the thread says that a server has failed for which nobody waits, and which has not been ready so far */
export function failsInBackground(
  thread: McpConnectionManager,
): (event: McpServerEvent) => event is McpServerFailed {
  const ready = new Set<string>();
  return (event): event is McpServerFailed => {
    const { server, state } = event;
    if (state === "ready") ready.add(server);
    if ((state !== "failed" && state !== "needs_login") || ready.has(server)) return false;
    const view = thread.servers.find(({ name }) => name === server);
    return view !== undefined && isInBackground(view.config);
  };
}

function eventOf(
  thread: string,
  server: string,
  status: ServerStatus,
  view: ServerView | undefined,
): McpServerEvent {
  const about = { type: "mcp.server", thread_id: thread, server } as const;
  switch (status.state) {
    case "ready": {
      const { state, tookMs, starts } = status;
      const others = new Set(
        view?.holders.map((holder) => holder.thread).filter((other) => other !== thread),
      );
      return {
        ...about,
        state,
        took_ms: Math.round(tookMs),
        starts,
        tools: view?.tools ?? 0,
        shared_with: others.size,
      };
    }
    case "restarting":
    case "needs_login": {
      const { state, reason } = status;
      return { ...about, state, reason: reason.message, code: reason.code };
    }
    case "failed": {
      const { state, reason, nextAttemptMs } = status;
      const next = nextAttemptMs === undefined ? {} : { next_attempt_ms: Math.round(nextAttemptMs) };
      return { ...about, state, reason: reason.message, code: reason.code, ...next };
    }
    case "disabled":
      return { ...about, state: status.state, reason: status.reason };
    case "starting":
    case "ended":
      return { ...about, state: status.state };
  }
}
