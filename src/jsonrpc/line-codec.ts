/**
 * Bytes in, lines out. No I/O, no timers.
 *
 * A line ends at `\n`; a `\r` before it is dropped, and so are empty lines. Text is UTF-8; a character may be
 * split over chunks. A line longer than `lineBytesMax` is reported once and skipped up to its end, so one
 * oversized line costs neither memory nor the lines after it.
 */

export type Line =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "too_long"; readonly head: string };

const NEWLINE = 0x0a;
/** How much of an oversized line is kept to name it by. */
const HEAD_BYTES = 256;

export class LineDecoder {
  readonly #lineBytesMax: number;
  #parts: Uint8Array[] = [];
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
    // A chunk belongs to the stream that gave it; what outlives this call is copied by Buffer.concat below.
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes <= this.#lineBytesMax) return;
    const head = Buffer.concat(this.#parts).subarray(0, HEAD_BYTES).toString("utf8");
    lines.push({ kind: "too_long", head });
    this.#skipping = true;
    this.#parts = [];
    this.#bytes = 0;
  }

  #finish(lines: Line[]): void {
    if (this.#bytes > 0) {
      let text = Buffer.concat(this.#parts, this.#bytes).toString("utf8");
      if (text.endsWith("\r")) text = text.slice(0, -1);
      if (text !== "") lines.push({ kind: "line", text });
    }
    this.#skipping = false;
    this.#parts = [];
    this.#bytes = 0;
  }
}
