/**
 * `file://` URIs of the wire as paths of this machine.
 *
 * Paths are POSIX: a host or a drive letter is another machine's path, also where a folder happens to be called `C:`.
 *
 * Invariants
 *   U1. A path that comes out is absolute, normal (no `.`, `..`, doubled or trailing slash) and without NUL. So `..` is
 *       removed before links are followed, as in `codex exec-server`.
 *   U2. What `toFileUri` writes is read back as the same path, if it was normal, but for a drive letter.
 */
import { posix } from "node:path";
import { systemError } from "../local/system-error.ts";
import { rpcError } from "../wire/protocol.ts";
import { toRpcError } from "./system-rpc-error.ts";

/** The `cwd` of a process. @throws {RpcError} -32602 for a path of another machine */
export function cwdOf(uri: URL): string {
  const path = toPath(uri);
  if (path !== undefined) return path;
  throw rpcError("invalidParams", `cwd is not valid on this exec-server host: ${foreign(uri)}`);
}

/** Linux: PATH_MAX. */
const PATH_BYTES_MAX = 4096;

/** @throws {RpcError} -32600 for a path of another machine */
export function pathOf(uri: URL): string {
  const path = toPath(uri);
  // Resolving a longer one takes too long, and the system would reject it anyway.
  if (path !== undefined && Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw toRpcError(systemError("ENAMETOOLONG"));
  if (path !== undefined) return path;
  throw rpcError("invalidRequest", foreign(uri));
}

function toPath(uri: URL): string | undefined {
  if (uri.host !== "" || /^\/+[a-z]:(?:\/|$)/i.test(uri.pathname)) return undefined;
  const decoded = decodePercent(uri.pathname);
  if (decoded === undefined) return undefined;
  const path = posix.normalize(decoded);
  return path.endsWith("/") && path !== "/" ? path.slice(0, -1) : path;
}

/** A `%` without two hexadecimal digits is itself. `undefined` where the bytes are not UTF-8: Node does not have such names. */
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
