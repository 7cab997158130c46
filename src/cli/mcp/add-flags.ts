/** The flags of `switchyard mcp add`: one for every key of a server, made from the table of keys. */
import { type Field, type FieldValue, SERVER, OAUTH } from "../../config/schema/server-keys.ts";
import type { DraftMcpServer, McpServerEnvVar, WrittenMcpServer } from "../../config/server/types.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { Flag } from "../args/spec.ts";
import { isStdin, readInput, readSecret } from "../input.ts";
import { ENV_PAIR, HEADER_PAIR, splitPair } from "../args/pair.ts";
import { parseEnvFile } from "./env-file.ts";
import { headerProblem, valueOfKey } from "./value.ts";

/** A flag, the key it sets, and how to set it where the type of the key does not say so. */
interface KeyFlag {
  readonly flag: string;
  /** As other products have it. */
  readonly short?: string;
  readonly key: string;
  readonly value?: string;
  readonly about?: string;
  readonly set?: (
    draft: DraftMcpServer,
    values: readonly string[],
    flag: string,
    signal: AbortSignal,
  ) => void | Promise<void>;
}

/** In the order of the help: the keys whose flag has another name, or is set in a way of its own. */
const NAMED_FLAGS: readonly KeyFlag[] = [
  { flag: "url", key: "url", value: "URL" },
  {
    flag: "env",
    short: "e",
    key: "env",
    value: "K=V",
    about: "A variable for the program, as written; nothing in it is expanded.",
    set: (draft, values, flag) => addPairs(draft, "env", values, flag),
  },
  {
    // Not `--env-file`: that is Node's own, which it takes from anywhere on the command line.
    flag: "env-from",
    key: "env",
    value: "FILE",
    about: "The variables of a .env file, as they are now; - is stdin.",
    set: setEnvFrom,
  },
  {
    flag: "env-var",
    key: "env_vars",
    value: "NAME[=local|remote]",
    about: "A variable to pass on to the program, if it is set.",
    set: setEnvVars,
  },
  { flag: "cwd", key: "cwd", value: "DIR" },
  {
    flag: "header",
    short: "H",
    key: "http_headers",
    value: "K=V",
    about: "A header for every request, as written; 'K: V' will do too.",
    set: (draft, values, flag) => addPairs(draft, "http_headers", values, flag),
  },
  {
    flag: "header-env",
    key: "env_http_headers",
    value: "K=VAR",
    about: "A header for every request, with the variable that holds its value.",
    set: (draft, values, flag) => addPairs(draft, "env_http_headers", values, flag),
  },
  { flag: "bearer-token-env-var", key: "bearer_token_env_var", value: "VAR" },
  { flag: "headers-helper", key: "http_headers_helper", value: "COMMAND" },
  { flag: "environment", key: "environment_id", value: "ID" },
  { flag: "startup-timeout", key: "startup_timeout_sec" },
  { flag: "tool-timeout", key: "tool_timeout_sec" },
  { flag: "startup-readiness", key: "startup_readiness" },
  { flag: "enabled-tool", key: "enabled_tools", value: "TOOL", about: "Offer only this tool." },
  {
    flag: "no-tools",
    key: "enabled_tools",
    about: "Offer no tool at all.",
    set: (draft) => {
      draft.enabled_tools = [];
    },
  },
  { flag: "disabled-tool", key: "disabled_tools", value: "TOOL", about: "Do not offer this tool." },
  { flag: "approval", key: "default_tools_approval_mode" },
  {
    flag: "tool-approval",
    key: "tools",
    value: "TOOL=MODE",
    about: "When a call of this tool needs approval: auto, prompt, writes or approve.",
    set: (draft, values, flag) => setTools(draft, values, flag, "approval_mode"),
  },
  {
    flag: "tool-token-limit",
    key: "tools",
    value: "TOOL=N",
    about: "How many tokens of this tool's output the model gets at most.",
    set: (draft, values, flag) => setTools(draft, values, flag, "output_token_limit"),
  },
  { flag: "parallel", key: "supports_parallel_tool_calls" },
  {
    flag: "disabled",
    key: "enabled",
    about: "Add it switched off; switchyard mcp enable switches it on.",
    set: (draft) => {
      draft.enabled = false;
    },
  },
  { flag: "oauth-scope", key: "scopes", value: "SCOPE", about: "An OAuth scope that a login asks for." },
  { flag: "oauth-client-id", key: "oauth.client_id", value: "ID" },
  {
    flag: "oauth-client-secret-file",
    key: "oauth.client_secret",
    value: "FILE",
    about: "The secret of that client, from a file; - is stdin.",
    set: async (draft, [file = ""], flag, signal) =>
      setOAuth(draft, "client_secret", (await readSecret(flag, file, signal)).trim()),
  },
  { flag: "oauth-token-auth", key: "oauth.token_endpoint_auth_method" },
  {
    flag: "oauth-callback-url",
    key: "oauth.callback_url",
    value: "URL",
    about: "The redirect URI of the login; Codex's own for the URL if a client id is given.",
  },
  { flag: "oauth-callback-port", key: "oauth.callback_port", value: "PORT" },
  { flag: "oauth-issuer", key: "oauth.authorization_server_issuer", value: "URL" },
  { flag: "oauth-resource", key: "oauth_resource", value: "URI" },
  { flag: "omit-tools-from", key: "omit_tools_from" },
  { flag: "schema-max-bytes", key: "tool_input_schema_max_bytes", value: "N" },
];

