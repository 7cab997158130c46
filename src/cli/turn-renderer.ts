/** Shows a turn to a person: one line for each thing that happens, as it happens. */
import type { Clock } from "../base/clock.ts";
import type { McpServerEvent } from "../servers/server-event.ts";
import { count, printable } from "./output.ts";
import type { McpToolCallItem, ThreadEvent, ThreadItem } from "../thread/events.ts";

/** Where a line belongs: the answer itself, or the progress on the way to it. */
export interface Line {
  readonly to: "answer" | "progress";
  readonly text: string;
}

export interface RenderOptions {
  readonly clock: Clock;
  /** Whether to use terminal colours. */
  readonly colour: boolean;
  /** Longest line in characters; the end of a longer result is cut off, but not of an error. @default 160 */
  readonly width?: number;
}

export class TurnRenderer {
  readonly #options: RenderOptions;
  /** Servers that were ready; `restarting` when it is shown that one was lost. */
  readonly #working = new Map<string, "ready" | "restarting">();
  readonly #startedAt = new Map<string, number>();
  readonly #begin: number;

  constructor(options: RenderOptions) {
    this.#options = options;
    this.#begin = options.clock.now();
  }

  /** The lines for an event. */
  render(event: ThreadEvent): Line[] {
    switch (event.type) {
      case "thread.started":
        return [this.#progress("dim", `thread ${event.thread_id}`)];
      case "turn.started":
        return [];
      case "item.started":
        this.#startedAt.set(event.item.id, this.#options.clock.now());
        return this.#started(event.item);
      case "item.updated":
        return [];
      case "item.completed":
        return this.#completed(event.item);
      case "turn.completed": {
        const { input_tokens: input, output_tokens: output } = event.usage;
        const seconds = ((this.#options.clock.now() - this.#begin) / 1000).toFixed(1);
        return [
          this.#progress("dim", `done in ${seconds} s, ${input} tokens in, ${output} out (thread total)`),
        ];
      }
      case "turn.failed":
        return [this.#whole("red", `failed: ${event.error.message}`)];
      case "error":
        return [this.#whole("yellow", event.message)];
    }
  }

  /** The lines for what becomes of a server. One that never worked is an item of the turn, and that it is tried again is no news. */
  renderServer(event: McpServerEvent): Line[] {
    const { server, state } = event;
    const before = this.#working.get(server);
    switch (state) {
      case "ready": {
        this.#working.set(server, state);
        const { took_ms: took, tools, shared_with: others } = event;
        const shared = others === 0 ? "" : `, shared with ${count(others, "other thread")}`;
        return [
          this.#progress("dim", `server ${server} ready in ${took} ms, ${count(tools, "tool")}${shared}`),
        ];
      }
      case "restarting":
        if (before !== "ready") return [];
        this.#working.set(server, state);
        return [this.#whole("yellow", `server ${server} starts again: ${event.reason}`)];
      case "failed":
      case "needs_login":
        if (!this.#working.delete(server)) return [];
        return [this.#whole("yellow", `server ${server} does not work: ${event.reason}`)];
      case "starting":
      case "disabled":
      case "ended":
        return [];
    }
  }

  #started(item: ThreadItem): Line[] {
    if (item.type === "mcp_tool_call") return [this.#progress("cyan", `> ${toolCall(item)}`)];
    if (item.type === "command_execution") return [this.#progress("cyan", `> $ ${item.command}`)];
    return [];
  }

  #completed(item: ThreadItem): Line[] {
    switch (item.type) {
      case "agent_message":
        return [{ to: "answer", text: item.text }];
      case "reasoning":
        return [this.#progress("dim", `thinking: ${item.text}`)];
      case "mcp_tool_call": {
        const what = `${item.server}.${item.tool}${this.#took(item.id)}`;
        if (item.status !== "failed") return [this.#progress("green", `ok ${what}: ${resultText(item)}`)];
        return [this.#whole("red", `failed ${what}: ${item.error?.message ?? resultText(item)}`)];
      }
      case "command_execution": {
        const colour = item.exit_code === 0 ? "green" : "red";
        const output = item.aggregated_output.trim();
        const end = typeof item.exit_code === "number" ? `exit ${item.exit_code}` : item.status;
        return [this.#progress(colour, `${end}${this.#took(item.id)}${output === "" ? "" : `: ${output}`}`)];
      }
      case "file_change":
        return item.changes.map(({ kind, path }) =>
          this.#progress(
            item.status === "failed" ? "red" : "green",
            `${kind} ${path}${item.status === "failed" ? " (failed)" : ""}`,
          ),
        );
      case "web_search":
        return [this.#progress("cyan", `searched: ${item.query}`)];
      case "todo_list":
        return item.items.map(({ text, completed }) =>
          this.#progress("dim", `[${completed ? "x" : " "}] ${text}`),
        );
      case "error":
        return [this.#whole("yellow", item.message)];
      default:
        // Codex has items that the SDK's types do not know.
        return [];
    }
  }

  #took(id: string): string {
    const startedAt = this.#startedAt.get(id);
    return startedAt === undefined ? "" : ` ${Math.round(this.#options.clock.now() - startedAt)} ms`;
  }

  #progress(colour: keyof typeof COLOURS, text: string): Line {
    const width = this.#options.width ?? 160;
    const oneLine = text.replaceAll(/\s+/g, " ");
    const cut = oneLine.length > width ? `${oneLine.slice(0, width - 1)}…` : oneLine;
    return this.#whole(colour, cut);
  }

  /** An error is shown to its end, with its lines: the reason may stand there. */
  #whole(colour: keyof typeof COLOURS, text: string): Line {
    const shown = printable(text);
    return {
      to: "progress",
      text: this.#options.colour ? `\u001b[${COLOURS[colour]}m${shown}\u001b[0m` : shown,
    };
  }
}

const COLOURS = { dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

function toolCall(item: McpToolCallItem): string {
  const args = JSON.stringify(item.arguments ?? {});
  return `${item.server}.${item.tool} ${args === "{}" ? "" : args}`.trimEnd();
}

/** A result as short text: what the model reads of it. */
export function resultText(item: McpToolCallItem): string {
  const { result } = item;
  if (result === undefined || result === null) return "";
  if (result.structured_content !== null && result.structured_content !== undefined) {
    return JSON.stringify(result.structured_content);
  }
  return result.content.map((block) => (block.type === "text" ? block.text : `[${block.type}]`)).join(" ");
}
