/** What is written about servers in all layers together, with Codex's verdict over the whole. */
import { assess, type Assessment } from "./assess.ts";
import { readingOrder } from "./check-root.ts";
import type { ConfigLayers } from "../layers/layers.ts";
import { type Origin, originsOf } from "../layers/origins.ts";
import type { ConfigProblem } from "../problem.ts";
import { provenanceOf } from "./plugin-servers.ts";
import type { ToolPluginProvenance } from "../plugins/types.ts";
import type { ReadOptions } from "../server/read-servers.ts";
import type { McpServerConfig } from "../server/types.ts";
import type { TomlTable } from "../../toml/node.ts";

export type Origins = ReadonlyMap<string, Origin>;

export interface ConfiguredMcpServers {
  readonly ok: boolean;
  /** The valid ones, in the order in which they are first named; those of plugins come last. */
  readonly servers: ReadonlyMap<string, McpServerConfig>;
  /** The first one is Codex's. */
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  /** Which of them come from a plugin. */
  readonly provenance: ToolPluginProvenance;
  /** Of a server, also of an invalid one: by the path of the key inside of it (`env.TOKEN`). */
  readonly originsOf: (name: string) => Origins;
}

/**
 * What is written, merged and validated.
 *
 * Requirements and inactive layers are left out: neither has a say in Codex's verdict. A server may be enabled here and
 * not run: `effectiveMcpServers` knows. What is wrong with a plugin is a warning: Codex goes on without it.
 */
export function configuredMcpServers(
  layers: ConfigLayers,
  options: Pick<ReadOptions, "strict"> = {},
): ConfiguredMcpServers {
  return configuredServers(assess(layers, options));
}

/** The same view of what was assessed before. */
export function configuredServers(assessment: Assessment): ConfiguredMcpServers {
  const { active, merged, strict, read, root, leftovers, hybrids, enterprise, plugins } = assessment;
  // A part of a server is no error, but a key in it may be misspelt: that may be why it is only a part.
  const counts = ({ path = [] }: ConfigProblem): boolean =>
    !leftovers.has(path[1] ?? "") || (strict && path.length > 2);
  const stray = [...assessment.stray.values()].flat();
  const errors = [
    ...inCodexsOrder(merged, [...read.errors.filter(counts), ...root.errors]),
    ...(strict ? stray : []),
    ...enterprise.refused.values(),
    ...enterprise.problems,
  ];
  return {
    ok: errors.length === 0,
    servers: new Map([
      ...read.servers,
      ...[...plugins.winners].flatMap(([name, { config }]) =>
        config === undefined ? [] : [[name, config] as const],
      ),
    ]),
    provenance: provenanceOf(plugins),
    errors,
    warnings: [
      ...read.warnings,
      ...root.warnings,
      ...(strict ? [] : stray),
      ...hybrids.values(),
      ...leftovers.values(),
      ...plugins.problems,
      ...[...plugins.winners.values()].flatMap((each) => [...each.skipped, ...each.warnings]),
      ...[...plugins.beaten.values()].flat(),
    ],
    originsOf: (name) => plugins.winners.get(name)?.origins ?? originsOf(["mcp_servers", name], active),
  };
}

/** Sorted by the root key they are about, in Codex's order; those about the whole come last. */
export function inCodexsOrder({ entries }: TomlTable, problems: readonly ConfigProblem[]): ConfigProblem[] {
  const keys = readingOrder(entries.keys());
  const rank = ({ path: [key = ""] = [] }: ConfigProblem): number => {
    const at = keys.indexOf(key);
    return at === -1 ? keys.length : at;
  };
  return [...problems].sort((a, b) => rank(a) - rank(b));
}
