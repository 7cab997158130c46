/** What a configuration says about logins to servers beside the servers themselves: Codex's `mcp_oauth_…`. */
import { toPlain } from "../../toml/node.ts";
import { type ConfigLayer, mergeLayers } from "./layers.ts";

export interface OAuthSettings {
  /** `mcp_oauth_credentials_store`. */
  readonly credentialsStore: "auto" | "file" | "keyring" | undefined;
  /** `mcp_oauth_callback_port`. */
  readonly callbackPort: number | undefined;
  /** `mcp_oauth_callback_url`. */
  readonly callbackUrl: string | undefined;
}

const STORES = ["auto", "file", "keyring"] as const;

/** A value of another type counts as absent: the check of the configuration reports it. */
export function oauthSettings(layers: readonly ConfigLayer[]): OAuthSettings {
  const { entries } = mergeLayers(layers.filter(({ inactive }) => inactive === undefined));
  const valueOf = (key: string): unknown => {
    const entry = entries.get(key);
    return entry === undefined ? undefined : toPlain(entry.value);
  };
  const store = valueOf("mcp_oauth_credentials_store");
  const port = valueOf("mcp_oauth_callback_port");
  const url = valueOf("mcp_oauth_callback_url");
  return {
    credentialsStore: STORES.find((name) => name === store),
    callbackPort: typeof port === "number" ? port : undefined,
    callbackUrl: typeof url === "string" ? url : undefined,
  };
}
