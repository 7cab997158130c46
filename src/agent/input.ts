/** What a user says, as an item of the conversation. Images are read from disk, and kept with the thread. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { Input } from "../thread/options.ts";
import type { ConversationItem } from "./model-client.ts";
import { invalid } from "./read-options.ts";

/** Bytes of all images of a message. Endpoints take about this much in a request. */
const IMAGES_BYTES_MAX = 20 * 1024 * 1024;

/**
 * Images come first, then the texts as one, as Codex sends it.
 *
 * @throws {EngineError} `invalid_options`: an image that cannot be read, is too large, or is no PNG, JPEG, GIF or WebP
 */
export async function readInput(input: Input): Promise<ConversationItem> {
  const content: JsonObject[] = [];
  const texts: string[] = [];
  let left = IMAGES_BYTES_MAX;
  if (typeof input !== "string" && !Array.isArray(input))
    throw invalid("The input must be a text or a list of parts");
  for (const part of typeof input === "string" ? [{ type: "text" as const, text: input }] : input) {
    if (part.type === "text" && typeof part.text === "string") texts.push(part.text);
    else if (part.type === "local_image" && typeof part.path === "string") {
      const bytes = await readImage(part.path, left);
      left -= bytes.length;
      const image_url = `data:${kindOf(bytes, part.path)};base64,${bytes.toString("base64")}`;
      content.push({ type: "input_image", image_url, detail: "auto" });
    } else
      throw invalid(
        'A part of the input is neither {"type": "text", "text"} nor {"type": "local_image", "path"}',
      );
  }
  if (texts.length > 0) content.push({ type: "input_text", text: texts.join("\n\n") });
  return { type: "message", role: "user", content };
}

async function readImage(path: string, bytesMax: number): Promise<Buffer> {
  try {
    await using file = await open(resolve(path));
    const status = await file.stat();
    if (!status.isFile()) throw new Error("it is not a file");
    if (status.size > bytesMax)
      throw new Error(`the images of a message may have ${IMAGES_BYTES_MAX} bytes together`);
    return await file.readFile();
  } catch (error) {
    throw invalid(`The image "${path}" cannot be used: ${messageOf(error)}`);
  }
}

const KINDS: readonly (readonly [kind: string, begins: RegExp])[] = [
  ["image/png", /^\x89PNG\r\n/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8/],
  ["image/webp", /^RIFF....WEBP/s],
];

function kindOf(bytes: Buffer, path: string): string {
  const begin = bytes.subarray(0, 16).toString("latin1");
  const found = KINDS.find(([, begins]) => begins.test(begin));
  if (found === undefined)
    throw invalid(`The image "${path}" cannot be used: it is no PNG, JPEG, GIF or WebP`);
  return found[0];
}
