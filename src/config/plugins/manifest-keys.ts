/**
 * What a manifest is read as, and the keys of Codex's own format.
 *
 * Invariants
 *   N3. One key of the wrong type makes a manifest invalid, also where nothing here needs it, as in Codex 0.171 (measured).
 */
import type { JsonText } from "./json-text.ts";
import { type ConfigProblem, problem } from "../problem.ts";
import { nodeAt, type TomlNode, type TomlTable } from "../../toml/node.ts";

export type PluginManifest = {
  readonly displayName: string;
  /** Of the manifest, relative to the plugin's folder. */
  readonly path: string;
  /** Where its skills may be, relative to the plugin's folder. */
  readonly skills: readonly string[];
  /** What was left out of it. */
  readonly warnings: readonly ConfigProblem[];
} & (
  | { readonly format: "agent" }
  | {
      readonly format: "legacy";
      /** The manifest's own servers, or the file that has them. */
      readonly servers: { readonly inline: TomlTable; readonly json: JsonText } | { readonly file: string };
    }
);

export type ReadManifest =
  | { readonly ok: true; readonly manifest: PluginManifest }
  | { readonly ok: false; readonly problem: ConfigProblem };

type Kind = "text" | "texts" | "optional_text";
const KINDS: Readonly<
  Record<
    Kind,
    { readonly nullable: boolean; readonly fits: (node: TomlNode) => boolean; readonly what: string }
  >
> = {
  text: { nullable: false, fits: ({ kind }) => kind === "string", what: "must be a string" },
  optional_text: { nullable: true, fits: ({ kind }) => kind === "string", what: "must be a string" },
  texts: {
    nullable: false,
    fits: (node) => node.kind === "array" && node.items.every(({ kind }) => kind === "string"),
    what: "must be an array of strings",
  },
};

const KEYS: ReadonlyMap<string, Kind> = new Map([
  ["name", "text"],
  ["version", "optional_text"],
  ["description", "optional_text"],
  ["keywords", "texts"],
  ["apps", "optional_text"],
]);
const INTERFACE_KEYS: ReadonlyMap<string, Kind> = new Map([
  ["displayName", "optional_text"],
  ["shortDescription", "optional_text"],
  ["longDescription", "optional_text"],
  ["developerName", "optional_text"],
  ["category", "optional_text"],
  ["capabilities", "texts"],
  ["websiteUrl", "optional_text"],
  ["websiteURL", "optional_text"],
  ["privacyPolicyUrl", "optional_text"],
  ["privacyPolicyURL", "optional_text"],
  ["termsOfServiceUrl", "optional_text"],
  ["termsOfServiceURL", "optional_text"],
  ["brandColor", "optional_text"],
  ["composerIcon", "optional_text"],
  ["logo", "optional_text"],
  ["logoDark", "optional_text"],
  ["screenshots", "texts"],
]);
/** Known keys whose values Codex takes as they come. */
const LENIENT = ["skills", "mcpServers", "hooks", "interface", "defaultPrompt"];

/** Why Codex takes this for no manifest (N3). An array, which it reads by position, is rejected here. */
export function legacyProblem({ root, nulls, repeated }: JsonText): ConfigProblem | undefined {
  if (root.kind !== "table") return problem("a manifest must be an object", undefined, root.place);
  const shown = root.entries.get("interface")?.value;
  if (shown !== undefined && shown.kind !== "table")
    return problem(
      { message: "interface must be an object", what: "must be an object" },
      ["interface"],
      shown.place,
    );
  const tables = [
    { path: [], table: root, keys: KEYS },
    ...(shown === undefined ? [] : [{ path: ["interface"], table: shown, keys: INTERFACE_KEYS }]),
  ];
  for (const { path, table, keys } of tables) {
    const isHere = (other: readonly string[]): boolean =>
      other.length === path.length + 1 && path.every((key, at) => other[at] === key);
    const twice = repeated.find(
      (each) => isHere(each) && (keys.has(each.at(-1) ?? "") || LENIENT.includes(each.at(-1) ?? "")),
    );
    if (twice !== undefined) {
      const what = "is written twice";
      return problem(
        { message: `${twice.join(".")} ${what}`, what },
        twice,
        table.entries.get(twice.at(-1) ?? "")?.keyPlace,
      );
    }
    for (const [key, kind] of keys) {
      const { nullable, fits, what } = KINDS[kind];
      const value = table.entries.get(key)?.value;
      const isNull = nulls.find((each) => isHere(each.path) && each.path.at(-1) === key);
      const inside = nulls.find(
        (each) =>
          each.path.length === path.length + 2 &&
          each.path[path.length] === key &&
          isHere(each.path.slice(0, -1)),
      );
      const place =
        (!nullable && value === undefined ? isNull?.place : undefined) ??
        inside?.place ??
        (value !== undefined && !fits(value) ? value.place : undefined);
      if (place !== undefined)
        return problem({ message: `${[...path, key].join(".")} ${what}`, what }, [...path, key], place);
    }
  }
  return undefined;
}

export function displayNameOf(manifest: TomlNode): string | undefined {
  const name = textAt(manifest, ["interface", "displayName"])?.trim();
  return name === "" ? undefined : name;
}

export function textAt(node: TomlNode, path: readonly string[]): string | undefined {
  const found = nodeAt(node, path);
  return found?.kind === "string" ? found.value : undefined;
}
