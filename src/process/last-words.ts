/** The line of a failed program's stderr that helps a person most. */

/** What Node prints below an uncaught error without indenting it. */
const NODE_FOOTER = /^(?:Node\.js v\d|Require stack:|- \/)/;
/** What npm writes below what it runs, or why it failed. */
const NPM_FOOTER = /^npm (?:notice|warn\b|error A complete log of this run)/;
const LETTERS = /\p{Letter}/u;

/**
 * The last line that is neither indented, nor a lone bracket, nor what Node and npm print below an error. In a stack trace of Node
 * that is the error itself, in one of Python the last line. Without such a line, the last line of all.
 *
 * @returns `undefined` when there is no text
 */
export function lastWords(stderr: string): string | undefined {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const telling = lines.findLast(
    (line) => !/^\s/.test(line) && LETTERS.test(line) && !NODE_FOOTER.test(line) && !NPM_FOOTER.test(line),
  );
  return (telling ?? lines.at(-1))?.trim();
}
