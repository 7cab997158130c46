/**
 * Takes secrets out of text that leaves the process: logs, events, errors.
 *
 * It knows a secret by its value, so it works wherever the value turns up. What it never sees as a value
 * (a secret somebody typed into a prompt, say) it cannot take out.
 */
export class Redactor {
  /** Value to the number of owners that registered it. */
  readonly #secrets = new Map<string, number>();

  /**
   * Registers a secret. Values shorter than 6 characters are ignored: replacing them would shred
   * ordinary text without protecting anything.
   *
   * @returns a function that takes it back; the value stays hidden while any owner is left
   */
  add(secret: string): () => void {
    if (secret.length < 6) return () => {};
    this.#secrets.set(secret, (this.#secrets.get(secret) ?? 0) + 1);
    let removed = false;
    return () => {
      if (removed) return;
      removed = true;
      const owners = (this.#secrets.get(secret) ?? 1) - 1;
      if (owners === 0) this.#secrets.delete(secret);
      else this.#secrets.set(secret, owners);
    };
  }

  /** Replaces every registered secret in `text` by `***`. */
  redact(text: string): string {
    let out = text;
    // Longest first: a secret that contains another one must not leave its rest behind.
    for (const secret of [...this.#secrets.keys()].sort((a, b) => b.length - a.length)) {
      if (out.includes(secret)) out = out.replaceAll(secret, "***");
    }
    return out;
  }
}
