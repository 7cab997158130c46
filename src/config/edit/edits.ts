/** The edits of a configuration file, and the changes of its tree that each comes down to. */
import { DEPTH_MAX } from "../toml/parse.ts";
import { formatKeys } from "../toml/format.ts";
import { fromPlain, nodeAt, type TomlNode, type TomlTable } from "../toml/node.ts";
import { ConfigError } from "../problem.ts";
import { missingServer } from "../suggest.ts";
import type { AppToolApproval, RawMcpServerConfig } from "../types.ts";
import { depthOf } from "./tree.ts";

export type ConfigEdit =
  /** A new server, behind the last one. Refused where the name exists. */
  | { readonly kind: "add"; readonly name: string; readonly server: RawMcpServerConfig }
  /** A server that shall be written exactly so, whether it is there or not. Equal keys keep their spelling. */
  | { readonly kind: "replace"; readonly name: string; readonly server: RawMcpServerConfig }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "rename"; readonly name: string; readonly to: string }
  | { readonly kind: "enable" | "disable"; readonly name: string }
  /** One key of a server, at any depth: `["env", "TOKEN"]`. The server may be a new, partial one. */
  | { readonly kind: "set"; readonly name: string; readonly key: readonly string[]; readonly value: unknown }
  | { readonly kind: "unset"; readonly name: string; readonly key: readonly string[] }
  | { readonly kind: "approve"; readonly name: string; readonly tool: string; readonly mode: AppToolApproval }
  /** These servers and no others. */
  | { readonly kind: "replace_all"; readonly servers: Readonly<Record<string, RawMcpServerConfig>> }
  /** Whether the files of a project folder count. `undefined` takes the entry away. */
  | { readonly kind: "trust"; readonly folder: string; readonly level: "trusted" | "untrusted" | undefined };

const SERVERS = "mcp_servers";

/** One change of the tree, which every edit comes down to. */
export type Change =
  | { readonly kind: "set"; readonly path: readonly string[]; readonly value: TomlNode }
  | { readonly kind: "unset"; readonly path: readonly string[] }
  | { readonly kind: "rename"; readonly path: readonly string[]; readonly name: string };

/** @throws {ConfigError} `invalid_edit` when the edit makes no sense for the tree */
export function changesOf(root: TomlTable, edit: ConfigEdit, file: string): Change[] {
  if (edit.kind === "trust") {
    const path = ["projects", edit.folder, "trust_level"];
    if (edit.level !== undefined) return [set(root, path, edit.level, file)];
    const entry = nodeAt(root, path.slice(0, -1));
    const isAll = entry?.kind === "table" && entry.entries.size === 1;
    return nodeAt(root, path) === undefined ? [] : [unset(isAll ? path.slice(0, -1) : path)];
  }
  const servers = nodeAt(root, [SERVERS]);
  if (servers !== undefined && servers.kind !== "table") {
    throw new ConfigError("invalid_edit", `${file}: ${SERVERS} is no table`);
  }
  const existing = servers?.entries ?? new Map<string, never>();
  if (edit.kind === "replace_all") {
    const sets = Object.entries(edit.servers).map(([name, server]) =>
      set(root, [SERVERS, name], server, file),
    );
    const names = new Set(Object.keys(edit.servers));
    const gone = [...existing.keys()].filter((name) => !names.has(name));
    // The new ones are put behind the old ones before those go, so that they stand where servers stood.
    return [
      ...sets.filter(({ path }) => nodeAt(root, path) !== undefined),
      ...sets.filter(({ path }) => nodeAt(root, path) === undefined),
      ...gone.map((name) => unset([SERVERS, name])),
    ];
  }
  const path = [SERVERS, edit.name];
  if ("key" in edit && edit.key.length === 0) {
    throw new ConfigError("invalid_edit", `Cannot ${edit.kind} no key of ${formatKeys(path)}`);
  }
  const mustExist = (): void => {
    if (!existing.has(edit.name))
      throw new ConfigError("invalid_edit", missingServer(edit.name, [...existing.keys()], ` in ${file}`));
  };
  switch (edit.kind) {
    case "add":
      if (existing.has(edit.name)) {
        throw new ConfigError(
          "invalid_edit",
          `MCP server ${JSON.stringify(edit.name)} is already in ${file}`,
        );
      }
      return [set(root, path, edit.server, file)];
    case "replace":
      return [set(root, path, edit.server, file)];
    case "remove":
      mustExist();
      return [unset(path)];
    case "rename":
      mustExist();
      if (edit.to === edit.name) return [];
      if (existing.has(edit.to)) {
        throw new ConfigError("invalid_edit", `MCP server ${JSON.stringify(edit.to)} is already in ${file}`);
      }
      return [{ kind: "rename", path, name: edit.to }];
    case "enable":
    case "disable":
      mustExist();
      // Absent means enabled: the fewest bytes say it by saying nothing.
      if (edit.kind === "enable" && nodeAt(root, [...path, "enabled"]) === undefined) return [];
      return [set(root, [...path, "enabled"], edit.kind === "enable", file)];
    case "set":
      return [set(root, [...path, ...edit.key], edit.value, file)];
    case "unset":
      mustExist();
      return nodeAt(root, [...path, ...edit.key]) === undefined ? [] : [unset([...path, ...edit.key])];
    case "approve":
      mustExist();
      return [set(root, [...path, "tools", edit.tool, "approval_mode"], edit.mode, file)];
  }
}

function set(root: TomlTable, path: readonly string[], value: unknown, file: string): Change {
  for (let length = 1; length < path.length; length++) {
    const above = path.slice(0, length);
    if ((nodeAt(root, above)?.kind ?? "table") === "table") continue;
    const what = `Cannot set ${formatKeys(path)}: ${formatKeys(above)} is no table in ${file}`;
    throw new ConfigError("invalid_edit", what);
  }
  try {
    const node = fromPlain(value);
    if (path.length + depthOf(node) > DEPTH_MAX) throw new RangeError(`more than ${DEPTH_MAX} levels deep`);
    return { kind: "set", path, value: node };
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new ConfigError("invalid_edit", `Cannot set ${formatKeys(path)}: ${what}`, { cause: error });
  }
}

function unset(path: readonly string[]): Change {
  return { kind: "unset", path };
}
