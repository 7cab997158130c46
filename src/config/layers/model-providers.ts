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

/** Names of all root keys in the files of a home. @returns `undefined` where they cannot be read */
export function configuredKeys(codexHome: string): readonly string[] | undefined {
  return entriesOf(codexHome)?.names;
}

/** Nothing, where the files cannot be read: Codex says why, when it reads them. */
export function configuredProviders(codexHome: string): ConfiguredProviders {
  const valueOf = entriesOf(codexHome)?.valueOf ?? (() => undefined);
  return {
    selected: valueOf("model_provider"),
    tables: valueOf("model_providers"),
    openaiBaseUrl: valueOf("openai_base_url"),
  };
}

interface Entries {
  readonly names: readonly string[];
  readonly valueOf: (key: string) => unknown;
}

function entriesOf(codexHome: string): Entries | undefined {
  try {
    // A home is no project, and Codex does not read our own files.
    const { layers } = loadConfigLayers({ codexHome, switchyardHome: "/dev/null", cwd: codexHome, env: {} });
    const { entries } = mergeLayers(layers);
    return {
      names: [...entries.keys()],
      valueOf: (key) => {
        const entry = entries.get(key);
        return entry === undefined ? undefined : toPlain(entry.value);
      },
    };
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}
