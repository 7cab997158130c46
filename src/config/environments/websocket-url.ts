/**
 * Which URLs of executors Codex 0.169 takes, and whether anything can connect to them.
 *
 * It reads a URL twice, with two libraries of Rust: as an HTTP URI, where it is loaded, and as a browser would, where
 * there is a token to protect, and where it connects. The second reading is Node's.
 */
import type { ProblemText } from "../problem.ts";
import { withValue } from "../schema/serde-text.ts";

/** Codex's sentence for a URL it does not load, or `undefined`. @param url without white space around it */
export function websocketUrlProblem(url: string): string | ProblemText | undefined {
  if (url === "") return "environment url cannot be empty";
  const scheme = /^wss?:\/\//.exec(url)?.[0];
  if (scheme === undefined) return withValue("environment url", `\`${url}\``, " must use ws:// or wss://");
  const wrong = uriProblem(url, url.slice(scheme.length));
  return wrong === undefined
    ? undefined
    : withValue("environment url", `\`${url}\``, ` is invalid: HTTP format error: ${wrong}`);
}

/** Whether a token may be sent there unencrypted: only to this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
}

const URI_BYTES_MAX = 65_534;
const AUTHORITY = /^[\w!$&'()*+,\-.:;=@[\]~%]$/;
const PATH = /^[!"$-;=@-_a-~\u{80}-\u{10ffff}\x7f]*$/u;
const QUERY = /^[!$-;=?-~\u{80}-\u{10ffff}\x7f]*$/u;
const COLONS_MAX = 8;

/** What the crate `http` reports about a URI, of which `rest` follows the scheme. */
function uriProblem(url: string, rest: string): string | undefined {
  if (Buffer.byteLength(url) > URI_BYTES_MAX) return "uri too long";
  if (rest === "") return "empty string";
  const end = rest.search(/[/?#]|$/);
  const wrong = authorityProblem(rest.slice(0, end));
  if (wrong !== undefined) return wrong;
  if (end === 0) return "invalid format";
  // A fragment may be anything: it is dropped.
  const [path = "", query = ""] = rest
    .slice(end)
    .replace(/#[^]*/, "")
    .split(/\?([^]*)/);
  return PATH.test(path) && QUERY.test(query) ? undefined : "invalid uri character";
}

/** The crate's own loop: it stops at the first character that is wrong, or the ninth colon, and judges at the end. */
function authorityProblem(authority: string): string | undefined {
  let colons = 0;
  let opened = false;
  let closed = false;
  let percent = false;
  for (const char of authority) {
    if (!AUTHORITY.test(char)) return "invalid uri character";
    if (char === ":" && colons++ === COLONS_MAX) break;
    if (char === "%") percent = true;
    if (char === "[") {
      if (percent || opened) return "invalid authority";
      opened = true;
    }
    if (char === "]" && (!opened || closed)) return "invalid authority";
    if (char === "]") closed = true;
    // What came before was an address or a password, where colons and percent signs are allowed.
    if (char === "]" || char === "@") [colons, percent] = [0, false];
  }
  const isRight = opened === closed && colons <= 1 && !percent && !authority.endsWith("@");
  return isRight ? undefined : "invalid authority";
}
