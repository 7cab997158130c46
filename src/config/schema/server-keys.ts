/**
 * Every key under `[mcp_servers.<name>]`, as data: the validator, the JSON Schema, the flags of the command, the
 * suggestions for misspelt keys and the documentation are made from these tables.
 *
 * Invariants
 *   F1. The fields of a struct stand in the order of Codex's own: it reads a struct that is written as an array by
 *       position (measured with 0.169). Keys of ours come last and are never read by position.
 *   F2. A field that a transport rejects says so here and in `REFUSED`, which has Codex's order of checks.
 */

/** What a key takes. `expects` is serde's word for it in Codex's errors. */
export type FieldValue =
  /** @default expects "a string" */
  | { readonly type: "string"; readonly expects?: string }
  | { readonly type: "strings" }
  | { readonly type: "string_map" }
  | { readonly type: "boolean" }
  /** A number of seconds; `convert` turns it into whole nanoseconds where it is read. */
  | { readonly type: "seconds"; readonly convert: boolean }
  | { readonly type: "integer"; readonly expects: string; readonly min: bigint; readonly max?: bigint }
  | { readonly type: "enum"; readonly variants: readonly string[] }
  | { readonly type: "enums"; readonly variants: readonly string[] }
  | { readonly type: "env_vars" }
  | { readonly type: "struct"; readonly struct: Struct }
  /** A table of structs, each under a name of the user's. */
  | { readonly type: "structs"; readonly struct: Struct };

export interface Field {
  readonly name: string;
  readonly value: FieldValue;
  /** Which servers may have it; `none` means that it is always rejected. */
  readonly transport: "both" | "stdio" | "streamable_http" | "none";
  /** What its absence means, where that is one value. */
  readonly default?: string | number | boolean | readonly never[];
  /** One sentence. */
  readonly about: string;
  /** A key of ours: only `switchyard.toml` may have it. */
  readonly own?: true;
  /** Whether Codex misses it: always, or only in a struct that is written as an array. */
  readonly needed?: "always" | "by_position";
}

export interface Struct {
  /** Codex's name of the type, as in its errors. */
  readonly name: string;
  readonly fields: readonly Field[];
  /** Unknown keys are errors, also when not strict. */
  readonly closed?: true;
}

const BY_NAME = new WeakMap<Struct, ReadonlyMap<string, Field>>();

/** A map, because it is looked up for every key of a file. */
export function fieldNamed(struct: Struct, name: string): Field | undefined {
  let byName = BY_NAME.get(struct);
  if (byName === undefined) {
    byName = new Map(struct.fields.map((field) => [field.name, field]));
    BY_NAME.set(struct, byName);
  }
  return byName.get(name);
}

const STRING: FieldValue = { type: "string" };
const STRINGS: FieldValue = { type: "strings" };
const STRING_MAP: FieldValue = { type: "string_map" };
const BOOLEAN: FieldValue = { type: "boolean" };
const COUNT: FieldValue = { type: "integer", expects: "a nonzero usize", min: 1n };
const APPROVAL: FieldValue = { type: "enum", variants: ["auto", "prompt", "writes", "approve"] };

export const OAUTH: Struct = {
  name: "McpServerOAuthConfig",
  fields: [
    {
      name: "client_id",
      value: STRING,
      transport: "streamable_http",
      about: "The id of a client that is registered with the authorization server.",
    },
    {
      name: "client_secret",
      value: STRING,
      transport: "streamable_http",
      about: "The secret of that client; it needs client_id.",
    },
    {
      name: "token_endpoint_auth_method",
      value: { type: "enum", variants: ["client_secret_basic", "client_secret_post"] },
      transport: "streamable_http",
      about: 'How the client proves itself to the token endpoint; only with auth = "ema_auth".',
    },
    {
      name: "callback_url",
      value: STRING,
      transport: "streamable_http",
      about: "The redirect URI of the login, where the listener's own address will not do.",
    },
    {
      name: "callback_port",
      value: { type: "integer", expects: "u16", min: 0n, max: 65_535n },
      transport: "streamable_http",
      about: "The port the login listens on; 0 takes a free one.",
    },
    {
      name: "authorization_server_issuer",
      value: STRING,
      transport: "streamable_http",
      about: 'The issuer of the authorization server; only with auth = "ema_auth".',
    },
  ],
};

