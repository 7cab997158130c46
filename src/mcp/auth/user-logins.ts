/** The logins of the user whom a process belongs to, as Codex keeps them. */
import { userCodexHome } from "../../config/layers/homes.ts";
import { type ConfigLayers, loadConfigLayers } from "../../config/layers/layers.ts";
import { oauthSettings } from "../../config/layers/oauth-settings.ts";
import { ConfigError } from "../../config/problem.ts";
import type { Variables } from "../../servers/resolve.ts";
import { codexLoginStore } from "./codex-store/codex-login-store.ts";
import type { LoginStore } from "./stored-login.ts";

export interface UserLoginsOptions {
  /** Where `CODEX_HOME` and `HOME` are looked up. @default process.env */
  readonly env?: Variables | undefined;
  /** What says where logins are kept (`mcp_oauth_credentials_store`). @default the files of the user and the machine */
  readonly layers?: Pick<ConfigLayers, "layers"> | undefined;
}

/** Codex's own store in the user's Codex home: a login that `codex mcp login` made is there, and one that is made here counts there. */
export function userLoginStore({ env = process.env, layers }: UserLoginsOptions = {}): LoginStore {
  const codexHome = userCodexHome(env);
  return codexLoginStore({
    codexHome,
    kept: oauthSettings((layers ?? layersOf(codexHome)).layers).credentialsStore,
  });
}

/** None where they cannot be read: what reads them for more than this says why. */
function layersOf(codexHome: string): Pick<ConfigLayers, "layers"> {
  try {
    // A home is no project, and Codex does not read our own files.
    return loadConfigLayers({ codexHome, switchyardHome: "/dev/null", cwd: codexHome, env: {} });
  } catch (error) {
    if (error instanceof ConfigError) return { layers: [] };
    throw error;
  }
}
