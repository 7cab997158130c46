/** Finds the environment that a server names, or says which ones there are. */
import { type ConfigLayers, mergeLayers } from "../layers/layers.ts";
import { type ConfigProblem, problem } from "../problem.ts";
import { nearest } from "../../base/suggest.ts";
import { nodeAt, type TomlNode } from "../../toml/node.ts";
import type { UsableEnvironment } from "./types.ts";
import { LOCAL_ENVIRONMENT_ID } from "../server/types.ts";
import type { LoadedEnvironments } from "./load-environments.ts";

export type FoundEnvironment =
  | { readonly ok: true; readonly environment: UsableEnvironment }
  | { readonly ok: false; readonly message: string; readonly hint: string };

/** @param id of `environment_id` */
export function findEnvironment({ environments }: LoadedEnvironments, id: string): FoundEnvironment {
  const found = environments.get(id);
  if (found?.status === "usable") return { ok: true, environment: found };
  const usable = [...environments.values()]
    .filter(({ status }) => status === "usable")
    .map((each) => each.id);
  const there =
    usable.length === 0
      ? "No environment can be used"
      : `${usable.length === 1 ? "There is" : "There are"} ${list(usable)}`;
  if (found !== undefined) {
    const message = `environment ${JSON.stringify(id)} cannot be used: ${found.reason}`;
    return { ok: false, message, hint: there };
  }
  const meant = nearest(id, usable);
  const hint = meant === undefined ? there : `Did you mean ${JSON.stringify(meant)}? ${there}`;
  return { ok: false, message: `there is no environment ${JSON.stringify(id)}`, hint };
}

const LISTED_MAX = 20;

function list(ids: readonly string[]): string {
  const shown = ids.slice(0, LISTED_MAX).map((id) => JSON.stringify(id));
  return `${shown.join(", ")}${ids.length > LISTED_MAX ? ", …" : ""}`;
}

/**
 * Warnings about enabled servers whose environment cannot be used. Codex silently leaves such a server out.
 */
export function checkServerEnvironments(
  { layers }: ConfigLayers,
  environments: LoadedEnvironments,
): ConfigProblem[] {
  const merged = mergeLayers(layers.filter(({ inactive }) => inactive === undefined));
  const servers = nodeAt(merged, ["mcp_servers"]);
  if (servers?.kind !== "table") return [];
  return [...servers.entries].flatMap(([name, { value, keyPlace }]) => {
    const written = nodeAt(value, ["environment_id"]);
    const id = environmentId(value, written);
    const enabled = nodeAt(value, ["enabled"]);
    if (id === undefined || (enabled?.kind === "boolean" && !enabled.value)) return [];
    const found = findEnvironment(environments, id);
    if (found.ok) return [];
    const message = `MCP server ${JSON.stringify(name)} will not run: ${found.message}`;
    return [problem(message, ["mcp_servers", name], written?.place ?? keyPlace, found.hint)];
  });
}

/** A server that names no environment needs `local` only if it is a process. */
function environmentId(server: TomlNode, written: TomlNode | undefined): string | undefined {
  if (written !== undefined) return written.kind === "string" ? written.value : undefined;
  return nodeAt(server, ["command"]) === undefined ? undefined : LOCAL_ENVIRONMENT_ID;
}
