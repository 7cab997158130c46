/** Where messages to a client go that belong to one of its requests: the answer to a POST, or the one pipe there is. */
import type { JsonObject } from "../../base/json.ts";

export interface Outlet {
  /** Aborts when nobody will read what is sent here. */
  readonly gone: AbortSignal;
  /**
   * A message before the answer.
   *
   * @param droppable it may be left out where the client does not keep up: progress, a log message
   * @returns whether it was taken
   */
  send(message: JsonObject, droppable?: boolean): boolean;
  /** The answer, or the end without one. Nothing follows it. */
  end(message: JsonObject | undefined): void;
}
