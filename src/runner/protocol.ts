/**
 * The messages of the runner, and how a line becomes one. `docs/runner-protocol.md` is the same for people.
 *
 *   line --parseLine--> Inbound    a message whose every field has been checked
 *                    └> Rejection  why not: a code, the field by its path, a sentence; sent back as `error`
 *
 * It knows shapes only. Whether an id is taken or an ask is open, `runner.ts` knows.
 *
 * Invariants
 *   P1. `parseLine` never throws, whatever the text is.
 *   P2. It is strict: an unknown type, an unknown field, a missing one, a value of another type are refused, so a
 *       spelling mistake never becomes a default.
 *   P3. A rejection quotes names, never values: those may be secrets. (The one value quoted is that of `type`.)
 *   P4. What is accepted can be sent to Codex: its parser refuses text with half a surrogate pair and nesting
 *       beyond 128, without an answer that says which request it was.
 */
import { isObject } from "../base/json.ts";
import {
  type Answer,
  type ApprovalMode,
  CodexError,
  type Input,
  type McpServers,
  type ModelReasoningEffort,
  resolveServers,
  type SandboxMode,
  type ThreadEvent,
  type Usage,
} from "../codex/index.ts";

// ---- what a host writes ----------------------------------------------------------------------------------------

/** What a run is asked to do, and with what. Every field but `input` has a default. */
export interface RunParams {
  readonly input: Input;
  readonly model?: string;
  /** @default the runner's own */
  readonly cwd?: string;
  readonly effort?: ModelReasoningEffort;
  readonly web_search_enabled?: boolean;
  /** @default "read-only" */
  readonly sandbox?: SandboxMode;
  /** @default "never" */
  readonly approval_policy?: ApprovalMode;
  /** With the sandbox "workspace-write": whether commands reach the network. @default false */
  readonly network_access_enabled?: boolean;
  /** With the sandbox "workspace-write": where commands may write, too. @default none */
  readonly additional_directories?: readonly string[];
  /** JSON Schema of the answer. */
  readonly output_schema?: Readonly<Record<string, unknown>>;
  /** The thread that goes on. @default a new thread */
  readonly resume?: string;
  /** Keeps nothing: the thread ends with its run. @default false */
  readonly ephemeral?: boolean;
  /** `"process"`: a Codex process and home of its own. @default "shared", or where the resumed thread lives */
  readonly isolation?: "shared" | "process";
  /** What the agent's commands see, besides PATH, HOME and the like. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether they also see the environment of the runner, without its key. @default false */
  readonly inherit_env?: boolean;
  /** The MCP servers of this run, by name, in Codex's field names. @default none */
  readonly mcp_servers?: McpServers;
  /** More of Codex's configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** @default that of the runner */
  readonly base_url?: string;
  /** @default that of the runner */
  readonly api_key?: string;
  /** What happens to Codex's questions: declined, or asked of the host. @default "decline" */
  readonly questions?: "decline" | "host";
  /** How long the host has for an answer. @default 600 000 */
  readonly question_timeout_ms?: number;
}

export interface RunMessage {
  readonly type: "run";
  readonly id: string;
  readonly params: RunParams;
}

export interface CancelMessage {
  readonly type: "cancel";
  readonly id: string;
}

/** The answer to an `ask`. */
export interface AnswerMessage extends Answer {
  readonly type: "answer";
  readonly id: string;
  readonly ask: string;
}

export type Inbound = RunMessage | CancelMessage | AnswerMessage;

// ---- what the runner writes ------------------------------------------------------------------------------------

export interface EventMessage {
  readonly type: "event";
  readonly id: string;
  readonly event: ThreadEvent;
}

export interface AskMessage {
  readonly type: "ask";
  readonly id: string;
  readonly ask: string;
  readonly question: WireQuestion;
}

/** A question of Codex, with its fields in snake case. */
export type WireQuestion = { readonly kind: string; readonly thread_id: string } & Readonly<
  Record<string, unknown>
>;

export type EndStatus = "completed" | "failed" | "cancelled";

export interface EndMessage {
  readonly type: "end";
  readonly id: string;
  readonly status: EndStatus;
  readonly thread_id?: string;
  /** The agent's last message. */
  readonly final_response?: string;
  /** Tokens of the thread so far. */
  readonly usage?: Usage;
  readonly error?: { readonly message: string; readonly code?: string };
}

/** A line that was not accepted. It changed nothing. */
export interface ErrorMessage extends Rejection {
  /** Lines count from 1. */
  readonly line: number;
}

export type Outbound = EventMessage | AskMessage | EndMessage | ErrorMessage;

export type DiagLevel = "debug" | "info" | "warn" | "error";

