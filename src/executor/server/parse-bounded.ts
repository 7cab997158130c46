/**
 * A text of a client as JSON, unless it would be too costly to make values of it.
 *
 * Reading holds up everybody else, and a value takes many times the memory of its text: eight megabytes of brackets take a
 * second and a gigabyte. What a message needs is a few long strings, or a list of many; both are quick.
 *
 * Invariants
 *   B1. A text with more values, or values deeper in each other, than a message can need is not parsed.
 *   B2. Whatever else is read as `JSON.parse` reads it, with its errors.
 */

/** `codex exec-server` takes as many. */
const DEPTH_MAX = 127;
/** More than the arguments and variables of a process can be (`start-size.ts`). */
const VALUES_MAX: number = 256 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/** @throws {SyntaxError} it is not JSON, or too much of it */
export function parseBounded(text: string): unknown {
  checkCost(text);
  return JSON.parse(text);
}

function checkCost(text: string): void {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at + 1);
        break;
      case 0x5b:
      case 0x7b:
        values++;
        if (++depth > DEPTH_MAX)
          throw new SyntaxError(`values are more than ${DEPTH_MAX} deep in each other`);
        break;
      case 0x5d:
      case 0x7d:
        depth--;
        break;
      case COMMA:
        values++;
    }
    if (values > VALUES_MAX) throw new SyntaxError(`it has more than ${VALUES_MAX} values`);
  }
}

/** Where its closing quote is. Most characters of a large message are in a string without escapes. */
function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start);
  if (at === -1) return text.length;
  if (text.charCodeAt(at - 1) !== BACKSLASH) return at;
  for (at = start; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) return at;
    if (char === BACKSLASH) at++;
  }
  return at;
}
