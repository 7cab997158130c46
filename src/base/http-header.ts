/**
 * What an HTTP header may be called and may hold: one rule for all code that writes, checks or sends one.
 *
 * It is what Codex 0.169 sends (measured): a name is a token of RFC 9110; a value holds no control character but the
 * tab, and what is not ASCII goes out as UTF-8. Codex silently leaves out any other header of its configuration, so
 * we reject it where it is written.
 *
 * Both functions return a predicate of a sentence whose subject is the header, without its value.
 */

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\P{Cc}\u0080-\u009f]*$/u;

export function headerNameProblem(name: string): string | undefined {
  return TOKEN.test(name) ? undefined : "is not a valid header name";
}

export function headerValueProblem(value: string): string | undefined {
  return VALUE.test(value)
    ? undefined
    : "has a line break or another control character, which a header cannot hold";
}
