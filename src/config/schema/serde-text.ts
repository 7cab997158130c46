/**
 * Values as Codex's errors show them: the wording of Rust's serde, measured with Codex 0.169.
 *
 * Codex hands datetimes to serde as strings, so they read as strings here too.
 */
import type { TomlNode } from "../../toml/node.ts";

/** `integer `1``, `string "x"`, `map`. */
export function shown(node: TomlNode): string {
  switch (node.kind) {
    case "string":
    case "datetime":
      return `string ${quoted(node.value)}`;
    case "integer":
      return `integer \`${node.value}\``;
    case "float":
      return `floating point \`${floatText(node.value)}\``;
    case "boolean":
      return `boolean \`${node.value}\``;
    case "array":
      return "sequence";
    case "table":
      return "map";
  }
}

export function invalidType(node: TomlNode, expected: string): string {
  return `invalid type: ${shown(node)}, expected ${expected}`;
}

export function unknownName(what: "variant" | "field", name: string, known: readonly string[]): string {
  const ticked = known.map((each) => `\`${each}\``);
  const expected = ticked.length < 3 ? ticked.join(" or ") : `one of ${ticked.join(", ")}`;
  return `unknown ${what} \`${name}\`, expected ${expected}`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
};
/** What Rust does not print as it is: everything but letters, marks that stand alone, digits, signs and the blank. */
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
