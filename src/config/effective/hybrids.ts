/**
 * Two layers that mean different servers by one name. Codex merges them key by key and reports a key; here the two
 * files are named.
 */
import { SERVER } from "../schema/server-keys.ts";
import type { ConfigLayer } from "../layers/layers.ts";
import { originsOf, formatOrigin } from "../layers/origins.ts";
import type { ConfigProblem } from "../problem.ts";
import { nodeAt, type TomlNode } from "../../toml/node.ts";

/** What only one transport has; the key that chooses it comes first, because it tells the reader most. */
const [STDIO_KEYS, HTTP_KEYS] = [keysOf("stdio", "command"), keysOf("streamable_http", "url")];

function keysOf(transport: "stdio" | "streamable_http", choosing: string): readonly string[] {
  const keys = SERVER.fields.filter((field) => field.transport === transport).map(({ name }) => name);
  return [choosing, ...keys.filter((key) => key !== choosing)];
}

/** @param server merged from the layers */
export function checkHybrid(
  name: string,
  server: TomlNode,
  layers: readonly ConfigLayer[],
): ConfigProblem | undefined {
  if (server.kind !== "table") return undefined;
  const path = ["mcp_servers", name];
  const writerOf = (key: string): ConfigLayer | undefined =>
    layers.findLast(({ root }) => nodeAt(root, [...path, key]) !== undefined);
  const said = (key: string): string => {
    const [origin] = originsOf([...path, key], layers).values();
    return `\`${key}\` (${origin && formatOrigin(origin)})`;
  };
  for (const stdio of STDIO_KEYS.filter((key) => server.entries.has(key))) {
    const http = HTTP_KEYS.find((key) => server.entries.has(key) && writerOf(key) !== writerOf(stdio));
    if (http === undefined) continue;
    const both = `${said(stdio)} and ${said(http)}`;
    return {
      message: `MCP server \`${name}\` is half stdio, half streamable HTTP: two layers make it from ${both}`,
      path,
      place: server.entries.get(http)?.keyPlace,
      hint: "If they mean different servers, give one of them another name",
    };
  }
  return undefined;
}
