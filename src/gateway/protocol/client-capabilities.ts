/** What a client can be asked, and the answers in the place of one that cannot. */
import type { ClientCapabilities } from "@modelcontextprotocol/client";
import { isObject, type JsonObject } from "../../base/json.ts";
import type { ServerRequest } from "../../mcp/index.ts";
import { METHOD_NOT_FOUND } from "./messages.ts";

/** Of what a client says, the parts that a server may use. Tasks do not cross the gateway. */
export function readCapabilities(value: unknown): ClientCapabilities {
  if (!isObject(value)) return {};
  const { tasks: _, ...others } = value;
  return others;
}

export function canAnswer(
  { method, params }: ServerRequest,
  { elicitation, sampling, roots }: ClientCapabilities,
): boolean {
  switch (method) {
    case "roots/list":
      return roots !== undefined;
    case "sampling/createMessage":
      return sampling !== undefined;
    case "elicitation/create":
      if (elicitation === undefined) return false;
      if (params["mode"] === "url") return elicitation.url !== undefined;
      // An empty object means forms.
      return elicitation.form !== undefined || elicitation.url === undefined;
  }
}

/** As a client answers that was never told of such a question. @throws to answer with a JSON-RPC error */
export function cannotAnswer({ method }: ServerRequest): JsonObject {
  switch (method) {
    case "roots/list":
      return { roots: [] };
    case "elicitation/create":
      return { action: "decline" };
    case "sampling/createMessage":
      throw refused({ code: METHOD_NOT_FOUND, message: "Method not found" });
  }
}

/** An answer that is a JSON-RPC error, for whoever sends it on. */
export function refused({ code, message }: { readonly code: unknown; readonly message: unknown }): Error {
  const error = new Error(typeof message === "string" ? message : "The client refused");
  return Object.assign(error, { code: typeof code === "number" ? code : METHOD_NOT_FOUND });
}
