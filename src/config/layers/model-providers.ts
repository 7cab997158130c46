/** What Codex's own files say about the model providers of a home. Nothing of it is checked: Codex does that. */
import { ConfigError } from "../problem.ts";
import { toPlain } from "../../toml/node.ts";
import { loadConfigLayers, mergeLayers } from "./layers.ts";

export interface ConfiguredProviders {
  /** `model_provider`: the one in use. */
  readonly selected: unknown;
  /** `model_providers`: their tables, by name. */
  readonly tables: unknown;
  /** `openai_base_url`. */
  readonly openaiBaseUrl: unknown;
}

/** Nothing, where the files cannot be read: Codex says why, when it reads them. */
export function configuredProviders(codexHome: string): ConfiguredProviders {
  try {
    // A home is no project, and Codex does not read our own files.
    const { layers } = loadConfigLayers({ codexHome, switchyardHome: "/dev/null", cwd: codexHome, env: {} });
    const { entries } = mergeLayers(layers);
    const valueOf = (key: string): unknown => {
      const entry = entries.get(key);
      return entry === undefined ? undefined : toPlain(entry.value);
    };
    return {
      selected: valueOf("model_provider"),
      tables: valueOf("model_providers"),
      openaiBaseUrl: valueOf("openai_base_url"),
    };
  } catch (error) {
    if (error instanceof ConfigError)
      return { selected: undefined, tables: undefined, openaiBaseUrl: undefined };
    throw error;
  }
}
