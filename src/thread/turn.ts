/** A turn as a whole, made out of its events. */
import type { ThreadEvent, ThreadItem, Usage } from "./events.ts";

/** A completed turn. */
export type Turn = {
  items: ThreadItem[];
  /** The agent's last message. */
  finalResponse: string;
  /** Tokens of the thread so far, as in the SDK. */
  usage: Usage | null;
};

/**
 * @param toError makes the engine's error of a failure whose cause is known
 * @throws {Error} the turn failed, with the model's or the engine's message
 */
export async function collectTurn(
  events: AsyncIterable<ThreadEvent>,
  toError: (code: string, message: string) => Error,
): Promise<Turn> {
  const turn: Turn = { items: [], finalResponse: "", usage: null };
  for await (const event of events) {
    if (event.type === "item.completed") {
      if (event.item.type === "agent_message") turn.finalResponse = event.item.text;
      turn.items.push(event.item);
    } else if (event.type === "turn.completed") {
      turn.usage = event.usage;
    } else if (event.type === "turn.failed") {
      const { message, code } = event.error;
      throw code === undefined ? new Error(message) : toError(code, message);
    }
  }
  return turn;
}
