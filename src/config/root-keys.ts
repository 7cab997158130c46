/**
 * What else a configuration file says at its root, as data: Codex 0.169's keys, and those of `switchyard.toml`.
 *
 * Each was given to the real binary with a value of every type, and its error read. Of what is no business of MCP
 * only the type is known here: what a table holds inside is not looked at.
 */
import type { FieldValue, Struct } from "./fields.ts";

const STRING: FieldValue = { type: "string" };
const PATH: FieldValue = { type: "string", expects: "path string" };
const STRINGS: FieldValue = { type: "strings" };
const BOOLEAN: FieldValue = { type: "boolean" };
const MAP: FieldValue = { type: "table", expects: "a map" };

function integer(expects: string, min: bigint, max?: bigint): FieldValue {
  return { type: "integer", expects, min, ...(max === undefined ? {} : { max }) };
}

function oneOf(...variants: string[]): FieldValue {
  return { type: "enum", variants };
}

/** @param byPosition whether Codex would read an array by position */
function struct(name: string, byPosition: boolean = true): FieldValue {
  return { type: "table", expects: `struct ${name}`, ...(byPosition ? { byPosition } : {}) };
}

const I64 = integer("i64", -(2n ** 63n));
const U64 = integer("u64", 0n);
const USIZE = integer("usize", 0n);

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
  // everything else
  ["agents", struct("AgentsToml", false)],
  ["allow_login_shell", BOOLEAN],
  ["allow_symlinked_codex_home", BOOLEAN],
  ["analytics", struct("AnalyticsConfigToml")],
  [
    "approval_policy",
    {
      type: "enum",
      variants: ["untrusted", "on-failure", "on-request", "granular", "never"],
      newtype: "granular",
    },
  ],
  ["approvals_reviewer", oneOf("user", "auto_review", "guardian_subagent")],
  ["apps", struct("AppsConfigToml", false)],
  ["apps_mcp_product_sku", STRING],
  ["audio", struct("RealtimeAudioToml")],
  ["auto_review", struct("AutoReviewToml")],
  ["background_terminal_max_timeout", U64],
  ["browser_use", struct("BrowserUseConfigToml")],
  ["chatgpt_base_url", STRING],
  ["check_for_update_on_startup", BOOLEAN],
  ["cli_auth_credentials_store", oneOf("file", "keyring", "auto", "ephemeral")],
  ["cloud", struct("CloudToml")],
  ["compact_prompt", STRING],
  ["computer_use", struct("ComputerUseConfigToml")],
  ["default_permissions", STRING],
  ["desktop", MAP],
  ["developer_instructions", STRING],
  ["disable_paste_burst", BOOLEAN],
  ["experimental_compact_prompt_file", PATH],
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
  ["experimental_use_unified_exec_tool", BOOLEAN],
  ["features", struct("FeaturesToml", false)],
  ["feedback", struct("FeedbackConfigToml")],
  ["file_opener", oneOf("vscode", "vscode-insiders", "windsurf", "cursor", "none")],
  ["forced_chatgpt_workspace_id", { type: "anything" }],
  ["forced_login_method", oneOf("chatgpt", "api")],
  ["ghost_snapshot", struct("GhostSnapshotToml")],
  ["goals", struct("GoalsToml")],
  ["hide_agent_reasoning", BOOLEAN],
  ["history", struct("History")],
  ["hooks", struct("HooksToml", false)],
  ["include_apps_instructions", BOOLEAN],
  ["include_collaboration_mode_instructions", BOOLEAN],
  ["include_environment_context", BOOLEAN],
  ["include_environment_context_time", BOOLEAN],
  ["include_permissions_instructions", BOOLEAN],
  ["instructions", STRING],
  ["js_repl_node_module_dirs", { type: "strings", expects: "path string" }],
  ["js_repl_node_path", PATH],
  ["log_dir", PATH],
  ["marketplaces", MAP],
  ["memories", struct("MemoriesToml")],
  ["model", STRING],
  ["model_auto_compact_token_limit", I64],
  ["model_auto_compact_token_limit_scope", oneOf("total", "body_after_prefix")],
  ["model_catalog_json", PATH],
  ["model_context_window", I64],
  ["model_instructions_file", PATH],
  ["model_post_turn_compact_threshold_percent", integer("u8", 0n, 255n)],
  ["model_provider", STRING],
  ["model_providers", MAP],
  ["model_reasoning_effort", STRING],
  ["model_reasoning_summary", oneOf("auto", "concise", "detailed", "none")],
  ["model_verbosity", oneOf("low", "medium", "high")],
  ["notice", struct("Notice")],
  ["notify", STRINGS],
  ["openai_base_url", STRING],
  ["orchestrator", struct("OrchestratorToml")],
  ["oss_provider", STRING],
  ["otel", struct("OtelConfigToml")],
  ["permissions", struct("PermissionsToml", false)],
  ["personality", oneOf("none", "friendly", "pragmatic")],
  ["plan_mode_reasoning_effort", STRING],
  ["plugins", struct("PluginsConfigToml", false)],
  ["profile", STRING],
  ["profiles", MAP],
  ["project_doc_fallback_filenames", STRINGS],
  ["project_doc_max_bytes", USIZE],
  ["project_root_markers", STRINGS],
  ["realtime", struct("RealtimeToml")],
  ["responses_api_metadata", { type: "string_map" }],
  ["review_model", STRING],
  ["sandbox_mode", oneOf("read-only", "workspace-write", "danger-full-access")],
  ["sandbox_workspace_write", struct("SandboxWorkspaceWrite")],
  ["service_tier", STRING],
  ["shell_environment_policy", struct("ShellEnvironmentPolicyTomlRaw")],
  ["show_raw_agent_reasoning", BOOLEAN],
  ["skills", struct("SkillsConfig")],
  ["sqlite_home", PATH],
  ["suppress_unstable_features_warning", BOOLEAN],
  ["thread_unload_delay_secs", U64],
  ["tool_output_token_limit", USIZE],
  ["tool_suggest", struct("ToolSuggestConfig")],
  ["tools", struct("ToolsToml")],
  ["tui", struct("Tui", false)],
  ["web_search", oneOf("disabled", "cached", "indexed", "live")],
  ["windows", struct("WindowsToml")],
]);

/** The keys of `switchyard.toml` without `mcp_servers`. `environments` is reserved: executors are not there yet. */
export const OWN_ROOT_KEYS: ReadonlyMap<string, FieldValue> = new Map<string, FieldValue>([
  ["projects", PROJECTS],
  ["environments", MAP],
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