/** Keys that are operands, or must not be used. */
const WITHOUT_FLAG = ["command", "args", "bearer_token", "startup_timeout_ms", "oauth", "name"];

const KEY_FLAGS: readonly KeyFlag[] = [
  ...NAMED_FLAGS,
  ...SERVER.fields
    .filter(({ name }) => !WITHOUT_FLAG.includes(name) && NAMED_FLAGS.every(({ key }) => key !== name))
    .map(({ name }) => ({ flag: name.replaceAll("_", "-"), key: name })),
];

const FILE_FLAGS = ["env-from", "oauth-client-secret-file"];
const LISTS = ["strings", "enums", "string_map", "env_vars", "structs"];

export const ADD_FLAGS: readonly Flag[] = KEY_FLAGS.map((each) => {
  const { about, value: type } = fieldOf(each.key);
  const placeholder = each.value ?? placeholderOf(type);
  const text = each.about ?? about.replace(/^Whether /, "");
  return {
    name: each.flag,
    ...(each.short === undefined ? {} : { short: each.short }),
    ...(placeholder === undefined || (each.set !== undefined && each.value === undefined)
      ? {}
      : { value: placeholder }),
    ...(each.key === "environment_id" ? { completes: "environment" as const } : {}),
    ...(LISTS.includes(type.type) && each.flag !== "no-tools" ? { many: true as const } : {}),
    about: `${text[0]?.toLowerCase()}${text.slice(1).replace(/\.$/, "")}`,
  };
});

/** The flags whose keys only servers of one transport may have. */
export function flagsOf(transport: "stdio" | "streamable_http"): readonly string[] {
  return KEY_FLAGS.filter(({ key }) => fieldOf(key).transport === transport).map(({ flag }) => flag);
}

/** Every key that has a flag, dotted where it is nested; a test looks for missing ones. */
export const ADDED_KEYS: readonly string[] = KEY_FLAGS.map(({ key }) => key);

/** @throws {UsageError} for a value that the key does not take */
export async function serverOf(args: Args, own: boolean, signal: AbortSignal): Promise<WrittenMcpServer> {
  const draft: DraftMcpServer = {};
  const fromStdin = FILE_FLAGS.flatMap((flag) => args.all(flag)).filter(isStdin);
  if (fromStdin.length > 1) throw new UsageError("Only one flag can read from stdin");
  for (const each of KEY_FLAGS) {
    if (!args.has(each.flag)) continue;
    const values = args.all(each.flag);
    if (each.set === undefined) setByType(draft, each, values, own);
    else await each.set(draft, values, each.flag, signal);
  }
  return draft;
}

function fieldOf(key: string): Field {
  const [first = "", second] = key.split(".");
  const fields = second === undefined ? SERVER.fields : OAUTH.fields;
  const field = fields.find(({ name }) => name === (second ?? first));
  if (field === undefined) throw new Error(`A bug in switchyard: there is no key ${key}`);
  return field;
}

