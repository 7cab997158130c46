/**
 * A content block as Codex's MCP client (rmcp) reads it and writes it again: known keys in its own order, others dropped.
 *
 * Measured on Codex 0.171: one block that is not valid here fails the whole call with `Unexpected response type`.
 */
import { isObject } from "../../base/json.ts";

export type CodexBlock =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "image";
      readonly data: string;
      readonly mimeType: string;
      /** `_meta["codex/imageDetail"]`, whatever it is. */
      readonly detail: unknown;
    }
  | { readonly kind: "audio" }
  /** A resource or a link to one, which the model is given as JSON. */
  | { readonly kind: "json"; readonly json: string };

type Fields = Readonly<Record<string, unknown>>;

/** @returns undefined for a block that Codex cannot read */
export function readCodexBlock(block: unknown): CodexBlock | undefined {
  if (!isObject(block) || !isOptional(block["_meta"], isObject)) return undefined;
  if (!isOptional(block["annotations"], isAnnotations)) return undefined;
  switch (block["type"]) {
    case "text":
      return typeof block["text"] === "string" ? { kind: "text", text: block["text"] } : undefined;
    case "image":
    case "audio": {
      const { data, mimeType, _meta: meta } = block;
      if (typeof data !== "string" || typeof mimeType !== "string") return undefined;
      if (block["type"] === "audio") return { kind: "audio" };
      return {
        kind: "image",
        data,
        mimeType,
        detail: isObject(meta) ? meta["codex/imageDetail"] : undefined,
      };
    }
    case "resource_link":
      return isLink(block) ? { kind: "json", json: linkJson(block) } : undefined;
    case "resource": {
      const { resource } = block;
      return isObject(resource) && isResource(resource)
        ? { kind: "json", json: resourceJson(block, resource) }
        : undefined;
    }
    default:
      return undefined;
  }
}

function isOptional(value: unknown, is: (value: unknown) => boolean): boolean {
  return value === undefined || value === null || is(value);
}

const isString = (value: unknown): boolean => typeof value === "string";

function isAnnotations(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { audience, priority, lastModified } = value;
  const isAudience = (list: unknown): boolean =>
    Array.isArray(list) && list.every((who) => who === "user" || who === "assistant");
  const isNumber = (number: unknown): boolean => typeof number === "number";
  return (
    isOptional(audience, isAudience) && isOptional(priority, isNumber) && isOptional(lastModified, isString)
  );
}

function isLink({ uri, name, title, description, mimeType, size, icons }: Fields): boolean {
  return (
    isString(uri) &&
    isString(name) &&
    [title, description, mimeType].every((text) => isOptional(text, isString)) &&
    isOptional(size, (bytes) => Number.isInteger(bytes) && Number(bytes) >= 0) &&
    isOptional(
      icons,
      (list) => Array.isArray(list) && list.every((icon) => isObject(icon) && isString(icon["src"])),
    )
  );
}

function isResource({ uri, mimeType, text, blob, _meta: meta }: Fields): boolean {
  return (
    isString(uri) &&
    isOptional(mimeType, isString) &&
    isOptional(meta, isObject) &&
    (isString(text) || isString(blob))
  );
}

function linkJson(block: Fields): string {
  const { icons } = block;
  return objectJson([
    ...fields(block, "type", "uri", "name", "title", "description", "mimeType", "size"),
    ["icons", Array.isArray(icons) ? `[${icons.map(iconJson).join(",")}]` : undefined],
    ...fields(block, "_meta"),
    ["annotations", annotationsJson(block["annotations"])],
  ]);
}

function iconJson(icon: Fields): string {
  return objectJson(fields(icon, "src", "mimeType", "sizes", "theme"));
}

function resourceJson(block: Fields, resource: Fields): string {
  const content = isString(resource["text"]) ? "text" : "blob";
  return objectJson([
    ...fields(block, "type"),
    ["resource", objectJson(fields(resource, "uri", "mimeType", content, "_meta"))],
    ...fields(block, "_meta"),
    ["annotations", annotationsJson(block["annotations"])],
  ]);
}

function annotationsJson(annotations: unknown): string | undefined {
  if (!isObject(annotations)) return undefined;
  const { priority } = annotations;
  return objectJson([
    ...fields(annotations, "audience"),
    ["priority", typeof priority === "number" ? floatText(priority) : undefined],
    ...fields(annotations, "lastModified"),
  ]);
}

type Field = readonly [key: string, json: string | undefined];

function fields(from: Fields, ...keys: readonly string[]): Field[] {
  return keys.map((key) => {
    const value = from[key];
    return [key, value === undefined || value === null ? undefined : JSON.stringify(value)];
  });
}

function objectJson(entries: readonly Field[]): string {
  const present = entries.filter(([, json]) => json !== undefined);
  return `{${present.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(",")}}`;
}

/** As Rust writes an `f32`: the fewest digits that mean the same one, with a decimal point. */
function floatText(value: number): string {
  const float = Math.fround(value);
  let text = String(float);
  for (let digits = 1; digits <= 9; digits++) {
    const shorter = Number(float.toPrecision(digits));
    if (Math.fround(shorter) !== float) continue;
    text = String(shorter);
    break;
  }
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
