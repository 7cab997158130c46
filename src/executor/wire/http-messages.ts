/** The messages of `http/request`: parameters, result, the notifications of a streamed body, and `http/cancel`. */
import {
  boolean,
  integer,
  list,
  nullish,
  object,
  oneOf,
  type Reader,
  string,
  withDefault,
} from "../../base/reader.ts";
import { bytes, u64 } from "./params.ts";

export interface HttpHeader {
  readonly name: string;
  readonly value: string;
  /** A variable of the executor whose value follows `value`. */
  readonly valueEnvVar?: string;
}

export interface HttpRequestParams {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly HttpHeader[];
  readonly bodyBase64?: Buffer;
  readonly timeoutMs?: number;
  readonly redirectPolicy: "follow" | "stop";
  readonly requestId: string;
  readonly streamResponse: boolean;
}

const header: Reader<HttpHeader> = object(
  { name: string, value: string, valueEnvVar: nullish(string) },
  "ignore",
);

export const httpRequestParams: Reader<HttpRequestParams> = object(
  {
    method: string,
    url: string,
    headers: withDefault(list(header), []),
    bodyBase64: nullish(bytes),
    timeoutMs: nullish(u64),
    redirectPolicy: withDefault(oneOf("follow", "stop"), "follow"),
    requestId: string,
    streamResponse: withDefault(boolean, false),
  },
  "ignore",
);

/** A streamed request that its caller gives up. Ours alone: the original has no such method. */
export const httpCancelParams: Reader<{ readonly requestId: string }> = object(
  { requestId: string },
  "ignore",
);

export interface HttpResponseHead {
  readonly status: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** Of a streamed request: its body is empty. */
export const httpResponseHead: Reader<HttpResponseHead> = object(
  {
    status: integer({ min: 0, max: 65_535 }),
    headers: list(object({ name: string, value: string }, "ignore")),
  },
  "ignore",
);

/** The next part of a streamed body; the last one is empty and `done`. */
export interface HttpBodyDelta {
  readonly requestId: string;
  /** From 1 on, without gaps. */
  readonly seq: number;
  readonly deltaBase64: Buffer;
  readonly done: boolean;
  /** Why the body broke off. */
  readonly error?: string;
}

export const httpBodyDelta: Reader<HttpBodyDelta> = object(
  { requestId: string, seq: u64, deltaBase64: bytes, done: boolean, error: nullish(string) },
  "ignore",
);

export interface HttpRequestResult extends HttpResponseHead {
  /** Empty where the body is streamed. */
  readonly bodyBase64: string;
}
