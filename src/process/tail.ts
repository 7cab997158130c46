/** The last part of a text stream, kept for diagnosis in bounded memory. */
export class Tail {
  readonly #charsMax: number;
  #text = "";

  /** @param charsMax how many characters are kept at the most */
  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }

  push(chunk: string): void {
    const text = this.#text + chunk;
    this.#text = text.slice(Math.max(0, text.length - this.#charsMax));
  }

  /** What is kept, without blank space at its ends. */
  get text(): string {
    return this.#text.trim();
  }

  /** The last line that is not empty, or `undefined`. */
  get lastLine(): string | undefined {
    return this.text.split("\n").at(-1)?.trim() || undefined;
  }
}
