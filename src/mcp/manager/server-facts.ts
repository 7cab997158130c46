/** What the configuration of a server says about it, beyond its keys. */
import type { McpServerConfig } from "../../config/server/types.ts";
import { maskArgs } from "../../config/show/mask-text.ts";
import { catalogKey } from "../cache/catalog-folder.ts";
import { carriesCredential, type SharingInput } from "../lease/sharing-key.ts";
import type { ResolvedMcpServer } from "../../servers/resolve.ts";
import type { ServerPlace } from "../connection/connection-options.ts";
import type { HeaderResolver, HeaderValues } from "./thread-options.ts";

export function joinsSession(
  resolved: ResolvedMcpServer,
  own: HeaderValues | HeaderResolver | undefined,
): boolean {
  const names = [
    ...(resolved.type === "streamable_http" ? resolved.headers.keys() : []),
    ...(own === undefined || typeof own === "function" ? [] : Object.keys(own)),
  ];
  return names.some((name) => name.toLowerCase() === "mcp-session-id");
}

export function disabledText({ disabled_reason: reason }: McpServerConfig): string {
  switch (reason?.type) {
    case "requirements":
      return `a requirements file does not allow it (${reason.source})`;
    case "by_hand":
      return "enabled = false";
    default:
      return "it is not enabled";
  }
}

export function placeOf({ transport, environment_id: environment }: McpServerConfig): ServerPlace {
  if (transport.type === "stdio") return { environment, transport: transport.type };
  return { environment, transport: transport.type, origin: new URL(transport.url).origin };
}

/** What makes it the same program or endpoint, without credentials. */
export function eraParts({ transport, environment_id }: McpServerConfig): readonly string[] {
  if (transport.type === "stdio")
    return ["stdio", environment_id, transport.command, ...transport.args, transport.cwd ?? ""];
  const { origin, pathname } = new URL(transport.url);
  return ["http", environment_id, origin, pathname];
}

/**
 * What a list of tools is kept under: what makes the server the same, without anything that may be a credential.
 *
 * @returns `undefined` where it may be somebody's own list, and nobody says whose
 */
export function catalogKeyOf({
  name,
  config,
  sharing,
  workspace,
}: {
  readonly name: string;
  readonly config: McpServerConfig;
  readonly sharing: SharingInput;
  readonly workspace: string | undefined;
}): string | undefined {
  const { principal } = sharing;
  if (config.startup_readiness !== "catalog" || (principal === undefined && carriesCredential(sharing)))
    return undefined;
  const { transport, environment_id } = config;
  const program =
    transport.type === "stdio"
      ? [
          transport.command,
          maskArgs(transport.args),
          transport.cwd ?? workspace,
          [...(transport.env?.keys() ?? [])],
        ]
      : [new URL(transport.url).origin, [...(transport.http_headers?.keys() ?? [])]];
  return catalogKey([name, environment_id, program, principal]);
}

let functions = 0;
const numbers = new WeakMap<object, number>();

/** Tells functions apart. */
export function numberOf(resolver: object): number {
  const known = numbers.get(resolver) ?? ++functions;
  numbers.set(resolver, known);
  return known;
}
