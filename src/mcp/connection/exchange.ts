/**
 * One request to its result. In the modern era a result may ask for input first; then the request is sent again with the
 * answers, as often as the server asks, at most `ROUNDS_MAX` times.
 */
import { SdkError, SdkErrorCode } from "@modelcontextprotocol/client";
import { type Clock, sleep } from "../../base/clock.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import type { ServerRequest } from "../session/session.ts";

const ROUNDS_MAX = 10;
/** Before a request is repeated for a server that asked for nothing. */
const EMPTY_ROUND_MS = 250;

export interface ExchangeOptions {
  readonly send: (params: JsonObject) => Promise<JsonObject>;
  readonly answer: (request: ServerRequest) => Promise<JsonObject>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** @throws what `send` and `answer` throw; an `SdkError` for a result that cannot be used */
export async function exchange(
  params: JsonObject,
  { send, answer, clock, signal }: ExchangeOptions,
): Promise<JsonObject> {
  let leg = params;
  for (let round = 1; ; round++) {
    const result = await send(leg);
    if (result["resultType"] !== "input_required") return result;
    if (round > ROUNDS_MAX) throw unusable(`the server still asked for input after ${ROUNDS_MAX} rounds`);
    const { inputRequests = {}, requestState } = result;
    if (!isObject(inputRequests)) throw unusable("the server asked for input that is no object");
    const requests = Object.entries(inputRequests);
    if (requests.length === 0) await sleep(clock, EMPTY_ROUND_MS, signal);
    const responses = await Promise.all(
      requests.map(async ([key, asked]) => [key, await answer(readRequest(asked))] as const),
    );
    leg = {
      ...params,
      ...(responses.length === 0 ? {} : { inputResponses: Object.fromEntries(responses) }),
      ...(requestState === undefined ? {} : { requestState }),
    };
  }
}

function readRequest(asked: unknown): ServerRequest {
  if (isObject(asked)) {
    const { method, params = {} } = asked;
    const isKnown =
      method === "elicitation/create" || method === "sampling/createMessage" || method === "roots/list";
    if (isKnown && isObject(params)) return { method, params };
  }
  throw unusable("the server asked for input of an unknown kind");
}

function unusable(message: string): SdkError {
  return new SdkError(SdkErrorCode.InvalidResult, message);
}
