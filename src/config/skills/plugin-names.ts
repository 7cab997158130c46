/** The plugin that a file belongs to: the nearest folder above it with a manifest. */
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { isObject } from "../../base/json.ts";
import { readHead } from "./read-head.ts";
import { YamlProblem } from "./yaml-file.ts";

/** Codex looks for both (0.171, measured). */
const MANIFESTS: readonly string[] = [".codex-plugin/plugin.json", ".claude-plugin/plugin.json"];

export class PluginNames {
  readonly #known = new Map<string, string | undefined>();

  /** The name of the plugin; `undefined` where it is in none. */
  of(file: string): string | undefined {
    const folder = dirname(file);
    if (this.#known.has(folder)) return this.#known.get(folder);
    const own = MANIFESTS.map((manifest) => nameIn(join(folder, manifest), folder)).find(
      (name) => name !== undefined,
    );
    const name = own ?? (dirname(folder) === folder ? undefined : this.of(folder));
    this.#known.set(folder, name);
    return name;
  }
}

/** @returns `undefined` where there is no manifest, or it is broken */
function nameIn(manifest: string, folder: string): string | undefined {
  // Nearly always there is none.
  if (fs.statSync(manifest, { throwIfNoEntry: false }) === undefined) return undefined;
  try {
    const read: unknown = JSON.parse(readHead(manifest)?.source.text ?? "");
    if (!isObject(read)) return undefined;
    const { name = "" } = read;
    if (typeof name !== "string") return undefined;
    return name.trim() === "" ? basename(folder) : name;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof YamlProblem) return undefined;
    throw error;
  }
}
