/** Suggestions for a misspelt name. */

/** The nearest of `known` to a misspelt name: the same in another case, or a few slips away. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const snake = inSnakeCase(name);
  let best: string | undefined;
  let fewest = 1 + Math.min(3, Math.floor(snake.length / 3));
  for (const candidate of known) {
    if (candidate === "") continue;
    const count = slips(snake, inSnakeCase(candidate), fewest);
    if (count >= fewest) continue;
    fewest = count;
    best = candidate;
  }
  return best;
}

function inSnakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll("-", "_")
    .toLowerCase();
}

/**
 * The sentence for a server that does not exist, with the names that were probably meant.
 *
 * @param where such as ` in FILE`
 */
export function missingServer(name: string, known: readonly string[], where = ""): string {
  // Every name contains the empty one.
  const alike = known.filter(
    (other) => name !== "" && other !== "" && (other.includes(name) || name.includes(other)),
  );
  const near = [...new Set([nearest(name, known) ?? [], alike].flat())].slice(0, 3);
  const list = (names: readonly string[], joint: string): string =>
    names.map((other) => JSON.stringify(other)).join(joint);
  const hint =
    near.length > 0
      ? `did you mean ${list(near, " or ")}?`
      : known.length === 0
        ? "there are no servers at all"
        : `there are ${list(known.slice(0, 10), ", ")}${known.length > 10 ? ", …" : ""}`;
  return `There is no MCP server ${JSON.stringify(name)}${where}; ${hint}`;
}

/** Letters to add, drop, change or swap with their neighbour; at most `limit`. */
export function slips(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) >= limit) return limit;
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min(at(row, j) + 1, at(next, j - 1) + 1, at(row, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        cost = Math.min(cost, at(before, j - 2) + 1);
      }
      next.push(cost);
    }
    before = row;
    row = next;
  }
  return Math.min(limit, at(row, to.length));
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