/** What goes to stderr. */
export type Diagnostic =
  | {
      readonly type: "diag";
      readonly id?: string;
      readonly level: DiagLevel;
      readonly message: string;
    }
  | { readonly type: "fatal"; readonly message: string };

/**
 * - `invalid_json`, `line_too_long`: the line could not be read
 * - `unknown_type`: `type` is none of run, cancel, answer
 * - `missing_field`, `unknown_field`, `wrong_type`, `invalid_value`: about `field`
 * - `invalid_mcp_server`: a server's configuration makes no sense; `field` says which and where
 * - `duplicate_id`: a run with this id is still going on
 * - `unknown_run`, `unknown_ask`: there is no such run, or question, any more or at all
 * - `stopping`: the runner takes no more runs
 */
export type RejectionCode =
  | "invalid_json"
  | "line_too_long"
  | "unknown_type"
  | "missing_field"
  | "unknown_field"
  | "wrong_type"
  | "invalid_value"
  | "invalid_mcp_server"
  | "duplicate_id"
  | "unknown_run"
  | "unknown_ask"
  | "stopping";

export interface Rejection {
  readonly type: "error";
  /** The id of the line, where it could be read. */
  readonly id?: string;
  /** Path of the field, e.g. `params.mcp_servers.svc.url`; missing where the line as a whole is meant. */
  readonly field?: string;
  readonly code: RejectionCode;
  readonly message: string;
}

// ---- from one to the other -------------------------------------------------------------------------------------

export interface ParseOptions {
  /** Where the references of MCP servers (`bearer_token_env_var` and its like) are looked up. @default nowhere */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Characters of an id. It is repeated in every message of its run. */
const ID_CHARS_MAX = 256;
/** Below the 128 of Codex's parser, with room for what a request wraps around it. */
const DEPTH_MAX = 100;
const TIMER_MAX_MS = 2_147_483_647;

/** Reads one line of the host (P1). */
export function parseLine(text: string, options: ParseOptions = {}): Inbound | Rejection {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The engine's own message quotes the text, in which there may be a secret (P3).
    const at = /at position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
    const where = at === undefined ? "" : ` (at position ${at})`;
    return { type: "error", code: "invalid_json", message: `The line is not valid JSON${where}` };
  }
  if (!isObject(value)) {
    return {
      type: "error",
      code: "wrong_type",
      message: `The line must be a JSON object, and is ${nameOf(value)}`,
    };
  }
  try {
    return parseMessage(value, options.env ?? {});
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { field, code, message } = error;
    const id = isId(value.id) ? { id: value.id } : {};
    return { type: "error", ...id, field, code, message };
  }
}

class Refused extends Error {
  readonly field: string;
  readonly code: RejectionCode;

  constructor(code: RejectionCode, field: string, what: string) {
    super(`${field} ${what}`);
    this.code = code;
    this.field = field;
  }
}

type Env = Readonly<Record<string, string | undefined>>;
type Check = (value: unknown, at: string, env: Env) => void;
type Fields = Readonly<Record<string, Check>>;

function parseMessage(message: Record<string, unknown>, env: Env): Inbound {
  const { type } = message;
  if (type === undefined) throw new Refused("missing_field", "type", "is missing");
  if (typeof type !== "string") throw wrongType("type", "a string", type);
  const fields = MESSAGES.get(type);
  if (fields === undefined) {
    const known = [...MESSAGES.keys()].join(", ");
    const given = JSON.stringify(type.slice(0, 40));
    throw new Refused("unknown_type", "type", `${given} is unknown; known are ${known}`);
  }
  checkText(message);
  checkFields(message, "", fields, REQUIRED[type] ?? [], env);
  // Every field has just been checked against the type's table.
  return message as unknown as Inbound;
}

function checkFields(
  value: Record<string, unknown>,
  at: string,
  fields: Fields,
  required: readonly string[],
  env: Env,
): void {
  for (const name of required) {
    if (!Object.hasOwn(value, name)) throw new Refused("missing_field", join(at, name), "is missing");
  }
  for (const [name, field] of Object.entries(value)) {
    const check = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (check === undefined) {
      const known = Object.keys(fields).join(", ");
      throw new Refused("unknown_field", join(at, name), `is unknown; known are ${known}`);
    }
    check(field, join(at, name), env);
  }
}

const string: Check = (value, at) => {
  if (typeof value !== "string") throw wrongType(at, "a string", value);
};

const filled: Check = (value, at) => {
  if (typeof value !== "string") throw wrongType(at, "a string", value);
  if (value === "") throw new Refused("invalid_value", at, "must not be empty");
};

const boolean: Check = (value, at) => {
  if (typeof value !== "boolean") throw wrongType(at, "true or false", value);
};

const object: Check = (value, at) => {
  if (!isObject(value)) throw wrongType(at, "an object", value);
};

