/** The methods of the server, and what a link passes to them. */
import type { Reader } from "../../base/reader.ts";
import { readParams } from "../wire/params.ts";

export interface MethodContext {
  /** Aborts when the link has ended: nobody is left for the answer. */
  readonly signal: AbortSignal;
  /** Sends a notification. Wait for `room` first where there may be many. */
  readonly notify: (method: string, params: unknown) => void;
  /** Waits while the other side does not take what was sent already. Rejects when the link has ended. */
  readonly room: () => Promise<void>;
  /** @throws {RpcError} when the client has not shaken hands yet */
  readonly checkReady: () => void;
}

/**
 * Answers one request. What it throws becomes the answer: an `RpcError` as it is, anything else as an internal error.
 * Everything up to its first `await` happens in the order of the requests.
 */
export type Method = (params: unknown, context: MethodContext) => unknown;

/** Methods that share state which ends with the link. */
export interface MethodFamily {
  readonly methods: Readonly<Record<string, Method>>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A method that reads its parameters first, and then checks whether it may be called, as `codex exec-server` does. */
export function method<Params>(
  reader: Reader<Params>,
  run: (params: Params, context: MethodContext) => unknown,
): Method {
  return (params, context) => {
    const read = readParams(reader, params);
    context.checkReady();
    return run(read, context);
  };
}