export const TOOL: Struct = {
  name: "McpServerToolConfig",
  fields: [
    {
      name: "approval_mode",
      value: APPROVAL,
      transport: "both",
      about: "When a call of this tool needs a yes; it wins over default_tools_approval_mode.",
    },
    {
      name: "output_token_limit",
      value: COUNT,
      transport: "both",
      about: "How many tokens of this tool's output the model is given at most.",
    },
  ],
};

/** An element of `env_vars` that is not a plain name. Other keys are rejected, also when not strict. */
export const ENV_VAR: Struct = {
  name: "McpServerEnvVar",
  fields: [
    { name: "name", value: STRING, transport: "stdio", about: "The name of the variable." },
    {
      name: "source",
      value: { type: "enum", variants: ["local", "remote"] },
      transport: "stdio",
      default: "local",
      about: "Where the variable is looked up: on this machine, or where the server runs.",
    },
  ],
};

export const SERVER: Struct = {
  name: "RawMcpServerConfig",
  fields: [
    {
      name: "command",
      value: STRING,
      transport: "stdio",
      needed: "by_position",
      about: "The program to start, found in PATH; it makes the server a stdio server.",
    },
    { name: "args", value: STRINGS, transport: "stdio", default: [], about: "The arguments of the program." },
    {
      name: "env",
      value: STRING_MAP,
      transport: "stdio",
      about: "Variables the program is given, as written; nothing in them is expanded.",
    },
    {
      name: "env_vars",
      value: { type: "env_vars" },
      transport: "stdio",
      default: [],
      about: "Names of variables that are passed on to the program; one that is not set is left out.",
    },
    {
      name: "cwd",
      value: STRING,
      transport: "stdio",
      about: "The folder the program starts in; a relative one is joined to the thread's working directory.",
    },
    {
      name: "http_headers",
      value: STRING_MAP,
      transport: "streamable_http",
      needed: "by_position",
      about: "Headers of every request, as written.",
    },
    {
      name: "env_http_headers",
      value: STRING_MAP,
      transport: "streamable_http",
      about: "Headers of every request, each with the name of the variable that holds its value.",
    },
    {
      name: "http_headers_helper",
      value: STRING,
      transport: "streamable_http",
      needed: "by_position",
      about:
        "A shell command that prints a JSON object of headers; only for servers reached from this machine.",
    },
    {
      name: "url",
      value: STRING,
      transport: "streamable_http",
      needed: "by_position",
      about: "The endpoint; it makes the server a streamable HTTP server.",
    },
    {
      name: "bearer_token",
      value: STRING,
      transport: "none",
      needed: "by_position",
      about: "Always rejected: secrets do not belong in a file. Use bearer_token_env_var.",
    },
    {
      name: "bearer_token_env_var",
      value: STRING,
      transport: "streamable_http",
      needed: "by_position",
      about: "The name of the variable that holds the bearer token.",
    },
    {
      name: "environment_id",
      value: STRING,
      transport: "both",
      default: "local",
      about: "Where the server runs: local, or the id of an executor.",
    },
    {
      name: "auth",
      value: { type: "enum", variants: ["oauth", "chatgpt", "ema_auth"] },
      transport: "streamable_http",
      default: "oauth",
      about: "How a login with the server is done.",
    },
    {
      name: "startup_timeout_sec",
      value: { type: "seconds", convert: false },
      transport: "both",
      about: "How long the server may take to start, in seconds; 30 if unset.",
    },
    {
      name: "startup_timeout_ms",
      value: { type: "integer", expects: "u64", min: 0n },
      transport: "both",
      about: "The same in milliseconds; it counts only without startup_timeout_sec.",
    },
    {
      name: "tool_timeout_sec",
      value: { type: "seconds", convert: true },
      transport: "both",
      about: "How long a call may take, in seconds; 300 if unset.",
    },
    {
      name: "enabled",
      value: BOOLEAN,
      transport: "both",
      default: true,
      about: "Whether the server is used at all.",
    },
    {
      name: "required",
      value: BOOLEAN,
      transport: "both",
      default: false,
      about: "Whether a thread fails when the server does not start.",
    },
    {
      name: "startup_readiness",
      value: { type: "enum", variants: ["connection", "catalog"] },
      transport: "both",
      default: "connection",
      about: "When the server counts as ready: with its connection, or with a cached catalog of its tools.",
    },
    {
      name: "supports_parallel_tool_calls",
      value: BOOLEAN,
      transport: "both",
      default: false,
      about: "Whether calls of its tools may overlap.",
    },
    {
      name: "tool_input_schema_max_bytes",
      value: COUNT,
      transport: "both",
      about: "From which size on the input schema of a tool is compacted; 5000 if unset.",
    },
    {
      name: "omit_tools_from",
      value: { type: "enums", variants: ["code_mode", "deferred", "direct"] },
      transport: "both",
      about: "Where its tools are not offered.",
    },
    {
      name: "default_tools_approval_mode",
      value: APPROVAL,
      transport: "both",
      about: "When a call of one of its tools needs a yes.",
    },
    {
      name: "enabled_tools",
      value: STRINGS,
      transport: "both",
      about: "The only tools that are offered; all if unset, none if empty.",
    },
    {
      name: "disabled_tools",
      value: STRINGS,
      transport: "both",
      about: "Tools that are not offered; it wins over enabled_tools.",
    },
    { name: "scopes", value: STRINGS, transport: "both", about: "The OAuth scopes a login asks for." },
    {
      name: "oauth",
      value: { type: "struct", struct: OAUTH },
      transport: "streamable_http",
      about: "Settings of the OAuth login.",
    },
    {
      name: "oauth_resource",
      value: STRING,
      transport: "streamable_http",
      about: "The OAuth resource a login is for.",
    },
    {
      name: "name",
      value: STRING,
      transport: "both",
      about: "An old display name; read and thrown away.",
    },
    {
      name: "tools",
      value: { type: "structs", struct: TOOL },
      transport: "both",
      about: "Rules for single tools, by their declared name.",
    },
    {
      name: "scope",
      value: { type: "enum", variants: ["thread", "project", "principal", "host"] },
      transport: "both",
      default: "thread",
      own: true,
      about: "Who may share a connection to the server.",
    },
  ],
};

