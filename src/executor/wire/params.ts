/**
 * Readers for what the wire has beyond JSON, and the error for parameters that cannot be read.
 *
 * Fields that are not declared are ignored: a newer client may send more. Two things JSON says are gone before we see
 * them: that a number was written `1.0` or `1e2`, which `codex exec-server` rejects where it wants a whole one, and
 * that a key came twice.
 */
import { integer, Issue, nullable, object, type Reader, showPath, string } from "../../base/reader.ts";
import { rpcError } from "./protocol.ts";

/** Largest of 64 bits. Above 2^53 a number is as exact as JavaScript has it. */
const U64_MAX: number = 2 ** 64;

export const u64: Reader<number> = integer({ min: 0, max: U64_MAX });

/** Base64 with padding, in the one spelling there is for some bytes. */
export const bytes: Reader<Buffer> = (input) => {
  const text = string(input);
  if (text instanceof Issue) return text;
  return decodeBase64(text) ?? new Issue("invalid_value", "must be base64");
};

/** `undefined` for what is not base64: Node skips it, so what it took is written again and compared. */
export function decodeBase64(text: string): Buffer | undefined {
  const decoded = Buffer.from(text, "base64");
  return decoded.toString("base64") === text ? decoded : undefined;
}

export function encodeBase64(chunk: Uint8Array): string {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("base64");
}

/** Of a method without parameters: `null`, or an object without a field. */
export const noParams: Reader<object | undefined> = nullable(object<object>({}));

/** @throws {RpcError} -32602 */
export function readParams<T>(reader: Reader<T>, params: unknown): T {
  const read = reader(params ?? null);
  if (!(read instanceof Issue)) return read;
  const at = read.path.length === 0 ? "params" : showPath(read.path);
  throw rpcError("invalidParams", `${at} ${read.what}`);
}
