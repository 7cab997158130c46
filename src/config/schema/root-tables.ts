/**
 * What stands inside the tables of Codex's root, as far as it is looked at, as data (measured with Codex 0.169).
 *
 * Codex refuses a whole configuration for one wrong value anywhere. A table of which only some keys are listed here
 * may have others: nothing is said of those.
 */
import { type FieldValue, type Struct, TOOL } from "./server-keys.ts";

export const STRING: FieldValue = { type: "string" };
export const PATH: FieldValue = { type: "string", expects: "path string" };
export const STRINGS: FieldValue = { type: "strings" };
export const BOOLEAN: FieldValue = { type: "boolean" };
export const MAP: FieldValue = { type: "table", expects: "a map" };
const STRING_MAP: FieldValue = { type: "string_map" };

export function integer(expects: string, min: bigint, max?: bigint): FieldValue {
  return { type: "integer", expects, min, ...(max === undefined ? {} : { max }) };
}

export const I64: FieldValue = integer("i64", -(2n ** 63n));
export const U64: FieldValue = integer("u64", 0n);
export const USIZE: FieldValue = integer("usize", 0n);

export function oneOf(...variants: string[]): FieldValue {
  return { type: "enum", variants };
}

type Keys = Readonly<Record<string, FieldValue>>;

/** A struct that Codex would read from an array, too. */
export function struct(name: string, keys: Keys = {}): FieldValue & { type: "table" } {
  return { type: "table", expects: `struct ${name}`, byPosition: true, keys };
}

/** A table of tables, each under a name of the user's. */
function mapOf(rest: FieldValue): FieldValue {
  return { type: "table", expects: "a map", rest };
}

/** A feature with settings of its own: a boolean, or a table. */
const FEATURE: FieldValue = {
  type: "untagged",
  name: "FeatureToml",
  of: [BOOLEAN, { type: "table", expects: "a map", keys: { enabled: BOOLEAN } }],
};

/** Any other name takes a boolean, also one that no feature has. */
const FEATURES: FieldValue = {
  type: "table",
  expects: "struct FeaturesToml",
  keys: {
    apps_mcp_path_override: FEATURE,
    async_compaction: FEATURE,
    code_mode: FEATURE,
    code_mode_host: FEATURE,
    context_management: FEATURE,
    current_time_reminder: FEATURE,
    guardianv2: FEATURE,
    guardianv3: FEATURE,
    multi_agent_v2: FEATURE,
    network_proxy: FEATURE,
    non_prefixed_mcp_tool_names: FEATURE,
    rollout_budget: FEATURE,
    runtime_agent_instances: FEATURE,
    sleep_tool: FEATURE,
    token_budget: FEATURE,
    tool_registry: struct("ToolRegistryConfigToml"),
  },
  rest: BOOLEAN,
  flat: true,
};

const PLUGINS: FieldValue = {
  type: "table",
  expects: "struct PluginsConfigToml",
  rest: struct("PluginConfig", {
    enabled: BOOLEAN,
    // Rules only: how the server is reached, the plugin says.
    mcp_servers: mapOf(
      struct("PluginMcpServerConfig", {
        enabled: BOOLEAN,
        default_tools_approval_mode: oneOf("auto", "prompt", "writes", "approve"),
        enabled_tools: STRINGS,
        disabled_tools: STRINGS,
        tools: { type: "structs", struct: TOOL },
      }),
    ),
  }),
  flat: true,
};

const GRANULAR: Struct = {
  name: "GranularApprovalConfig",
  fields: [
    ["sandbox_approval", true],
    ["rules", true],
    ["skill_approval", false],
    ["request_permissions", false],
    ["mcp_elicitations", true],
  ].map(([name, needed]) => ({
    name: name as string,
    value: BOOLEAN,
    transport: "both" as const,
    ...(needed === true ? { needed: "always" as const } : {}),
    about: "Whether the user is asked.",
  })),
};

const EFFORT: FieldValue = { type: "string", empty: "reasoning_effort must not be empty" };

