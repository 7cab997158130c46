/**
 * Whether a file is a script or a program of this machine.
 *
 * Node starts programs with `execvp`, which passes any other file to `/bin/sh`: notes, an empty file, or a program of
 * another machine would run as a script. The kernel would reject them, and so does `codex exec-server`.
 */
import fs from "node:fs";

const ELF_MAGIC = "\x7fELF";
const ELF_MACHINE_OFFSET = 18;
/** The header of 32-bit programs, the shorter one. */
const HEAD_BYTES = 52;
/** `e_machine` of the programs that Linux runs on a machine. */
const ELF_MACHINES: Readonly<Record<string, readonly number[]>> = { x64: [62, 3], arm64: [183, 40] };
/** Big-endian, little-endian, and with several architectures. */
const MACH_O_MAGICS: readonly number[] = [0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe];
/** Other formats that this kernel is set up to run: other machines' programs, `.jar`, `.exe`. */
const HANDLERS_DIR = "/proc/sys/fs/binfmt_misc";

/** @param path of an executable file */
export function hasExecFormat(path: string): boolean {
  const head = Buffer.alloc(HEAD_BYTES);
  let length: number;
  try {
    const descriptor = fs.openSync(path, "r");
    try {
      length = fs.readSync(descriptor, head, 0, HEAD_BYTES, 0);
    } finally {
      fs.closeSync(descriptor);
    }
  } catch {
    // A program need not be readable to be executed.
    return true;
  }
  const text = head.toString("latin1");
  if (text.startsWith("#!")) return true;
  if (process.platform === "darwin") return MACH_O_MAGICS.includes(head.readUInt32BE(0));
  const machines = ELF_MACHINES[process.arch];
  const isNative =
    length === HEAD_BYTES &&
    text.startsWith(ELF_MAGIC) &&
    (machines === undefined || machines.includes(head.readUInt16LE(ELF_MACHINE_OFFSET)));
  return isNative || hasHandlers();
}

function hasHandlers(): boolean {
  try {
    return fs.readdirSync(HANDLERS_DIR).some((name) => name !== "register" && name !== "status");
  } catch {
    // Not mounted.
    return false;
  }
}
