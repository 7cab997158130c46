/** Names that are not there, and what may have been meant. */
import { nearest } from "../../config/suggest.ts";

export function missingServer(name: string, known: readonly string[]): string {
  const alike = known.filter((other) => other.includes(name) || name.includes(other));
  const near = [...new Set([nearest(name, known) ?? [], alike].flat())].slice(0, 3);
  const list = (names: readonly string[], joint: string): string =>
    names.map((other) => JSON.stringify(other)).join(joint);
  const hint =
    near.length > 0
      ? `did you mean ${list(near, " or ")}?`
      : known.length === 0
        ? "there are no servers at all"
        : `there are ${list(known.slice(0, 10), ", ")}${known.length > 10 ? ", …" : ""}`;
  return `There is no MCP server ${JSON.stringify(name)}; ${hint}`;
}
