/**
 * Paths of this machine as the `file://` URIs of the wire, and back, refused in the words of `codex exec-server` 0.169.
 *
 *   text ──parse──> a file URI (of any machine) ──> a path of this one
 *
 * The two steps fail differently on the wire, and a parameter takes the first one while it is read. Paths are POSIX:
 * a host or a drive letter is another machine's path, also where a folder happens to be called `C:`.
 *
 * Invariants
 *   U1. A path that comes out is absolute, normal (no `.`, `..`, doubled or trailing slash) and without NUL. So links
 *       are not looked at before `..` is taken away, as in the original.
 *   U2. What `toFileUri` writes is read back as the same path, if it was normal, but for a drive letter.
 */
import { posix } from "node:path";
import { RpcError } from "../../jsonrpc/index.ts";
import { RpcCode } from "../wire/protocol.ts";
import { systemError, toRpcError } from "../local/system-error.ts";
import { invalidParams, type Reader, string } from "../wire/schema.ts";
import { urlFault } from "../wire/url-fault.ts";

/** A parameter that is a `file:` URI, not necessarily of this machine. */
export const fileUri: Reader<URL> = { read: (value) => parseFileUri(string.read(value)) };

/** @throws {RpcError} -32602 for no file URI, -32600 for one of another machine */
export function readFileUri(text: string): string {
  return pathOf(parseFileUri(text));
}

/** The same for the `cwd` of a process, where both are a fault of the parameters. @throws {RpcError} -32602 */
export function readCwdUri(text: string): string {
  const uri = parseFileUri(text);
  const path = toPath(uri);
  if (path !== undefined) return path;
  throw invalidParams(`cwd URI \`${uri.href}\` is not valid on this exec-server host: ${foreign(uri)}`);
}

/** Linux: PATH_MAX. */
const PATH_BYTES_MAX = 4096;

/** @param uri one that `fileUri` has read. @throws {RpcError} -32600 when it is none of this machine */
export function pathOf(uri: URL): string {
  const path = toPath(uri);
  // To resolve a longer one takes longer than anybody should wait, and the system would refuse it anyway.
  if (path !== undefined && Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw toRpcError(systemError("ENAMETOOLONG"));
  if (path !== undefined) return path;
  throw new RpcError({ code: RpcCode.invalidRequest, message: foreign(uri) });
}

function parseFileUri(text: string): URL {
  const uri = URL.parse(text);
  if (uri === null) throw invalidParams(`invalid URI: ${urlFault(text)}`);
  if (uri.protocol !== "file:") {
    throw invalidParams(`unsupported path URI scheme \`${uri.protocol.slice(0, -1)}\``);
  }
  // An empty query or fragment is one too, which `search` and `hash` do not tell.
  const [beforeHash = "", ...fragment] = uri.href.split("#");
  if (beforeHash.includes("?")) throw invalidParams("query parameters are not allowed in path URIs");
  if (fragment.length > 0) throw invalidParams("fragments are not allowed in path URIs");
  if (uri.pathname.includes("%00")) throw invalidParams(foreign(uri));
  return uri;
}

function toPath(uri: URL): string | undefined {
  if (uri.host !== "" || /^\/+[a-z]:(?:\/|$)/i.test(uri.pathname)) return undefined;
  const decoded = decodePercent(uri.pathname);
  if (decoded === undefined) return undefined;
  const path = posix.normalize(decoded);
  return path.endsWith("/") && path !== "/" ? path.slice(0, -1) : path;
}

/** A `%` without two hexadecimal digits is itself. `undefined` where the bytes are no UTF-8: Node has no such names. */
function decodePercent(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, "%25"));
  } catch {
    return undefined;
  }
}

function foreign(uri: URL): string {
  return `'${uri.href}' is invalid on '${PLATFORM}'`;
}

const RUST_NAMES: Readonly<Partial<Record<NodeJS.Platform, string>>> = { darwin: "macos", win32: "windows" };
const PLATFORM: string = RUST_NAMES[process.platform] ?? process.platform;
