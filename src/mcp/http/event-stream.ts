/**
 * Bytes of a `text/event-stream` to the messages in it, as the HTML standard reads them. No I/O.
 *
 * Invariants
 *   E1. Each event is yielded once and whole, wherever its bytes were split and however its lines end. What is not
 *       ended by an empty line is no event.
 *   E2. The number of the last event and the server's `retry` outlive the stream: the next one starts from them.
 *   E3. An event above the limit is an error before it is kept.
 */
import { TooLargeError } from "./http-fetch.ts";

export class EventStreamDecoder {
  readonly #bytesMax: number;
  readonly #utf8 = new TextDecoder();
  /** The line that has not ended. */
  #line = "";
  /** Of the event that has not ended; `undefined` without any. */
  #data: string | undefined;
  #type = "";
  #id: string | undefined;
  #bytes = 0;
  #skipsLineFeed = false;
  /** The id of the last event that had one; `undefined` without, or when the server took it back. */
  lastEventId: string | undefined;
  /** How long the server wants to be left alone before the next stream, in milliseconds. */
  retryMs: number | undefined;

  /** @param before the stream that this one continues (E2) */
  constructor(bytesMax: number, before?: EventStreamDecoder) {
    this.#bytesMax = bytesMax;
    this.#id = before?.lastEventId;
    this.lastEventId = before?.lastEventId;
    this.retryMs = before?.retryMs;
  }

  /** @returns the data of the messages that ended. @throws {TooLargeError} */
  push(bytes: Uint8Array): string[] {
    const found: string[] = [];
    const text = this.#utf8.decode(bytes, { stream: true });
    let start = 0;
    if (this.#skipsLineFeed && text !== "") {
      this.#skipsLineFeed = false;
      if (text.startsWith("\n")) start = 1;
    }
    let carriageReturn = text.indexOf("\r", start);
    for (;;) {
      const lineFeed = text.indexOf("\n", start);
      const end =
        carriageReturn !== -1 && (lineFeed === -1 || carriageReturn < lineFeed) ? carriageReturn : lineFeed;
      if (end === -1) break;
      const line = this.#line + text.slice(start, end);
      this.#line = "";
      start = end + 1;
      if (end === carriageReturn) {
        if (start === text.length) this.#skipsLineFeed = true;
        else if (text[start] === "\n") start++;
        carriageReturn = text.indexOf("\r", start);
      }
      if (line === "") this.#endEvent(found);
      else this.#takeLine(line);
    }
    this.#line += text.slice(start);
    this.#bytes =
      found.length === 0 ? this.#bytes + bytes.length : this.#line.length + (this.#data?.length ?? 0);
    this.#check(this.#bytes);
    return found;
  }

  #check(bytes: number): void {
    if (bytes > this.#bytesMax) throw new TooLargeError(`an event of more than ${this.#bytesMax} bytes`);
  }

  #takeLine(line: string): void {
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    switch (field) {
      case "data":
        this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
        break;
      case "event":
        this.#type = value;
        break;
      case "id":
        if (!value.includes("\0")) this.#id = value;
        break;
      case "retry":
        if (/^\d{1,9}$/.test(value)) this.retryMs = Number(value);
    }
  }

  #endEvent(found: string[]): void {
    this.lastEventId = this.#id === "" ? undefined : this.#id;
    // An event without data carries only its id: servers send one first, to make the stream resumable.
    if (this.#data !== undefined && this.#data !== "" && (this.#type === "" || this.#type === "message")) {
      this.#check(this.#data.length);
      found.push(this.#data);
    }
    this.#data = undefined;
    this.#type = "";
    // Comments and events without data count for nothing either.
    this.#bytes = 0;
  }
}
