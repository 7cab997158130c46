/** Words as a POSIX shell takes them, for commands that are suggested. */

const PLAIN = /^[\w@%+=:,./-]+$/;
/** Folders that need no quotes stay out of them: their beginning may be shortened to `~`, which quotes would undo. */
const FOLDERS = /^(?:[\w@%+=:,.-]*\/)+/;

export function shellWord(word: string): string {
  if (PLAIN.test(word)) return word;
  const folders = FOLDERS.exec(word)?.[0] ?? "";
  const rest = word.slice(folders.length);
  // Only `$'…'` keeps what has line breaks in one line.
  const quoted = /\p{Control}/u.test(rest)
    ? `$'${rest.replace(/[\\']/g, "\\$&").replace(/\p{Control}/gu, escapeControl)}'`
    : `'${rest.replaceAll("'", "'\\''")}'`;
  return folders + quoted;
}

function escapeControl(character: string): string {
  if (character === "\n") return "\\n";
  const code = character.charCodeAt(0);
  return code < 0x80
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}
