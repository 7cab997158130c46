/**
 * The servers of a plugin in the Agent Plugins format (`mcp.json`, agent-plugins.org 1.0.0), by Codex 0.171's rules and in its
 * words (measured).
 *
 * Invariants
 *   G1. `${PLUGIN_ROOT}` and `${PLUGIN_DATA}` are expanded in arguments, variables and `cwd`, and nothing else is anywhere.
 *   G2. A program is found in PATH or in the plugin's folder, and starts in that folder or in the one for its data, links
 *       followed.
 *   G3. A URL that is not of this machine is https, and holds no credentials.
 */
import { compareBytes } from "../../base/byte-order.ts";
import { headerNameProblem, headerValueProblem } from "../../base/http-header.ts";
import { messageOf } from "../../base/errors.ts";
import type { JsonText } from "./json-text.ts";
import { isInside, resolvedPath } from "./plugin-files.ts";
import { type ConfigProblem, problem, type ProblemText } from "../problem.ts";
import { readWritten } from "./read-written.ts";
import type { PluginServer } from "./types.ts";
import { EMPTY_TABLE } from "../../toml/tree.ts";
import { nodeAt, type Place, type TomlEntry, type TomlNode, type TomlTable } from "../../toml/node.ts";

export const AGENT_MCP_FILE = "mcp.json";
const SCHEMA = "https://agent-plugins.org/schemas/1.0.0/mcp.schema.json";

/** The folders of a plugin, links followed. */
export interface AgentFolders {
  readonly root: string;
  readonly data: string;
}

/** @returns a problem where the file as a whole does not count */
export function readAgentServers(
  file: string,
  json: JsonText,
  folders: AgentFolders,
): PluginServer[] | ConfigProblem {
  const { root, repeated } = json;
  const schema = nodeAt(root, ["$schema"]);
  const servers = nodeAt(root, ["mcpServers"]);
  if (schema?.kind !== "string" || schema.value !== SCHEMA) {
    const text = {
      message: `unsupported Agent Plugins MCP schema; $schema must be ${SCHEMA}`,
      what: `must be ${SCHEMA}`,
    };
    return problem(text, ["$schema"], schema?.place ?? root.place);
  }
  if (servers?.kind !== "table" || root.kind !== "table") {
    return problem(
      { message: "mcpServers must be an object", what: "must be an object" },
      ["mcpServers"],
      servers?.place ?? root.place,
    );
  }
  const keys = [...root.entries.keys(), ...json.nulls.flatMap(({ path }) => (path.length === 1 ? path : []))];
  const unknown = keys.find((key) => key !== "$schema" && key !== "mcpServers");
  const twice = repeated.find(({ length }) => length === 1)?.[0];
  if (unknown !== undefined || twice !== undefined) {
    const what = unknown === undefined ? "is written twice" : "is not a known key";
    const key = unknown ?? twice ?? "";
    return problem({ message: `${key} ${what}`, what }, [key], root.entries.get(key)?.keyPlace ?? root.place);
  }
  const nulls = json.nulls.flatMap(({ path, place }): [string, TomlEntry][] =>
    path.length === 2 ? [[path[1] ?? "", { value: { kind: "string", value: "", place } }]] : [],
  );
  return [...servers.entries, ...nulls]
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([name, entry]) => {
      const path = ["mcpServers", name];
      const inside = json.nulls.filter((each) => each.path.length > 2 && each.path[1] === name);
      const translated = new Translation(path, folders).server(entry.value, inside);
      if (translated.ok) {
        const server = readWritten(file, name, { ...entry, value: translated.table }, path);
        return { ...server, warnings: [...translated.warnings, ...server.warnings] };
      }
      return {
        name,
        written: entry.value.kind === "table" ? entry.value : EMPTY_TABLE,
        file,
        errors: [translated.problem],
        warnings: [],
      };
    });
}

type Translated =
  | { readonly ok: true; readonly table: TomlTable; readonly warnings: readonly ConfigProblem[] }
  | { readonly ok: false; readonly problem: ConfigProblem };

const ROOT = "PLUGIN_ROOT";
const DATA = "PLUGIN_DATA";
const STDIO_KEYS = ["type", "command", "args", "env", "cwd"];
const HTTP_KEYS = ["type", "url", "headers"];
/** What an MCP client says itself; Codex leaves such headers out. */
const CLIENT_HEADERS: ReadonlySet<string> = new Set(
  (
    "accept authorization connection content-encoding content-length content-type host last-event-id mcp-protocol-version " +
    "mcp-session-id proxy-authorization te trailer transfer-encoding upgrade user-agent"
  ).split(" "),
);

/** Why an entry makes no server. */
class Refusal extends Error {
  readonly problem: ConfigProblem;

  constructor(found: ConfigProblem) {
    super(found.message);
    this.problem = found;
  }
}

