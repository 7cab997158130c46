/** Changes to a text, all in terms of the text before. */

export interface Splice {
  /** What is taken away; for an insertion `start` is `end`. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Of two insertions at one place, the lower one comes first. @default 0 */
  readonly rank?: number;
}

/** The text after all splices. Ranges that are taken away may overlap; insertions into them survive. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const inOrder = splices
    .map((splice, index) => ({ rank: 0, ...splice, index }))
    .sort((a, b) => a.start - b.start || replaces(a) - replaces(b) || a.rank - b.rank || a.index - b.index);
  const pieces: string[] = [];
  let at = 0;
  for (const { start, end, text: inserted } of inOrder) {
    if (start > at) pieces.push(text.slice(at, start));
    pieces.push(inserted);
    at = Math.max(at, end);
  }
  pieces.push(text.slice(at));
  return pieces.join("");
}

/** What is put in at a place stands before what is replaced there. */
function replaces({ start, end }: Splice): number {
  return start === end ? 0 : 1;
}
