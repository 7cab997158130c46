/** A manifest of the Agent Plugins format (agent-plugins.org, 1.0.0), by Codex 0.171's rules (measured). */
import { displayNameOf, legacyProblem, type ReadManifest, textAt } from "./manifest-keys.ts";
import type { JsonText } from "./json-text.ts";
import type { ReadPluginFile } from "./plugin-files.ts";
import { type ConfigProblem, problem } from "../problem.ts";
import { nodeAt, type TomlNode } from "../../toml/node.ts";

/** Where skills are if nothing else is said. */
export const SKILLS = "skills";
export const AGENT_MANIFEST = "plugin.json";
/** What the `$schema` of any version begins with. */
export const AGENT_SCHEMAS = "https://agent-plugins.org/schemas/";
const SCHEMA = `${AGENT_SCHEMAS}1.0.0/plugin.schema.json`;
/** Letters, digits, dots and hyphens; neither in a row, nor at an end. */
const NAME = /^(?=[a-z0-9])[a-z0-9.-]{1,64}(?<=[a-z0-9])$/;
const TEXTS = ["name", "version", "description", "homepage", "repository", "license"] as const;
const AUTHOR_TEXTS = ["name", "email", "url"] as const;
const EXTENSION = ["extensions", "com.openai"];

/** @param overlay Codex's own manifest beside it, which counts where the extension is absent */
export function readAgentManifest(
  root: string,
  json: JsonText,
  overlay: ReadPluginFile | undefined,
): ReadManifest {
  const { root: manifest } = json;
  const wrong = agentProblem(json) ?? extensionProblem(json);
  if (wrong !== undefined) return { ok: false, problem: wrong };
  const extension = nodeAt(manifest, EXTENSION);
  let shown: TomlNode | undefined = extension?.kind === "table" ? extension : undefined;
  if (shown === undefined && overlay !== undefined) {
    if (!overlay.ok) {
      return {
        ok: false,
        problem: overlay.problem ?? problem(`${root} changes while it is read`, undefined, undefined),
      };
    }
    const inOverlay = legacyProblem(overlay.json);
    if (inOverlay !== undefined) return { ok: false, problem: inOverlay };
    shown = overlay.json.root;
  }
  const name = textAt(manifest, ["name"]) ?? "";
  const displayName = (shown === undefined ? undefined : displayNameOf(shown)) ?? name;
  return {
    ok: true,
    manifest: { format: "agent", path: AGENT_MANIFEST, displayName, skills: [SKILLS], warnings: [] },
  };
}

function agentProblem({ root, nulls }: JsonText): ConfigProblem | undefined {
  if (textAt(root, ["$schema"]) !== SCHEMA) {
    const text = {
      message: `$schema is not ${SCHEMA}, the only one that Codex supports`,
      what: "is not supported",
    };
    return problem(text, ["$schema"], nodeAt(root, ["$schema"])?.place);
  }
  const wrong = (path: readonly string[], what: string): ConfigProblem =>
    problem(
      { message: `${path.join(".")} ${what}`, what },
      path,
      nodeAt(root, path)?.place ?? nulls.find((each) => isSame(each.path, path))?.place,
    );
  const isWrongText = (path: readonly string[]): boolean => {
    const value = nodeAt(root, path);
    return value === undefined ? nulls.some((each) => isSame(each.path, path)) : value.kind !== "string";
  };
  for (const key of TEXTS) if (isWrongText([key])) return wrong([key], "must be a string");
  const keywords = nodeAt(root, ["keywords"]);
  const isNull = nulls.some(({ path }) => path[0] === "keywords");
  if (
    isNull ||
    (keywords !== undefined &&
      !(keywords.kind === "array" && keywords.items.every(({ kind }) => kind === "string")))
  )
    return wrong(["keywords"], "must be an array of strings");
  const author = nodeAt(root, ["author"]);
  if (author !== undefined || nulls.some(({ path }) => isSame(path, ["author"]))) {
    if (author?.kind !== "table") return wrong(["author"], "must be an object");
    for (const key of AUTHOR_TEXTS)
      if (isWrongText(["author", key])) return wrong(["author", key], "must be a string");
    const unknown = [...author.entries.keys()].find((key) => !AUTHOR_TEXTS.some((known) => known === key));
    if (unknown !== undefined) return wrong(["author", unknown], "is not a known key");
  }
  const name = textAt(root, ["name"]);
  if (name === undefined || !NAME.test(name) || /--|\.\./.test(name))
    return wrong(
      ["name"],
      "must be of lower-case letters, digits, single dots and single hyphens, at most 64",
    );
  return undefined;
}

/** The extension is read as a manifest of Codex's own format. */
function extensionProblem({ root, nulls }: JsonText): ConfigProblem | undefined {
  const extension = nodeAt(root, EXTENSION);
  if (extension?.kind !== "table") return undefined;
  const isIn = (path: readonly string[]): boolean => EXTENSION.every((key, at) => path[at] === key);
  const found = legacyProblem({
    root: extension,
    nulls: nulls.flatMap(({ path, place }) =>
      isIn(path) ? [{ path: path.slice(EXTENSION.length), place }] : [],
    ),
    // What is handed on has been read once: of a key that was written twice, the last one is there.
    repeated: [],
  });
  return found === undefined ? undefined : { ...found, path: [...EXTENSION, ...(found.path ?? [])] };
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, at) => key === b[at]);
}
