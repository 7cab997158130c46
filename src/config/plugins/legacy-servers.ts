/**
 * The servers of a plugin in Codex's own format: Codex's keys in JSON, and what other products write beside them.
 *
 * Invariants
 *   B1. A broken entry takes nothing else away, as in Codex 0.171 (measured): it is skipped, and reported.
 *   B2. Nothing is expanded: `${NAME}` is text.
 */
import type { JsonText } from "./json-text.ts";
import { type ConfigProblem, problem } from "../problem.ts";
import { compareBytes } from "../../base/byte-order.ts";
import { readWritten } from "./read-written.ts";
import type { PluginServer } from "./types.ts";
import { EMPTY_TABLE, withoutValue, withValue } from "../../toml/tree.ts";
import type { TomlEntry, TomlTable } from "../../toml/node.ts";

/** Where a plugin's servers run. `declared`: where they say. `here`: on this machine, in the plugin's folder, as those of a selected plugin. */
export type Placement = "declared" | "here";

export interface ServerFile {
  readonly file: string;
  readonly json: JsonText;
  /** Of the object with the servers in the file; empty for the whole file. */
  readonly path: readonly string[];
  readonly table: TomlTable;
}

/** The object with the servers of a `.mcp.json`: under `mcpServers`, or the whole of it. */
export function serversIn(
  file: string,
  json: JsonText,
  path: readonly string[] = [],
): ServerFile | ConfigProblem {
  const { root } = json;
  const at =
    path.length === 0 ? root : root.kind === "table" ? root.entries.get(path[0] ?? "")?.value : undefined;
  if (at?.kind !== "table") return problem("it must be an object of servers", undefined, root.place);
  const wrapped = at.entries.get("mcpServers")?.value;
  return wrapped?.kind === "table"
    ? { file, json, path: [...path, "mcpServers"], table: wrapped }
    : { file, json, path, table: at };
}

const TYPES = ["stdio", "http", "streamable_http", "streamable-http"];

/** Sorted by name. @param root the plugin's folder */
export function readLegacyServers(root: string, file: ServerFile, placement: Placement): PluginServer[] {
  const isNull = file.json.nulls.filter(
    ({ path }) => path.length === file.path.length + 1 && file.path.every((key, at) => path[at] === key),
  );
  const all: [string, TomlEntry][] = [
    ...file.table.entries,
    // As anything else that is no object.
    ...isNull.map(({ path, place }): [string, TomlEntry] => [
      path.at(-1) ?? "",
      { value: EMPTY_TABLE, keyPlace: place },
    ]),
  ];
  return all
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([name, entry]) => {
      const path = [...file.path, name];
      const { table, warnings, wrong } = normalised(root, entry, path, placement);
      const server = readWritten(
        file.file,
        name,
        { value: table, keyPlace: entry.keyPlace },
        path,
        nullsOf(file.json, path),
      );
      return {
        ...server,
        errors: [...wrong, ...server.errors],
        warnings: [...warnings, ...server.warnings],
        ...(wrong.length === 0 ? {} : { config: undefined }),
      } as PluginServer;
    });
}

/** With Codex's keys only, and an absolute `cwd`. */
function normalised(
  root: string,
  { value }: TomlEntry,
  path: readonly string[],
  placement: Placement,
): {
  readonly table: TomlTable;
  readonly warnings: readonly ConfigProblem[];
  readonly wrong: readonly ConfigProblem[];
} {
  // What is no object is an empty one to Codex.
  let table = value.kind === "table" ? value : { ...EMPTY_TABLE, place: value.place };
  const warnings: ConfigProblem[] = [];
  const wrong: ConfigProblem[] = [];
  const type = table.entries.get("type");
  if (type?.value.kind === "string" && !TYPES.includes(type.value.value)) {
    const text = {
      message: `type "${type.value.value}" is unknown and ignored`,
      what: "is unknown and ignored",
      quoted: `"${type.value.value}"`,
    };
    warnings.push(
      problem(
        text,
        [...path, "type"],
        type.keyPlace,
        "command makes a stdio server, url a streamable HTTP server",
      ),
    );
  }
  table = withoutValue(table, ["type"]);
  const oauth = table.entries.get("oauth");
  if (oauth !== undefined && oauth.value.kind !== "table") table = withoutValue(table, ["oauth"]);
  if (oauth?.value.kind === "table") table = withOauth(table, oauth.value, oauth);
  const cwd = table.entries.get("cwd");
  if (cwd?.value.kind === "string" && !cwd.value.value.startsWith("/")) {
    const isOut = cwd.value.value.split("/").includes("..");
    if (isOut && placement === "here") {
      const text = {
        message: `cwd \`${cwd.value.value}\` must remain within plugin root \`${root}\``,
        what: "must remain within the plugin's folder",
        quoted: `\`${cwd.value.value}\``,
      };
      wrong.push(problem(text, [...path, "cwd"], cwd.value.place));
    } else if (isOut) {
      warnings.push(
        problem(
          { message: "cwd leads out of the plugin's folder", what: "leads out of the plugin's folder" },
          [...path, "cwd"],
          cwd.value.place,
        ),
      );
    }
    table = withValue(table, ["cwd"], { ...cwd.value, value: `${root}/${cwd.value.value}` }, cwd.keyPlace);
  }
  if (placement === "here") {
    if (cwd === undefined && table.entries.has("command"))
      table = withValue(table, ["cwd"], { kind: "string", value: root });
    table = withoutValue(table, ["environment_id"]);
  }
  return { table, warnings, wrong };
}

/** Names of other products, for Codex's: `clientId` is `client_id`. The others are not renamed (Codex 0.171, measured). */
const OAUTH_NAMES: ReadonlyMap<string, string> = new Map([
  ["clientId", "client_id"],
  ["clientSecret", "client_secret"],
  ["callbackUrl", "callback_url"],
  ["callbackPort", "callback_port"],
]);

function withOauth(table: TomlTable, oauth: TomlTable, { keyPlace }: TomlEntry): TomlTable {
  const entries = new Map(oauth.entries);
  for (const [written, key] of OAUTH_NAMES) {
    const entry = entries.get(written);
    if (entry !== undefined && !entries.has(key)) entries.set(key, entry);
    entries.delete(written);
  }
  const rest = withoutValue(table, ["oauth"]);
  return entries.size === 0 ? rest : withValue(rest, ["oauth"], { ...oauth, entries }, keyPlace);
}

/** Below a server, by their path in it. */
function nullsOf({ nulls }: JsonText, server: readonly string[]): JsonText["nulls"] {
  return nulls.flatMap(({ path, place }) =>
    path.length > server.length && server.every((key, at) => path[at] === key)
      ? [{ path: path.slice(server.length), place }]
      : [],
  );
}