/** From the format's keys to Codex's. */
class Translation {
  readonly #path: readonly string[];
  readonly #folders: AgentFolders;
  readonly #warnings: ConfigProblem[] = [];

  constructor(path: readonly string[], folders: AgentFolders) {
    this.#path = path;
    this.#folders = folders;
  }

  server(node: TomlNode, nulls: JsonText["nulls"]): Translated {
    try {
      if (node.kind !== "table") this.#refuse("Agent Plugins MCP server must be an object", [], node.place);
      const [wrongNull] = nulls;
      if (wrongNull !== undefined) {
        const key = wrongNull.path.slice(2);
        this.#refuse(about(key.join("."), "must use its declared type when present"), key, wrongNull.place);
      }
      const type = this.#text(node, "type", node.place);
      if (type === "stdio") return { ok: true, table: this.#stdio(node), warnings: this.#warnings };
      if (type === "streamable-http") return { ok: true, table: this.#http(node), warnings: this.#warnings };
      const place = node.entries.get("type")?.value.place;
      if (type === "sse")
        this.#refuse("Agent Plugins legacy SSE transport is not supported by Codex", ["type"], place);
      return this.#refuse(about("type", 'must be "stdio" or "streamable-http"'), ["type"], place);
    } catch (error) {
      if (error instanceof Refusal) return { ok: false, problem: error.problem };
      throw error;
    }
  }

  #stdio(node: TomlTable): TomlTable {
    this.#onlyKeys(node, STDIO_KEYS);
    const { root, data } = this.#folders;
    const entries = new Map<string, TomlEntry>();
    const command = this.#text(node, "command", node.place);
    const entry = node.entries.get("command");
    const isRelative = command.startsWith("./") && command.length > 2 && !command.includes("\\");
    if (!isRelative && (command === "" || /[/\\]/.test(command)))
      this.#refuse(
        "Agent Plugins stdio command must be a bare executable name or a contained `./` path",
        ["command"],
        entry?.value.place,
      );
    const program = isRelative
      ? this.#contained(`${root}/${command}`, command, root, "command", entry)
      : command;
    entries.set("command", {
      ...entry,
      value: { kind: "string", value: program, place: entry?.value.place },
    });

    const args = node.entries.get("args");
    if (args !== undefined) {
      if (args.value.kind !== "array")
        this.#refuse(about("args", "must be an array of strings"), ["args"], args.value.place);
      const items = args.value.items.map((item) => this.#expanded(item, "args"));
      entries.set("args", { ...args, value: { ...args.value, items } });
    }

    const env = node.entries.get("env");
    if (env !== undefined && env.value.kind !== "table")
      this.#refuse(about("env", "must be an object of strings"), ["env"], env.value.place);
    const variables = new Map<string, TomlEntry>();
    for (const [name, each] of env?.value.kind === "table" ? env.value.entries : []) {
      if (name === ROOT || name === DATA)
        this.#refuse(
          `Agent Plugins stdio \`env\` cannot override reserved variable \`${name}\``,
          ["env", name],
          each.keyPlace,
        );
      variables.set(name, { ...each, value: this.#expanded(each.value, `env.${name}`) });
    }
    variables.set(ROOT, { value: { kind: "string", value: root } });
    variables.set(DATA, { value: { kind: "string", value: data } });
    entries.set("env", { ...env, value: { kind: "table", entries: variables } });

    const cwd = node.entries.get("cwd");
    const written = cwd === undefined ? `\${${ROOT}}` : this.#text(node, "cwd", node.place);
    const allowed = this.#cwdRoot(written);
    if (allowed === undefined) {
      const message =
        "Agent Plugins stdio `cwd` must be a contained `./`, `${PLUGIN_ROOT}`, or `${PLUGIN_DATA}` path";
      this.#refuse(message, ["cwd"], cwd?.value.place);
    }
    const whole = this.#expand(written);
    const folder = this.#contained(
      whole.startsWith("/") ? whole : `${allowed}/${whole}`,
      written,
      allowed,
      "cwd",
      cwd,
    );
    entries.set("cwd", { ...cwd, value: { kind: "string", value: folder, place: cwd?.value.place } });
    return { ...node, entries };
  }

  #http(node: TomlTable): TomlTable {
    this.#onlyKeys(node, HTTP_KEYS);
    const url = this.#text(node, "url", node.place);
    const entry = node.entries.get("url");
    const wrong = urlProblem(url);
    if (wrong !== undefined) this.#refuse(wrong, ["url"], entry?.value.place);
    const entries = new Map<string, TomlEntry>(entry === undefined ? [] : [["url", entry]]);
    const headers = node.entries.get("headers");
    if (headers !== undefined) {
      const { value } = headers;
      if (value.kind !== "table")
        return this.#refuse(about("headers", "must be an object of strings"), ["headers"], value.place);
      const sent = this.#headers(value);
      if (sent.size > 0) entries.set("http_headers", { ...headers, value: { ...value, entries: sent } });
    }
    return { ...node, entries };
  }

