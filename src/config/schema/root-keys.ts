/**
 * What else a configuration file says at its root, as data: Codex 0.169's keys, and those of `switchyard.toml`.
 *
 * Each was given to the real binary with a value of every type, and its error read. What the tables hold inside is in
 * `root-tables.ts`, as far as it is known.
 */
import { ENVIRONMENT } from "./environment-keys.ts";
import type { FieldValue, Struct } from "./server-keys.ts";
import {
  BOOLEAN,
  I64,
  integer,
  MAP,
  oneOf,
  PATH,
  ROOT_TABLES,
  STRING,
  STRINGS,
  struct,
  U64,
  USIZE,
} from "./root-tables.ts";

/** A table that is not looked into, and that Codex reads from no array. */
function table(name: string): FieldValue {
  return { type: "table", expects: `struct ${name}` };
}

const PROJECT: Struct = {
  name: "ProjectConfig",
  fields: [
    {
      name: "trust_level",
      value: oneOf("trusted", "untrusted"),
      transport: "both",
      needed: "by_position",
      about: "Whether the project's own files count.",
    },
  ],
};
const PROJECTS: FieldValue = { type: "structs", struct: PROJECT };

const IDENTITY_PROVIDER: Struct = {
  name: "McpServerIdpOAuthConfig",
  closed: true,
  fields: [
    { name: "issuer", value: STRING, transport: "both", needed: "always", about: "The issuer." },
    { name: "client_id", value: STRING, transport: "both", needed: "always", about: "The id of the client." },
    { name: "client_secret", value: STRING, transport: "both", about: "The secret of the client." },
    {
      name: "token_endpoint_auth_method",
      value: oneOf("client_secret_basic", "client_secret_post"),
      transport: "both",
      about: "How the client proves itself.",
    },
  ],
};

const ENTERPRISE_AUTH: Struct = {
  name: "McpEnterpriseManagedAuthConfig",
  closed: true,
  fields: [
    {
      name: "idp",
      value: { type: "struct", struct: IDENTITY_PROVIDER },
      transport: "both",
      needed: "always",
      about: "The identity provider.",
    },
  ],
};

/** Codex's keys without `mcp_servers`. */
export const CODEX_ROOT_KEYS: ReadonlyMap<string, FieldValue> = new Map<string, FieldValue>([
  // MCP
  ["mcp_enterprise_managed_auth", { type: "struct", struct: ENTERPRISE_AUTH }],
  ["mcp_oauth_callback_port", integer("u16", 0n, 65_535n)],
  ["mcp_oauth_callback_url", STRING],
  ["mcp_oauth_credentials_store", oneOf("auto", "file", "keyring")],
  ["mcp_optional_startup_grace_ms", U64],
  ["projects", PROJECTS],
  ...Object.entries(ROOT_TABLES),
  // everything else
  ["agents", table("AgentsToml")],
  ["allow_login_shell", BOOLEAN],
  ["allow_symlinked_codex_home", BOOLEAN],
  ["apps", table("AppsConfigToml")],
  ["apps_mcp_product_sku", STRING],
  ["auto_review", struct("AutoReviewToml")],
  ["background_terminal_max_timeout", U64],
  ["browser_use", struct("BrowserUseConfigToml")],
  ["check_for_update_on_startup", BOOLEAN],
  ["cli_auth_credentials_store", oneOf("file", "keyring", "auto", "ephemeral")],
  ["cloud", struct("CloudToml")],
  ["compact_prompt", STRING],
  ["computer_use", struct("ComputerUseConfigToml")],
  ["default_permissions", STRING],
  ["desktop", MAP],
  ["developer_instructions", STRING],
  ["disable_paste_burst", BOOLEAN],
  ["experimental_realtime_start_instructions", STRING],
  ["experimental_realtime_webrtc_call_base_url", STRING],
  ["experimental_realtime_ws_backend_prompt", STRING],
  ["experimental_realtime_ws_base_url", STRING],
  ["experimental_realtime_ws_model", STRING],
  ["experimental_realtime_ws_startup_context", STRING],
  [
    "experimental_thread_store",
    { type: "table", expects: "internally tagged enum ThreadStoreToml", byPosition: true },
  ],
  ["experimental_thread_store_endpoint", STRING],
  ["file_opener", oneOf("vscode", "vscode-insiders", "windsurf", "cursor", "none")],
  ["forced_login_method", oneOf("chatgpt", "api")],
  ["goals", struct("GoalsToml")],
  ["hide_agent_reasoning", BOOLEAN],
  ["hooks", table("HooksToml")],
  ["instructions", STRING],
  ["log_dir", PATH],
  ["memories", struct("MemoriesToml")],
  ["model_auto_compact_token_limit", I64],
  ["model_auto_compact_token_limit_scope", oneOf("total", "body_after_prefix")],
  ["model_context_window", I64],
  ["model_post_turn_compact_threshold_percent", integer("u8", 0n, 255n)],
  ["notice", struct("Notice")],
  ["notify", STRINGS],
  ["openai_base_url", STRING],
  ["orchestrator", struct("OrchestratorToml")],
  ["otel", struct("OtelConfigToml")],
  ["permissions", table("PermissionsToml")],
  ["profile", STRING],
  ["project_doc_fallback_filenames", STRINGS],
  ["project_doc_max_bytes", USIZE],
  ["project_root_markers", STRINGS],
  ["responses_api_metadata", { type: "string_map" }],
  ["review_model", STRING],
  ["show_raw_agent_reasoning", BOOLEAN],
  ["skills", struct("SkillsConfig")],
  ["sqlite_home", PATH],
  ["suppress_unstable_features_warning", BOOLEAN],
  ["thread_unload_delay_secs", U64],
  ["tool_output_token_limit", USIZE],
  ["tool_suggest", struct("ToolSuggestConfig")],
  ["tui", table("Tui")],
]);

/** The keys of `switchyard.toml` without `mcp_servers`. What an environment may say as a whole, its loader knows. */
export const OWN_ROOT_KEYS: ReadonlyMap<string, FieldValue> = new Map<string, FieldValue>([
  ["projects", PROJECTS],
  ["environments", { type: "structs", struct: ENVIRONMENT }],
]);

/** Spellings of `mcp_servers` that other products use and Codex silently ignores. */
export const MISTAKEN_ROOT_KEYS: readonly string[] = [
  "mcp",
  "mcpServer",
  "mcpServers",
  "mcp-server",
  "mcp-servers",
  "mcp_server",
  "mcpservers",
  "servers",
];
