/**
 * What stands beside the servers at the root of a configuration file, as data: Codex 0.171's keys, and those of
 * `switchyard.toml`.
 *
 * Only what servers depend on has its type here. Codex judges all other keys: `switchyard mcp check --ask-codex`
 * asks it.
 */
import { ENVIRONMENT } from "./environment-keys.ts";
import { both, type FieldValue, type Struct } from "./server-keys.ts";

const PROJECT: Struct = {
  name: "ProjectConfig",
  fields: [
    both(
      "trust_level",
      { type: "enum", variants: ["trusted", "untrusted"] },
      "Whether the project's own files count.",
      { needed: "by_position" },
    ),
  ],
};
const PROJECTS: FieldValue = { type: "structs", struct: PROJECT };

const IDENTITY_PROVIDER: Struct = {
  name: "McpServerIdpOAuthConfig",
  closed: true,
  fields: [
    both("issuer", { type: "string" }, "The issuer.", { needed: "always" }),
    both("client_id", { type: "string" }, "The id of the client.", { needed: "always" }),
    both("client_secret", { type: "string" }, "The secret of the client."),
    both(
      "token_endpoint_auth_method",
      { type: "enum", variants: ["client_secret_basic", "client_secret_post"] },
      "How the client proves itself.",
    ),
  ],
};

const ENTERPRISE_AUTH: Struct = {
  name: "McpEnterpriseManagedAuthConfig",
  closed: true,
  fields: [
    both("idp", { type: "struct", struct: IDENTITY_PROVIDER }, "The identity provider.", {
      needed: "always",
    }),
  ],
};

/** Those of Codex's keys whose values are checked; `mcp_servers` is read apart. */
export const CODEX_ROOT_KEYS: ReadonlyMap<string, FieldValue> = new Map<string, FieldValue>([
  ["mcp_enterprise_managed_auth", { type: "struct", struct: ENTERPRISE_AUTH }],
  ["mcp_oauth_callback_port", { type: "integer", expects: "u16", min: 0n, max: 65_535n }],
  ["mcp_oauth_callback_url", { type: "string" }],
  ["mcp_oauth_credentials_store", { type: "enum", variants: ["auto", "file", "keyring"] }],
  ["mcp_optional_startup_grace_ms", { type: "integer", expects: "u64", min: 0n }],
  ["profile", { type: "string" }],
  ["project_root_markers", { type: "strings" }],
  ["projects", PROJECTS],
]);

/** All keys that Codex has at the root, besides `mcp_servers`: in strict mode any other is an error. */
export const CODEX_ROOT_NAMES: ReadonlySet<string> = new Set(
  (
    "agents allow_login_shell allow_symlinked_codex_home analytics approval_policy approvals_reviewer " +
    "apps apps_mcp_product_sku audio auto_review background_terminal_max_timeout browser_use " +
    "chatgpt_base_url check_for_update_on_startup cli_auth_credentials_store cloud code_mode compact_prompt " +
    "computer_use default_permissions desktop developer_instructions disable_paste_burst " +
    "experimental_compact_prompt_file experimental_realtime_start_instructions " +
    "experimental_realtime_webrtc_call_base_url experimental_realtime_ws_backend_prompt " +
    "experimental_realtime_ws_base_url experimental_realtime_ws_model " +
    "experimental_realtime_ws_startup_context experimental_thread_store " +
    "experimental_thread_store_endpoint experimental_use_unified_exec_tool features feedback " +
    "file_opener forced_chatgpt_workspace_id forced_login_method ghost_snapshot goals " +
    "hide_agent_reasoning history hooks include_apps_instructions " +
    "include_collaboration_mode_instructions include_environment_context " +
    "include_environment_context_time include_permissions_instructions instructions " +
    "js_repl_node_module_dirs js_repl_node_path log_dir marketplaces mcp_enterprise_managed_auth " +
    "mcp_oauth_callback_port mcp_oauth_callback_url mcp_oauth_credentials_store " +
    "mcp_optional_startup_grace_ms memories model model_auto_compact_token_limit " +
    "model_auto_compact_token_limit_scope model_catalog_json model_context_window " +
    "model_instructions_file model_post_turn_compact_threshold_percent model_provider model_providers " +
    "model_reasoning_effort model_reasoning_summary model_verbosity notice notify openai_base_url " +
    "orchestrator oss_provider otel permissions personality plan_mode_reasoning_effort plugins " +
    "profile profiles project_doc_fallback_filenames project_doc_max_bytes project_root_markers " +
    "projects realtime responses responses_api_metadata review_model rollout_trace sandbox_mode sandbox_workspace_write " +
    "service_tier shell_environment_policy show_raw_agent_reasoning skills sqlite_home " +
    "suppress_unstable_features_warning thread_unload_delay_secs tool_output_token_limit tool_suggest " +
    "tools tui web_search windows"
  ).split(" "),
);

/** The keys of `switchyard.toml` besides `mcp_servers`. The loader of environments checks each as a whole. */
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
