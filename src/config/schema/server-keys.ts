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

type FieldMaker = (
  name: string,
  value: FieldValue,
  about: string,
  more?: Pick<Field, "default" | "own" | "needed">,
) => Field;

function fieldFor(transport: Field["transport"]): FieldMaker {
  return (name, value, about, more) => ({ name, value, transport, about, ...more });
}

const stdio: FieldMaker = fieldFor("stdio");
const http: FieldMaker = fieldFor("streamable_http");
export const both: FieldMaker = fieldFor("both");
const rejected: FieldMaker = fieldFor("none");

const STRING: FieldValue = { type: "string" };
const STRINGS: FieldValue = { type: "strings" };
const STRING_MAP: FieldValue = { type: "string_map" };
const BOOLEAN: FieldValue = { type: "boolean" };
const COUNT: FieldValue = { type: "integer", expects: "a nonzero usize", min: 1n };
const APPROVAL: FieldValue = { type: "enum", variants: ["auto", "prompt", "writes", "approve"] };

export const OAUTH: Struct = {
  name: "McpServerOAuthConfig",
  fields: [
    http("client_id", STRING, "The id of a client that is registered with the authorization server."),
    http("client_secret", STRING, "The secret of that client; it needs client_id."),
    http(
      "token_endpoint_auth_method",
      { type: "enum", variants: ["client_secret_basic", "client_secret_post"] },
      'How the client proves itself to the token endpoint; only with auth = "ema_auth".',
    ),
    http(
      "callback_url",
      STRING,
      "The redirect URI of the login, where the listener's own address will not do.",
    ),
    http(
      "callback_port",
      { type: "integer", expects: "u16", min: 0n, max: 65_535n },
      "The port the login listens on; 0 takes a free one.",
    ),
    http(
      "authorization_server_issuer",
      STRING,
      'The issuer of the authorization server; only with auth = "ema_auth".',
    ),
  ],
};

export const TOOL: Struct = {
  name: "McpServerToolConfig",
  fields: [
    both(
      "approval_mode",
      APPROVAL,
      "When a call of this tool needs approval; it wins over default_tools_approval_mode.",
    ),
    both("output_token_limit", COUNT, "How many tokens of this tool's output the model is given at most."),
  ],
};

/** An element of `env_vars` that is not a plain name. Other keys are rejected, also when not strict. */
export const ENV_VAR: Struct = {
  name: "McpServerEnvVar",
  fields: [
    stdio("name", STRING, "The name of the variable."),
    stdio(
      "source",
      { type: "enum", variants: ["local", "remote"] },
      "Where the variable is looked up: on this machine, or where the server runs.",
      { default: "local" },
    ),
  ],
};

export const SERVER: Struct = {
  name: "RawMcpServerConfig",
  fields: [
    stdio("command", STRING, "The program to start, found in PATH; it makes the server a stdio server.", {
      needed: "by_position",
    }),
    stdio("args", STRINGS, "The arguments of the program.", { default: [] }),
    stdio("env", STRING_MAP, "Variables the program is given, as written; nothing in them is expanded."),
    stdio(
      "env_vars",
      { type: "env_vars" },
      "Names of variables that are passed on to the program; one that is not set is left out.",
      { default: [] },
    ),
    stdio(
      "cwd",
      STRING,
      "The folder the program starts in; a relative one is joined to the thread's working directory.",
    ),
    http("http_headers", STRING_MAP, "Headers of every request, as written.", { needed: "by_position" }),
    http(
      "env_http_headers",
      STRING_MAP,
      "Headers of every request, each with the name of the variable that holds its value.",
    ),
    http(
      "http_headers_helper",
      STRING,
      "A shell command that prints a JSON object of headers; only for servers reached from this machine.",
      { needed: "by_position" },
    ),
    http("url", STRING, "The endpoint; it makes the server a streamable HTTP server.", {
      needed: "by_position",
    }),
    rejected(
      "bearer_token",
      STRING,
      "Always rejected: secrets do not belong in a file. Use bearer_token_env_var.",
      { needed: "by_position" },
    ),
    http("bearer_token_env_var", STRING, "The name of the variable that holds the bearer token.", {
      needed: "by_position",
    }),
    both("environment_id", STRING, "Where the server runs: local, or the id of an executor.", {
      default: "local",
    }),
    http(
      "auth",
      { type: "enum", variants: ["oauth", "chatgpt", "ema_auth"] },
      "How to log in to the server.",
      { default: "oauth" },
    ),
    both(
      "startup_timeout_sec",
      { type: "seconds", convert: false },
      "How long the server may take to start, in seconds; 30 if unset.",
    ),
    both(
      "startup_timeout_ms",
      { type: "integer", expects: "u64", min: 0n },
      "The same in milliseconds; it counts only without startup_timeout_sec.",
    ),
    both(
      "tool_timeout_sec",
      { type: "seconds", convert: true },
      "How long a call may take, in seconds; 300 if unset.",
    ),
    both("enabled", BOOLEAN, "Whether the server is used at all.", { default: true }),
    both("required", BOOLEAN, "Whether a thread fails when the server does not start.", { default: false }),
    both(
      "startup_readiness",
      { type: "enum", variants: ["connection", "catalog"] },
      "When the server counts as ready: with its connection, or with a cached catalog of its tools.",
      { default: "connection" },
    ),
    both("supports_parallel_tool_calls", BOOLEAN, "Whether calls of its tools may overlap.", {
      default: false,
    }),
    both(
      "tool_input_schema_max_bytes",
      COUNT,
      "The size from which the input schema of a tool is compacted; 5000 if unset.",
    ),
    both(
      "omit_tools_from",
      { type: "enums", variants: ["code_mode", "deferred", "direct"] },
      "Where its tools are not offered.",
    ),
    both("default_tools_approval_mode", APPROVAL, "When a call of one of its tools needs approval."),
    both("enabled_tools", STRINGS, "The only tools that are offered; all if unset, none if empty."),
    both("disabled_tools", STRINGS, "Tools that are not offered; it wins over enabled_tools."),
    both("scopes", STRINGS, "The OAuth scopes a login asks for."),
    http("oauth", { type: "struct", struct: OAUTH }, "Settings of the OAuth login."),
    http("oauth_resource", STRING, "The OAuth resource a login is for."),
    both("name", STRING, "An old display name; it is ignored."),
    both("tools", { type: "structs", struct: TOOL }, "Rules for single tools, by their declared name."),
    both(
      "scope",
      { type: "enum", variants: ["thread", "project", "principal", "host"] },
      "Who may share a connection to the server.",
      { default: "thread", own: true },
    ),
    both(
      "shared_elicitation",
      BOOLEAN,
      "Whether a shared stdio server of the 2025 protocol may ask questions; its calls then run one at a time.",
      { default: false, own: true },
    ),
    both(
      "startup",
      { type: "enum", variants: ["wait", "background"] },
      "How a thread begins: it waits for the server, or goes on, and the server joins when it is ready.",
      { default: "wait", own: true },
    ),
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
  ["disabled", "The key is enabled; false switches the server off"],
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
  ["alwaysAllow", 'Set approval_mode to "approve" under tools.<tool>'],
  ["autoApprove", 'Set approval_mode to "approve" under tools.<tool>'],
  ["approval_mode", "The key is default_tools_approval_mode"],
  ["scope", "It is a key of Switchyard's own; it belongs in switchyard.toml"],
  ["shared_elicitation", "It is a key of Switchyard's own; it belongs in switchyard.toml"],
  ["startup", "It is a key of Switchyard's own; it belongs in switchyard.toml"],
]);
