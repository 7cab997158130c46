/**
 * Turns the app-server's notifications into the SDK's events, for one turn.
 *
 * It reproduces what `codex exec --experimental-json` prints (0.163 and 0.169 print the same), item for item:
 * which notification becomes which event, how items are numbered, what is left out. It keeps the state of one
 * turn and does no I/O. `test/codex/sdk-parity.test.ts` compares it with the real SDK.
 *
 * Invariants
 *   E1. Items are numbered from `item_0` in the order of their first notification; a web search uses up a number but
 *       keeps its own id.
 *   E2. A notification of another turn, an unknown method and an unknown kind of item yield nothing.
 *   E3. Servers are named as the host named them, whatever name Codex knows them by.
 *   E4. An item that was started keeps its id in every event about it.
 */
import { isObject } from "../../base/json.ts";
import { inHostsWords } from "../direct/reasons.ts";
import type { EngineErrorCode } from "../../thread/errors.ts";
import type {
  CommandExecutionItem,
  ContentBlock,
  ErrorItem,
  FileChangeItem,
  McpToolCallItem,
  ThreadEvent,
  ThreadItem,
  TodoListItem,
  Usage,
} from "../../thread/events.ts";
import type {
  FileChange,
  Notification,
  Notifications,
  TokenUsage,
  TurnError,
  WebSearchAction,
  WireItem,
} from "../app-server/protocol.ts";

export const NO_USAGE: Usage = {
  input_tokens: 0,
  cached_input_tokens: 0,
  cache_write_input_tokens: 0,
  output_tokens: 0,
  reasoning_output_tokens: 0,
};

/**
 * Warnings of the app-server alone, about the machine and not the thread, for which exec has no event: the sandbox helper
 * is missing or not permitted.
 */
