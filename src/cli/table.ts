/** Columns for a terminal. */
import { keepEnds, padText, textWidth } from "./text-width.ts";

export interface TableOptions {
  /** The width of the terminal; without it nothing is cut. */
  readonly width?: number | undefined;
  /** Columns that may be cut, in this order. */
  readonly shrink?: readonly number[];
  /** Columns that are left out when space is short and every cell is this, or "-". */
  readonly usual?: ReadonlyMap<number, string>;
}

const GAP = 2;
/** A cut column stays at least this wide; when that is not enough, as wide as the next number. */
const NARROWEST: readonly number[] = [24, 12, 6];

/** Lines up the cells below an underlined header. A column is as wide as its widest cell, if there is room. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { width = Number.POSITIVE_INFINITY, shrink = [], usual }: TableOptions = {},
): string {
  const widths = header.map((title, column) =>
    Math.max(textWidth(title), ...rows.map((row) => textWidth(row[column] ?? ""))),
  );
  const all = header.map((_, column) => column);
  const isUsual = (column: number): boolean =>
    usual?.has(column) === true &&
    rows.every((row) => row[column] === "-" || row[column] === usual.get(column));
  const columns = tooWide(all, widths, width) > 0 ? all.filter((column) => !isUsual(column)) : all;
  for (const narrowest of NARROWEST) {
    for (const column of shrink) {
      const own = widths[column] ?? 0;
      const least = Math.max(narrowest, textWidth(header[column] ?? ""));
      const less = Math.max(0, Math.min(tooWide(columns, widths, width), own - least));
      widths[column] = own - less;
    }
  }
  const line = (cells: readonly string[]): string =>
    columns
      .map((column) => padText(keepEnds(cells[column] ?? "", widths[column] ?? 0), widths[column] ?? 0))
      .join(" ".repeat(GAP))
      .trimEnd();
  const rule = widths.map((each) => "-".repeat(each));
  return [header, rule, ...rows].map(line).join("\n");
}

function tooWide(columns: readonly number[], widths: readonly number[], width: number): number {
  return columns.reduce((sum, column) => sum + (widths[column] ?? 0) + GAP, -GAP) - width;
}
