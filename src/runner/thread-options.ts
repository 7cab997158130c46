/** From the fields of a run to what the engine takes, and from the engine's questions to the wire. */
import { resolve } from "node:path";
import type { ThreadEvent } from "../thread/events.ts";
import type { CodexConfigObject, Input, ThreadOptions } from "../thread/options.ts";
import type { Question } from "../thread/questions.ts";
import type { RunParams, WireQuestion } from "./protocol.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * What `inherit_env` leaves out: the keys of the model, and what Codex's own process has in a form of its own
 * (its tools in front of PATH, the certificates of `--ca-file`).
 */
const NOT_INHERITED: ReadonlySet<string> = new Set([
  "OPENAI_API_KEY",
  "CODEX_API_KEY",
  "PATH",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
]);

/** @param hostEnv the environment of the runner, for runs that ask for it */
export function toThreadOptions(params: RunParams, hostEnv: Env): ThreadOptions {
  const env = params.inherit_env === true ? { ...inherited(hostEnv), ...params.env } : params.env;
  const options: { [Key in keyof ThreadOptions]: ThreadOptions[Key] | undefined } = {
    model: params.model,
    sandboxMode: params.sandbox,
    workingDirectory: params.cwd,
    modelReasoningEffort: params.effort,
    networkAccessEnabled: params.network_access_enabled,
    webSearchEnabled: params.web_search_enabled,
    approvalPolicy: params.approval_policy,
    additionalDirectories: params.additional_directories && [...params.additional_directories],
    // Checked to hold nothing but what TOML can say.
    config: params.config as CodexConfigObject | undefined,
    mcpServers: params.mcp_servers,
    questionTimeoutMs: params.question_timeout_ms,
    ephemeral: params.ephemeral,
    env: env && { ...env },
    inheritEnv: params.inherit_env,
    baseUrl: params.base_url,
    apiKey: params.api_key,
  };
  return withoutUndefined(options);
}

/** Images are looked for where the run works, not where the runner was started. */
export function toInput(params: RunParams): Input {
  const { input, cwd } = params;
  if (typeof input === "string" || cwd === undefined) return input;
  return input.map((part) =>
    part.type === "local_image" ? { ...part, path: resolve(cwd, part.path) } : part,
  );
}

/** The engine's names of options, to the fields of a run that a host of the runner can set. */
const FIELDS: readonly (readonly [option: RegExp, field: string])[] = [
  [/\bonQuestion\b/g, 'questions "host"'],
  [/\bapprovalPolicy\b/g, "approval_policy"],
  [/\bsandboxMode\b/g, "sandbox"],
  [/\bworkingDirectory\b/g, "cwd"],
];

/** What the engine says about its options, in the words of this protocol. */
export function toWireWords(text: string): string {
  return FIELDS.reduce((words, [option, field]) => words.replace(option, field), text);
}

/** An event as a host of the runner reads it: only what we say ourselves has other words. */
export function toWireEvent(event: ThreadEvent): ThreadEvent {
  if (event.type !== "item.completed" || event.item.type !== "error" || event.item.option === undefined) {
    return event;
  }
  const { message, option } = event.item;
  return { ...event, item: { ...event.item, message: toWireWords(message), option: toWireWords(option) } };
}

export function toWireQuestion(question: Question): WireQuestion {
  const { kind, threadId: thread_id } = question;
  switch (question.kind) {
    case "command": {
      const { itemId: item_id, command, cwd, reason } = question;
      return { kind, thread_id, item_id, command, cwd, reason };
    }
    case "file_change": {
      const { itemId: item_id, grantRoot: grant_root, reason } = question;
      return { kind, thread_id, item_id, grant_root, reason };
    }
    case "mcp_tool_call": {
      const { server, tool, message } = question;
      return { kind, thread_id, server, tool, arguments: question.arguments, message };
    }
    case "elicitation": {
      const { server, message, schema, url } = question;
      return { kind, thread_id, server, message, schema, url };
    }
    case "user_input": {
      const { itemId: item_id, questions } = question;
      return { kind, thread_id, item_id, questions };
    }
  }
}

function inherited(env: Env): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !NOT_INHERITED.has(name)) result[name] = value;
  }
  return result;
}

function withoutUndefined<T extends object>(value: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]: Exclude<T[Key], undefined> };
}
