/**
 * The whole outputs of a thread's calls that were too long for its model, and the tool that reads them.
 *
 * Invariants
 *   K1. At most `bytesMax` and `outputsMax` are kept; the oldest make room.
 *   K2. What is read, part after part, is the whole output, and no part is longer than the model takes.
 */
import { isObject, type JsonObject } from "../../base/json.ts";
import type { HostTool } from "../router/contract.ts";
import { headOf, wholeCharacter } from "./cut-middle.ts";
import { BYTES_PER_TOKEN, DEFAULT_OUTPUT_LIMIT } from "./model-traits.ts";

export interface KeptOutputsOptions {
  /** Of UTF-8, in total. @default 16 MiB */
  readonly bytesMax?: number;
  /** How many outputs are kept. @default 100 */
  readonly outputsMax?: number;
  /** What one reading returns at most, of 4 bytes each. At least 100. @default 10 000 */
  readonly tokensMax?: number;
}

export const READ_TOOL_OUTPUT = "read_tool_output";
const HEADER_BYTES_MAX = 300;

export class KeptOutputs {
  readonly #options: Required<KeptOutputsOptions>;
  readonly #texts = new Map<string, { readonly text: string; readonly bytes: number }>();
  #bytes = 0;

  constructor(options: KeptOutputsOptions = {}) {
    this.#options = {
      bytesMax: options.bytesMax ?? 16 * 1024 * 1024,
      outputsMax: options.outputsMax ?? 100,
      tokensMax: options.tokensMax ?? DEFAULT_OUTPUT_LIMIT.limit,
    };
  }

  /** Bytes kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns whether there is room for it */
  keep(callId: string, text: string): boolean {
    const { bytesMax, outputsMax } = this.#options;
    const bytes = Buffer.byteLength(text);
    this.#drop(callId);
    if (bytes > bytesMax || outputsMax < 1) return false;
    for (const oldest of this.#texts.keys()) {
      if (this.#bytes + bytes <= bytesMax && this.#texts.size < outputsMax) break;
      this.#drop(oldest);
    }
    this.#texts.set(callId, { text, bytes });
    this.#bytes += bytes;
    return true;
  }

  /** A part of an output, or why there is none. `limit` characters, as far as one reading goes. */
  read({ call_id: callId, offset = 0, limit }: JsonObject): string {
    if (typeof callId !== "string") return "call_id must be a string";
    if (!isCount(offset)) return "offset must be a whole number of characters, 0 or more";
    if (limit !== undefined && (!isCount(limit) || limit === 0))
      return "limit must be a whole number of characters, 1 or more";
    const kept = this.#texts.get(callId);
    if (kept === undefined) {
      const ids = [...this.#texts.keys()].slice(-10);
      const known = ids.length === 0 ? "Nothing is kept." : `The latest that are: ${ids.join(", ")}.`;
      return `The output of ${JSON.stringify(callId)} is not kept, or not any more. ${known}`;
    }
    const { text } = kept;
    if (offset >= text.length)
      return `The output has ${text.length} characters; there are none from ${offset} on.`;
    const start = wholeCharacter(text, offset);
    const bytesMax = Math.max(1, this.#options.tokensMax * BYTES_PER_TOKEN - HEADER_BYTES_MAX);
    const wanted = Math.min(limit ?? text.length, text.length - start, bytesMax);
    const most = text.slice(start, start + wanted);
    // One character at least, so that reading goes on.
    const size = Math.max(
      wholeCharacter(text, start + headOf(most, bytesMax)) - start,
      isSplit(text, start) ? 2 : 1,
    );
    const end = start + size;
    const more = end < text.length ? `; the next offset is ${end}` : "; this is the end";
    return `Characters ${start} to ${end} of ${text.length}${more}:\n${text.slice(start, end)}`;
  }

  /** For the tools of the thread. */
  tool(): HostTool {
    return {
      name: READ_TOOL_OUTPUT,
      description: "Reads a part of the output of an earlier tool call that was too long to be shown whole.",
      parameters: {
        type: "object",
        properties: {
          call_id: { type: "string", description: "The id that stands where the output was cut." },
          offset: { type: "integer", minimum: 0, description: "The first character to read. 0 if absent." },
          limit: {
            type: "integer",
            minimum: 1,
            description: "How many characters to read; as many as fit if absent.",
          },
        },
        required: ["call_id"],
        additionalProperties: false,
      },
      parallel: true,
      run: (args) => Promise.resolve(isObject(args) ? this.read(args) : "The arguments must be an object"),
    };
  }

  #drop(callId: string): void {
    this.#bytes -= this.#texts.get(callId)?.bytes ?? 0;
    this.#texts.delete(callId);
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isSplit(text: string, at: number): boolean {
  return wholeCharacter(text, at + 1) === at;
}