/** What a transport rejects, in Codex's order (measured with 0.169). */
export const REFUSED: Readonly<Record<"stdio" | "streamable_http", readonly string[]>> = {
  stdio: [
    "url",
    "bearer_token_env_var",
    "bearer_token",
    "http_headers_helper",
    "http_headers",
    "env_http_headers",
    "oauth",
    "oauth_resource",
    "auth",
  ],
  streamable_http: ["args", "env", "env_vars", "cwd", "bearer_token"],
};

/** Keys that people write and Codex silently ignores, and what to write instead. */
export const MISTAKEN_KEYS: ReadonlyMap<string, string> = new Map([
  ["headers", "The key is http_headers; without it the headers are not sent"],
  ["environment", "The key is environment_id; without it the server runs on this machine"],
  ["experimental_environment", "The key is environment_id now; without it the server runs on this machine"],
  ["type", "Leave it out: command makes a stdio server, url a streamable HTTP server"],
  ["transport", "Leave it out: command makes a stdio server, url a streamable HTTP server"],
  ["disabled", "The key is enabled: enabled = false switches the server off"],
  ["disabled_reason", "It is not a setting; put the reason in a comment"],
  ["tool_timeout_ms", "The key is tool_timeout_sec, in seconds"],
  ["timeout", "The keys are startup_timeout_sec and tool_timeout_sec, in seconds"],
  ["timeout_ms", "The keys are startup_timeout_sec and tool_timeout_sec, in seconds"],
  ["cmd", "The key is command"],
  ["arguments", "The key is args"],
  ["httpUrl", "The key is url"],
  ["serverUrl", "The key is url"],
  ["allowed_tools", "The key is enabled_tools"],
  ["allowedTools", "The key is enabled_tools"],
  ["excludeTools", "The key is disabled_tools"],
  ["alwaysAllow", 'Set approval_mode = "approve" under tools.<tool>'],
  ["autoApprove", 'Set approval_mode = "approve" under tools.<tool>'],
  ["approval_mode", "The key is default_tools_approval_mode"],
  ["scope", "It is a key of Switchyard's own; it belongs in switchyard.toml"],
]);
