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
   * Registers a secret, as it is and as it stands in JSON (a key of several lines has `\n` there). Values shorter
   * than 6 characters are ignored: replacing them would shred ordinary text without protecting anything.
   *
   * @returns a function that takes it back; the value stays hidden while any owner is left
   */
  add(secret: string): () => void {
    if (secret.length < 6) return () => {};
    const forms = new Set([secret, JSON.stringify(secret).slice(1, -1)]);
    for (const form of forms) this.#secrets.set(form, (this.#secrets.get(form) ?? 0) + 1);
    let removed = false;
    return () => {
      if (removed) return;
      removed = true;
      for (const form of forms) {
        const owners = (this.#secrets.get(form) ?? 1) - 1;
        if (owners === 0) this.#secrets.delete(form);
        else this.#secrets.set(form, owners);
      }
    };
  }

  /** Replaces every registered secret in `text` by `***`; secrets that overlap, by one. */
  redact(text: string): string {
    const hits: { readonly start: number; end: number }[] = [];
    for (const secret of this.#secrets.keys()) {
      let last: { readonly start: number; end: number } | undefined;
      // From the next character on: a secret may overlap with itself.
      for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + 1)) {
        if (last !== undefined && at < last.end) last.end = at + secret.length;
        else hits.push((last = { start: at, end: at + secret.length }));
      }
    }
    // All are found before one is replaced: what is left of two that overlap would match neither.
    let out = "";
    let done = 0;
    for (const { start, end } of hits.sort((a, b) => a.start - b.start)) {
      if (start >= done) out += `${text.slice(done, start)}***`;
      done = Math.max(done, end);
    }
    return out + text.slice(done);
  }
}
