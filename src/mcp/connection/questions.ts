/**
 * Whose question it is.
 *
 * A server of the legacy era asks without saying for which call. Over HTTP the stream of the call tells; over stdio nothing
 * does. So on a connection that several threads share a question is answered only where it is certain whose it is.
 *
 * Invariants
 *   Q1. A question goes to the thread whose call it belongs to, and to no other one.
 *   Q2. A question that belongs to nobody is declined, and told to every holder.
 *   Q3. The time of the calls it may belong to stands still while it is open.
 *   Q4. It is withdrawn from whoever answers when its call is over.
 */
import type { JsonObject } from "../../base/json.ts";
import type { ServerRequest } from "../session/session.ts";
import type { Holder, InFlight } from "./in-flight.ts";

export interface Situation {
  /** The request it belongs to, when the protocol tells. */
  readonly asked: InFlight | undefined;
  readonly inFlight: ReadonlySet<InFlight>;
  readonly holders: ReadonlySet<Holder>;
  /** Whether several threads may hold the connection. */
  readonly shared: boolean;
  /** Whether one call at a time is under way, so that a question is that call's. */
  readonly serial: boolean;
}

/** @throws to answer the server with a JSON-RPC error */
export async function answerServer(
  request: ServerRequest,
  situation: Situation,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { holders, inFlight, shared, serial } = situation;
  const [only] = inFlight.size === 1 ? inFlight : [];
  const [owner] = holders.size === 1 && !shared ? holders : [];
  const asked = situation.asked ?? (serial || !shared ? only : undefined);
  const holder = asked?.holder ?? owner;
  if (holder === undefined) {
    for (const each of holders) each.onDeclined(request);
    return nobodyAnswers(request);
  }
  const waiting = asked === undefined ? [...inFlight] : [asked];
  const resume = waiting.map(({ deadline }) => deadline.pause());
  try {
    const until = asked === undefined ? signal : AbortSignal.any([signal, asked.over]);
    return await (asked?.side?.onAsk?.(request, until) ?? holder.answer(request, asked?.call, until));
  } finally {
    for (const each of resume) each();
  }
}

/** As Codex answers: no roots, no sampling. */
export function nobodyAnswers({ method }: ServerRequest): JsonObject {
  switch (method) {
    case "elicitation/create":
      return { action: "decline" };
    case "roots/list":
      return { roots: [] };
    case "sampling/createMessage":
      throw Object.assign(new Error("Method not found"), { code: -32601 });
  }
}
