/** What a model takes, as far as the outputs of tools depend on it. */

/** How much of one output a model is given. A token counts as 4 bytes of UTF-8, as in Codex: nobody counts with the model's tokenizer. */
export interface OutputLimit {
  readonly mode: "tokens" | "bytes";
  readonly limit: number;
}

export interface ModelTraits {
  /** Whether it takes images. @default true */
  readonly images?: boolean;
  /** The detail of images. `original` is Codex's for models that support it (gpt-5.5 and newer). @default "high" */
  readonly imageDetail?: "high" | "original";
  /** @default `DEFAULT_OUTPUT_LIMIT` */
  readonly outputLimit?: OutputLimit;
}

/** What Codex 0.169 to 0.171 gives a model it knows. A model it does not know is given 10 000 bytes. */
export const DEFAULT_OUTPUT_LIMIT: OutputLimit = { mode: "tokens", limit: 10_000 };

export const BYTES_PER_TOKEN = 4;

/** About how many tokens so many bytes of UTF-8 are. */
export function tokensOf(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}
