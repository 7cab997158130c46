/** The tables of keys in docs/config.md, as the tables of the validator say them. */
import type { FieldValue, Struct } from "../../src/config/fields.ts";
import { formatValue } from "../../src/config/toml/format.ts";
import { fromPlain } from "../../src/config/toml/node.ts";

/** One row for every key. */
export function keyRows({ fields }: Struct): string[] {
  return fields.map(({ name, value, transport, default: usual, about, own }) => {
    const servers = { both: "both", stdio: "stdio", streamable_http: "HTTP", none: "–" }[transport];
    const absent = usual === undefined ? "–" : `\`${formatValue(fromPlain(usual))}\``;
    return `| \`${name}\` | ${typeText(value)} | ${servers} | ${absent} | ${about}${own ? " Only in `switchyard.toml`." : ""} |`;
  });
}

function typeText(value: FieldValue): string {
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
      return "list of names or `{ name, source }`";
    case "struct":
      return "table";
    case "structs":
      return "table of tables";
    case "table":
    case "anything":
      return value.type;
  }
}
