/**
 * Whether the session that Codex has with an HTTP server still exists, found out before the model is asked.
 *
 * Codex is asked to read a resource that does not exist. That is one request to the server, in the session of the thread, and
 * nothing happens there. Codex itself renews a session that is answered with 404. Other statuses are errors at once when the
 * body is not JSON-RPC; with a JSON-RPC error whose id is null, as most servers write it, Codex waits for the time-out
 * of the call. Then only its log has the status: see `app-server/http-answers.ts`.
 *
 * Invariants
 *   P1. A server that answers is fine, whatever it answers, unless the HTTP status says otherwise. So is one that does
 *       not know the method.
 *   P2. Without an answer and without a status nothing is known: a slow server is not a lost one.
 */
import { within } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import type { AppServerProcess } from "../app-server/process.ts";

export type Probe =
  | { readonly kind: "fine" }
  | { readonly kind: "lost"; readonly reason: string }
  | { readonly kind: "unknown" };

export interface ProbedServer {
  /** Codex's name of it. */
  readonly name: string;
  /** Host and port, as `addressOf` writes them. */
  readonly address: string;
}

/** No server that is well takes longer for an error about a resource. */
const ANSWER_MAX_MS = 2_000;
/** The status and the answer come by different pipes. Also, the status may belong to another thread's request to this address. */
const OTHER_PIPE_MS = 250;
const URI = "switchyard:is-the-session-alive";
/** Method not found, invalid parameters, resource not found. */
const EXPECTED = new Set([-32_601, -32_602, -32_002]);

/** @param threadId of a loaded thread that has the server */
export async function probeSession(
  process: AppServerProcess,
  clock: Clock,
  threadId: string,
  { name, address }: ProbedServer,
): Promise<Probe> {
  const answered = Promise.withResolvers<void>();
  const refused = Promise.withResolvers<Probe>();
  let refusal: Probe | undefined;
  const stop = process.httpAnswers.watch((answer) => {
    if (answer.method !== "POST" || answer.address !== address) return;
    if (answer.status >= 400 && answer.status !== 404) {
      refusal ??= { kind: "lost", reason: `its session was lost: the server answers ${answer.status}` };
      refused.resolve(refusal);
    }
    answered.resolve();
  });
  const params = { threadId, server: name, uri: URI };
  const options = { timeoutMs: ANSWER_MAX_MS };
  const outcome = process.request("mcpServer/resource/read", params, options).then(
    (): Outcome => FINE,
    (error: unknown) => judge(error),
  );
  try {
    const first = await Promise.race([outcome, refused.promise]);
    if (first === "odd") await within(clock, OTHER_PIPE_MS, answered.promise);
    else if (first !== refusal) return first;
    else if ((await within(clock, OTHER_PIPE_MS, outcome)) === FINE) return FINE;
    return refusal ?? FINE;
  } finally {
    stop();
  }
}

const FINE = { kind: "fine" } as const;
/** An "odd" error may be about the resource or about the session. */
type Outcome = "odd" | Probe;

function judge(error: unknown): Outcome {
  if (!(error instanceof RpcError)) return { kind: "unknown" };
  const { code, message } = error;
  // An error of Codex's own, and not the server's.
  if (message.startsWith("resources/read failed for `")) {
    if (message.includes("timed out awaiting")) return { kind: "unknown" };
    return { kind: "lost", reason: "its connection was closed" };
  }
  return EXPECTED.has(code) ? FINE : "odd";
}
