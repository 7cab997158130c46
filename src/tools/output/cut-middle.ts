/**
 * A cut in the middle: both ends of an output tell most.
 *
 * Invariants
 *   M1. The result is never longer than the budget, its marker included.
 *   M2. The marker says exactly which characters are left out, and all others are there.
 *   M3. No character is cut in half.
 */

/** The characters `from` to `to` of `length`, in UTF-16 units. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/**
 * Cuts texts that follow one another, as if they were one. Each keeps what is left of it.
 *
 * @param bytesMax of UTF-8, for all together
 * @param marker what stands for the gap; at most as long as for the gap `{ from: length, to: length, length }`
 */
export function cutMiddle(
  texts: readonly string[],
  bytesMax: number,
  marker: (gap: Gap) => string,
): { readonly texts: readonly string[]; readonly gap?: Gap } {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes <= bytesMax) return { texts };
  const whole = texts.join("");
  const { length } = whole;
  const left = bytesMax - Buffer.byteLength(marker({ from: length, to: length, length }));
  const from = left <= 0 ? 0 : headOf(whole, Math.ceil(left / 2));
  const to = left <= 0 ? length : tailOf(whole, Math.floor(left / 2));
  const gap = { from, to, length };
  let mark: string | undefined = marker(gap);
  if (left < 0) mark = mark.slice(0, headOf(mark, bytesMax));
  let start = 0;
  const cut = texts.map((text) => {
    const end = start + text.length;
    let kept = text.slice(0, Math.max(0, from - start));
    if (mark !== undefined && end >= from) {
      kept += mark;
      mark = undefined;
    }
    kept += text.slice(Math.max(0, to - start));
    start = end;
    return kept;
  });
  return { texts: cut, gap };
}

/** How many units of the start have at most so many bytes. */
export function headOf(text: string, bytesMax: number): number {
  let bytes = 0;
  let at = 0;
  while (at < text.length) {
    const point = text.codePointAt(at) ?? 0;
    bytes += bytesOf(point);
    if (bytes > bytesMax) break;
    at += point > 0xffff ? 2 : 1;
  }
  return at;
}

/** Where the end begins that has at most so many bytes. */
function tailOf(text: string, bytesMax: number): number {
  let bytes = 0;
  let at = text.length;
  while (at > 0) {
    const start = isPair(text, at - 2) ? at - 2 : at - 1;
    bytes += bytesOf(text.codePointAt(start) ?? 0);
    if (bytes > bytesMax) break;
    at = start;
  }
  return at;
}

/** The place itself, or the one before it where it would cut a character in half. */
export function wholeCharacter(text: string, at: number): number {
  return isPair(text, at - 1) ? at - 1 : at;
}

function isPair(text: string, at: number): boolean {
  return at >= 0 && (text.codePointAt(at) ?? 0) > 0xffff;
}

function bytesOf(point: number): number {
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}
