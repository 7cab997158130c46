/** The messages of `http/request`: parameters, result, and the notifications of a streamed body. */
import {
  boolean,
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

export interface HttpResponseHead {
  readonly status: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export interface HttpRequestResult extends HttpResponseHead {
  /** Empty where the body is streamed. */
  readonly bodyBase64: string;
}
