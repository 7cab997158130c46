/**
 * Finds tools by words, for models that are not shown all of them.
 *
 * BM25 over the words of a tool: its names, its server, title, description, and the names of its arguments. No stemming and no prefixes, as
 * in Codex 0.169; unlike there, `send_mail` is also found by `mail`, because a name counts in its parts too.
 */
export interface SearchedTool {
  /** Any texts that say what it is. */
  readonly texts: readonly string[];
}

/** BM25's usual parameters. */
const K1 = 1.2;
const B = 0.75;

interface Indexed<T> {
  readonly tool: T;
  readonly counts: ReadonlyMap<string, number>;
  readonly length: number;
}

export class ToolSearch<T extends SearchedTool> {
  readonly #tools: readonly Indexed<T>[];
  readonly #documents = new Map<string, number>();
  readonly #meanLength: number;

  constructor(tools: readonly T[]) {
    this.#tools = tools.map((tool) => {
      const words = tool.texts.flatMap(wordsOf);
      const counts = new Map<string, number>();
      for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
      for (const word of counts.keys()) this.#documents.set(word, (this.#documents.get(word) ?? 0) + 1);
      return { tool, counts, length: words.length };
    });
    const total = this.#tools.reduce((sum, { length }) => sum + length, 0);
    this.#meanLength = Math.max(1, total / Math.max(1, tools.length));
  }

  /** The best first; nothing for a query without words that occur. @param limit how many at most */
  find(query: string, limit: number): readonly T[] {
    const words = [...new Set(wordsOf(query))].filter((word) => this.#documents.has(word));
    return this.#tools
      .map((indexed) => ({ tool: indexed.tool, score: this.#score(indexed, words) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, limit)
      .map(({ tool }) => tool);
  }

  #score({ counts, length }: Indexed<T>, words: readonly string[]): number {
    let score = 0;
    for (const word of words) {
      const count = counts.get(word);
      if (count === undefined) continue;
      const documents = this.#documents.get(word) ?? 0;
      const rarity = Math.log(1 + (this.#tools.length - documents + 0.5) / (documents + 0.5));
      score += (rarity * count * (K1 + 1)) / (count + K1 * (1 - B + (B * length) / this.#meanLength));
    }
    return score;
  }
}

/** `sendMail` and `send_mail` are found whole and in parts. */
function wordsOf(text: string): readonly string[] {
  const whole = text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  return whole.flatMap((word) => {
    const parts = word
      .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, "$1_$2")
      .split("_")
      .filter((part) => part !== "");
    const all = parts.length > 1 ? [word, ...parts] : parts;
    return all.map((each) => each.toLowerCase());
  });
}
