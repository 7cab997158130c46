/**
 * How a line of the host becomes a message.
 *
 *   line --parseLine--> Inbound    a message whose every field has been read
 *                    └> Rejection  why not: a code, the field by its path, a sentence; sent back as `error`
 *
 * It knows shapes only. Whether an id is taken or a question is open, `runner.ts` knows.
 *
 * Invariants
 *   P1. `parseLine` never throws, for any text.
 *   P2. It is strict: an unknown type, an unknown field, a missing one and a value of another type are rejected, so a
 *       spelling mistake never becomes a default.
 *   P3. A rejection quotes names, never values: those may be secrets. (The one value quoted is that of `type`.)
 *   P4. What is accepted can be sent to Codex: its parser rejects text with half a surrogate pair and nesting
 *       beyond 128, without an answer that says which request it was.
 */
import { isObject, type JsonValue } from "../base/json.ts";
import {
  anyObject,
  boolean,
  guard,
  integer,
  Issue,
  list,
  map,
  nonEmpty,
  object,
  oneOf,
  optional,
  type Path,
  type Reader,
  refine,
  showPath,
  string,
  variant,
  wrongType,
} from "../base/reader.ts";
import { nearest } from "../base/suggest.ts";
import type { Variables } from "../servers/resolve.ts";
import type { Input, UserInput } from "../thread/options.ts";
import type {
  AnswerMessage,
  CancelMessage,
  Inbound,
  PingMessage,
  Rejection,
  RejectionCode,
  RunMessage,
  RunParams,
} from "./messages.ts";
import { readServers } from "./read-servers.ts";
import { fieldOfOption } from "./thread-options.ts";

export interface ParseOptions {
  /** Where the references of MCP servers (`bearer_token_env_var` and its like) are looked up. @default nowhere */
  readonly env?: Variables;
}

/** Characters of an id. It is repeated in every message of its run. */
const ID_CHARS_MAX = 256;
/** Below the 128 of Codex's parser, with room for what a request wraps around it. */
const DEPTH_MAX = 100;
const TIMER_MAX_MS = 2_147_483_647;

/** Reads one line of the host (P1). */
export function parseLine(text: string, { env = {} }: ParseOptions = {}): Inbound | Rejection {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // V8's own message quotes the text, in which there may be a secret (P3).
    const at = /at position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
    const where = at === undefined ? "" : ` (at position ${at})`;
    return { type: "error", code: "invalid_json", message: `The line is not valid JSON${where}` };
  }
  if (!isObject(value)) {
    const { what } = wrongType("a JSON object", value);
    return { type: "error", code: "wrong_type", message: `The line ${what}` };
  }
  const id = isId(value.id) ? { id: value.id } : {};
  const reject = (code: RejectionCode, path: Path, message: string): Rejection => {
    return { type: "error", ...id, field: showPath(path), code, message };
  };
  const rejectIssue = ({ code, path, what, near }: Issue): Rejection =>
    reject(code, path, `${showPath(path)} ${what}${code === "unknown_field" ? hintOf(path, near) : ""}`);

  const reader = readerOf(value);
  if (reader === undefined) {
    const given = String(value.type);
    const known = [...READERS.keys()];
    const near = nearest(given, known);
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    const shown = JSON.stringify(given.slice(0, 40));
    return reject("unknown_type", ["type"], `type ${shown} is unknown; known are ${known.join(", ")}${hint}`);
  }
  if (reader instanceof Issue) return rejectIssue(reader);
  const message = checkText(value) ?? reader(value);
  if (message instanceof Issue) return rejectIssue(message);
  if (message.type !== "run") return message;

  const { mcp_servers, ...params } = message.params;
  if (mcp_servers === undefined) return { ...message, params };
  const read = readServers(mcp_servers, env);
  if ("type" in read) return { ...read, ...id };
  return { ...message, params: { ...params, mcp_servers: read.servers } };
}

