/**
 * `auth = "ema_auth"`: logins that an enterprise manages, and what they need (measured with Codex 0.169).
 *
 * Such a server carries an enterprise's credentials, so a project may neither define nor redirect one, and one layer
 * must define it alone. A breach is fatal in Codex. A server that merely lacks something is silently switched off there;
 * here it gets a reason.
 *
 * Invariants
 *   E1. A project's files never contribute to the identity provider, to the switch for it, or to who a server is.
 */
import util from "node:util";
import { type ConfigLayer, type ConfigLayers, isProjectFile, mergeLayers } from "../layers/layers.ts";
import { compareBytes } from "../../base/byte-order.ts";
import type { ConfigProblem } from "../problem.ts";
import { isBlank } from "../server/check-server.ts";
import { readMcpServers } from "../server/read-servers.ts";
import { nodeAt, type TomlEntry, type TomlNode, type TomlTable } from "../../toml/node.ts";
import { LOCAL_ENVIRONMENT_ID, type McpServerConfig } from "../server/types.ts";

export interface EnterpriseAuth {
  /** By server: the error that makes Codex refuse the whole configuration. */
  readonly refused: ReadonlyMap<string, ConfigProblem>;
  /** By server: why it will not run. */
  readonly withheld: ReadonlyMap<string, string>;
  /** Errors that concern no single server. */
  readonly problems: readonly ConfigProblem[];
}

const SECTION = "mcp_enterprise_managed_auth";

/** @param servers the valid ones of the merged layers */
export function checkEnterpriseAuth(
  layers: ConfigLayers,
  servers: ReadonlyMap<string, McpServerConfig>,
): EnterpriseAuth {
  const active = layers.layers.filter(({ inactive }) => inactive === undefined);
  const trusted = active.filter((layer) => !isProjectFile(layer));
  const settings = mergeLayers(trusted);
  const problems: ConfigProblem[] = [];

  const required = layers.requirements?.useXaa;
  const switchedOn = nodeAt(mergeLayers(active), ["features", "use_xaa"]);
  const useXaa = required ?? isTrue(switchedOn);
  if (useXaa && !(required ?? isTrue(nodeAt(settings, ["features", "use_xaa"])))) {
    const message = "`[features].use_xaa = true` must be selected in a non-project config layer";
    problems.push({ message, path: ["features", "use_xaa"], place: switchedOn?.place });
  }
  const provider = chooseProvider(trusted);
  problems.push(...(provider === undefined ? [] : checkProvider(provider)));

  const refused = new Map<string, ConfigProblem>();
  const withheld = new Map<string, string>();
  const wasEnterprise = (name: string): boolean => {
    const auth = nodeAt(settings, ["mcp_servers", name, "auth"]);
    return auth?.kind === "string" && auth.value === "ema_auth";
  };
  const enterprise = [...servers].filter(([name, { auth }]) => auth === "ema_auth" || wasEnterprise(name));
  for (const [name, server] of enterprise.sort(([a], [b]) => compareBytes(a, b))) {
    const path = ["mcp_servers", name];
    const refusal = refuse(name, server, settings, trusted);
    const place = [...active]
      .reverse()
      .map(({ root }) => nodeAt(root, path)?.place)
      .find(Boolean);
    if (refusal !== undefined) refused.set(name, { message: refusal, path, place });
    const reason = lacks(server, useXaa, provider !== undefined);
    if (reason !== undefined) withheld.set(name, `auth = "ema_auth" ${reason}`);
  }
  return { refused, withheld, problems };
}

function isTrue(node: TomlNode | undefined): boolean {
  return node?.kind === "boolean" && node.value;
}

/** One section of one layer, never merged: the system's before the user's, the higher before the lower. */
function chooseProvider(trusted: readonly ConfigLayer[]): TomlTable | undefined {
  const sections = trusted.toReversed().flatMap(({ name, root }) => {
    const section = root.entries.get(SECTION)?.value;
    return section?.kind === "table" ? [{ name, section }] : [];
  });
  return (sections.find(({ name }) => name === "managed" || name === "system") ?? sections[0])?.section;
}

/** Checks that its parts come from one layer. `checkConfig` checks its values. */
function checkProvider(section: TomlTable): ConfigProblem[] {
  const idp = section.entries.get("idp");
  const parts = idp?.value.kind === "table" ? idp.value.entries : new Map<string, TomlEntry>();
  const missing = ["issuer", "client_id"].find((key) => !parts.has(key));
  if (missing === undefined) return [];
  const message = `enterprise IdP must be complete in one trusted config layer: missing field \`${missing}\``;
  return [{ message, path: [SECTION, "idp"], place: idp?.keyPlace ?? section.place }];
}

/** Why Codex would refuse to load a configuration with this server. */
function refuse(
  name: string,
  server: McpServerConfig,
  settings: TomlTable,
  trusted: readonly ConfigLayer[],
): string | undefined {
  const denied = nodeAt(settings, ["mcp_servers", name, "enabled"]);
  if (server.enabled && denied?.kind === "boolean" && !denied.value) {
    return `project configuration cannot re-enable enterprise MCP server \`${name}\``;
  }
  const isSame = (root: TomlTable): boolean => {
    const table = nodeAt(root, ["mcp_servers", name]);
    if (table === undefined) return false;
    const entries = new Map([[name, { value: table }]]);
    const there = readMcpServers({ kind: "table", entries }).servers.get(name);
    return there?.auth === "ema_auth" && util.isDeepStrictEqual(identity(there), identity(server));
  };
  if (isSame(settings) && trusted.some(({ root }) => isSame(root))) return undefined;
  return `enterprise MCP server \`${name}\` must define its transport, authorization, scopes, and resource in one non-project config layer`;
}

function identity({ auth, transport, scopes, oauth, oauth_resource }: McpServerConfig): unknown {
  return { auth, transport, scopes, oauth, oauth_resource };
}

function lacks(server: McpServerConfig, useXaa: boolean, hasProvider: boolean): string | undefined {
  const { transport, environment_id, oauth } = server;
  if (!useXaa) return "needs the feature use_xaa: [features] use_xaa = true";
  if (!hasProvider) return `needs an identity provider: [${SECTION}.idp]`;
  if (environment_id !== LOCAL_ENVIRONMENT_ID) return "needs a server reached from this machine";
  if (transport.type !== "streamable_http") return "needs a streamable HTTP server";
  const credentials =
    transport.bearer_token_env_var !== undefined ||
    transport.http_headers_helper !== undefined ||
    (transport.http_headers?.size ?? 0) > 0 ||
    (transport.env_http_headers?.size ?? 0) > 0;
  if (credentials) return "cannot be combined with a bearer token, headers or a headers helper";
  const { client_secret, authorization_server_issuer = "" } = oauth ?? {};
  if (client_secret !== undefined && isBlank(authorization_server_issuer)) {
    return "with oauth.client_secret needs oauth.authorization_server_issuer";
  }
  return undefined;
}
