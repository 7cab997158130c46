/** Whether the data of an image is one, by its own bytes. Nothing is decoded: a picture inside of a whole file is the model's to read. */
import { crc32 } from "node:zlib";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const PNG = "\x89PNG\r\n\x1a\n";

/**
 * A data URL with the type that the bytes have, which may be another than the server says.
 *
 * @param data base64, or a data URL
 * @returns undefined for what is not a whole PNG, JPEG, GIF or WebP file
 */
export function imageUrl(data: string): string | undefined {
  const base64 = /^data:[^,]*;base64,(.*)$/s.exec(data)?.[1] ?? data;
  if (base64 === "" || !BASE64.test(base64)) return undefined;
  const type = typeOf(Buffer.from(base64, "base64"));
  return type === undefined ? undefined : `data:${type};base64,${base64}`;
}

function typeOf(bytes: Buffer): string | undefined {
  const ascii = (start: number, end: number): string => bytes.toString("latin1", start, end);
  if (ascii(0, 8) === PNG) return isWholePng(bytes) ? "image/png" : undefined;
  if (ascii(0, 3) === "\xff\xd8\xff")
    return bytes.includes("\xff\xd9", 3, "latin1") ? "image/jpeg" : undefined;
  if (/^GIF8[79]a$/.test(ascii(0, 6))) return bytes.at(-1) === 0x3b ? "image/gif" : undefined;
  if (ascii(0, 4) === "RIFF" && ascii(8, 12) === "WEBP")
    return bytes.length >= bytes.readUInt32LE(4) + 8 ? "image/webp" : undefined;
  return undefined;
}

function isWholePng(bytes: Buffer): boolean {
  for (let at = PNG.length; at + 12 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at);
    if (end + 4 > bytes.length || crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(end))
      return false;
    if (bytes.toString("latin1", at + 4, at + 8) === "IEND") return true;
    at = end + 4;
  }
  return false;
}
