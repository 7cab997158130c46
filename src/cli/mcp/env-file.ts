/** Files of `KEY=value` lines (`.env`), as dotenv and Node read them. */
import { parseEnv } from "node:util";

/** A line: empty, a comment, or a variable; a quoted value may span lines. */
const LINE =
  /[^\S\n]*(?:(?:export[^\S\n]+)?[\w.-]+[^\S\n]*=[^\S\n]*(?:"[^"]*"|'[^']*'|`[^`]*`|(?!["'`])[^\n]*)[^\S\n]*)?(?:#[^\n]*)?(?:\n|$)/y;

export type EnvFile =
  | { readonly ok: true; readonly variables: Readonly<Record<string, string>> }
  /** The first line that is not valid, from 1. */
  | { readonly ok: false; readonly line: number };

/** Node's own parser skips what it does not understand; we reject it. */
export function parseEnvFile(written: string): EnvFile {
  const text = written.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
  const line = new RegExp(LINE);
  while (line.lastIndex < text.length) {
    const at = line.lastIndex;
    if (!line.test(text)) return { ok: false, line: text.slice(0, at).split("\n").length };
  }
  return { ok: true, variables: parseEnv(text) as Record<string, string> };
}
