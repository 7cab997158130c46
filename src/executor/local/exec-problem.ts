/**
 * Predicts whether the kernel would execute a file.
 *
 * `execvp` of glibc, which Node uses, passes a file that the kernel does not execute to `/bin/sh`: it would run notes, or
 * an empty file, as a script. So it has to be known before. And a search of PATH goes on after a script whose
 * interpreter is missing, as if the script itself were missing.
 *
 * Only these two questions are answered; anything else (a missing loader, say) fails at the start itself.
 */
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from "node:fs";
import { isAbsolute } from "node:path";

/** As in `ENOENT`. */
export type ErrnoName = string;

/** How much of a file Linux looks at. A `#!` line ends there too. */
const HEAD_BYTES = 256;
/** A script whose interpreter is a script, and so on: Linux follows five of them. */
const SCRIPTS_MAX = 5;
const HANDLERS_DIR = "/proc/sys/fs/binfmt_misc";

const ELF_MAGIC = Buffer.from("\x7fELF", "latin1");
/** The headers of 32-bit programs, the shorter ones. */
const ELF_HEADER_BYTES = 52;
/** `e_machine` of the programs that Linux runs on a machine. */
const ELF_MACHINES: Readonly<Record<string, readonly number[]>> = {
  x64: [62, 3],
  arm64: [183, 40],
};
/** Big-endian, little-endian, and with several architectures. */
const MACH_O_MAGICS: readonly number[] = [0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe];

/**
 * @param path absolute, or relative to `cwd`
 * @param scripts how many scripts have led to this file
 * @returns what `execve` would fail with, or `undefined` if it would not
 */
export function execProblem(path: string, cwd: string, scripts = 0): ErrnoName | undefined {
  const file = isAbsolute(path) ? path : `${cwd}/${path}`;
  let head: Buffer;
  try {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined) return "ENOENT";
    if (!stats.isFile()) return "EACCES";
    accessSync(file, constants.X_OK);
    if (scripts > SCRIPTS_MAX) return "ELOOP";
    head = readHead(file);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    // A program need not be readable to be executed.
    if (syscall === "open" && code === "EACCES") return undefined;
    return code ?? "EIO";
  }
  if (!head.toString("latin1").startsWith("#!")) return isBinary(head, file) ? undefined : "ENOEXEC";
  const interpreter = interpreterOf(head);
  return interpreter === undefined ? "ENOEXEC" : execProblem(interpreter, cwd, scripts + 1);
}

function readHead(file: string): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  const descriptor = openSync(file, "r");
  try {
    return head.subarray(0, readSync(descriptor, head, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** `undefined` where no interpreter is named, or its name may be longer than what is looked at. */
function interpreterOf(head: Buffer): string | undefined {
  const [line = ""] = head.toString("latin1", 2).split("\n");
  const name = /^[ \t]*([^ \t\0]+)/.exec(line);
  if (name?.[1] === undefined || 2 + name[0].length === HEAD_BYTES) return undefined;
  return Buffer.from(name[1], "latin1").toString();
}

function isBinary(head: Buffer, file: string): boolean {
  if (process.platform === "darwin") return head.length >= 4 && MACH_O_MAGICS.includes(head.readUInt32BE(0));
  return isNativeElf(head) || readHandlers().some((handler) => takes(handler, head, file));
}

function isNativeElf(head: Buffer): boolean {
  if (head.length < ELF_HEADER_BYTES || !head.subarray(0, 4).equals(ELF_MAGIC)) return false;
  const machines = ELF_MACHINES[process.arch];
  return machines === undefined || machines.includes(head.readUInt16LE(18));
}

/** What else this kernel is set up to run, and with what: other machines' programs, `.jar`, `.exe`. */
function readHandlers(): string[] {
  try {
    return readdirSync(HANDLERS_DIR)
      .filter((name) => name !== "register" && name !== "status")
      .map((name) => readFileSync(`${HANDLERS_DIR}/${name}`, "utf8"));
  } catch {
    // Not mounted: usually there are no handlers then.
    return [];
  }
}

/** @param handler as `/proc/sys/fs/binfmt_misc` describes it: lines of a name and a value */
export function takes(handler: string, head: Buffer, file: string): boolean {
  const lines = handler.split("\n");
  const valueOf = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  if (!lines.includes("enabled")) return false;
  const extension = valueOf("extension");
  if (extension !== undefined) return file.endsWith(extension);
  const magic = Buffer.from(valueOf("magic") ?? "", "hex");
  const mask = Buffer.from(valueOf("mask") ?? "", "hex");
  const offset = Number(valueOf("offset") ?? 0);
  const there = head.subarray(offset, offset + magic.length);
  if (magic.length === 0 || there.length < magic.length) return false;
  return magic.every((byte, at) => (((there[at] ?? 0) ^ byte) & (mask[at] ?? 0xff)) === 0);
}
