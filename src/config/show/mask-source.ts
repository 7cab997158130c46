/**
 * The text of a configuration with every secret masked: the values of some keys (`env`, `http_headers`, …), and elsewhere
 * what looks like a secret.
 *
 * Invariants
 *   M1. A masked source has the length and the lines of the real one, so that places in it stay true.
 *   M2. In a file that is not valid TOML anything may be a secret, so every string and every bare value is masked.
 */
import { isSecretName, maskArgs, MASK, maskText, maskUrl, maskVariable, SECRET_VALUES } from "./mask-text.ts";
import { CODEX_ENVIRONMENT, ENVIRONMENT } from "../schema/environment-keys.ts";
import { fieldNamed, SERVER } from "../schema/server-keys.ts";
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
  let out = "";
  let at = 0;
  for (const { start, end } of rangesOf(source).toSorted((a, b) => a.start - b.start)) {
    if (start < at) continue;
    out += maskTokens(text.slice(at, start), mask) + mask(text.slice(start, end));
    at = end;
  }
  return out + maskTokens(text.slice(at), mask);
}

function rangesOf(source: Source): Range[] {
  const { text, name, kind } = source;
  if (kind !== "override") {
    const parsed = parseToml(source);
    return parsed.ok ? secretRanges(parsed.document.root, [], text) : everyValue(text);
  }
  const path = name.slice(3).split(".");
  const value = parseTomlValue(source);
  if (value !== undefined) return secretRanges(value, path, text);
  // A bare word is a string to Codex. A table or a string that is broken is one, too, with all that is in it.
  const whole: Range = { start: 0, end: text.length };
  if (isSecret({ kind: "string", value: text, place: { source, ...whole } }, path)) return [whole];
  return everyValue(text);
}

/** Text between values: masks what looks like a secret, and quoted strings in comments, which may have been values. */
function maskTokens(text: string, mask: (text: string) => string): string {
  const masked = SECRET_VALUES.reduce((left, pattern) => left.replace(pattern, mask), text);
  return masked.replace(/#[^\r\n]*/g, (comment) =>
    comment.replace(
      /(["'])([^"']+)\1/g,
      (_all, quote: string, inside: string) => quote + mask(inside) + quote,
    ),
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

function isSecret({ kind, value }: Scalar, path: readonly string[], asWord = false): boolean {
  if (isSecretPath(path)) return !(path.at(-1) === "source" && (value === "local" || value === "remote"));
  if (asWord) return true;
  // An unknown key may hold anything, here too.
  if (path[0] === "environments" && path.length > 1 && !path.slice(1, 3).some(isEnvironmentKey)) return true;
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
export function isSecretPath(path: readonly string[]): boolean {
  const inner = path[0] === "mcp_servers" ? path.slice(2) : path;
  if (inner.includes("env_http_headers")) return false;
  // An unknown key may hold anything.
  if (path[0] === "mcp_servers" && inner[0] !== undefined && fieldNamed(SERVER, inner[0]) === undefined)
    return true;
  // `env_vars` holds names. Anything else in it was meant for `env`.
  if (inner.at(-2) === "env_vars" && inner.at(-1) !== "name") return true;
  if (inner[0] === "shell_environment_policy" && inner[1] === "set") return true;
  return inner.some((step) => SECRET_KEYS.includes(step)) || isSecretName(inner.at(-1) ?? "");
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

/** Everything in quotes or behind an equals sign, line by line (M2). */
function everyValue(text: string): Range[] {
  // Strings of several lines first, also one that is never closed.
  const values =
    /"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:[^"\\\r\n]|\\.)*"?|'[^'\r\n]*'?|(?<==[ \t]{0,16})[^\s"'[\]{},#=][^\r\n,}\]#]*/g;
  return [...text.matchAll(values)].map(({ index, 0: { length } }) => contents(text, index, index + length));
}
