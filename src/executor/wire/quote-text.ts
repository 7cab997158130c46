/** Text as Rust's `{:?}` shows it, which is what serde quotes in an error. */

/** More of a text is not shown: an error should not be as large as what it is about. */
const SHOWN_CHARS_MAX = 1_000;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\0": "\\0",
};

/** What cannot be seen by itself: controls, spaces but the common one, marks that attach to what is before them. */
const HIDDEN = /\p{C}|(?! )\p{Z}|\p{Grapheme_Extend}/u;

/** @returns the text in quotes, with everything escaped that could not be seen in it */
export function quoteText(text: string): string {
  let quoted = "";
  for (const char of text.slice(0, SHOWN_CHARS_MAX)) {
    const escape = ESCAPES[char];
    if (escape !== undefined) quoted += escape;
    else if (HIDDEN.test(char)) quoted += `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
    else quoted += char;
  }
  return `"${quoted}"${text.length > SHOWN_CHARS_MAX ? "…" : ""}`;
}