/** Keys of the root that a profile may have, too. */
const OF_PROFILES: Keys = {
  approval_policy: {
    type: "enum",
    variants: ["untrusted", "on-failure", "on-request", "granular", "never"],
    newtype: { variant: "granular", struct: GRANULAR },
  },
  approvals_reviewer: oneOf("user", "auto_review", "guardian_subagent"),
  chatgpt_base_url: STRING,
  experimental_compact_prompt_file: PATH,
  experimental_use_unified_exec_tool: BOOLEAN,
  features: FEATURES,
  include_apps_instructions: BOOLEAN,
  include_collaboration_mode_instructions: BOOLEAN,
  include_environment_context: BOOLEAN,
  include_environment_context_time: BOOLEAN,
  include_permissions_instructions: BOOLEAN,
  js_repl_node_module_dirs: { type: "strings", expects: "path string" },
  js_repl_node_path: PATH,
  model: STRING,
  model_catalog_json: PATH,
  model_instructions_file: PATH,
  model_provider: STRING,
  model_reasoning_effort: EFFORT,
  model_reasoning_summary: oneOf("auto", "concise", "detailed", "none"),
  model_verbosity: oneOf("low", "medium", "high"),
  oss_provider: STRING,
  personality: oneOf("none", "friendly", "pragmatic"),
  plan_mode_reasoning_effort: EFFORT,
  sandbox_mode: oneOf("read-only", "workspace-write", "danger-full-access"),
  service_tier: STRING,
  analytics: struct("AnalyticsConfigToml", { enabled: BOOLEAN }),
  tools: struct("ToolsToml", {
    web_search: { type: "untagged", name: "WebSearchToolConfigInput", of: [BOOLEAN, MAP] },
  }),
  web_search: oneOf("disabled", "cached", "indexed", "live"),
  windows: struct("WindowsToml", { sandbox: oneOf("elevated", "unelevated", "mxc") }),
};

const PROVIDER = struct("ModelProviderInfo", {
  name: STRING,
  base_url: STRING,
  env_key: STRING,
  env_key_instructions: STRING,
  experimental_bearer_token: STRING,
  model_catalog_url: STRING,
  query_params: STRING_MAP,
  http_headers: STRING_MAP,
  env_http_headers: STRING_MAP,
  request_max_retries: U64,
  stream_max_retries: U64,
  stream_idle_timeout_ms: U64,
  websocket_connect_timeout_ms: U64,
  requires_openai_auth: BOOLEAN,
  supports_websockets: BOOLEAN,
});

/** The tables, and the keys that profiles share. */
export const ROOT_TABLES: Keys = {
  ...OF_PROFILES,
  audio: struct("RealtimeAudioToml", { microphone: STRING, speaker: STRING }),
  feedback: struct("FeedbackConfigToml", { enabled: BOOLEAN }),
  forced_chatgpt_workspace_id: { type: "untagged", name: "Repr", of: [STRING, STRINGS] },
  ghost_snapshot: struct("GhostSnapshotToml", {
    disable_warnings: BOOLEAN,
    ignore_large_untracked_dirs: I64,
    ignore_large_untracked_files: I64,
  }),
  history: struct("History", { persistence: oneOf("save-all", "none"), max_bytes: USIZE }),
  marketplaces: mapOf(
    struct("MarketplaceConfig", {
      last_revision: STRING,
      last_updated: STRING,
      ref: STRING,
      source: STRING,
      source_type: oneOf("git", "local"),
      sparse_paths: STRINGS,
    }),
  ),
  model_providers: mapOf(PROVIDER),
  plugins: PLUGINS,
  profiles: mapOf(struct("ConfigProfile", OF_PROFILES)),
  realtime: struct("RealtimeToml", {
    transport: oneOf("webrtc", "websocket"),
    type: oneOf("conversational", "transcription"),
    version: oneOf("v1", "v2", "v3"),
  }),
  sandbox_workspace_write: struct("SandboxWorkspaceWrite", {
    exclude_slash_tmp: BOOLEAN,
    exclude_tmpdir_env_var: BOOLEAN,
    network_access: BOOLEAN,
    writable_roots: { type: "strings", expects: "path string" },
  }),
  shell_environment_policy: struct("ShellEnvironmentPolicyTomlRaw", {
    exclude: STRINGS,
    experimental_use_profile: BOOLEAN,
    ignore_default_excludes: BOOLEAN,
    include_only: STRINGS,
    inherit: oneOf("core", "all", "none"),
    set: STRING_MAP,
  }),
};
