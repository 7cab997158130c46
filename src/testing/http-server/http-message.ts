/** Reading what a plain `node:http` request carries. */
import type { IncomingMessage } from "node:http";

/**
 * Reads the whole body.
 *
 * @returns the parsed JSON, the text when it is not JSON, `undefined` without a body
 * @throws when the client leaves before the end
 */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (chunks.length === 0) return undefined;
  const text = Buffer.concat(chunks).toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    // Recorded as it came; a route that needs JSON refuses it.
    return text;
  }
}

/** Headers with names in lower case; repeated ones are joined by a comma. */
export function flattenHeaders(request: IncomingMessage): Readonly<Record<string, string>> {
  const flat: Record<string, string> = {};
  for (const [name, values] of Object.entries(request.headersDistinct))
    flat[name] = (values ?? []).join(", ");
  return flat;
}
