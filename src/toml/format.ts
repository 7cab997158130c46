/** Values as TOML text: one line each, spelled plainly. */
import type { TomlNode, TomlTable } from "./node.ts";

const BARE_KEY = /^[A-Za-z0-9_-]+$/;

export function formatKey(name: string): string {
  return BARE_KEY.test(name) ? name : formatString(name);
}

export function formatKeys(names: readonly string[]): string {
  return names.map(formatKey).join(".");
}

/** A value on one line; a table becomes an inline table. */
export function formatValue(node: TomlNode): string {
  switch (node.kind) {
    case "string":
      return formatString(node.value);
    case "integer":
    case "boolean":
    case "datetime":
      return String(node.value);
    case "float":
      return formatFloat(node.value);
    case "array":
      return `[${node.items.map(formatValue).join(", ")}]`;
    case "table": {
      const pairs = [...node.entries].map(([key, { value }]) => `${formatKey(key)} = ${formatValue(value)}`);
      return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
    }
  }
}

/**
 * `[names]` and what stands in it: plain values first, then a section of its own for every table.
 * Lines end in `newline`; sections are one blank line apart.
 */
export function formatSection(names: readonly string[], table: TomlTable, newline: string): string {
  const entries = [...table.entries];
  const isSection = (value: TomlNode): value is TomlTable => value.kind === "table" && value.entries.size > 0;
  const lines = entries
    .filter(([, { value }]) => !isSection(value))
    .map(([key, { value }]) => `${formatKey(key)} = ${formatValue(value)}${newline}`);
  const sections = entries.flatMap(([key, { value }]) =>
    isSection(value) ? [formatSection([...names, key], value, newline)] : [],
  );
  // A header that holds only other sections is not needed.
  const own =
    lines.length === 0 && sections.length > 0 ? [] : [`[${formatKeys(names)}]${newline}${lines.join("")}`];
  return [...own, ...sections].join(newline);
}

/** `names.key = value`, a line for every value that is not a table. */
export function formatDotted(names: readonly string[], node: TomlNode): string[] {
  if (node.kind !== "table" || node.entries.size === 0)
    return [`${formatKeys(names)} = ${formatValue(node)}`];
  return [...node.entries].flatMap(([key, { value }]) => formatDotted([...names, key], value));
}

/** A literal string where that saves escapes, as Codex writes it. */
function formatString(text: string): string {
  if (/["\\]/.test(text) && /^[\t -&(-~\u0080-\uffff]*$/.test(text)) return `'${text}'`;
  // JSON escapes what TOML wants escaped, except DEL; what it writes for a lone surrogate is not valid TOML, and neither is the text.
  return JSON.stringify(text.toWellFormed()).replaceAll("\u007f", "\\u007f");
}

function formatFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const text = Object.is(value, -0) ? "-0" : String(value).replace("e+", "e");
  return /[.e]/.test(text) ? text : `${text}.0`;
}