const anything: Check = () => {};

const identifier: Check = (value, at) => {
  filled(value, at, {});
  if (!isId(value))
    throw new Refused("invalid_value", at, `must not be longer than ${ID_CHARS_MAX} characters`);
};

function oneOf(...values: readonly string[]): Check {
  return (value, at) => {
    if (typeof value !== "string") throw wrongType(at, `one of ${values.join(", ")}`, value);
    if (!values.includes(value)) {
      throw new Refused("invalid_value", at, `must be one of ${values.join(", ")}`);
    }
  };
}

/** @param check that of every item */
function listOf(check: Check): Check {
  return (value, at, env) => {
    if (!Array.isArray(value)) throw wrongType(at, "a list", value);
    for (const [index, item] of value.entries()) check(item, `${at}[${index}]`, env);
  };
}

/** @param check that of every value */
function mapOf(check: Check): Check {
  return (value, at, env) => {
    if (!isObject(value)) throw wrongType(at, "an object", value);
    for (const [name, item] of Object.entries(value)) check(item, join(at, name), env);
  };
}

const timeout: Check = (value, at) => {
  if (typeof value !== "number") throw wrongType(at, "a number", value);
  if (!Number.isInteger(value) || value < 1 || value > TIMER_MAX_MS) {
    throw new Refused("invalid_value", at, `must be a whole number of milliseconds, 1 to ${TIMER_MAX_MS}`);
  }
};

const threadId: Check = (value, at) => {
  if (typeof value !== "string") throw wrongType(at, "a string", value);
  // Codex would find the thread by other spellings of its UUID as well, and then speak of it by this one.
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) {
    throw new Refused("invalid_value", at, "must be a thread id as a run reported it: a UUID in lower case");
  }
};

const url: Check = (value, at) => {
  if (typeof value !== "string") throw wrongType(at, "a string", value);
  const parsed = URL.parse(value);
  if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:") {
    throw new Refused("invalid_value", at, "must be an http or https URL");
  }
};

const variables: Check = (value, at, env) => {
  mapOf(string)(value, at, env);
  for (const [name, content] of Object.entries(value as Record<string, string>)) {
    if (name === "" || /[=\0]/.test(name)) {
      throw new Refused("invalid_value", join(at, name), "is not a name a variable can have");
    }
    if (content.includes("\0")) {
      throw new Refused("invalid_value", join(at, name), "must not contain the character NUL");
    }
  }
};

const inputPart: Check = (value, at, env) => {
  if (!isObject(value)) throw wrongType(at, "an object", value);
  if (value.type === undefined) throw new Refused("missing_field", join(at, "type"), "is missing");
  oneOf("text", "local_image")(value.type, join(at, "type"), env);
  if (value.type === "text") checkFields(value, at, { type: anything, text: string }, ["text"], env);
  else checkFields(value, at, { type: anything, path: filled }, ["path"], env);
};

const input: Check = (value, at, env) => {
  if (typeof value === "string") return;
  if (!Array.isArray(value)) throw wrongType(at, "a string or a list of parts", value);
  if (value.length === 0) throw new Refused("invalid_value", at, "must have at least one part");
  listOf(inputPart)(value, at, env);
};

/** Codex has no `null` in its configuration (it is TOML), and servers have their own field. */
const configuration: Check = (value, at) => {
  if (!isObject(value)) throw wrongType(at, "an object", value);
  for (const name of Object.keys(value)) {
    if (/^mcp_servers($|\.)/.test(name)) {
      throw new Refused("invalid_value", join(at, name), "is not for here: give params.mcp_servers");
    }
  }
  const pending: [value: unknown, at: string][] = [[value, at]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [item, where] = next;
    if (item === null) throw wrongType(where, "a string, a number, true, false, a list or an object", item);
    if (typeof item !== "object") continue;
    for (const [name, inner] of Object.entries(item)) pending.push([inner, join(where, name)]);
  }
};

const mcpServers: Check = (value, at, env) => {
  if (!isObject(value)) throw wrongType(at, "an object of servers by name", value);
  for (const [name, config] of Object.entries(value)) {
    try {
      // One by one, so that we know which one is meant.
      resolveServers({ [name]: config }, { env, defaultApproval: undefined });
    } catch (error) {
      if (!(error instanceof CodexError)) throw error;
      throw serverRefused(at, name, config, error.message);
    }
  }
};

