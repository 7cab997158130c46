/** A link over an open WebSocket, on either side. One text frame per message. */
import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { type Link, LINK_FULL_BYTES, type LinkEvents } from "./link.ts";

const TEXT = { binary: false };

/**
 * For how many turns of the event loop a text is held, a few microseconds each. A process that answers at once does so
 * within them; then both texts leave together, which saves the other side a wake-up, and us a write.
 */
const TURNS_HELD = 16;

export interface WebSocketLinkOptions {
  /** Open. */
  readonly socket: WebSocket;
  /** What it runs over. */
  readonly stream: Duplex;
  /** A client masks what it sends, a server must not (RFC 6455, section 5.1). */
  readonly role: "client" | "server";
  readonly peer: string;
}

export class WebSocketLink implements Link {
  readonly peer: string;
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  readonly #isServer: boolean;
  readonly #events: LinkEvents;
  #room: PromiseWithResolvers<void> | undefined;
  #reason: string | undefined;
  #ended = false;
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #turnsLeft = 0;

  constructor({ socket, stream, role, peer }: WebSocketLinkOptions, events: LinkEvents) {
    this.#socket = socket;
    this.#stream = stream;
    this.#isServer = role === "server";
    this.peer = peer;
    this.#events = events;
    socket.on("message", (data: RawData) => {
      // `nodebuffer` is the default: one Buffer per message. Binary frames are read like text, as Codex does.
      if (!this.#ended) events.onText((data as Buffer).toString("utf8"));
    });
    // Not a callback for every message: most are on their way before anybody asks.
    stream.on("drain", () => this.#onDrain());
    socket.on("ping", () => events.onSign?.());
    socket.on("pong", () => events.onSign?.());
    socket.on("error", (error) => {
      this.#reason ??= error.message;
    });
    socket.on("close", (code, reason) => this.#end(describeClose(code, reason)));
  }

  get isFull(): boolean {
    return this.#socket.bufferedAmount + this.#heldBytes > LINK_FULL_BYTES;
  }

  send(text: string): void {
    if (this.#ended || this.#socket.readyState !== this.#socket.OPEN) return;
    // In one piece, which is one write: `ws` makes two of a text, and of bytes that are not masked. Writing is most of
    // the cost of a small message.
    if (this.#isServer) this.#write(unmaskedFrame(text));
    else this.#socket.send(Buffer.from(text, "utf8"), TEXT);
  }

  sendSoon(text: string): void {
    if (!this.#isServer) return this.send(text);
    if (this.#ended) return;
    const frame = unmaskedFrame(text);
    this.#held.push(frame);
    this.#heldBytes += frame.length;
    if (this.#held.length > 1) return;
    this.#turnsLeft = TURNS_HELD;
    setImmediate(this.#waitTurn);
  }

  /** In one write with the texts that were held. */
  #write(frame: Buffer): void {
    if (this.#held.length === 0) return void this.#stream.write(frame);
    this.#writeHeld(frame);
  }

  #writeHeld(...before: readonly Buffer[]): void {
    this.#heldBytes = 0;
    this.#stream.write(Buffer.concat([...before, ...this.#held.splice(0)]));
    // There is no "drain" for what the system takes at once.
    if (!this.isFull) this.#onDrain();
  }

  readonly #waitTurn = (): void => {
    if (this.#held.length === 0 || this.#ended) return;
    if (this.#turnsLeft-- > 0) setImmediate(this.#waitTurn);
    else this.#writeHeld();
  };

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

/** A text frame, whole and last (RFC 6455, section 5.2). */
function unmaskedFrame(text: string): Buffer {
  const bytes = Buffer.byteLength(text, "utf8");
  const head = bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + bytes);
  frame[0] = 0x81;
  if (head === 2) frame[1] = bytes;
  else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(bytes, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(bytes), 2);
  }
  frame.write(text, head, "utf8");
  return frame;
}

function describeClose(code: number, reason: Buffer): string {
  const text = reason.toString("utf8");
  if (code === 1006) return "the connection was lost";
  return `closed with code ${code}${text === "" ? "" : ` (${text})`}`;
}
