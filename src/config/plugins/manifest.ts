/**
 * A plugin's manifest: which format it is in, what the plugin is called, and where its servers are.
 *
 * Found as by Codex 0.171 (measured): `plugin.json` of the Agent Plugins format, if its `$schema` says so; otherwise the first of
 * `.codex-plugin`, `.claude-plugin` and `.cursor-plugin` that has a `plugin.json`.
 *
 * Invariants
 *   N1. The first manifest that is there decides: a broken one is not made up for by another.
 *   N2. A manifest and its folder are no symbolic links, as in Codex.
 */
import fs from "node:fs";
import { basename, join } from "node:path";
import { AGENT_MANIFEST, AGENT_SCHEMAS, readAgentManifest, SKILLS } from "./agent-manifest.ts";
import type { JsonText } from "./json-text.ts";
import {
  displayNameOf,
  legacyProblem,
  type PluginManifest,
  type ReadManifest,
  textAt,
} from "./manifest-keys.ts";
import { readPluginFile } from "./plugin-files.ts";
import { type ConfigProblem, problem } from "../problem.ts";
import { nodeAt, type TomlTable } from "../../toml/node.ts";

const FOLDERS = [".codex-plugin", ".claude-plugin", ".cursor-plugin"] as const;
/** Where the servers are if the manifest does not say it. */
const MCP_FILE = ".mcp.json";

export function readManifest(root: string): ReadManifest {
  const agent = kindOf(join(root, AGENT_MANIFEST));
  if (agent === "other" || agent === "folder") return invalid(`${join(root, AGENT_MANIFEST)} is not a file`);
  if (agent === "file") {
    const read = readPluginFile(root, AGENT_MANIFEST);
    const schema = read.ok ? nodeAt(read.json.root, ["$schema"]) : undefined;
    if (read.ok && schema?.kind === "string" && schema.value.startsWith(AGENT_SCHEMAS))
      return readAgentManifest(root, read.json, overlayOf(root));
  }
  for (const folder of FOLDERS) {
    const kind = kindOf(join(root, folder));
    if (kind === "missing") continue;
    if (kind !== "folder") return invalid(`${join(root, folder)} is not a folder, or a link`);
    const path = join(folder, "plugin.json");
    const file = kindOf(join(root, path));
    if (file === "missing") continue;
    if (file !== "file") return invalid(`${join(root, path)} is not a file, or a link`);
    return readLegacyManifest(root, path);
  }
  const hint = `It needs ${FOLDERS.map((folder) => `${folder}/plugin.json`).join(", ")}, or plugin.json of the Agent Plugins format`;
  return invalid(`${root} has no plugin.json`, hint);
}

function readLegacyManifest(root: string, path: string): ReadManifest {
  const read = readPluginFile(root, path);
  if (!read.ok)
    return {
      ok: false,
      problem: read.problem ?? problem(`${join(root, path)} is gone`, undefined, undefined),
    };
  const { json } = read;
  const wrong = legacyProblem(json);
  if (wrong !== undefined || json.root.kind !== "table")
    return wrong === undefined ? invalid("it is not an object") : { ok: false, problem: wrong };
  const warnings: ConfigProblem[] = [];
  return {
    ok: true,
    manifest: {
      format: "legacy",
      path,
      displayName: displayNameOf(json.root) ?? legacyName(json.root, root),
      servers: serversOf(json.root, json, warnings),
      skills: [SKILLS, ...pathsAt(json.root, "skills")],
      warnings,
    },
  };
}

function legacyName(manifest: TomlTable, root: string): string {
  const name = textAt(manifest, ["name"]) ?? "";
  return name.trim() === "" ? basename(root) : name;
}

/** An unusable `mcpServers` is as good as absent (measured). */
function serversOf(
  { entries }: TomlTable,
  json: JsonText,
  warnings: ConfigProblem[],
): (PluginManifest & { format: "legacy" })["servers"] {
  const byDefault = { file: MCP_FILE };
  const entry = entries.get("mcpServers");
  if (entry === undefined) return byDefault;
  const { value } = entry;
  if (value.kind === "table") return { inline: value, json };
  const path = value.kind === "string" ? containedPath(value.value) : undefined;
  if (path !== undefined) return { file: path };
  if (value.kind === "string" && value.value === "") return byDefault;
  const what =
    value.kind === "string"
      ? "is not a path in the plugin that begins with ./"
      : "is neither a path nor an object";
  warnings.push(
    problem({ message: `mcpServers ${what}, so ${MCP_FILE} counts`, what }, ["mcpServers"], value.place),
  );
  return byDefault;
}

/** One path or several; what is no path in the plugin is left out, as in Codex. */
function pathsAt({ entries }: TomlTable, key: string): string[] {
  const value = entries.get(key)?.value;
  const all = value?.kind === "array" ? value.items : value === undefined ? [] : [value];
  return all.flatMap((each) => (each.kind === "string" ? (containedPath(each.value) ?? []) : []));
}

/** A path that Codex takes for one in the plugin's folder, without the `./` in front. */
function containedPath(text: string): string | undefined {
  if (!text.startsWith("./") || text.length === 2 || text.startsWith(".//")) return undefined;
  const parts = text.slice(2).split("/");
  return parts.includes("..") ? undefined : parts.filter((part) => part !== "." && part !== "").join("/");
}

/** What Codex's own manifest beside one of the Agent Plugins format adds to it: only how it is shown. */
function overlayOf(root: string): ReturnType<typeof readPluginFile> | undefined {
  const [folder] = FOLDERS;
  const path = join(folder, "plugin.json");
  if (kindOf(join(root, folder)) !== "folder" || kindOf(join(root, path)) !== "file") return undefined;
  return readPluginFile(root, path);
}

function kindOf(path: string): "missing" | "file" | "folder" | "other" {
  const status = fs.lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return "missing";
  return status.isFile() ? "file" : status.isDirectory() ? "folder" : "other";
}

function invalid(message: string, hint?: string): ReadManifest {
  return { ok: false, problem: problem(message, undefined, undefined, hint) };
}
