/** What is typed for `set`: a key, and a value of the key's type. */
import { type Field, type FieldValue, MISTAKEN_KEYS, SERVER } from "../../config/schema/server-keys.ts";
import { headerNameProblem, headerValueProblem } from "../../base/http-header.ts";
import { nearest } from "../../base/suggest.ts";
import { maskText } from "../../config/show/mask-text.ts";
import { formatKeys } from "../../toml/format.ts";
import { type TomlEntry, type TomlNode, toPlain } from "../../toml/node.ts";
import { parseToml, parseTomlValue } from "../../toml/parse.ts";
import { UsageError } from "../args/parse.ts";

/** The type of a key, in words. */
export function kindText(value: FieldValue): string {
  switch (value.type) {
    case "string":
      return "text";
    case "strings":
      return "list of text";
    case "string_map":
      return "table of text";
    case "boolean":
      return "true, false";
    case "seconds":
      return "number of seconds";
    case "integer":
      return `whole number, ${value.min}${value.max === undefined ? " or more" : ` to ${value.max}`}`;
    case "enum":
      return value.variants.join(", ");
    case "enums":
      return `list of ${value.variants.join(", ")}`;
    case "env_vars":
      return "list of names or { name, source }";
    case "struct":
      return "table";
    case "structs":
      return "table of tables";
  }
}

/** Why a header cannot be sent, or `undefined`. @param value is not repeated */
export function headerProblem(name: string, value: string): string | undefined {
  const problem = headerNameProblem(name) ?? headerValueProblem(value);
  return problem === undefined ? undefined : `${JSON.stringify(name)} ${problem}`;
}

/** `env.TOKEN`, `tools."a.b".approval_mode`: quoted as in TOML. @throws {UsageError} */
export function keyPath(text: string): readonly string[] {
  const parsed = /[\r\n]/.test(text) ? undefined : parseToml({ name: "KEY", text: `${text} = 0` });
  if (parsed?.ok !== true || parsed.document.root.entries.size !== 1) throw noKey(text);
  const path: string[] = [];
  let node: TomlNode = parsed.document.root;
  while (node.kind === "table") {
    const [first]: readonly (readonly [string, TomlEntry])[] = [...node.entries];
    if (first === undefined) break;
    path.push(first[0]);
    node = first[1].value;
  }
  // KEY must not bring a value of its own.
  if (node.place?.start !== text.length + 3) throw noKey(text);
  return path;
}

function noKey(text: string): UsageError {
  const examples = 'cwd, env.NAME, tools."a.b".approval_mode';
  // Perhaps `KEY=VALUE`, with a secret in it.
  const shown = JSON.stringify(maskText(text));
  return new UsageError(`${shown} is not a valid key; write it as in TOML: ${examples}`);
}

/**
 * The value as the key wants it. Text needs no quotes where the key takes text.
 *
 * @throws {UsageError} for an unknown key, and for a value of the wrong type, with how to write one
 */
export function valueOfKey(
  path: readonly string[],
  text: string,
  options: { readonly own: boolean; readonly string: boolean },
): unknown {
  const wanted = typeOf(path, options.own);
  const [first = "", header] = path;
  if (header !== undefined && /^(?:env_)?http_headers$/.test(first)) {
    const wrong = headerProblem(header, first === "http_headers" ? text : "");
    if (wrong !== undefined) throw new UsageError(wrong);
  }
  if (options.string) return text;
  const node = parseTomlValue({ name: "VALUE", text });
  const key = formatKeys(path);
  const takes = (what: string): UsageError => new UsageError(`${key} takes ${what}`);
  switch (wanted.type) {
    case "string":
      return node?.kind === "string" ? node.value : text;
    case "boolean":
      if (node?.kind === "boolean") return node.value;
      throw takes("true or false");
    case "integer":
      if (node?.kind === "integer" && node.value >= wanted.min && node.value <= (wanted.max ?? node.value)) {
        return node.value;
      }
      throw takes(`a ${kindText(wanted)}`);
    case "seconds":
      if ((node?.kind === "integer" || node?.kind === "float") && node.value >= 0) return node.value;
      throw takes("a number of seconds, 0 or more");
    case "enum": {
      const word = node?.kind === "string" ? node.value : text;
      if (wanted.variants.includes(word)) return word;
      throw takes(`one of ${wanted.variants.join(", ")}`);
    }
    case "strings":
    case "enums":
    case "env_vars":
      if (node?.kind === "array") return toPlain(node);
      throw takes(`a list, written as '["a", "b"]'`);
    case "string_map":
    case "struct":
    case "structs":
      if (node?.kind === "table") return toPlain(node);
      throw takes(`a table, such as '{ KEY = "value" }'; one entry of it is ${key}.KEY`);
  }
}

/** @throws {UsageError} */
export function typeOf(path: readonly string[], own: boolean): FieldValue {
  const [key = "", ...rest] = path;
  return inside(find(SERVER.fields, key, own, []).value, rest, [key]);
}

function inside(value: FieldValue, [key, ...rest]: readonly string[], path: readonly string[]): FieldValue {
  if (key === undefined) return value;
  const deeper = [...path, key];
  switch (value.type) {
    case "string_map":
      return inside({ type: "string" }, rest, deeper);
    case "struct":
      return inside(find(value.struct.fields, key, false, path).value, rest, deeper);
    case "structs":
      return inside({ type: "struct", struct: value.struct }, rest, deeper);
    default:
      throw new UsageError(`There is no key ${formatKeys(deeper)}: ${formatKeys(path)} has no keys`);
  }
}

function find(fields: readonly Field[], key: string, own: boolean, path: readonly string[]): Field {
  const field = fields.find(({ name }) => name === key);
  const shown = formatKeys([...path, key]);
  if (field?.own === true && !own) {
    throw new UsageError(`${shown} is a key of Switchyard's own, for switchyard.toml only`);
  }
  if (field !== undefined) return field;
  const meant = nearest(
    key,
    fields.map(({ name }) => name),
  );
  const hint = path.length === 0 ? MISTAKEN_KEYS.get(key) : undefined;
  const advice = hint ?? (meant === undefined ? undefined : `did you mean ${formatKeys([...path, meant])}?`);
  throw new UsageError(`There is no key ${shown}${advice === undefined ? "" : ` (${advice})`}`);
}