  #headers({ entries }: TomlTable): Map<string, TomlEntry> {
    const seen = new Set<string>();
    const sent = new Map<string, TomlEntry>();
    for (const [name, entry] of entries) {
      const path = ["headers", name];
      if (entry.value.kind !== "string")
        this.#refuse(about(`headers.${name}`, "must be a string"), path, entry.value.place);
      const small = name.toLowerCase();
      if (seen.has(small))
        this.#refuse(
          `duplicate case-insensitive Agent Plugins HTTP header \`${name}\``,
          path,
          entry.keyPlace,
        );
      seen.add(small);
      if (headerNameProblem(name) !== undefined)
        this.#refuse(`invalid Agent Plugins HTTP header name \`${name}\``, path, entry.keyPlace);
      if (headerValueProblem(entry.value.value) !== undefined)
        this.#refuse(`invalid Agent Plugins HTTP header value for \`${name}\``, path, entry.value.place);
      if (CLIENT_HEADERS.has(small)) {
        this.#warnings.push(
          problem(
            about(`headers.${name}`, "is left out: the client sets it itself"),
            [...this.#path, ...path],
            entry.keyPlace,
          ),
        );
      } else {
        sent.set(name, entry);
      }
    }
    return sent;
  }

  /** Which folder a `cwd` is in, as it is written. */
  #cwdRoot(text: string): string | undefined {
    const { root, data } = this.#folders;
    const isSuffix = (rest: string): boolean => rest === "" || !rest.includes("\\");
    if (text.startsWith("./")) return isSuffix(text.slice(2)) ? root : undefined;
    for (const [name, folder] of [
      [ROOT, root],
      [DATA, data],
    ] as const) {
      const placeholder = `\${${name}}`;
      if (
        text === placeholder ||
        (text.startsWith(`${placeholder}/`) && isSuffix(text.slice(placeholder.length + 1)))
      )
        return folder;
    }
    return undefined;
  }

  #contained(
    path: string,
    written: string,
    folder: string,
    key: string,
    entry: TomlEntry | undefined,
  ): string {
    let real: string;
    try {
      real = resolvedPath(path);
    } catch (error) {
      return this.#refuse(about(key, `cannot be found: ${messageOf(error)}`), [key], entry?.value.place);
    }
    if (isInside(real, folder)) return real;
    const text = {
      message: `expanded path \`${written}\` must remain within \`${folder}\``,
      what: `must remain within ${folder}`,
      quoted: `\`${written}\``,
    };
    return this.#refuse(text, [key], entry?.value.place);
  }

  #expanded(node: TomlNode, key: string): TomlNode {
    if (node.kind !== "string")
      return this.#refuse(about(key, "must be a string"), key.split("."), node.place);
    return { ...node, value: this.#expand(node.value) };
  }

  #expand(text: string): string {
    const { root, data } = this.#folders;
    return text.replaceAll(/\$\{PLUGIN_(ROOT|DATA)\}/g, (_, which) => (which === "ROOT" ? root : data));
  }

  #text(node: TomlTable, key: string, place: Place | undefined): string {
    const value = node.entries.get(key)?.value;
    if (value?.kind === "string") return value.value;
    const text =
      value === undefined ? { message: `missing field \`${key}\`` } : about(key, "must be a string");
    return this.#refuse(text, [key], value?.place ?? place);
  }

  #onlyKeys(node: TomlTable, known: readonly string[]): void {
    for (const [key, { keyPlace }] of node.entries) {
      if (!known.includes(key))
        this.#refuse(about(key, "is not a known key of the Agent Plugins format"), [key], keyPlace);
    }
  }

  #refuse(text: string | ProblemText, path: readonly string[], place: Place | undefined): never {
    throw new Refusal(problem(text, [...this.#path, ...path], place));
  }
}

function about(key: string, what: string): ProblemText {
  return { message: `${key} ${what}`, what };
}

function urlProblem(text: string): string | undefined {
  if (text === "") return "Agent Plugins HTTP server requires a non-empty `url`";
  const url = URL.parse(text);
  if (url === null) return "invalid Agent Plugins MCP URL";
  if (!/^https?:$/.test(url.protocol)) return "Agent Plugins MCP URL must be absolute HTTP or HTTPS";
  if (url.username !== "" || url.password !== "" || text.includes("#"))
    return "Agent Plugins MCP URL must not contain user information or a fragment";
  const isLoopback =
    url.hostname === "localhost" || url.hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(url.hostname);
  if (url.protocol === "http:" && !isLoopback)
    return "non-loopback Agent Plugins MCP endpoints must use HTTPS";
  return undefined;
}
