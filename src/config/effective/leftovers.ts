/**
 * Parts of servers that only our own files have: what is left of a change to a server of another layer when that layer
 * is gone, or does not count here. To Codex such a part would be an error. It never reads these files, and a change that
 * was right in one folder must break no other.
 */
import { shellWord } from "../../base/shell-word.ts";
import { type ConfigLayer, isOwnFile } from "../layers/layers.ts";
import type { ConfigProblem } from "../problem.ts";
import { nodeAt, type TomlNode, type TomlTable } from "../../toml/node.ts";

export interface WithoutLeftovers {
  /** `mcp_servers` without them. */
  readonly servers: TomlNode | undefined;
  /** What to tell of each, by name. */
  readonly leftovers: ReadonlyMap<string, ConfigProblem>;
}

/** @param layers those that count, `merged` being the result of them */
export function withoutLeftovers(merged: TomlTable, layers: readonly ConfigLayer[]): WithoutLeftovers {
  const servers = merged.entries.get("mcp_servers")?.value;
  const leftovers = new Map<string, ConfigProblem>();
  if (servers?.kind !== "table") return { servers, leftovers };
  const others = layers.filter((layer) => !isOwnFile(layer));
  const entries = new Map(servers.entries);
  for (const [name, { value, keyPlace }] of servers.entries) {
    const isPart = value.kind === "table" && !value.entries.has("command") && !value.entries.has("url");
    if (!isPart || others.some(({ root }) => nodeAt(root, ["mcp_servers", name]) !== undefined)) continue;
    entries.delete(name);
    leftovers.set(name, {
      message: `\`${name}\` is a part of a server, and no file that counts here says what the server is`,
      path: ["mcp_servers", name],
      place: keyPlace,
      hint: `Take it away (switchyard mcp remove ${shellWord(name)}), or set command or url`,
    });
  }
  return { servers: { kind: "table", entries, place: servers.place }, leftovers };
}
