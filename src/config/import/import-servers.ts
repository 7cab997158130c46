/**
 * Other products' files of MCP servers, in Codex's words.
 *
 * `translate-server.ts` translates one server; `dialects.ts` knows whose file it is. The
 * servers are not validated here: that is done when they are added to a configuration.
 */
import { DIALECTS, detectFormat, findServers, child, type ImportFormat, isServer } from "./dialects.ts";
import { JsonDocument, type JsonNode } from "./json-document.ts";
import type { ImportNote } from "./server-reader.ts";
import { translateServer } from "./translate-server.ts";
import { serverNameProblem } from "../server/start-problem.ts";
import { ConfigError, type ConfigProblem } from "../problem.ts";
import type { WrittenMcpServer } from "../server/types.ts";

export type { ImportFormat } from "./dialects.ts";
export type { ImportNote } from "./server-reader.ts";

export const IMPORT_FORMATS: readonly ImportFormat[] = Object.keys(DIALECTS) as ImportFormat[];

export interface ImportResult {
  readonly format: ImportFormat;
  /** In the order of the file. */
  readonly servers: ReadonlyMap<string, WrittenMcpServer>;
  /** Of all servers in the file, also of those that are left out. */
  readonly names: readonly string[];
  /** What could not be carried over, or only with a loss. They hold no value of the file. */
  readonly notes: readonly ImportNote[];
  /** What is wrong with servers that are left out; the file's words for them are in `path`. */
  readonly problems: readonly ConfigProblem[];
  /** The servers that are switched off until values are filled in, with the keys of these as the file spells them. */
  readonly unfilled: ReadonlyMap<string, readonly string[]>;
}

/**
 * @param options.file the file's path: shown in messages, and its name helps to see whose it is
 * @param options.format whose it is, for a file that does not tell
 * @param options.only the servers that are wanted; what is wrong with others does not matter then
 * @throws {ConfigError} `invalid_config` for what is not valid JSON, or holds no servers that can be read
 */
export function importServers(
  text: string,
  options: {
    readonly file: string;
    readonly format?: ImportFormat | undefined;
    readonly only?: readonly string[] | undefined;
  },
): ImportResult {
  const { file } = options;
  const document = new JsonDocument(text, file);
  const format = options.format ?? detectFormat(document, file);
  const list = format === undefined ? undefined : findServers(document, format);
  if (format === undefined || list === undefined) throw noServers(document, file, options.format);
  const dialect = DIALECTS[format];

  const servers = new Map<string, WrittenMcpServer>();
  const names = new Map<string, string>();
  const notes: ImportNote[] = notesOfFile(document, format);
  const unfilled = new Map<string, readonly string[]>();
  if (list.type === "string") {
    const hint = "It names another file: import that one";
    document.problem(list, dialect.path, "the servers are not in this file", hint);
  }
  const entries = list.type === "string" ? undefined : document.entries(list, dialect.path);
  for (const [written, node] of entries ?? []) {
    // Beside servers at the top level there may be anything.
    if (dialect.path.length === 0 && !isServer(node)) continue;
    const name = validName(written, new Set([...servers.keys(), ...(entries?.keys() ?? [])]));
    names.set(written, name);
    if (options.only !== undefined && !options.only.includes(name)) continue;
    const before = document.problems.length;
    const translated = translateServer(name, node, [...dialect.path, written], dialect, document);
    if (document.problems.length > before) continue;
    if (translated.server !== undefined) {
      servers.set(name, translated.server);
      if (translated.unfilled.length > 0) unfilled.set(name, translated.unfilled);
      if (name !== written) {
        const message = `"${written}" is not a valid name for a server, so it is called "${name}"`;
        notes.push({ server: name, key: "name", message });
      }
    }
    notes.push(...translated.notes);
  }
  if (document.problems.length > 0 && servers.size === 0) throw document.error();
  const problems = [...document.problems];
  notes.push(...notesOnRepetitions(document, dialect.path, names));
  if (entries?.size === 0) throw noServers(document, file, options.format);
  return { format, servers, names: [...names.values()], notes, problems, unfilled };
}

function noServers(document: JsonDocument, file: string, format: ImportFormat | undefined): ConfigError {
  const formats = format === undefined ? IMPORT_FORMATS : [format];
  const places = new Map<string, string[]>();
  for (const each of formats) {
    const { path, product } = DIALECTS[each];
    const place = path.length === 0 ? "the top level" : `"${path.join(".")}"`;
    places.set(place, [...(places.get(place) ?? []), product]);
  }
  const sought = [...places].map(([place, products]) => `${place} (${products.join(", ")})`).join(", ");
  document.problem(document.root, [], "there are no MCP servers in it", `Looked for ${sought}`);
  const message = `Cannot import from "${file}": there are no MCP servers in it. Looked for ${sought}`;
  return new ConfigError("invalid_config", message, { problems: document.problems });
}

/** The name, or the nearest one that is allowed and that no other server has. */
function validName(written: string, taken: ReadonlySet<string>): string {
  if (serverNameProblem(written) === undefined) return written;
  const plain = written
    .normalize("NFKD")
    .replace(/\p{Mark}+/gu, "")
    .replace(/[^a-zA-Z0-9_:@/.-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const base = plain === "" ? "server" : plain;
  let name = base;
  for (let number = 2; taken.has(name); number++) name = `${base}-${number}`;
  return name;
}

/** What is lost of keys that are written twice, among the servers and on the way to them. */
function notesOnRepetitions(
  document: JsonDocument,
  toServers: readonly string[],
  names: ReadonlyMap<string, string>,
): ImportNote[] {
  let at: JsonNode | undefined = document.root;
  for (const [depth, key] of toServers.entries()) {
    if (at !== undefined) document.entries(at, toServers.slice(0, depth));
    at = child(at, key);
  }
  return document.repetitions.flatMap(({ path, lines }): ImportNote[] => {
    const message = `it is written ${lines.length} times (lines ${lines.join(", ")}): the last one counts, as in every product, and the others are left out`;
    const isOnTheWay = path.every((key, depth) => depth >= toServers.length || key === toServers[depth]);
    if (!isOnTheWay) return [];
    const [written, ...keys] = path.slice(toServers.length);
    if (written === undefined) return [{ key: path.join("."), message }];
    return [
      { server: names.get(written) ?? written, key: keys.length === 0 ? written : keys.join("."), message },
    ];
  });
}

/** What stands beside the servers and bears on them. */
function notesOfFile(document: JsonDocument, format: ImportFormat): ImportNote[] {
  const notes: ImportNote[] = [];
  const inputs = child(format === "vscode_settings" ? child(document.root, "mcp") : document.root, "inputs");
  if (DIALECTS[format].product === "VS Code" && (inputs?.children?.length ?? 0) > 0) {
    notes.push({
      key: "inputs",
      message: "values are not asked for here; each place that used one has a note",
    });
  }
  const projects = format === "claude_code" ? child(document.root, "projects") : undefined;
  for (const project of projects?.children ?? []) {
    const [path, settings] = project.children ?? [];
    if ((child(settings, "mcpServers")?.children?.length ?? 0) === 0) continue;
    const key = `projects.${String(path?.value)}.mcpServers`;
    notes.push({
      key,
      message: "the servers of one project are not taken: add them to that project's configuration",
    });
  }
  if (format === "gemini") {
    for (const key of ["allowed", "excluded", "serverCommand"]) {
      if (child(child(document.root, "mcp"), key) === undefined) continue;
      notes.push({ key: `mcp.${key}`, message: "it has no counterpart here and is left out" });
    }
  }
  return notes;
}
