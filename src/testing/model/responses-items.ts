/**
 * Gives a scripted item its form on the wire, as output item of the Responses API.
 *
 * The form depends on the request: a model that is not offered the patch tool applies a patch through the
 * shell, and shells go by different names. What is said here about Codex was tried with 0.169.
 */
import type { ReplyItem } from "./reply.ts";
import type { ModelRequest } from "./responses-request.ts";
import { mcpNamespace, mcpToolName } from "./responses-request.ts";

/** An output item as it goes over the wire. */
export interface WireItem {
  readonly id: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * @param id unique in the thread's history; Codex tells calls apart by an id made from it
 */
export function toWireItem(item: ReplyItem, request: ModelRequest, id: string): WireItem {
  switch (item.kind) {
    case "message": {
      const content = [{ type: "output_text", text: item.text, annotations: [] }];
      return { id: `msg_${id}`, type: "message", role: "assistant", status: "completed", content };
    }
    case "reasoning": {
      const summary = [{ type: "summary_text", text: item.summary }];
      return { id: `rs_${id}`, type: "reasoning", summary, encrypted_content: null };
    }
    case "tool": {
      const { call } = item;
      const namespace = mcpNamespace(call.server);
      return functionCall(id, mcpToolName(call.tool), call.arguments ?? {}, {
        callId: call.callId,
        namespace,
      });
    }
    case "command":
      return shellCall(id, item.command, request);
    case "patch": {
      if (request.tools.some((tool) => tool.name === "apply_patch" && tool.type === "custom")) {
        const fields = { call_id: `call_${id}`, name: "apply_patch", input: item.patch, status: "completed" };
        return { id: `ctc_${id}`, type: "custom_tool_call", ...fields };
      }
      // Codex recognises this very form in a shell command and applies the patch itself.
      return shellCall(id, `apply_patch <<'EOF'\n${item.patch.replace(/\n$/, "")}\nEOF`, request);
    }
    case "search": {
      const action = { type: "search", query: item.query };
      return { id: `ws_${id}`, type: "web_search_call", status: "completed", action };
    }
    case "plan":
      return functionCall(id, "update_plan", { plan: item.steps });
    case "raw":
      return { id: `raw_${id}`, type: "message", ...item.item };
  }
}

/** Whether the client answers this item with an output and asks the model again. */
export function isCall(item: ReplyItem): boolean {
  switch (item.kind) {
    case "tool":
    case "command":
    case "patch":
    case "plan":
      return true;
    case "message":
    case "reasoning":
    case "search":
      return false;
    case "raw":
      return String(item.item["type"]).endsWith("_call") && item.item["type"] !== "web_search_call";
  }
}

function shellCall(id: string, command: string, request: ModelRequest): WireItem {
  const offered = new Set(request.tools.map((tool) => tool.name));
  if (offered.has("shell_command")) return functionCall(id, "shell_command", { command });
  if (offered.has("shell")) return functionCall(id, "shell", { command: ["bash", "-lc", command] });
  return functionCall(id, "exec_command", { cmd: command });
}

function functionCall(
  id: string,
  name: string,
  args: unknown,
  options: { readonly callId?: string | undefined; readonly namespace?: string } = {},
): WireItem {
  return {
    id: `fc_${id}`,
    type: "function_call",
    status: "completed",
    call_id: options.callId ?? `call_${id}`,
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    name,
    arguments: typeof args === "string" ? args : JSON.stringify(args),
  };
}