/** A run whose servers have not been checked yet. */
type ReadRun = Omit<RunMessage, "params"> & { readonly params: ReadParams };
type ReadParams = Omit<RunParams, "mcp_servers"> & { readonly mcp_servers?: Record<string, unknown> };

const identifier = refine(nonEmpty, (id) =>
  id.length > ID_CHARS_MAX ? `must not be longer than ${ID_CHARS_MAX} characters` : undefined,
);

const threadId = refine(string, (id) =>
  // Codex would find the thread by other spellings of its UUID as well, and then name it by this one.
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)
    ? undefined
    : "must be a thread id as a run reported it: a UUID in lower case",
);

const url = refine(string, (text) =>
  /^https?:$/.test(URL.parse(text)?.protocol ?? "") ? undefined : "must be an http or https URL",
);

const variables = refine(map(string), (given) => {
  for (const [name, value] of Object.entries(given)) {
    if (name === "" || /[=\0]/.test(name)) {
      return new Issue("invalid_value", "is not a name a variable can have", [name]);
    }
    if (value.includes("\0")) return new Issue("invalid_value", "must not contain the character NUL", [name]);
  }
  return undefined;
});

const inputPart = variant<UserInput>("type", {
  text: object<UserInput & { type: "text" }>({ type: oneOf("text"), text: string }),
  local_image: object<UserInput & { type: "local_image" }>({ type: oneOf("local_image"), path: nonEmpty }),
});
const inputParts = refine(list(inputPart), (parts) =>
  parts.length === 0 ? "must have at least one part" : undefined,
);
const input: Reader<Input> = (given) => {
  if (typeof given === "string") return given;
  return Array.isArray(given) ? inputParts(given) : wrongType("a string or a list of parts", given);
};

const milliseconds = optional(integer({ min: 1, max: TIMER_MAX_MS, unit: "milliseconds" }));

/** Codex has no `null` in its configuration (it is TOML), and servers have their own field. */
const configuration = refine(anyObject, (config) => {
  for (const name of Object.keys(config)) {
    if (/^mcp_servers($|\.)/.test(name)) {
      return new Issue("invalid_value", "does not belong here; use params.mcp_servers", [name]);
    }
  }
  const pending: [value: unknown, path: Path][] = [[config, []]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [value, path] = next;
    if (value === null) {
      const { code, what } = wrongType("a string, a number, true, false, a list or an object", value);
      return new Issue(code, what, path);
    }
    if (Array.isArray(value))
      for (const [index, item] of value.entries()) pending.push([item, [...path, index]]);
    else if (isObject(value))
      for (const [key, item] of Object.entries(value)) pending.push([item, [...path, key]]);
  }
  return undefined;
});

const params: Reader<ReadParams> = refine(
  object<ReadParams>({
    input,
    engine: optional(oneOf("codex", "responses")),
    model: optional(nonEmpty),
    cwd: optional(nonEmpty),
    effort: optional(oneOf("minimal", "low", "medium", "high", "xhigh", "max", "ultra", "persistent")),
    web_search_enabled: optional(boolean),
    sandbox: optional(oneOf("read-only", "workspace-write", "danger-full-access")),
    approval_policy: optional(oneOf("never", "on-request", "on-failure", "untrusted")),
    network_access_enabled: optional(boolean),
    additional_directories: optional(list(nonEmpty)),
    output_schema: optional(anyObject),
    resume: optional(threadId),
    fork: optional(threadId),
    ephemeral: optional(boolean),
    isolation: optional(oneOf("shared", "process")),
    env: optional(variables),
    inherit_env: optional(boolean),
    mcp_servers: optional(guard("an object of servers by name", isObject)),
    mcp: optional(oneOf("managed", "direct")),
    config: optional(configuration),
    model_requests: optional(oneOf("relayed", "direct")),
    base_url: optional(url),
    api_key: optional(nonEmpty),
    questions: optional(oneOf("decline", "host")),
    question_timeout_ms: milliseconds,
    timeout_ms: milliseconds,
  }),
  ({ engine, isolation, config, ephemeral, resume, fork, mcp, model_requests: requests }) => {
    const conflict = (what: string, field: string): Issue => new Issue("invalid_value", what, [field]);
    if (engine === "responses" && isolation === "process")
      return conflict("does not go with engine responses, which has no process of its own", "isolation");
    if (engine === "responses" && config !== undefined)
      return conflict("does not go with engine responses: it is configuration of Codex", "config");
    if (engine === "responses" && mcp === "direct")
      return conflict("cannot be direct with engine responses: Codex runs no servers there", "mcp");
    if (engine === "responses" && requests !== undefined)
      return conflict("does not go with engine responses, which asks the model itself", "model_requests");
    if (resume === undefined) return undefined;
    if (fork !== undefined) {
      return conflict("does not go with resume: a run continues a thread or begins a new one", "fork");
    }
    return ephemeral === true
      ? conflict("does not go with resume: a thread is ephemeral from its start or not at all", "ephemeral")
      : undefined;
  },
);

