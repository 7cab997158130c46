/**
 * One skill: the front matter of its `SKILL.md`, and what `agents/openai.yaml` beside it says it needs. The rules are Codex's
 * (0.171, measured).
 *
 *   SKILL.md             name, description between two lines ---   broken: there is no such skill
 *   agents/openai.yaml   dependencies.tools                        broken: the skill needs nothing
 *
 * Invariants
 *   K1. A broken file is a problem with its file and line, and takes nothing away from other skills.
 *   K2. Of a file no more than the limit is read, and what does not end within it is a problem.
 */
import { basename, dirname, join } from "node:path";
import type { Node } from "yaml";
import { countCharacters, type Place } from "../../toml/node.ts";
import type { ConfigProblem } from "../problem.ts";
import { serverNameProblem, serverUrlProblem } from "../server/start-problem.ts";
import type { WrittenMcpServer } from "../server/types.ts";
import { readFrontMatter } from "./front-matter.ts";
import type { PluginNames } from "./plugin-names.ts";
import { BYTES_MAX, readHead } from "./read-head.ts";
import { type Yaml, YamlFile, YamlProblem } from "./yaml-file.ts";

/** Where a skill was found, the first of these first. */
export type SkillScope = "repo" | "user" | "system" | "admin";

/** A skill, and the MCP servers that it needs. */
export interface Skill {
  /** As it is mentioned; a skill of a plugin is `plugin:name`. Two skills may have the same name. */
  readonly name: string;
  readonly description: string;
  /** Its `SKILL.md`, without links. */
  readonly file: string;
  readonly scope: SkillScope;
  /** The plugin it comes from: `plugin@marketplace`. */
  readonly pluginId?: string;
  /** `false` where the user's `[[skills.config]]` switches it off. */
  readonly enabled: boolean;
  /** In the order of its `agents/openai.yaml`. */
  readonly servers: readonly SkillServer[];
}

/** An MCP server that a skill needs. */
export interface SkillServer {
  /** What the skill calls it. */
  readonly name: string;
  readonly description?: string;
  /** As it would be configured: a `url`, or a `command` without arguments. */
  readonly server: WrittenMcpServer;
  /** Where the skill says so. */
  readonly place: Place;
}

export interface SkillFile {
  /** Without links. */
  readonly file: string;
  readonly scope: SkillScope;
  readonly pluginId?: string | undefined;
}

export interface SkillReader {
  readonly yaml: Yaml;
  readonly plugins: PluginNames;
  readonly problems: ConfigProblem[];
}

/** Codex's names of its products. */
const PRODUCTS: readonly string[] = ["codex", "chatgpt", "atlas"];
/** Limits of texts, in characters. */
const NAME_MAX = 64;
const TEXT_MAX = 1024;

/** @returns `undefined` where its `SKILL.md` is broken; that is a problem then */
export function readSkill(
  { file, scope, pluginId }: SkillFile,
  reader: SkillReader,
): Omit<Skill, "enabled"> | undefined {
  try {
    const { name, description } = readNames(file, reader);
    const plugin = reader.plugins.of(file);
    return {
      name: plugin === undefined ? name : `${plugin}:${name}`,
      description,
      file,
      scope,
      ...(pluginId === undefined ? {} : { pluginId }),
      servers: readServers(join(dirname(file), "agents", "openai.yaml"), reader),
    };
  } catch (error) {
    if (!(error instanceof YamlProblem)) throw error;
    reader.problems.push({ ...error.problem, hint: "Codex does not load this skill" });
    return undefined;
  }
}

/** @throws {YamlProblem} */
function readNames(file: string, { yaml }: SkillReader): Pick<Skill, "name" | "description"> {
  const head = readHead(file);
  if (head === undefined) throw new TypeError(`${file} is not a file`);
  const matter = readFrontMatter(yaml, head);
  const document = matter.yaml;
  const fields = document.fields(document.root, [], ["name", "description", "metadata"]) ?? {};
  const written = oneLine(document.text(fields.name, ["name"]));
  const description = oneLine(document.text(fields.description, ["description"]));
  // Its short description is of no use here, but where it is wrong Codex does not load the skill.
  if (fields.metadata !== undefined) {
    const metadata = document.fields(fields.metadata, ["metadata"], ["short-description"]);
    if (metadata === undefined) throw document.wrong(fields.metadata, ["metadata"], "a map");
    document.text(metadata["short-description"], ["metadata", "short-description"]);
  }
  const name = written ?? oneLine(basename(dirname(file))) ?? "skill";
  if (countCharacters(name) > NAME_MAX) {
    throw new YamlProblem({
      message: `invalid name: exceeds maximum length of ${NAME_MAX} characters`,
      place: fields.name === undefined ? matter.place : document.placeOf(fields.name),
    });
  }
  if (description === undefined) {
    throw new YamlProblem({ message: "missing field `description`", place: matter.place });
  }
  return { name, description };
}

