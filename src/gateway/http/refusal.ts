/** Answers that are no stream: what is refused, and why. Without the SDK, so that the socket needs none either. */
import type { ServerResponse } from "node:http";
import type { JsonObject } from "../../base/json.ts";
import { errorMessage, type Id, type RpcError, SERVER_ERROR } from "../protocol/messages.ts";

export const GONE: RpcError = { code: SERVER_ERROR, message: "There is nothing here" };

export function refuse(
  response: ServerResponse,
  status: number,
  { code, message, data }: RpcError,
  id?: Id,
  headers: Readonly<Record<string, string>> = {},
): void {
  json(response, status, errorMessage(id, { code, message, data }), headers);
}

export function json(
  response: ServerResponse,
  status: number,
  message: JsonObject,
  headers: Readonly<Record<string, string>> = {},
): void {
  // As text: then Node sends head and body as one piece.
  const body = JSON.stringify(message);
  const own = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  response.writeHead(status, { ...own, ...headers }).end(body);
}