type ReadMessage = ReadRun | CancelMessage | AnswerMessage | PingMessage;

const READERS: ReadonlyMap<string, Reader<ReadMessage>> = new Map<string, Reader<ReadMessage>>([
  ["run", object<ReadRun>({ type: oneOf("run"), id: identifier, params })],
  ["cancel", object<CancelMessage>({ type: oneOf("cancel"), id: identifier })],
  ["ping", object<PingMessage>({ type: oneOf("ping"), id: optional(identifier) })],
  [
    "answer",
    object<AnswerMessage>({
      type: oneOf("answer"),
      id: identifier,
      ask: identifier,
      decision: oneOf("accept", "accept_for_session", "decline", "cancel"),
      content: optional(guard("JSON", isJson)),
      answers: optional(map(list(string))),
    }),
  ],
]);

/** @returns `undefined` for a type that is unknown */
function readerOf({ type }: Readonly<Record<string, unknown>>): ReturnType<(typeof READERS)["get"]> | Issue {
  const known = string(type ?? "");
  if (type === undefined) return new Issue("missing_field", "is missing", ["type"]);
  return known instanceof Issue ? known.within("type") : READERS.get(known);
}

/** The field that was probably meant: one that is spelled nearly so, or that the library calls so. */
function hintOf(path: Path, near: string | undefined): string {
  const name = String(path.at(-1));
  const field = near ?? fieldOfOption(name);
  return field === name ? "" : `; did you mean ${showPath([...path.slice(0, -1), field])}?`;
}

/** P4. Without recursion: the text decides how deep it is. */
function checkText(message: Readonly<Record<string, unknown>>): Issue | undefined {
  interface Pending {
    readonly value: unknown;
    readonly depth: number;
    /** Names the outer levels only; deeper down, the outer field is name enough. */
    readonly path: Path;
  }
  const pending: Pending[] = [{ value: message, depth: 0, path: [] }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, depth, path } = next;
    if (typeof value === "string" && !value.isWellFormed()) return halfPair(path);
    if (typeof value !== "object" || value === null) continue;
    if (depth >= DEPTH_MAX) {
      return new Issue("invalid_value", `is nested deeper than ${DEPTH_MAX} levels`, path);
    }
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) pending.push({ value: item, depth: depth + 1, path });
      continue;
    }
    for (const [name, item] of Object.entries(value)) {
      if (!name.isWellFormed()) return halfPair(path.length === 0 ? ["(a name)"] : path);
      pending.push({ value: item, depth: depth + 1, path: depth < 4 ? [...path, name] : path });
    }
  }
  return undefined;
}

function halfPair(path: Path): Issue {
  return new Issue("invalid_value", "has half of a surrogate pair: it is not Unicode text", path);
}

/** It comes from `JSON.parse`. */
function isJson(value: unknown): value is JsonValue {
  return value !== undefined;
}

function isId(value: unknown): value is string {
  return !(identifier(value) instanceof Issue);
}
