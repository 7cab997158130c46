/** The arguments of a call as a person may see them: what looks like a secret, and every registered one, is masked. */
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { Redactor } from "../../base/redact.ts";
import { isSecretName, MASK, maskText } from "../../config/show/mask-text.ts";

export function maskArguments(args: JsonObject, redactor: Redactor | undefined): JsonObject {
  const text = (words: string): string => maskText(redactor?.redact(words) ?? words);
  const mask = (value: JsonValue): JsonValue => {
    if (typeof value === "string") return text(value);
    if (Array.isArray(value)) return value.map(mask);
    return typeof value === "object" && value !== null ? object(value) : value;
  };
  const object = (value: JsonObject): JsonObject =>
    Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        redactor?.redact(key) ?? key,
        isSecretName(key) && inner !== null && typeof inner !== "boolean" ? MASK : mask(inner),
      ]),
    );
  return object(args);
}