/** Says what the engine says about a server, with the path of the field in what the host wrote. */
function serverRefused(at: string, name: string, config: unknown, message: string): Refused {
  const prefix = `mcp_servers.${name}`;
  let path = join(at, name);
  if (!message.startsWith(prefix)) return new Refused("invalid_mcp_server", path, `is refused: ${message}`);
  let rest = message.slice(prefix.length);
  let inside = config;
  // A name may hold dots and blanks itself, so the path is followed in the value.
  while (rest.startsWith(".") && isObject(inside)) {
    const names = Object.keys(inside).filter((key) => /^[ .:]/.test(rest.slice(1 + key.length)));
    const [key] = names.filter((each) => rest.startsWith(`.${each}`)).sort((a, b) => b.length - a.length);
    if (key === undefined) break;
    path = join(path, key);
    rest = rest.slice(1 + key.length);
    inside = inside[key];
  }
  const quoted = /^: ("(?:[^"\\]|\\.)*") (is not a valid header.*)$/.exec(rest);
  if (quoted !== null) {
    const [, header = "", what = ""] = quoted;
    return new Refused("invalid_mcp_server", join(path, JSON.parse(header) as string), what);
  }
  const both = /^ has both "(\w+)" and "(\w+)"[:;] (.*)$/.exec(rest);
  if (both !== null) {
    const [, one = "", other = "", why = ""] = both;
    return new Refused("invalid_mcp_server", join(path, other), `stands beside "${one}": ${why}`);
  }
  return new Refused("invalid_mcp_server", path, rest.replace(/^:? /, ""));
}

const PARAMS = {
  input,
  model: filled,
  cwd: filled,
  effort: oneOf("minimal", "low", "medium", "high", "xhigh", "max", "ultra", "persistent"),
  web_search_enabled: boolean,
  sandbox: oneOf("read-only", "workspace-write", "danger-full-access"),
  approval_policy: oneOf("never", "on-request", "on-failure", "untrusted"),
  network_access_enabled: boolean,
  additional_directories: listOf(filled),
  output_schema: object,
  resume: threadId,
  ephemeral: boolean,
  isolation: oneOf("shared", "process"),
  env: variables,
  inherit_env: boolean,
  mcp_servers: mcpServers,
  config: configuration,
  base_url: url,
  api_key: filled,
  questions: oneOf("decline", "host"),
  question_timeout_ms: timeout,
} satisfies Record<keyof RunParams, Check>;

const params: Check = (value, at, env) => {
  if (!isObject(value)) throw wrongType(at, "an object", value);
  checkFields(value, at, PARAMS, ["input"], env);
  if (value.ephemeral === true && value.resume !== undefined) {
    throw new Refused(
      "invalid_value",
      join(at, "ephemeral"),
      "does not go with resume: a thread is ephemeral from its start or not at all",
    );
  }
};

const MESSAGES: ReadonlyMap<string, Fields> = new Map<string, Fields>([
  ["run", { type: anything, id: identifier, params }],
  ["cancel", { type: anything, id: identifier }],
  [
    "answer",
    {
      type: anything,
      id: identifier,
      ask: identifier,
      decision: oneOf("accept", "accept_for_session", "decline", "cancel"),
      content: anything,
      answers: mapOf(listOf(string)),
    },
  ],
]);
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  run: ["id", "params"],
  cancel: ["id"],
  answer: ["id", "ask", "decision"],
};

/** P4. Without recursion: the text decides how deep it is. */
function checkText(message: Record<string, unknown>): void {
  interface Place {
    readonly value: unknown;
    readonly depth: number;
    /** Names the outer levels only; deeper down, the outer field is name enough. */
    readonly at: string;
  }
  const pending: Place[] = [{ value: message, depth: 0, at: "" }];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    const { value, depth, at } = place;
    if (typeof value === "string" && !value.isWellFormed()) throw halfPair(at);
    if (typeof value !== "object" || value === null) continue;
    if (depth >= DEPTH_MAX) {
      throw new Refused("invalid_value", at, `is nested deeper than ${DEPTH_MAX} levels`);
    }
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) pending.push({ value: item, depth: depth + 1, at });
      continue;
    }
    for (const [name, item] of Object.entries(value)) {
      const path = depth < 4 ? join(at, name) : at;
      if (!name.isWellFormed()) throw halfPair(at === "" ? "(a name)" : at);
      pending.push({ value: item, depth: depth + 1, at: path });
    }
  }
}

function halfPair(at: string): Refused {
  return new Refused("invalid_value", at, "has half of a surrogate pair: it is not Unicode text");
}

function wrongType(at: string, wanted: string, value: unknown): Refused {
  return new Refused("wrong_type", at, `must be ${wanted}, and is ${nameOf(value)}`);
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** `a.b`, or `a["b c"]` where a dot would mislead. */
function join(at: string, name: string): string {
  if (/^[\w@/:-]+$/.test(name)) return at === "" ? name : `${at}.${name}`;
  return `${at}[${JSON.stringify(name.slice(0, 80))}]`;
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= ID_CHARS_MAX;
}
