/**
 * Base64 with padding, in the one spelling there is for some bytes, refused in the words of Rust's `base64`, which
 * `codex exec-server` passes on.
 *
 * Of several faults Rust names the one it meets first, group by group of four bytes, except that a last byte outside of
 * a group comes first. A padding sign is wrong in every group but the last, and there before the third place.
 */
const PAD = 0x3d;
const SYMBOLS: ReadonlySet<number> = new Set(
  Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
);

/** @returns the bytes, or a string that says why the text is no base64 */
export function decodeBase64(text: string): Buffer | string {
  const decoded = Buffer.from(text, "base64");
  // Node skips what is no base64, so what it took is written again and compared.
  return decoded.toString("base64") === text ? decoded : findFault(text);
}

function findFault(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  const last = bytes.at(-1);
  const outside = bytes.length % 4;
  if (outside === 1 && last !== undefined && last !== PAD && !SYMBOLS.has(last))
    return symbol(bytes, bytes.length - 1);
  const lastGroup = bytes.length - (outside === 0 ? 4 : outside);
  for (let at = 0; at < lastGroup; at++) {
    if (!SYMBOLS.has(bytes[at] ?? PAD)) return symbol(bytes, at);
  }
  return lastGroupFault(bytes, lastGroup);
}

function lastGroupFault(bytes: Buffer, start: number): string {
  let padding: number | undefined;
  let end = start;
  for (let at = start; at < bytes.length; at++) {
    if (bytes[at] === PAD) {
      if (at - start < 2) return symbol(bytes, at);
      padding ??= at;
    } else {
      if (padding !== undefined) return symbol(bytes, padding);
      if (!SYMBOLS.has(bytes[at] ?? PAD)) return symbol(bytes, at);
      end = at + 1;
    }
  }
  if (end - start < 2) return `Invalid input length: ${end}`;
  if (bytes.length % 4 !== 0) return "Invalid padding";
  // All that is left: bits behind the last byte that are not zero.
  return `Invalid last symbol ${bytes[end - 1]}, offset ${end - 1}.`;
}

function symbol(bytes: Buffer, at: number): string {
  return `Invalid symbol ${bytes[at]}, offset ${at}.`;
}
