/**
 * Parts of servers that only our own files have: a change to a server of another layer that is gone, or does not count
 * here. Such a part is not an error: Codex never reads these files, and a change that is right in one folder must not
 * break another one.
 */
import { shellWord } from "../../base/shell-word.ts";
import { type ConfigLayer, isOwnFile } from "../layers/layers.ts";
import type { ConfigProblem } from "../problem.ts";
import { nodeAt, type TomlTable } from "../../toml/node.ts";

/** By server, what to report of it. @param layers those that count, `merged` being the result of them */
export function findLeftovers(
  merged: TomlTable,
  layers: readonly ConfigLayer[],
): ReadonlyMap<string, ConfigProblem> {
  const leftovers = new Map<string, ConfigProblem>();
  const servers = merged.entries.get("mcp_servers")?.value;
  const others = layers.filter((layer) => !isOwnFile(layer));
  for (const [name, { value, keyPlace }] of servers?.kind === "table" ? servers.entries : []) {
    const isPart = value.kind === "table" && !value.entries.has("command") && !value.entries.has("url");
    if (!isPart || others.some(({ root }) => nodeAt(root, ["mcp_servers", name]) !== undefined)) continue;
    leftovers.set(name, {
      message: `\`${name}\` is only a part of a server: no file that counts here sets its command or url`,
      path: ["mcp_servers", name],
      place: keyPlace,
      hint: `Remove it (switchyard mcp remove ${shellWord(name)}), or set command or url`,
    });
  }
  return leftovers;
}
