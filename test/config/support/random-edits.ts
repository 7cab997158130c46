/** Random edits, and what each does to plain values: the model that the editor is held against. */
import { isDeepStrictEqual } from "node:util";
import type { ConfigEdit } from "../../../src/config/edit/edits.ts";
import { parseMcpServers } from "../../../src/config/server/read-servers.ts";
import type { WrittenMcpServer } from "../../../src/config/server/types.ts";
import { type Chance, oneOf, type RandomDocument, SERVER_NAMES, someOf } from "./random-documents.ts";

/** Tables as maps, as `parse` of a test reads them. */
export type Plain = string | number | bigint | boolean | Plain[] | PlainTable;
export type PlainTable = Map<string, Plain>;

const VALUES: readonly unknown[] = [
  ...["s", "", 'a"b\\', "two\nlines\t", "#", 1, -3, 1.5, 1e300, -0, true, false],
  ...[[], ["x", "y"], [1, [2, []]], [{ name: "X" }, { name: "Y", more: { z: 1 } }]],
  ...[{}, { A: "1" }, { "x.y": { n: {}, m: [1] }, k: 2 }, { A: { B: { C: 1 } } }],
];

const KEYS: readonly (readonly string[])[] = [
  ...[["command"], ["args"], ["enabled"], ["env"], ["tools"], ["env_vars"], ["x_unknown"], ["new"]],
  ...[
    ["env", "A"],
    ["env", "x.y"],
    ["tools", "A"],
    ["tools", "A", "approval_mode"],
    ["x_unknown", "A"],
  ],
  ...[
    ["x_unknown", "ü", "1"],
    ["new", "k"],
    ["new", "k", ""],
    ["x_unknown", "x.y", "A", "B_2"],
  ],
];

/** What a key of a server may be given. */
const SERVER_VALUES: Readonly<Record<string, readonly unknown[]>> = {
  args: [[], ["-y", "pkg"]],
  env: [{}, { A: "1", "x.y": "2" }],
  enabled: [true, false],
  enabled_tools: [[], ["t"]],
  startup_timeout_sec: [20, 1.5],
  tools: [{}, { A: { approval_mode: "auto" } }],
  env_vars: [[], ["A", { name: "B", source: "local" }]],
};

function randomServer(chance: Chance): WrittenMcpServer {
  const others = someOf(chance, Object.entries(SERVER_VALUES));
  const server = others.map(([key, values]) => [key, oneOf(chance, values)]);
  return { command: oneOf(chance, ["x", "new", ""]), ...(Object.fromEntries(server) as WrittenMcpServer) };
}

export function randomEdit(chance: Chance, document: RandomDocument): ConfigEdit {
  const any = oneOf(chance, SERVER_NAMES);
  const name = document.servers.length > 0 && chance(6) > 0 ? oneOf(chance, document.servers) : any;
  switch (chance(24)) {
    case 0:
    case 1:
      return { kind: "add", name: any, server: randomServer(chance) };
    case 2:
    case 3:
    case 4:
      return { kind: "replace", name, server: randomServer(chance) };
    case 5:
    case 6:
    case 7:
      return { kind: "remove", name };
    case 8:
    case 9:
      return { kind: "rename", name, to: any };
    case 10:
      return { kind: "enable", name };
    case 11:
      return { kind: "disable", name };
    case 12:
      return {
        kind: "approve",
        name,
        tool: oneOf(chance, ["A", "new.tool"]),
        mode: oneOf(chance, ["writes", "prompt"]),
      };
    case 13: {
      const names = someOf(chance, SERVER_NAMES);
      const servers = Object.create(null) as Record<string, WrittenMcpServer>;
      for (const kept of names) servers[kept] = randomServer(chance);
      return { kind: "replace_all", servers };
    }
    case 14: {
      const level = oneOf(chance, ["trusted", "untrusted", undefined] as const);
      return { kind: "trust", folder: oneOf(chance, ["/w", "/other"]), level };
    }
    case 15:
    case 16:
    case 17:
    case 18:
      return { kind: "unset", name, key: oneOf(chance, KEYS) };
    default:
      return { kind: "set", name, key: oneOf(chance, KEYS), value: oneOf(chance, VALUES) };
  }
}