/** What is broken is a problem, and the skill needs nothing then. */
function readServers(file: string, { yaml, problems }: SkillReader): readonly SkillServer[] {
  const own: ConfigProblem[] = [];
  const found: SkillServer[] = [];
  try {
    const head = readHead(file);
    if (head === undefined) return [];
    const { source, cut } = head;
    if (cut) {
      const message = `it has more than ${BYTES_MAX / 1024} KiB`;
      throw new YamlProblem({ message, place: { source, start: 0, end: 0 } });
    }
    const start = source.text.startsWith("\ufeff") ? 1 : 0;
    const document = new YamlFile(yaml, { source, start, end: source.text.length });
    for (const tool of neededTools(document)) {
      const server = readTool(document, tool, own);
      if (server !== undefined) found.push(server);
    }
  } catch (error) {
    if (!(error instanceof YamlProblem)) throw error;
    problems.push({ ...error.problem, hint: "Codex ignores the whole file, so the skill needs no server" });
    return [];
  }
  problems.push(...own);
  return found;
}

/** @throws {YamlProblem} where any of what Codex reads of the file has the wrong type */
function neededTools(document: YamlFile): readonly Node[] {
  const root = document.fields(document.root, [], ["interface", "dependencies", "policy"]) ?? {};
  const interfaceKeys = [
    "display_name",
    "short_description",
    "icon_small",
    "icon_large",
    "brand_color",
    "default_prompt",
  ] as const;
  const shown = document.fields(root.interface, ["interface"], interfaceKeys) ?? {};
  for (const key of interfaceKeys) document.text(shown[key], ["interface", key]);
  const policy = document.fields(root.policy, ["policy"], ["allow_implicit_invocation", "products"]) ?? {};
  document.boolean(policy.allow_implicit_invocation, ["policy", "allow_implicit_invocation"]);
  for (const product of document.items(policy.products, ["policy", "products"])) {
    if (!PRODUCTS.includes(document.text(product, ["policy", "products"]) ?? ""))
      throw document.wrong(product, ["policy", "products"], PRODUCTS.join(", "));
  }
  const { tools } = document.fields(root.dependencies, ["dependencies"], ["tools"]) ?? {};
  return document.items(tools, ["dependencies", "tools"]);
}

const TOOL_KEYS = ["type", "value", "description", "transport", "command", "url"] as const;

/** @throws {YamlProblem} where it has the wrong type */
function readTool(document: YamlFile, node: Node, problems: ConfigProblem[]): SkillServer | undefined {
  const path = ["dependencies", "tools"];
  const fields = document.fields(node, path, TOOL_KEYS);
  if (fields === undefined) throw document.wrong(node, path, "a map");
  const report = (message: string, at: Node | undefined, hint: string): undefined => {
    problems.push({ message, path, place: document.placeOf(at ?? node), hint });
  };
  const text = (key: (typeof TOOL_KEYS)[number], max: number): string | undefined => {
    const value = oneLine(document.text(fields[key], [...path, key]));
    if (value === undefined || countCharacters(value) <= max) return value;
    return report(`${key} has more than ${max} characters`, fields[key], "Codex takes it for absent");
  };
  const type = text("type", NAME_MAX);
  const name = text("value", TEXT_MAX);
  const description = text("description", TEXT_MAX);
  const transport = text("transport", NAME_MAX)?.toLowerCase() ?? "streamable_http";
  const command = text("command", TEXT_MAX);
  const url = text("url", TEXT_MAX);
  const ignored = "Codex ignores this dependency";
  if (type === undefined || name === undefined) {
    const key = type === undefined ? "type" : "value";
    return report(`a dependency needs ${key}`, fields[key], ignored);
  }
  // `env_var`, `cli` and what else there may be are not about servers.
  if (type.toLowerCase() !== "mcp") return undefined;
  const where = { ...(description === undefined ? {} : { description }), place: document.placeOf(node) };
  const wrongName = serverNameProblem(name);
  if (wrongName !== undefined) report(wrongName, fields.value, "A server of this name does not start");
  if (transport === "stdio") {
    if (command === undefined) return report("a dependency on a stdio server needs command", node, ignored);
    return { name, server: { command }, ...where };
  }
  if (transport !== "streamable_http") {
    return report("transport is streamable_http or stdio", fields.transport, ignored);
  }
  if (url === undefined) return report("a dependency on an HTTP server needs url", node, ignored);
  const wrongUrl = serverUrlProblem(url, { quoteScheme: false });
  if (wrongUrl !== undefined) report(`url: ${wrongUrl}`, fields.url, "Such a server does not start");
  return { name, server: { url }, ...where };
}

/** White space as one blank; `undefined` where nothing is left. */
function oneLine(text: string | undefined): string | undefined {
  const line = text?.replace(/\p{White_Space}+/gu, " ").replace(/^ | $/g, "");
  return line === "" ? undefined : line;
}