const ABOUT_THE_MACHINE = /^Codex(?: could not find|'s Linux sandbox uses) bubblewrap/;

export interface EventMapperOptions {
  /** Usage of the thread before this turn. */
  readonly usage: Usage;
  /** The host's name of a server that Codex knows as `name` (E3). */
  readonly serverName: (name: string) => string;
}

export class EventMapper {
  readonly #serverName: (name: string) => string;
  #usage: Usage;
  #nextItem = 0;
  /** The turn this mapper is for, once it has started. */
  #turnId: string | undefined;
  /** The last error of the stream: the reason of a turn that fails without an error of its own. */
  #lastError: string | undefined;
  /** The items that were started, by their raw ids, with the events about them. */
  readonly #started = new Map<string, ThreadItem>();
  #todo: TodoListItem | undefined;

  constructor(options: EventMapperOptions) {
    this.#usage = options.usage;
    this.#serverName = options.serverName;
  }

  get usage(): Usage {
    return this.#usage;
  }

  /** An error item about something that does not end the turn, ours or Codex's. */
  errorItem(error: Omit<ErrorItem, "id" | "type">): ThreadEvent {
    return { type: "item.completed", item: { id: this.#newId(), type: "error", ...error } };
  }

  /** The events of a notification: mostly one, or none. */
  map(notification: Notification): ThreadEvent[] {
    if (this.#isOfAnotherTurn(notification)) return [];
    switch (notification.method) {
      case "turn/started":
        this.#turnId = notification.params.turn.id;
        return [{ type: "turn.started" }];
      case "item/started":
        return this.#itemStarted(notification.params.item);
      case "item/completed":
        return this.#itemCompleted(notification.params.item);
      case "item/fileChange/patchUpdated":
        return this.#patchUpdated(notification.params);
      case "turn/plan/updated":
        return this.#planUpdated(notification.params.plan);
      case "thread/tokenUsage/updated":
        this.#usage = toUsage(notification.params.tokenUsage.total);
        return [];
      case "warning":
        return [this.errorItem({ message: notification.params.message })];
      case "configWarning":
      case "deprecationNotice": {
        const { summary, details } = notification.params;
        if (ABOUT_THE_MACHINE.test(summary)) return [];
        return [this.errorItem({ message: withDetails(summary, details) })];
      }
      case "model/rerouted": {
        const { fromModel, toModel, reason } = notification.params;
        const why = reason.charAt(0).toUpperCase() + reason.slice(1);
        return [this.errorItem({ message: `model rerouted: ${fromModel} -> ${toModel} (${why})` })];
      }
      case "error": {
        const message = errorText(notification.params.error);
        this.#lastError = message;
        return [{ type: "error", message }];
      }
      case "turn/completed":
        return this.#turnCompleted(notification.params.turn);
      default:
        return [];
    }
  }

  #isOfAnotherTurn(notification: Notification): boolean {
    const of = turnIdOf(notification);
    return of !== undefined && this.#turnId !== undefined && of !== this.#turnId;
  }

  #itemStarted(wire: WireItem): ThreadEvent[] {
    // Reported when complete: their start would only use up a number.
    if (wire.type === "agentMessage" || wire.type === "reasoning") return [];
    const known = this.#started.get(wire.id);
    const item = this.#toItem(wire, known?.id);
    if (item === undefined) return [];
    this.#started.set(wire.id, item);
    // A patch is reported again when it grows. For other items exec repeats "started", with the same id.
    const again = known !== undefined && item.type === "file_change";
    return [{ type: again ? "item.updated" : "item.started", item }];
  }

  #itemCompleted(wire: WireItem): ThreadEvent[] {
    const item = this.#toItem(wire, this.#started.get(wire.id)?.id);
    this.#started.delete(wire.id);
    return item === undefined ? [] : [{ type: "item.completed", item }];
  }

  #patchUpdated(params: Notifications["item/fileChange/patchUpdated"]): ThreadEvent[] {
    const { itemId: id, changes } = params;
    const item = this.#toItem(
      { type: "fileChange", id, changes, status: "inProgress" },
      this.#started.get(id)?.id,
    );
    if (item === undefined) return [];
    this.#started.set(id, item);
    return [{ type: "item.updated", item }];
  }

  #planUpdated(plan: Notifications["turn/plan/updated"]["plan"]): ThreadEvent[] {
    const items = plan.map(({ step, status }) => ({ text: step, completed: status === "completed" }));
    const first = this.#todo === undefined;
    this.#todo = { id: this.#todo?.id ?? this.#newId(), type: "todo_list", items };
    return [{ type: first ? "item.started" : "item.updated", item: this.#todo }];
  }

  #turnCompleted(turn: Notifications["turn/completed"]["turn"]): ThreadEvent[] {
    // exec prints nothing for an interrupted turn, and a turn in progress has not completed.
    if (turn.status === "interrupted" || turn.status === "inProgress") return [];
    const events: ThreadEvent[] = [];
    if (this.#todo !== undefined) events.push({ type: "item.completed", item: this.#todo });
    this.#todo = undefined;
    for (const wire of turn.items) if (this.#started.has(wire.id)) events.push(...this.#itemCompleted(wire));
    if (turn.status === "failed") {
      const message = turn.error === null ? (this.#lastError ?? "turn failed") : errorText(turn.error);
      const code = modelFailure(turn.error);
      events.push({ type: "turn.failed", error: { message, ...(code === undefined ? {} : { code }) } });
    } else {
      events.push({ type: "turn.completed", usage: this.#usage });
    }
    return events;
  }

  #toItem(wire: WireItem, knownId: string | undefined): ThreadItem | undefined {
    switch (wire.type) {
      case "agentMessage":
        return { id: this.#newId(), type: "agent_message", text: wire.text };
      case "reasoning": {
        const text = wire.summary.join("\n");
        return text.trim() === "" ? undefined : { id: this.#newId(), type: "reasoning", text };
      }
      case "commandExecution":
        return toCommand(wire, knownId ?? this.#newId());
      case "fileChange":
        return {
          id: knownId ?? this.#newId(),
          type: "file_change",
          changes: wire.changes.map(toFileChange),
          // exec prints "in_progress", which is not in the SDK's types.
          status: (wire.status === "inProgress"
            ? "in_progress"
            : wire.status === "declined"
              ? "failed"
              : wire.status) as FileChangeItem["status"],
        };
      case "mcpToolCall":
        return toToolCall(wire, knownId ?? this.#newId(), this.#serverName(wire.server));
      case "webSearch": {
        if (knownId === undefined) this.#newId();
        const action = toSearchAction(wire.action);
        return { id: wire.id, type: "web_search", query: wire.query, ...{ action } };
      }
      case "collabAgentToolCall":
        return toCollabCall(wire, knownId ?? this.#newId());
      default:
        return undefined;
    }
  }

  #newId(): string {
    return `item_${this.#nextItem++}`;
  }
}

/** What the model's end of the wire says about a turn that failed, where a host may want to act on it. */
function modelFailure(error: TurnError | null): EngineErrorCode | undefined {
  const info = error?.codexErrorInfo ?? null;
  if (info === "unauthorized") return "model_unauthorized";
  if (info === "usageLimitExceeded") return "model_rate_limited";
  if (typeof info !== "object" || info === null) return undefined;
  // One kind, with the status of the last answer; there is none when there was no answer.
  for (const [kind, details] of Object.entries(info)) {
    const status = isObject(details) ? (details.httpStatusCode ?? null) : null;
    if (status === 401 || status === 403) return "model_unauthorized";
    if (status === 429) return "model_rate_limited";
    if (status === null && NO_CONNECTION.has(kind)) return "model_unreachable";
  }
  return undefined;
}

const NO_CONNECTION: ReadonlySet<string> = new Set([
  "httpConnectionFailed",
  "responseStreamConnectionFailed",
]);

/** The turn that a notification belongs to, if it belongs to one. */
export function turnIdOf({ params }: Notification): string | undefined {
  const { turnId, turn } = params as { turnId?: string | null; turn?: { id: string } };
  return turn?.id ?? turnId ?? undefined;
}

/** An error as exec words it: the text and its details. */
function errorText(error: TurnError): string {
  return withDetails(error.message, error.additionalDetails);
}

function withDetails(text: string, details: string | null): string {
  return details === null || details === "" ? text : `${text} (${details})`;
}

export function toUsage(total: TokenUsage): Usage {
  return {
    input_tokens: total.inputTokens,
    cached_input_tokens: total.cachedInputTokens,
    cache_write_input_tokens: total.cacheWriteInputTokens,
    output_tokens: total.outputTokens,
    reasoning_output_tokens: total.reasoningOutputTokens,
  };
}

function toCommand(wire: WireItem & { type: "commandExecution" }, id: string): CommandExecutionItem {
  return {
    id,
    type: "command_execution",
    command: wire.command,
    aggregated_output: wire.aggregatedOutput ?? "",
    // exec prints null while the command runs, and "declined" for a refused one. The SDK's types have neither.
    exit_code: wire.exitCode as number,
    status: (wire.status === "inProgress" ? "in_progress" : wire.status) as CommandExecutionItem["status"],
  };
}

function toFileChange(change: FileChange): FileChangeItem["changes"][number] {
  return { path: change.path, kind: change.kind.type };
}

function toToolCall(wire: WireItem & { type: "mcpToolCall" }, id: string, server: string): McpToolCallItem {
  const { result, error } = wire;
  const item = {
    id,
    type: "mcp_tool_call" as const,
    server,
    tool: wire.tool,
    arguments: wire.arguments,
    result:
      result === null
        ? null
        : {
            content: result.content as unknown as ContentBlock[],
            structured_content: result.structuredContent,
            ...(result._meta === null ? {} : { _meta: result._meta }),
          },
    error: error === null ? null : { message: inHostsWords(error.message, wire.server, server) },
    status: wire.status === "inProgress" ? ("in_progress" as const) : wire.status,
  };
  // exec prints null where the SDK's types omit the member.
  return item as unknown as McpToolCallItem;
}

function toSearchAction(action: WebSearchAction | null): object {
  switch (action?.type) {
    case "search":
      return withoutNulls({ type: "search", query: action.query, queries: action.queries });
    case "openPage":
      return withoutNulls({ type: "open_page", url: action.url });
    case "findInPage":
      return withoutNulls({ type: "find_in_page", url: action.url, pattern: action.pattern });
    default:
      return { type: "other" };
  }
}

/** A kind of item that exec prints and the SDK's types do not have. */
function toCollabCall(wire: WireItem & { type: "collabAgentToolCall" }, id: string): ThreadItem {
  const agents = Object.entries(wire.agentsStates).map(
    ([threadId, state]) =>
      [threadId, { status: snake(state?.status ?? ""), message: state?.message ?? null }] as const,
  );
  return {
    id,
    type: "collab_tool_call",
    tool: snake(wire.tool),
    sender_thread_id: wire.senderThreadId,
    receiver_thread_ids: wire.receiverThreadIds,
    prompt: wire.prompt,
    agents_states: Object.fromEntries(agents),
    status: snake(wire.status),
  } as unknown as ThreadItem;
}

function snake(camel: string): string {
  return camel.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function withoutNulls(object: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}