/** The servers (or folders) whose text an edit may touch. */
export function namedBy(edit: ConfigEdit, document: RandomDocument): readonly string[] {
  if (edit.kind === "replace_all") return [...document.servers, ...Object.keys(edit.servers)];
  if (edit.kind === "trust") return [];
  return edit.kind === "rename" ? [edit.name, edit.to] : [edit.name];
}

/** The edit, done on values. `undefined` where it makes no sense. */
export function editPlain(root: PlainTable, edit: ConfigEdit): PlainTable | undefined {
  const copy = structuredClone(root);
  const servers = tableAt(copy, "mcp_servers");
  if (edit.kind === "replace_all") {
    const old = new Map(servers);
    servers.clear();
    for (const [name, server] of Object.entries(edit.servers)) {
      const wanted = plainOf(server);
      const there = old.get(name);
      servers.set(name, there !== undefined && meansSame(there, wanted) ? there : wanted);
    }
    return withoutHollow(copy);
  }
  if (edit.kind === "trust") {
    const folder = tableAt(tableAt(copy, "projects"), edit.folder);
    if (edit.level === undefined) folder.delete("trust_level");
    else folder.set("trust_level", edit.level);
    return withoutHollow(copy);
  }
  const exists = servers.has(edit.name);
  if (exists ? edit.kind === "add" : !["add", "replace", "set"].includes(edit.kind)) return undefined;
  if (edit.kind === "remove") servers.delete(edit.name);
  else if (edit.kind === "add" || edit.kind === "replace") servers.set(edit.name, plainOf(edit.server));
  else if (edit.kind === "rename") {
    if (edit.to === edit.name) return copy;
    if (servers.has(edit.to)) return undefined;
    servers.set(edit.to, servers.get(edit.name) as Plain);
    servers.delete(edit.name);
  } else {
    const at = tableAt(servers, edit.name);
    switch (edit.kind) {
      case "enable":
        if (at.has("enabled")) at.set("enabled", true);
        break;
      case "disable":
        at.set("enabled", false);
        break;
      case "approve":
        return setAt(at, ["tools", edit.tool, "approval_mode"], edit.mode) ? copy : undefined;
      case "set":
        return setAt(at, edit.key, plainOf(edit.value)) ? withoutHollow(copy) : undefined;
      case "unset":
        unsetAt(at, edit.key);
    }
  }
  return withoutHollow(copy);
}

/** Whether both are servers, and the same one for Codex: it stays as it is written. */
function meansSame(there: Plain, wanted: Plain): boolean {
  const [a, b] = [there, wanted].map((server) => parseMcpServers(new Map([["it", server]])));
  return a?.ok === true && b?.ok === true && isDeepStrictEqual(a.servers, b.servers);
}

/** Empty tables count inside a server only; a server or the table of all servers is there when something is in it. */
export function withoutHollow(root: PlainTable): PlainTable {
  for (const key of ["mcp_servers", "projects"]) {
    const table = root.get(key);
    if (!(table instanceof Map)) continue;
    for (const [name, inner] of table) if (inner instanceof Map && inner.size === 0) table.delete(name);
    if (table.size === 0) root.delete(key);
  }
  return root;
}

function tableAt(table: PlainTable, key: string): PlainTable {
  const there = table.get(key);
  if (there instanceof Map) return there;
  const made: PlainTable = new Map();
  table.set(key, made);
  return made;
}

/** `false` where a value that is not a table is on the way. */
function setAt(table: PlainTable, keys: readonly string[], value_: Plain): boolean {
  const [key, ...rest] = keys as [string, ...string[]];
  if (rest.length === 0) {
    table.set(key, value_);
    return true;
  }
  const there = table.get(key);
  if (there !== undefined && !(there instanceof Map)) return false;
  return setAt(tableAt(table, key), rest, value_);
}

function unsetAt(table: PlainTable, keys: readonly string[]): void {
  const [key, ...rest] = keys as [string, ...string[]];
  const there = table.get(key);
  if (rest.length === 0) table.delete(key);
  else if (there instanceof Map) unsetAt(there, rest);
}

export function plainOf(from: unknown): Plain {
  if (Array.isArray(from)) return from.map(plainOf);
  if (typeof from === "object" && from !== null) {
    return new Map(Object.entries(from).map(([name, inner]) => [name, plainOf(inner)]));
  }
  if (typeof from === "number") {
    return Number.isSafeInteger(from) && !Object.is(from, -0) ? BigInt(from) : from;
  }
  return from as string | boolean | bigint;
}
