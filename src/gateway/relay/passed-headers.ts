/** The headers of an exchange that is passed on: all but those that concern one connection only (RFC 9110, 7.6.1). */

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * @param raw names and values in turn, as Node reads them
 * @param without more names that are left out, in lower case
 */
export function passedHeaders(raw: readonly string[], ...without: readonly string[]): string[] {
  const named = new Set(without);
  for (let at = 0; at < raw.length; at += 2) {
    if (raw[at]?.toLowerCase() !== "connection") continue;
    for (const name of (raw[at + 1] ?? "").split(",")) named.add(name.trim().toLowerCase());
  }
  const passed: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? "";
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !named.has(lower)) passed.push(name, raw[at + 1] ?? "");
  }
  return passed;
}
