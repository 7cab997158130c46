/** Text that another program wrote, made fit for one line of a log or an error. */
import { stripVTControlCharacters } from "node:util";
import type { Redactor } from "./redact.ts";

/** A line may be megabytes; only this much of it is searched for secrets, and shown. */
const SCANNED_CHARS_MAX = 64 * 1024;
/** Would move the cursor, or start a new line, where the log is shown. */
const CONTROL = /[\p{Control}\u2028\u2029]/gu;

/** Without control characters and secrets, and no longer than `charsMax`. */
export function toLogLine(text: string, redactor: Redactor | undefined, charsMax: number): string {
  const plain = stripVTControlCharacters(text.slice(0, SCANNED_CHARS_MAX))
    .replaceAll("\t", " ")
    .replace(CONTROL, "");
  const shown = (redactor?.redact(plain) ?? plain).trim();
  return shown.length <= charsMax ? shown : `${shown.slice(0, charsMax)}…`;
}
