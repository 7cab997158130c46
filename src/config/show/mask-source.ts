/**
 * The text of a configuration with every secret masked: the values of some keys (`env`, `http_headers`, …), and elsewhere
 * what looks like a secret.
 *
 * Invariants
 *   M1. A masked source has the length and the lines of the real one, so that places in it stay true.
 *   M2. In a text that is not valid TOML no quote can be trusted, and anything may be a secret: of a line, only a
 *       header and a key that is known are shown.
 */
import {
  isSecretName,
  maskArgs,
  MASK,
  maskText,
  maskUrl,
  maskVariable,
  mayNameSecret,
  SECRET_VALUES,
} from "./mask-text.ts";
import { CODEX_ENVIRONMENT, ENVIRONMENT } from "../schema/environment-keys.ts";
import { CODEX_ROOT_NAMES, MISTAKEN_ROOT_KEYS, OWN_ROOT_KEYS } from "../schema/root-keys.ts";
import { type Field, fieldNamed, OAUTH, SERVER, type Struct, TOOL } from "../schema/server-keys.ts";
import { nearest, slips } from "../../base/suggest.ts";
import type { Source, TomlNode } from "../../toml/node.ts";
import { parseToml, parseTomlValue } from "../../toml/parse.ts";

/** Every value below these keys is a secret, in a server and in other tables of Codex's. */
const SECRET_KEYS = ["env", "http_headers", "http_headers_helper", "headers", "bearer_token", "query_params"];

const MASKED = new WeakMap<Source, Source>();

/** M1. */
export function maskedSource(source: Source): Source {
  const known = MASKED.get(source);
  if (known !== undefined) return known;
  const masked = { name: source.name, text: maskToml(source, toAsterisks) };
  MASKED.set(source, masked);
  return masked;
}

/** As long as the text, and with its line breaks. */
export function toAsterisks(text: string): string {
  return text.replace(/[^\r\n]/g, "*");
}

/** The text with every secret masked, line for line. */
export function maskLines(source: Source): string {
  return maskToml(source, (text) => text.replace(/[^\r\n]+/g, MASK));
}

interface Range {
  readonly start: number;
  readonly end: number;
}

function maskToml(source: Source, mask: (text: string) => string): string {
  const { text, kind } = source;
  if (kind === "masked") return text;
  if (kind === "text") return maskText(text, mask);
  return replaceRanges(text, rangesOf(source), mask, (between) => maskTokens(between, mask));
}

function replaceRanges(
  text: string,
  ranges: readonly Range[],
  mask: (text: string) => string,
  showBetween: (text: string) => string,
): string {
  let out = "";
  let at = 0;
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    if (start < at) continue;
    out += showBetween(text.slice(at, start)) + mask(text.slice(start, end));
    at = end;
  }
  return out + showBetween(text.slice(at));
}

