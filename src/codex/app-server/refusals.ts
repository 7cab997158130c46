/** The answer to a request of Codex that no one answers: Codex parks a turn for ever on an open one. */
import { METHOD_NOT_FOUND, RpcError } from "../../jsonrpc/index.ts";
import type { ServerRequests } from "./protocol.ts";

type Refusals = { readonly [Method in keyof ServerRequests]: ServerRequests[Method]["result"] };

const REFUSALS: Refusals = {
  "item/commandExecution/requestApproval": { decision: "decline" },
  "item/fileChange/requestApproval": { decision: "decline" },
  // The policy behind it is not for a host to widen in the middle of a turn, so it is never a question.
  "item/permissions/requestApproval": { permissions: {}, scope: "turn" },
  "item/tool/requestUserInput": { answers: {} },
  "mcpServer/elicitation/request": { action: "decline", content: null, _meta: null },
};

/** @throws {RpcError} for a method that is unknown */
export function refuse(method: string): Refusals[keyof Refusals] {
  if (Object.hasOwn(REFUSALS, method)) return REFUSALS[method as keyof Refusals];
  throw new RpcError({ code: METHOD_NOT_FOUND, message: `Switchyard does not answer "${method}"` });
}
