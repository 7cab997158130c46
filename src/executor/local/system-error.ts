/**
 * Errors of the operating system in the words of `codex exec-server` 0.171: Rust's standard library around the texts
 * of the C library it is linked with, which on Linux is musl.
 */
import os from "node:os";
import util from "node:util";

/** musl's texts. For other codes libuv's are used. */
const TEXTS: Readonly<Record<string, string>> = {
  ENOENT: "No such file or directory",
  EACCES: "Permission denied",
  EPERM: "Operation not permitted",
  ENOTDIR: "Not a directory",
  EISDIR: "Is a directory",
  EEXIST: "File exists",
  ENOTEMPTY: "Directory not empty",
  ENOEXEC: "Exec format error",
  EBADF: "Bad file descriptor",
  ELOOP: "Symbolic link loop",
  ENAMETOOLONG: "Filename too long",
  E2BIG: "Argument list too long",
  EAGAIN: "Resource temporarily unavailable",
  ENOMEM: "Out of memory",
  EMFILE: "No file descriptors available",
  ENFILE: "Too many open files in system",
  ENOSPC: "No space left on device",
  EROFS: "Read-only file system",
  ETXTBSY: "Text file busy",
  EINVAL: "Invalid argument",
  EIO: "I/O error",
  EXDEV: "Cross-device link",
  EBUSY: "Resource busy",
  EFBIG: "File too large",
  EMLINK: "Too many links",
  ENODEV: "No such device",
  ENXIO: "No such device or address",
  EPIPE: "Broken pipe",
  ESPIPE: "Invalid seek",
};

/** `No such file or directory (os error 2)`; `undefined` for an error that is not the operating system's. */
export function systemErrorText(error: unknown): string | undefined {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (typeof code !== "string" || typeof errno !== "number") return undefined;
  const text = TEXTS[code] ?? util.getSystemErrorMap().get(errno)?.[1];
  return text === undefined ? undefined : `${text} (os error ${-errno})`;
}

/** The error that the operating system would have reported. */
export function systemError(code: keyof typeof os.constants.errno): NodeJS.ErrnoException {
  const errno = -os.constants.errno[code];
  return Object.assign(new Error(`${code}: ${TEXTS[code] ?? "system error"}`), { code, errno });
}
