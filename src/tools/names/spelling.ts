/**
 * How Codex spells the names that a model sees. Codex 0.169 and 0.171, measured.
 *
 * A name that is too long, or that another tool has as well, gets a suffix: `_` and the first 12 hex digits of the SHA-1 of the
 * tool's identity. The identity is made of the names as declared; so the suffix does not depend on other tools.
 */
import { hash } from "node:crypto";
import { connectorNamespace, nameInConnector } from "../connector.ts";
import type { ServerTool } from "../tool-info.ts";

export const NAMESPACE_PREFIX = "mcp__";
export const DELIMITER = "__";
const SUFFIX_LENGTH = 13;

/** Of both parts with the delimiter, in bytes; they are ASCII. */
export const PARTS_MAX = 128;
/** Of a flat name, in bytes. The limit of models without namespaces. */
export const FLAT_MAX = 64;

/** Every character outside `[A-Za-z0-9_]` becomes `_`; an empty name is `_`. */
export function sanitise(name: string): string {
  return name === "" ? "_" : name.replace(/[^A-Za-z0-9_]/gu, "_");
}

/** What stands before the tool in the old names of one piece, which hooks still use: `mcp__<server>__`. */
export function qualifiedMcpToolNamePrefix(server: string): string {
  return sanitise(`${NAMESPACE_PREFIX}${server}${DELIMITER}`);
}

/** Before collisions and limits. A server that is called `mcp__…` keeps its name. */
export function plainNamespace(namespace: string): string {
  const clean = sanitise(namespace);
  return clean.startsWith(NAMESPACE_PREFIX) ? clean : NAMESPACE_PREFIX + clean;
}

/** A namespace before it is cleaned: the server's name, and for the tools of a connector that one's, too. */
export interface Space {
  readonly namespace: string;
  /** Server, namespace and the id of the connector. */
  readonly identity: string;
}

export function spaceOf({ server, connector }: Pick<ServerTool, "server" | "connector">): Space {
  const namespace = connector === undefined ? server : connectorNamespace(server, connector);
  return { namespace, identity: `${server}\0${namespace}\0${connector?.id ?? ""}` };
}

/** The name within the namespace, before it is cleaned. */
export function nameWithin({ tool, connector }: Pick<ServerTool, "tool" | "connector">): string {
  return connector === undefined ? tool.name : nameInConnector(tool.name, connector);
}

/** The namespace's identity, the name that is offered, and the declared one. */
export function toolIdentity(tool: ServerTool): string {
  return `${spaceOf(tool).identity}\0${nameWithin(tool)}\0${tool.tool.name}`;
}

export function suffix(identity: string): string {
  return `_${hash("sha1", identity, "hex").slice(0, SUFFIX_LENGTH - 1)}`;
}

/** A delimiter at the end stays at the end. */
export function withSuffix(namespace: string, identity: string): string {
  return namespace.endsWith(DELIMITER)
    ? namespace.slice(0, -DELIMITER.length) + suffix(identity) + DELIMITER
    : namespace + suffix(identity);
}

/** The tool gives way before its namespace does. */
export function fitParts(namespace: string, name: string, identity: string): readonly [string, string] {
  const room = PARTS_MAX - DELIMITER.length - namespace.length - SUFFIX_LENGTH;
  if (room >= 0) return [namespace, name.slice(0, room) + suffix(identity)];
  return [namespace.slice(0, PARTS_MAX - DELIMITER.length - SUFFIX_LENGTH), suffix(identity)];
}

export function fitFlat(flat: string, identity: string): string {
  return flat.slice(0, FLAT_MAX - SUFFIX_LENGTH) + suffix(identity);
}

/** What is hashed when the name with the suffix is taken too, at the second and further attempts. */
export function retried(identity: string, attempt: number): string {
  return attempt === 0 ? identity : `${identity}\0${attempt}`;
}