function rangesOf(source: Source): Range[] {
  const { text, name, kind } = source;
  if (kind !== "override") {
    const parsed = parseToml(source);
    return parsed.ok ? secretRanges(parsed.document.root, [], text) : brokenRanges(text);
  }
  const path = name.slice(3).split(".");
  const value = parseTomlValue(source);
  if (value !== undefined) return secretRanges(value, path, text);
  // A bare word is a string to Codex. A table or a string that is broken is one, too, with all that is in it.
  const whole: Range = { start: 0, end: text.length };
  if (isSecret({ kind: "string", value: text, place: { source, ...whole } }, path)) return [whole];
  return /["'{}[\]=]/.test(text) ? [whole] : [];
}

/** Text between values: masks what looks like a secret, and values in comments, which may have counted. */
function maskTokens(text: string, mask: (text: string) => string): string {
  const masked = SECRET_VALUES.reduce((left, pattern) => left.replace(pattern, mask), text);
  return masked.replace(
    /(#+[ \t]*)([^\r\n]*)/g,
    (_all, head: string, rest: string) => head + maskComment(rest, mask),
  );
}

/** Only a comment that reads as a line of a file is masked as one; a sentence stays. */
function maskComment(text: string, mask: (text: string) => string): string {
  const [, key = "", rest = ""] = /^((?:[\w.-]+|"[^"]*"|'[^']*')[ \t]*=[ \t]*)(.*)$/.exec(text) ?? [];
  if (key === "") {
    // A piece of a list or a table of several lines, or a key that is misspelt.
    const namesSecret = text.split(/[^\w-]+/).some(isSecretName);
    const shown = namesSecret
      ? text
          .replace(
            /(["'])([^\s"']+)\1/g,
            (_all, quote: string, inside: string) => quote + mask(inside) + quote,
          )
          .replace(/(?<![^\s"'*])[^\s"'*]{8,}(?=["'])/g, mask)
      : text;
    return maskText(shown, mask).replace(
      /((?:^|[=:[{(,]) *|(?=["'][^\s"']{8,}["'])(?=["'][^"']*\d))(["'])([^"']+)\2/g,
      (_all, before: string, quote: string, inside: string) => before + quote + mask(inside) + quote,
    );
  }
  const source: Source = { name: "", text: `${key}${rest}` };
  const parsed = parseToml(source);
  if (!parsed.ok) return key + mask(rest);
  const [first = ""] = parsed.document.root.entries.keys();
  const path = first === "mcp_servers" || CODEX_ROOT_NAMES.has(first) ? [] : ["mcp_servers", ""];
  return replaceRanges(
    source.text,
    secretRanges(parsed.document.root, path, source.text),
    mask,
    (piece) => piece,
  );
}

function secretRanges(root: TomlNode, rootPath: readonly string[], text: string): Range[] {
  const ranges: Range[] = [];
  /** @param asWord whether it is one of a list of words that is a secret by the word before it */
  const visit = (node: TomlNode, path: readonly string[], asWord?: boolean): void => {
    if (node.kind === "table") {
      for (const [key, { value }] of node.entries) visit(value, [...path, key]);
    } else if (node.kind === "array") {
      const words = node.items.map((item) => ("value" in item ? String(item.value) : ""));
      const masked = maskArgs(words);
      for (const [index, item] of node.items.entries()) visit(item, path, masked[index] !== words[index]);
    } else if (node.place !== undefined && isSecret(node, path, asWord)) {
      ranges.push(contents(text, node.place.start, node.place.end));
    }
  };
  visit(root, rootPath);
  return ranges;
}

type Scalar = Exclude<TomlNode, { readonly kind: "array" | "table" }>;

function isSecret({ kind, value }: Scalar, written: readonly string[], asWord = false): boolean {
  const path = asMeant(written);
  // An unknown key may hold anything but these; that of an environment anything.
  if (path === undefined) return !(kind === "boolean" || /^-?[\d.]{1,4}$/.test(String(value)));
  if (path[0] === "environments" && path.length > 1 && !path.slice(1, 3).some(isEnvironmentKey)) return true;
  if (isSecretPath(path)) return !(path.at(-1) === "source" && (value === "local" || value === "remote"));
  if (asWord) return true;
  // The name of a variable, where a value of any kind was pasted.
  if (path[0] === "environments" && path.includes("auth_bearer_token_env_var"))
    return path.at(-1) !== "auth_bearer_token_env_var" || maskVariable(String(value)) !== value;
  if (kind !== "string") return false;
  // Names of variables, where a value was pasted.
  const isName =
    path.includes("env_http_headers") || path.includes("env_vars") || path.at(-1) === "bearer_token_env_var";
  if (isName && path[0] === "mcp_servers") return maskVariable(value) !== value;
  return (/url$/i.test(path.at(-1) ?? "") ? maskUrl(value) : maskText(value)) !== value;
}

/** Below `[mcp_servers.NAME]` and elsewhere alike: other tables of Codex hold headers and variables too. */
export function isSecretPath(written: readonly string[]): boolean {
  const path = asMeant(written);
  if (path === undefined) return true;
  const inner = path[0] === "mcp_servers" ? path.slice(2) : path;
  if (inner.includes("env_http_headers")) return false;
  // `env_vars` holds names. Anything else in it was meant for `env`.
  if (inner.at(-2) === "env_vars" && inner.at(-1) !== "name") return true;
  if (inner[0] === "shell_environment_policy" && inner[1] === "set") return true;
  return inner.some((step) => SECRET_KEYS.includes(step)) || isSecretName(inner.at(-1) ?? "");
}

/** The path with its slips mended, or `undefined` where a key of it is unknown. */
function asMeant(path: readonly string[]): readonly string[] | undefined {
  const [written, name, key, ...rest] = path;
  if (written === undefined) return path;
  const root = MISTAKEN_ROOT_KEYS.includes(written) ? "mcp_servers" : written;
  if (root === "environments") return path;
  if (root !== "mcp_servers") return isKnownRoot(root) ? path : undefined;
  if (name === undefined || key === undefined) return path;
  const field = fieldMeant(SERVER, key);
  const below = field === undefined ? undefined : keysMeant(field, rest);
  return field === undefined || below === undefined ? undefined : [root, name, field.name, ...below];
}

/** Only what is a struct has known keys: `oauth`, and the tables below `tools`. */
function keysMeant({ value }: Field, keys: readonly string[]): readonly string[] | undefined {
  const names = value.type === "structs" ? 1 : 0;
  const key = keys[names];
  if (key === undefined) return keys;
  if (value.type === "string_map" || value.type === "env_vars") return keys;
  if (value.type !== "struct" && value.type !== "structs") return undefined;
  const field = fieldMeant(value.struct, key);
  return field === undefined ? undefined : [...keys.slice(0, names), field.name, ...keys.slice(names + 1)];
}

/** A long name that another is near to is meant by it, unless it may be a secret. */
function fieldMeant(struct: Struct, key: string): Field | undefined {
  const known = fieldNamed(struct, key);
  if (known !== undefined || mayNameSecret(key)) return known;
  const names = struct.fields.map(({ name }) => name);
  if (names.some((name) => isSecretName(name) && slips(key, name, 6) < 6)) return undefined;
  const near = nearest(key, names);
  return near === undefined || near.length < 6 ? undefined : fieldNamed(struct, near);
}

function isKnownRoot(key: string): boolean {
  return CODEX_ROOT_NAMES.has(key) || OWN_ROOT_KEYS.has(key) || ["default", "include_local"].includes(key);
}

/** A key of an environment, in Codex's file or in ours. */
function isEnvironmentKey(name: string): boolean {
  return [ENVIRONMENT, CODEX_ENVIRONMENT].some((struct) => fieldNamed(struct, name) !== undefined);
}

/** The range between the quotes. */
function contents(text: string, start: number, end: number): Range {
  const quote = /^(?:"""|'''|"|')/.exec(text.slice(start, start + 3))?.[0] ?? "";
  const isClosed = end - start >= 2 * quote.length && text.slice(start, end).endsWith(quote);
  return { start: start + quote.length, end: isClosed ? end - quote.length : end };
}

/** What such a line may begin with (M2): a header, or a key of words that are known or name a secret. */
const LINE_START =
  /^[ \t]*(?:\[{1,2}(?:mcp_servers|environments)(?:\.[\w-]{1,60})*\]{0,2}[ \t]*(?=[\r\n]|$)|[\w.-]{1,80}[ \t]*[=:][ \t]*)?/;
const KNOWN_WORDS: ReadonlySet<string> = new Set([
  ...CODEX_ROOT_NAMES,
  ...OWN_ROOT_KEYS.keys(),
  "mcp_servers",
  ...[SERVER, OAUTH, TOOL, ENVIRONMENT, CODEX_ENVIRONMENT].flatMap(({ fields }) =>
    fields.map(({ name }) => name),
  ),
]);

/** All but the beginnings of the lines (M2). */
function brokenRanges(text: string): Range[] {
  return [...text.matchAll(/[^\r\n]+/g)].map(({ index, 0: line }) => {
    const start = LINE_START.exec(line.replace(/^\ufeff/, " "))?.[0] ?? "";
    const key = /^[ \t]*([\w.-]+)/.exec(start)?.[1];
    const isShown =
      key === undefined ||
      key
        .split(".")
        .every((word) => KNOWN_WORDS.has(word) || (/^[A-Z][A-Z_]*$/.test(word) && isSecretName(word)));
    return { start: index + (isShown ? start.length : 0), end: index + line.length };
  });
}
