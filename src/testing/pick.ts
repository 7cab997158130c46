/**
 * Looks into JSON of unknown shape, as assertions about events and messages need it.
 *
 * Reading is tolerant and comparing is not: a missing step gives `undefined`, which then fails the assertion.
 */

/** The value at the path, or `undefined` when a step of it is missing. */
export function pick(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value;
  for (const step of path) {
    if (typeof here !== "object" || here === null) return undefined;
    here = (here as Readonly<Record<string | number, unknown>>)[step];
  }
  return here;
}

/**
 * The text at the path.
 *
 * @throws {Error} with the path and what is there instead, when it is no text
 */
export function pickText(value: unknown, ...path: readonly (string | number)[]): string {
  const found = pick(value, ...path);
  if (typeof found === "string") return found;
  throw new Error(`Expected a text at "${path.join(".")}", found ${JSON.stringify(found)}`);
}
