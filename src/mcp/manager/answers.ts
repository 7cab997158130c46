/** Answers what a server asks, with the handlers that the host gave for its thread. */
import { abortable } from "../../base/abort.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import type { CallName } from "../connection/in-flight.ts";
import { nobodyAnswers } from "../connection/questions.ts";
import type { ServerRequest } from "../session/session.ts";
import type { Elicitation, McpThreadOptions } from "./thread-options.ts";

export interface Asker {
  readonly server: string;
  readonly call: CallName | undefined;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * @param onDeclined told when a question is declined because nobody can be asked
 * @throws to answer with a JSON-RPC error
 */
export async function answerRequest(
  request: ServerRequest,
  { onElicit, onSample, roots = [] }: Pick<McpThreadOptions, "onElicit" | "onSample" | "roots">,
  asker: Asker,
  onDeclined: () => void,
): Promise<JsonObject> {
  switch (request.method) {
    case "roots/list":
      return { roots: roots.map((uri) => ({ uri })) };
    case "sampling/createMessage":
      return onSample === undefined ? nobodyAnswers(request) : onSample(request.params as JsonObject, asker);
    case "elicitation/create": {
      if (onElicit !== undefined) return elicit(request, onElicit, asker, onDeclined);
      onDeclined();
      return nobodyAnswers(request);
    }
  }
}

async function elicit(
  request: ServerRequest,
  onElicit: NonNullable<McpThreadOptions["onElicit"]>,
  { server, call, signal }: Asker,
  onDeclined: () => void,
): Promise<JsonObject> {
  try {
    const asked = onElicit(elicitationOf(server, call, request.params), { signal });
    const { action, content, meta } = await abortable(asked, signal);
    return {
      action,
      ...(action === "accept" && request.params["mode"] !== "url" ? { content: content ?? {} } : {}),
      ...(meta === undefined ? {} : { _meta: meta }),
    };
  } catch {
    // Nobody waits for an answer that comes too late. A handler that fails declines, as in Codex.
    if (signal.aborted) return { action: "cancel" };
    onDeclined();
    return nobodyAnswers(request);
  }
}

function elicitationOf(
  server: string,
  call: CallName | undefined,
  params: Readonly<Record<string, unknown>>,
): Elicitation {
  const { mode, message, requestedSchema, url, elicitationId, _meta } = params;
  return {
    server,
    call,
    mode: mode === "url" ? "url" : "form",
    message: typeof message === "string" ? message : "",
    ...(isObject(requestedSchema) ? { requestedSchema: requestedSchema as JsonObject } : {}),
    ...(typeof url === "string" ? { url } : {}),
    ...(typeof elicitationId === "string" ? { elicitationId } : {}),
    ...(isObject(_meta) ? { meta: _meta as JsonObject } : {}),
  };
}
