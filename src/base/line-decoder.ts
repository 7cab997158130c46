/**
 * Bytes in, lines out. No I/O, no timers.
 *
 * A line ends at `\n`; a `\r` before it is dropped, and so are empty lines. Text is UTF-8; a character may be
 * split over chunks, and a chunk may be reused by its owner once it was taken. A line longer than `lineBytesMax` is
 * reported once and skipped up to its end, so one oversized line costs neither memory nor the lines after it.
 */

export type Line =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "too_long"; readonly head: string };

const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** How much of an oversized line is kept to name it by. */
const HEAD_BYTES = 256;
/** A longer buffer is not kept for the next line. */
const KEPT_BYTES_MAX = 64 * 1024;

export class LineDecoder {
  readonly #lineBytesMax: number;
  /** The line so far, in its first `#bytes` bytes. It grows by doubling: chunks may be as small as a byte. */
  #buffer = Buffer.alloc(0);
  #bytes = 0;
  /** Set while the rest of an oversized line is skipped. */
  #skipping = false;

  /** @param lineBytesMax longest accepted line in bytes, its end not counted */
  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** Takes the next bytes. @returns the lines that ended in them, in order */
  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#take(chunk.subarray(start, end), lines);
      this.#finish(lines);
      start = end + 1;
    }
    this.#take(chunk.subarray(start), lines);
    return lines;
  }

  /** The stream is over. @returns the last line, if it did not end in a newline */
  end(): Line[] {
    const lines: Line[] = [];
    this.#finish(lines);
    return lines;
  }

  #take(part: Uint8Array, lines: Line[]): void {
    if (this.#skipping || part.length === 0) return;
    // One more than accepted: it may be the `\r` of the line's end.
    const room = this.#lineBytesMax + 1 - this.#bytes;
    this.#append(part.length <= room ? part : part.subarray(0, room));
    const isTooLong =
      part.length > room || (this.#bytes > this.#lineBytesMax && this.#buffer[this.#lineBytesMax] !== RETURN);
    if (!isTooLong) return;
    const head = this.#buffer.toString("utf8", 0, Math.min(HEAD_BYTES, this.#lineBytesMax));
    lines.push({ kind: "too_long", head });
    this.#skipping = true;
    this.#clear();
  }

  #append(part: Uint8Array): void {
    const bytes = this.#bytes + part.length;
    if (bytes > this.#buffer.length) {
      const size = Math.min(Math.max(bytes, this.#buffer.length * 2), this.#lineBytesMax + 1);
      const grown = Buffer.allocUnsafeSlow(size);
      this.#buffer.copy(grown, 0, 0, this.#bytes);
      this.#buffer = grown;
    }
    this.#buffer.set(part, this.#bytes);
    this.#bytes = bytes;
  }

  #finish(lines: Line[]): void {
    const end = this.#buffer[this.#bytes - 1] === RETURN ? this.#bytes - 1 : this.#bytes;
    if (end > 0) lines.push({ kind: "line", text: this.#buffer.toString("utf8", 0, end) });
    this.#skipping = false;
    this.#clear();
  }

  #clear(): void {
    this.#bytes = 0;
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = Buffer.alloc(0);
  }
}
