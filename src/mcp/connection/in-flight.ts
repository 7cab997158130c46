/** A request of one thread that is under way, and the thread's side of a connection. */
import type { JsonObject } from "../../base/json.ts";
import type { ServerRequest, Session } from "../session/session.ts";
import type { CatalogChange } from "./catalog.ts";
import type { Deadline } from "./deadline.ts";
import type { ServerStatus } from "./status.ts";

/** Which call something belongs to. */
export interface CallName {
  readonly id: string;
  /** As the server declares it. */
  readonly tool: string;
}

/** Who takes what a server says about one request, where that is not the thread. */
export interface RequestSide {
  /** Answers a question of the server. Throws to answer with a JSON-RPC error. @default the holder does */
  readonly onAsk?: ((request: ServerRequest, signal: AbortSignal) => Promise<JsonObject>) | undefined;
  /** A log message of the server. @default the holder is told */
  readonly onLog?: ((params: JsonObject) => void) | undefined;
  /**
   * The server says that a list has changed, while the request is under way; perhaps because of it. Told before the answer, and before
   * the list was had again. @param method e.g. `notifications/tools/list_changed`
   */
  readonly onListChanged?: ((method: string) => void) | undefined;
}

/** What the server was asked, and by which thread. */
export interface InFlight {
  readonly holder: Holder;
  /** `undefined` for a request that is no tool call. */
  readonly call: CallName | undefined;
  readonly deadline: Deadline;
  /** The one it was sent in. */
  readonly session: Session | undefined;
  /** Aborts when the request is over, however it ended. */
  readonly over: AbortSignal;
  readonly side?: RequestSide | undefined;
}

/** Who holds a connection: one server of one thread. */
export interface Holder {
  onStatus(status: ServerStatus): void;
  onCatalog(change: CatalogChange): void;
  /** A log message of the server (`notifications/message`). */
  onLog(params: JsonObject, call: CallName | undefined): void;
  onResourceUpdated(uri: string): void;
  /** A question that belongs to nobody was declined. */
  onDeclined(request: ServerRequest): void;
  /** Answers the server. Throws to answer with a JSON-RPC error. */
  answer(request: ServerRequest, call: CallName | undefined, signal: AbortSignal): Promise<JsonObject>;
}