function placeholderOf(type: FieldValue): string | undefined {
  if (type.type === "boolean") return undefined;
  if (type.type === "enum" || type.type === "enums") return type.variants.join("|");
  return type.type === "seconds" ? "SEC" : "TEXT";
}

function setByType(
  draft: DraftMcpServer,
  { flag, key }: KeyFlag,
  values: readonly string[],
  own: boolean,
): void {
  const { value: type } = fieldOf(key);
  const path = key.split(".");
  let value: unknown;
  if (type.type === "boolean") value = true;
  else if (type.type === "strings") value = values;
  else if (type.type === "enums") value = values.map((text) => oneOf(flag, text, type.variants));
  // Text that looks like a number or a list stays text.
  else value = typed(flag, () => valueOfKey(path, values[0] ?? "", { own, string: type.type === "string" }));
  if (path[0] === "oauth") setOAuth(draft, path[1] ?? "", value);
  else Object.assign(draft, { [key]: value });
}

/** An error about a value names the flag. */
function typed<T>(flag: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`--${flag}: ${error.message}`);
    throw error;
  }
}

function oneOf(flag: string, text: string, variants: readonly string[]): string {
  if (variants.includes(text)) return text;
  throw new UsageError(`--${flag} takes ${variants.join(", ")}`);
}

function setOAuth(draft: DraftMcpServer, key: string, value: unknown): void {
  draft.oauth = { ...draft.oauth, [key]: value };
}

function addPairs(
  draft: DraftMcpServer,
  key: "env" | "http_headers" | "env_http_headers",
  pairs: readonly string[],
  flag: string,
): void {
  const entries = pairs.map((pair): readonly [string, string] => {
    const split = splitPair(pair, key === "env" ? ENV_PAIR : HEADER_PAIR);
    if (split === undefined) {
      const form = key === "env_http_headers" ? "HEADER=VAR" : "HEADER=VALUE or 'HEADER: VALUE'";
      const pass = "NAME=VALUE; to pass a variable on: --env-var NAME";
      throw new UsageError(`--${flag} takes ${key === "env" ? pass : form}`);
    }
    const [name, value] = split;
    const wrong = key === "env" ? undefined : headerProblem(name, key === "http_headers" ? value : "");
    if (wrong !== undefined) throw new UsageError(`--${flag}: ${wrong}`);
    return split;
  });
  if (entries.length > 0) draft[key] = { ...draft[key], ...Object.fromEntries(entries) };
}

/** `--env` wins over a file. */
async function setEnvFrom(
  draft: DraftMcpServer,
  files: readonly string[],
  flag: string,
  signal: AbortSignal,
): Promise<void> {
  let fromFiles: Readonly<Record<string, string>> = {};
  for (const name of files) {
    const file = parseEnvFile(await readInput(name, signal));
    if (!file.ok)
      throw new UsageError(`--${flag}: ${name}:${file.line}: this line is not of the form KEY=value`);
    fromFiles = { ...fromFiles, ...file.variables };
  }
  draft.env = { ...fromFiles, ...draft.env };
}

function setEnvVars(draft: DraftMcpServer, values: readonly string[], flag: string): void {
  draft.env_vars = values.map((value): McpServerEnvVar => {
    const [name = "", source, ...more] = value.split("=");
    if (name.trim() === "" || more.length > 0)
      throw new UsageError(`--${flag} takes NAME, NAME=local or NAME=remote`);
    if (source === undefined) return name;
    if (source === "local" || source === "remote") return { name, source };
    throw new UsageError(`--${flag} takes the name of a variable; to set a value, use --env`);
  });
}

function setTools(
  draft: DraftMcpServer,
  values: readonly string[],
  flag: string,
  key: "approval_mode" | "output_token_limit",
): void {
  for (const value of values) {
    const at = value.lastIndexOf("=");
    if (at < 1) throw new UsageError(`--${flag} takes ${key === "approval_mode" ? "TOOL=MODE" : "TOOL=N"}`);
    const tool = value.slice(0, at);
    const read = (): unknown =>
      valueOfKey(["tools", tool, key], value.slice(at + 1), { own: false, string: false });
    draft.tools = { ...draft.tools, [tool]: { ...draft.tools?.[tool], [key]: typed(flag, read) } };
  }
}
