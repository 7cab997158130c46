/** The limits of every configuration file: its size, and that it is UTF-8. */

/** A configuration of this size is a mistake, such as a log in its place. */
export const FILE_BYTES_MAX: number = 16 * 1024 * 1024;
export const TOO_LARGE = "it has more than 16 MiB. Is it the right file?";

/** A byte order mark stays. `wrong` is the place of the first byte that is not UTF-8. */
export type DecodedText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly wrong: string; readonly cause: unknown };

export function decodeText(bytes: Uint8Array): DecodedText {
  try {
    return { ok: true, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (cause) {
    // Read leniently, a wrong byte is replaced: it is where the two texts first differ.
    const lenient = Buffer.from(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
    const found = bytes.findIndex((byte, index) => byte !== lenient[index]);
    const at = found === -1 ? bytes.length - 1 : found;
    const line = Buffer.from(bytes.subarray(0, at)).toString("latin1").split("\n").length;
    return { ok: false, wrong: `byte ${at + 1}, in line ${line}`, cause };
  }
}
