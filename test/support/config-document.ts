/** The tables of keys in docs/config.md, as the tables of the validator say them. */
import type { Struct } from "../../src/config/schema/server-keys.ts";
import { kindText } from "../../src/cli/mcp/value.ts";
import { formatValue } from "../../src/toml/format.ts";
import { fromPlain } from "../../src/toml/node.ts";

/** One row for every key. */
export function keyRows({ fields }: Struct): string[] {
  return fields.map(({ name, value, transport, default: usual, about, own }) => {
    const servers = { both: "both", stdio: "stdio", streamable_http: "HTTP", none: "–" }[transport];
    const absent = usual === undefined ? "–" : `\`${formatValue(fromPlain(usual))}\``;
    return `| \`${name}\` | ${kindText(value)} | ${servers} | ${absent} | ${about}${own ? " Only in `switchyard.toml`." : ""} |`;
  });
}
