/**
 * Numbers, dates and words of TOML, from the text of one value.
 *
 * TOML 1.1 with the limits of the parser in Codex 0.169 (measured): integers have 64 bits, a float may not overflow,
 * a day must exist in its month, a second may be 60.
 */
import type { Place, TomlNode } from "./node.ts";

const INTEGER = /^[+-]?(?:0|[1-9](?:_?[0-9])*)$/;
const RADIX = /^0(?:x[0-9A-Fa-f](?:_?[0-9A-Fa-f])*|o[0-7](?:_?[0-7])*|b[01](?:_?[01])*)$/;
const FLOAT = /^[+-]?(?:0|[1-9](?:_?[0-9])*)(?:\.[0-9](?:_?[0-9])*)?(?:[eE][+-]?[0-9](?:_?[0-9])*)?$/;
const SPECIAL = /^[+-]?(?:inf|nan)$/;
const DATETIME =
  /^(?:(\d{4})-(\d{2})-(\d{2})(?:[Tt ](?=\d))?)?(?:(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?([Zz]|[+-]\d{2}:\d{2})?)?$/;
const INTEGER_MAX = 2n ** 63n - 1n;

/** @throws {Error} saying what is wrong with it */
export function parseScalar(text: string, place: Place): TomlNode {
  if (text === "true" || text === "false") return { kind: "boolean", value: text === "true", place };
  if (INTEGER.test(text)) return { kind: "integer", value: integer(text.replaceAll("_", "")), place };
  if (RADIX.test(text)) return { kind: "integer", value: integer(text.replaceAll("_", "")), place };
  if (FLOAT.test(text)) {
    const value = Number(text.replaceAll("_", ""));
    if (!Number.isFinite(value)) throw new Error("floating-point number overflowed");
    return { kind: "float", value, place };
  }
  if (SPECIAL.test(text)) {
    const value = text.endsWith("nan") ? Number.NaN : text.startsWith("-") ? -Infinity : Infinity;
    return { kind: "float", value, place };
  }
  const date = text === "" ? null : DATETIME.exec(text);
  if (date !== null) return { kind: "datetime", value: datetime(date), place };
  throw new Error(whatIsWrong(text));
}

function integer(text: string): bigint {
  const negative = text.startsWith("-");
  const value = BigInt(text.replace(/^[+-]/, ""));
  if (value > INTEGER_MAX + (negative ? 1n : 0n)) throw new Error("u64 value was too large");
  return negative ? -value : value;
}

/** Spelled as Codex prints it: capital T and Z, nine digits of a second at most, seconds always there. */
function datetime(match: RegExpExecArray): string {
  const [text, year, month, day, hour, minute, second = "00", fraction, offset] = match;
  let printed = "";
  if (year !== undefined && month !== undefined && day !== undefined) {
    within("date", "month", month, 1, 12);
    const days = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate();
    within("date", "day", day, 1, days);
    printed = `${year}-${month}-${day}`;
  } else if (offset !== undefined) throw new Error("invalid time, expected no offset without a date");
  if (hour === undefined || minute === undefined) {
    if (/[Tt ]$/.test(text)) throw new Error("invalid time, expected hour");
    return printed;
  }
  within("time", "hour", hour, 0, 23);
  within("time", "minute", minute, 0, 59);
  within("time", "second", second, 0, 60);
  printed += `${printed === "" ? "" : "T"}${hour}:${minute}:${second}`;
  const kept = fraction?.slice(0, 9).replace(/0+$/, "");
  if (kept !== undefined && kept !== "") printed += `.${kept}`;
  if (offset === undefined) return printed;
  if (/z/i.test(offset)) return `${printed}Z`;
  within("offset", "hours", offset.slice(1, 3), 0, 23);
  within("offset", "minutes", offset.slice(4), 0, 59);
  return `${printed}${offset === "-00:00" ? "+00:00" : offset}`;
}

function within(what: string, part: string, digits: string, low: number, high: number): void {
  const value = Number(digits);
  if (value >= low && value <= high) return;
  const pad = (bound: number): string => String(bound).padStart(2, "0");
  throw new Error(`invalid ${what}, expected ${part} between ${pad(low)} and ${pad(high)}`);
}

function whatIsWrong(text: string): string {
  if (text === "") return "string values must be quoted, expected literal string";
  if (/^[+-]?0[xob]/.test(text)) {
    if (/^[+-]/.test(text)) return "integers with a radix cannot be signed, expected nothing";
    const what = { x: "hexadecimal", o: "octal", b: "binary" }[text[1] as "x" | "o" | "b"];
    return /_/.test(text) ? "`_` may only go between digits, expected nothing" : `invalid ${what} number`;
  }
  if (/^[+-]?[\d_.]/.test(text)) {
    if (/^\d+-/.test(text))
      return "invalid date-time, expected YYYY-MM-DD, HH:MM:SS or both with `T` between";
    if (/^\d+:/.test(text)) return "invalid time, expected HH:MM:SS";
    if (/__|_$|^[+-]?_|_[.eE]|[.eE][+-]?_/.test(text))
      return "`_` may only go between digits, expected nothing";
    if (/^[+-]?0\d/.test(text)) return "unexpected leading zero, expected nothing";
    if (/^[+-]?\./.test(text)) return "invalid mantissa, expected digits";
    if (/\.(?:$|[^\d])/.test(text)) return "invalid fraction, expected digits";
    if (/[eE][+-]?$/.test(text)) return "invalid exponent, expected digits";
    if (/^[+-]?[\d_.eE+-]+$/.test(text)) return "invalid float, expected nothing";
  }
  if (/^[+-]{2}/.test(text)) return "redundant numeric sign, expected nothing";
  if (/^[tT]/.test(text) && "true".startsWith(text.toLowerCase())) return "invalid boolean, expected `true`";
  if (/^[fF]/.test(text) && "false".startsWith(text.toLowerCase()))
    return "invalid boolean, expected `false`";
  return "string values must be quoted, expected literal string";
}
