/** The answers to requests of Codex that no session answers. Without an answer, the turn would wait for ever. */
import { METHOD_NOT_FOUND, RpcError } from "../../jsonrpc/index.ts";
import type { ServerRequests } from "./protocol.ts";

type Refusals = { readonly [Method in keyof ServerRequests]: ServerRequests[Method]["result"] };

const REFUSALS: Refusals = {
  "item/commandExecution/requestApproval": { decision: "decline" },
  "item/fileChange/requestApproval": { decision: "decline" },
  // Never a question: a host must not widen the policy in the middle of a turn.
  "item/permissions/requestApproval": { permissions: {}, scope: "turn" },
  "item/tool/requestUserInput": { answers: {} },
  "mcpServer/elicitation/request": { action: "decline", content: null, _meta: null },
};

/** @throws {RpcError} for a method that is unknown */
export function refuse(method: string): Refusals[keyof Refusals] {
  if (Object.hasOwn(REFUSALS, method)) return REFUSALS[method as keyof Refusals];
  throw new RpcError({ code: METHOD_NOT_FOUND, message: `Switchyard does not answer "${method}"` });
}
