/** Which of the servers that skills need are configured, by Codex's rule: the transport, and the URL or command. */
import type { EffectiveMcpServer } from "../effective/effective.ts";
import type { McpServerTransportConfig, WrittenMcpServer } from "../server/types.ts";
import type { Skill, SkillServer } from "./read-skill.ts";

/** A server that a skill needs, and the one that is configured for it. */
export interface SkillNeed {
  readonly skill: Skill;
  readonly needs: SkillServer;
  /** Whatever it is called; it need not be one that runs. `undefined` where there is none. */
  readonly configured: EffectiveMcpServer | undefined;
}

/** A server that is not configured, though skills need it. */
export interface MissingSkillServer {
  /** What the first of the skills calls it. */
  readonly name: string;
  /** What `ConfigEditor.add` takes. */
  readonly server: WrittenMcpServer;
  readonly description?: string;
  /** Those that need it, in their order. */
  readonly skills: readonly Skill[];
}

/**
 * All servers that the skills need. Skills that are switched off need nothing.
 *
 * A server counts as configured when a layer that counts has one of the same transport with the same URL or command, under any
 * name, also one that is switched off (Codex's rule; it compares the texts).
 *
 * @param effective as `effectiveMcpServers` yields them
 */
export function skillNeeds(
  skills: readonly Skill[],
  effective: readonly EffectiveMcpServer[],
): readonly SkillNeed[] {
  const configured = new Map<string, EffectiveMcpServer>();
  for (const server of effective) {
    const { config, status } = server;
    // What a project that is not trusted asks for is not there.
    if (config === undefined || status === "inactive") continue;
    const key = transportKey(server.name, config.transport);
    if (!configured.has(key)) configured.set(key, server);
  }
  return skills
    .filter(({ enabled }) => enabled)
    .flatMap((skill) =>
      skill.servers.map((needs) => ({ skill, needs, configured: configured.get(keyOf(needs)) })),
    );
}

/**
 * The servers that the skills need and that are not configured, each once, in the order of the skills. `ConfigEditor.add` writes one.
 *
 * @param effective as `effectiveMcpServers` yields them
 */
export function missingSkillDependencies(
  skills: readonly Skill[],
  effective: readonly EffectiveMcpServer[],
): readonly MissingSkillServer[] {
  const missing = skillNeeds(skills, effective).filter(({ configured }) => configured === undefined);
  return [...Map.groupBy(missing, ({ needs }) => keyOf(needs)).values()].map((group) => {
    const [{ needs }] = group as [SkillNeed];
    const { name, server, description } = needs;
    return {
      name,
      server,
      ...(description === undefined ? {} : { description }),
      skills: [...new Set(group.map(({ skill }) => skill))],
    };
  });
}

function keyOf({ name, server }: SkillServer): string {
  const { command, url = "" } = server;
  return command === undefined ? key("streamable_http", url, name) : key("stdio", command, name);
}

function transportKey(name: string, transport: McpServerTransportConfig): string {
  return transport.type === "stdio"
    ? key("stdio", transport.command, name)
    : key("streamable_http", transport.url, name);
}

function key(transport: string, target: string, name: string): string {
  const trimmed = target.trim();
  return JSON.stringify(trimmed === "" ? [name] : [transport, trimmed]);
}
