/** Columns for a terminal. */
import { keepEnd, padText, textWidth } from "./text-width.ts";

export interface TableOptions {
  /** Of the terminal; without it nothing is cut. */
  readonly width?: number | undefined;
  /** Columns that may be cut, the one that gives way first in front. */
  readonly shrink?: readonly number[];
}

const GAP = 2;
/** Narrower than this a cut column says nothing. */
const NARROWEST = 12;

/** Lines the cells up; the header is underlined. Columns are as wide as their widest cell, or as there is room. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { width, shrink = [] }: TableOptions = {},
): string {
  const widths = header.map((title, column) =>
    Math.max(textWidth(title), ...rows.map((row) => textWidth(row[column] ?? ""))),
  );
  if (width !== undefined) {
    let excess = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width;
    for (const column of shrink) {
      const own = widths[column] ?? 0;
      const less = Math.max(0, Math.min(excess, own - Math.max(NARROWEST, textWidth(header[column] ?? ""))));
      widths[column] = own - less;
      excess -= less;
    }
  }
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => padText(keepEnd(cell, widths[column] ?? 0), widths[column] ?? 0))
      .join(" ".repeat(GAP))
      .trimEnd();
  const rule = widths.map((each) => "-".repeat(each));
  return [header, rule, ...rows].map(line).join("\n");
}
