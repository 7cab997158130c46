/** A link over a WebSocket that is open, on either side. One text frame per message. */
import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { type Link, LINK_FULL_BYTES, type LinkEvents } from "./link.ts";

const TEXT = { binary: false };

export class WebSocketLink implements Link {
  readonly kind = "websocket";
  readonly peer: string;
  readonly #socket: WebSocket;
  readonly #events: LinkEvents;
  #room: PromiseWithResolvers<void> | undefined;
  #reason: string | undefined;
  #ended = false;

  /** @param stream what the WebSocket runs over */
  constructor(socket: WebSocket, stream: Duplex, peer: string, events: LinkEvents) {
    this.#socket = socket;
    this.peer = peer;
    this.#events = events;
    socket.on("message", (data: RawData) => {
      // `nodebuffer` is the default: one Buffer per message. Binary frames are read like text, as Codex does.
      if (!this.#ended) events.onText((data as Buffer).toString("utf8"));
    });
    // And not a callback for every message: most are on their way before anybody asks.
    stream.on("drain", () => this.#onDrain());
    socket.on("ping", () => events.onSign?.());
    socket.on("pong", () => events.onSign?.());
    socket.on("error", (error) => {
      this.#reason ??= error.message;
    });
    socket.on("close", (code, reason) => this.#end(describeClose(code, reason)));
  }

  get isFull(): boolean {
    return this.#socket.bufferedAmount > LINK_FULL_BYTES;
  }

  send(text: string): void {
    // As bytes: for text `ws` makes two pieces of a masked frame, which are two writes.
    if (!this.#ended) this.#socket.send(Buffer.from(text, "utf8"), TEXT);
  }

  room(): Promise<void> {
    if (this.#ended || !this.isFull) return Promise.resolve();
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  nudge(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.pong();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  drop(reason: string): void {
    this.#reason ??= reason;
    this.#socket.terminate();
    // A paused socket would never report its end.
    this.#end(reason);
  }

  #onDrain(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#room?.resolve();
    this.#events.onEnd(this.#reason ?? reason);
  }
}

function describeClose(code: number, reason: Buffer): string {
  const text = reason.toString("utf8");
  if (code === 1006) return "the connection was lost";
  return `closed with code ${code}${text === "" ? "" : ` (${text})`}`;
}
