/** Servers as `effectiveMcpServers` yields them: which of them can be opened, and the status of the others. */
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import type { ToolPluginProvenance } from "../../config/plugins/types.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { checkConfigs } from "../../servers/check.ts";
import { sentenceOf } from "../../servers/problem.ts";
import type { ServerStatus } from "../connection/status.ts";

/** The configurations of those that can be opened. A thread takes all its servers or none: one that it would reject is left out. */
export function openable(servers: readonly EffectiveMcpServer[]): ReadonlyMap<string, McpServerConfig> {
  return new Map(
    servers.flatMap((server) =>
      server.config !== undefined && whyNot(server) === undefined ? [[server.name, server.config]] : [],
    ),
  );
}

export function provenanceIn(servers: readonly EffectiveMcpServer[]): ToolPluginProvenance {
  return new Map(servers.flatMap(({ name, plugin }) => (plugin === undefined ? [] : [[name, plugin]])));
}

/** Of one that is not opened. */
export function statusOfOther(server: EffectiveMcpServer): ServerStatus {
  const reason = whyNot(server) ?? server.reason ?? "no reason is known";
  if (server.status === "disabled" || server.status === "inactive") return { state: "disabled", reason };
  const message = `MCP server "${server.name}" cannot be used: ${reason}`;
  return { state: "failed", reason: { code: "invalid_server", message }, failures: 0 };
}

function whyNot({ name, status, config, reason }: EffectiveMcpServer): string | undefined {
  if (status !== "enabled" || config === undefined) return reason ?? `it is ${status}`;
  const checked = checkConfigs(new Map([[name, config]]), []);
  if (checked.ok) return undefined;
  return checked.problems.map((problem) => sentenceOf(problem, (path) => path.join("."))).join("; ");
}
