/** A link over a pair of pipes: one message per line. */
import type { Readable, Writable } from "node:stream";
import { LineDecoder } from "../../base/line-decoder.ts";
import { type Link, LINK_FULL_BYTES, type LinkEvents } from "./link.ts";
import { MESSAGE_BYTES_MAX } from "./protocol.ts";

export interface StdioLinkOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** A longer line ends the link, in bytes. @default 64 MiB */
  readonly messageBytesMax?: number;
  /** Ends the other end, once the link has ended from either side. */
  readonly onOver?: () => void;
}

export class StdioLink implements Link {
  readonly peer = "stdio";
  readonly #options: StdioLinkOptions;
  readonly #events: LinkEvents;
  #room: PromiseWithResolvers<void> | undefined;
  #ended = false;

  constructor(options: StdioLinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    const { input, output } = options;
    const { messageBytesMax = MESSAGE_BYTES_MAX } = options;
    const decoder = new LineDecoder(messageBytesMax);
    input.on("data", (chunk: Buffer) => {
      for (const line of decoder.push(chunk)) {
        if (this.#ended) return;
        if (line.kind === "line") events.onText(line.text);
        else this.drop(`a message of more than ${messageBytesMax} bytes`);
      }
    });
    input.once("end", () => this.#end("the input ended"));
    input.once("close", () => this.#end("the input ended"));
    input.on("error", (error) => this.#end(error.message));
    output.on("error", (error) => this.#end(error.message));
    output.on("drain", () => this.#onDrain());
  }

  get isFull(): boolean {
    return this.#options.output.writableLength > LINK_FULL_BYTES;
  }

  send(text: string): void {
    if (!this.#ended) this.#options.output.write(`${text}\n`);
  }

  sendSoon(text: string): void {
    this.send(text);
  }

  room(): Promise<void> {
    if (this.#ended || !this.isFull) return Promise.resolve();
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  /** Pipes have no pings, and need none: the operating system reports their end. */
  ping(): void {
    this.#events.onSign?.();
  }

  nudge(): void {}

  pause(): void {
    this.#options.input.pause();
  }

  resume(): void {
    this.#options.input.resume();
  }

  drop(reason: string): void {
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
    this.#options.onOver?.();
    this.#events.onEnd(reason);
  }
}
