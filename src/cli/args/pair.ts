/** `NAME=VALUE`, and for headers `NAME: VALUE` too: one spelling for the flags of all commands. */

export const ENV_PAIR: RegExp = /=/;
export const HEADER_PAIR: RegExp = /[:=]/;

/**
 * The name is trimmed and the value is not, as Codex does; one blank after a colon is dropped.
 *
 * @returns `undefined` where there is no name
 */
export function splitPair(
  pair: string,
  separator: RegExp,
): readonly [name: string, value: string] | undefined {
  const at = pair.search(separator);
  const name = pair.slice(0, Math.max(at, 0)).trim();
  if (name === "") return undefined;
  return [name, pair.slice(at + 1).replace(pair[at] === ":" ? /^ / : /^(?!)/, "")];
}
