/** What every message is: a request, a notification, or an answer. Read strictly, as `codex exec-server` does. */
import {
  anything,
  integer,
  Issue,
  nullish,
  object,
  type Reader,
  string,
  withDefault,
  wrongType,
} from "../../base/reader.ts";
import { isObject } from "../../base/json.ts";
import type { Message, RequestId } from "../../jsonrpc/index.ts";

/**
 * An id comes back as it was sent. A number above 2^53 would not: JavaScript does not have such integers, so it is not
 * an id here.
 */
const requestId: Reader<RequestId> = (input) =>
  typeof input === "string" || Number.isSafeInteger(input)
    ? (input as RequestId)
    : wrongType("a string or a whole number", input);

interface Call {
  readonly method: string;
  readonly params: unknown;
  readonly trace?: object;
}
const call = {
  method: string,
  params: withDefault(anything, undefined),
  trace: nullish(
    object<{ traceparent?: string; tracestate?: string }>(
      { traceparent: nullish(string), tracestate: nullish(string) },
      "ignore",
    ),
  ),
};
const request: Reader<Call & { readonly id: RequestId }> = object({ id: requestId, ...call }, "ignore");
const notification: Reader<Call> = object(call, "ignore");
const result: Reader<{ readonly id: RequestId; readonly result: unknown }> = object(
  { id: requestId, result: anything },
  "ignore",
);
interface Failure {
  readonly id: RequestId;
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
}
const failure: Reader<Failure> = object(
  {
    id: requestId,
    error: object<Failure["error"]>({ code: integer(), message: string, data: nullish(anything) }, "ignore"),
  },
  "ignore",
);

/** @returns the message, or why it is not one */
export function readMessage(input: unknown): Message | Issue {
  if (!isObject(input)) return wrongType("a JSON-RPC object", input);
  if ("method" in input) {
    return "id" in input ? tagged("request", request(input)) : tagged("notification", notification(input));
  }
  return "result" in input ? tagged("result", result(input)) : tagged("error", failure(input));
}

function tagged<const Kind extends string, T extends object>(
  kind: Kind,
  read: T | Issue,
): ({ readonly kind: Kind } & T) | Issue {
  return read instanceof Issue ? read : { kind, ...read };
}
