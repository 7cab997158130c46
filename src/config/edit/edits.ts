/** The edits of a configuration file, and the changes of its tree that they consist of. */
import { DEPTH_MAX } from "../../toml/parse.ts";
import { formatKeys } from "../../toml/format.ts";
import { fromPlain, nodeAt, type TomlNode, type TomlTable, toPlain } from "../../toml/node.ts";
import { isDeepStrictEqual } from "node:util";
import { ConfigError } from "../problem.ts";
import { readMcpServers, type ReadServersResult } from "../server/read-servers.ts";
import { messageOf } from "../../base/errors.ts";
import { missingServer } from "../../base/suggest.ts";
import type { AppToolApproval, WrittenMcpServer } from "../server/types.ts";
import { depthOf } from "../../toml/tree.ts";

export type ConfigEdit =
  /** A new server, behind the last one. Rejected where the name exists. */
  | { readonly kind: "add"; readonly name: string; readonly server: WrittenMcpServer }
  /** A server to be written exactly like this, whether it exists or not. Equal keys keep their spelling. */
  | { readonly kind: "replace"; readonly name: string; readonly server: WrittenMcpServer }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "rename"; readonly name: string; readonly to: string }
  | { readonly kind: "enable" | "disable"; readonly name: string }
  /** One key of a server, at any depth: `["env", "TOKEN"]`. The server may be a new, partial one. */
  | { readonly kind: "set"; readonly name: string; readonly key: readonly string[]; readonly value: unknown }
  | { readonly kind: "unset"; readonly name: string; readonly key: readonly string[] }
  | { readonly kind: "approve"; readonly name: string; readonly tool: string; readonly mode: AppToolApproval }
  /** These servers and no others. One that already has the wanted meaning is left as it is written. */
  | { readonly kind: "replace_all"; readonly servers: McpServerTables }
  /** Whether the files of a project folder count. `undefined` takes the entry away. */
  | { readonly kind: "trust"; readonly folder: string; readonly level: "trusted" | "untrusted" | undefined };

/** Name to table. A map keeps the order of names that look like numbers. */
export type McpServerTables =
  | Readonly<Record<string, WrittenMcpServer>>
  | ReadonlyMap<string, WrittenMcpServer>;

const SERVERS = "mcp_servers";
/** Codex reads `60` and `60.0` as the same number of seconds, and so does an edit. */
const SECONDS = ["startup_timeout_sec", "tool_timeout_sec"];

interface SetChange {
  readonly kind: "set";
  readonly path: readonly string[];
  readonly value: TomlNode;
}

/** One change of the tree; every edit is a list of these. */
export type Change =
  | SetChange
  | { readonly kind: "unset"; readonly path: readonly string[] }
  | { readonly kind: "rename"; readonly path: readonly string[]; readonly name: string };

/** @throws {ConfigError} `invalid_edit` when the edit cannot be made in the tree */
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
    throw new ConfigError("invalid_edit", `${file}: ${SERVERS} is not a table`);
  }
  const existing = servers?.entries ?? new Map<string, never>();
  if (edit.kind === "replace_all") {
    const wanted = new Map<string, WrittenMcpServer>(
      edit.servers instanceof Map ? edit.servers : Object.entries(edit.servers),
    );
    const names = new Set(wanted.keys());
    const sets = [...wanted]
      .map(([name, server]) => replaced(root, [SERVERS, name], server, file))
      .filter(({ path, value }) => !isSameServer(nodeAt(root, path), value));
    const gone = [...existing.keys()].filter((name) => !names.has(name));
    // New servers are added before the old ones are removed, so that they stand where servers stood.
    return [
      ...sets.filter(({ path }) => nodeAt(root, path) !== undefined),
      ...sets.filter(({ path }) => nodeAt(root, path) === undefined),
      ...gone.map((name) => unset([SERVERS, name])),
    ];
  }
  const path = [SERVERS, edit.name];
  if ("key" in edit && edit.key.length === 0) {
    throw new ConfigError(
      "invalid_edit",
      `Cannot ${edit.kind} a key of ${formatKeys(path)}: no key is given`,
    );
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
      return [replaced(root, path, edit.server, file)];
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
      // An absent key means enabled.
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

/** The server as wanted, with the old spelling of what stays. */
function replaced(
  root: TomlTable,
  path: readonly string[],
  server: WrittenMcpServer,
  file: string,
): SetChange {
  const change = set(root, path, server, file);
  const old = nodeAt(root, path);
  if (old?.kind !== "table" || change.value.kind !== "table") return change;
  const entries = new Map(change.value.entries);
  for (const key of SECONDS) {
    const before = old.entries.get(key)?.value;
    const after = entries.get(key)?.value;
    if (before !== undefined && after !== undefined && isSameNumber(before, after))
      entries.set(key, { value: before });
  }
  return { ...change, value: { kind: "table", entries } };
}

function isSameNumber(a: TomlNode, b: TomlNode): boolean {
  const isNumber = ({ kind }: TomlNode): boolean => kind === "integer" || kind === "float";
  return isNumber(a) && isNumber(b) && toPlain(a) === toPlain(b);
}

/** Whether both are valid and mean the same, however they are spelled. Unknown keys of the new one count. */
function isSameServer(old: TomlNode | undefined, wanted: TomlNode): boolean {
  if (old === undefined) return false;
  const [before, after] = [old, wanted].map((value) =>
    readMcpServers({ kind: "table", entries: new Map([["it", { value }]]) }, { own: true }),
  ) as [ReadServersResult, ReadServersResult];
  if (!before.ok || !after.ok || after.warnings.length > 0) return false;
  return isDeepStrictEqual(before.servers, after.servers);
}

function set(root: TomlTable, path: readonly string[], value: unknown, file: string): SetChange {
  for (let length = 1; length < path.length; length++) {
    const above = path.slice(0, length);
    if ((nodeAt(root, above)?.kind ?? "table") === "table") continue;
    const what = `Cannot set ${formatKeys(path)}: ${formatKeys(above)} is not a table in ${file}`;
    throw new ConfigError("invalid_edit", what);
  }
  try {
    const node = fromPlain(value);
    if (path.length + depthOf(node) > DEPTH_MAX) throw new RangeError(`more than ${DEPTH_MAX} levels deep`);
    return { kind: "set", path, value: node };
  } catch (error) {
    const what = messageOf(error);
    throw new ConfigError("invalid_edit", `Cannot set ${formatKeys(path)}: ${what}`, { cause: error });
  }
}

function unset(path: readonly string[]): Change {
  return { kind: "unset", path };
}
