/**
 * Values as Codex's errors show them: the wording of Rust's serde, measured with Codex 0.169.
 *
 * Codex hands datetimes to serde as strings, so they read as strings here too.
 */
import type { TomlNode } from "../../toml/node.ts";
import type { ProblemText } from "../problem.ts";

/** What serde calls a node, and how it shows its value; of tables and arrays it shows nothing. */
function shownAs(node: TomlNode): { readonly kind: string; readonly value?: string } {
  switch (node.kind) {
    case "string":
    case "datetime":
      return { kind: "string", value: quoted(node.value) };
    case "integer":
      return { kind: "integer", value: `\`${node.value}\`` };
    case "float":
      return { kind: "floating point", value: `\`${floatText(node.value)}\`` };
    case "boolean":
      return { kind: "boolean", value: `\`${node.value}\`` };
    case "array":
      return { kind: "sequence" };
    case "table":
      return { kind: "map" };
  }
}

export function invalidType(node: TomlNode, expected: string): ProblemText {
  const { kind, value } = shownAs(node);
  return withValue(`invalid type: ${kind}`, value, `, expected ${expected}`);
}

export function invalidInteger(value: bigint, expected: string): ProblemText {
  return withValue("invalid value: integer", `\`${value}\``, `, expected ${expected}`);
}

export function unknownVariant(name: string, known: readonly string[]): ProblemText {
  return withValue("unknown variant", `\`${name}\``, `, expected ${oneOf(known)}`);
}

export function unknownField(name: string, known: readonly string[]): ProblemText {
  const what = `unknown field, expected ${oneOf(known)}`;
  return { message: `unknown field \`${name}\`, expected ${oneOf(known)}`, what };
}

/** Codex's words for a key that it does not know, in strict mode. */
export function unknownKey(path: readonly string[]): ProblemText {
  const what = "unknown configuration field";
  return { message: `${what} \`${path.join(".")}\``, what };
}

/** A text that shows a value between two pieces that do not. */
export function withValue(before: string, quoted: string | undefined, after: string): ProblemText {
  if (quoted === undefined) return { message: before + after };
  return { message: `${before} ${quoted}${after}`, what: before + after, quoted };
}

function oneOf(known: readonly string[]): string {
  const ticked = known.map((each) => `\`${each}\``);
  return ticked.length < 3 ? ticked.join(" or ") : `one of ${ticked.join(", ")}`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
};
/** What Rust escapes: everything but letters, marks that stand alone, digits, signs and the blank. */
const ESCAPED = /["\\\p{C}\p{Z}\p{Grapheme_Extend}]/gu;

/** A string as Rust's `{:?}` prints it. */
function quoted(text: string): string {
  const escape = (char: string): string =>
    char === " " ? char : (SHORT_ESCAPES[char] ?? `\\u{${char.codePointAt(0)?.toString(16)}}`);
  return `"${text.replace(ESCAPED, escape)}"`;
}

/** A float as Rust prints it: never with an exponent, and with a fraction. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (!Number.isFinite(value)) return `${sign}inf`;
  const [mantissa = "", exponent = "0"] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const point = 1 + Number(exponent);
  const whole = point <= 0 ? "0" : digits.slice(0, point).padEnd(point, "0");
  const fraction = point <= 0 ? "0".repeat(-point) + digits : digits.slice(point);
  return `${sign}${whole}.${fraction === "" ? "0" : fraction}`;
}
