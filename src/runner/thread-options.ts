/** From the fields of a run to what the engine takes, and from the engine's questions to the wire. */
import { resolve } from "node:path";
import { providerVariables, RUNNER_OWN_VARIABLES } from "../base/variables.ts";
import type { Variables } from "../servers/resolve.ts";
import type { ThreadEvent } from "../thread/events.ts";
import type { CodexConfigObject, Input, ThreadOptions } from "../thread/options.ts";
import type { Question } from "../thread/questions.ts";
import type { RunParams, WireQuestion } from "./messages.ts";

/**
 * @param hostEnv the environment of the runner, for runs that ask for it
 * @param withheld variables of it that no run gets
 */
export function toThreadOptions(
  params: RunParams,
  hostEnv: Variables,
  withheld: readonly string[] = [],
): ThreadOptions {
  const hidden = new Set([...RUNNER_OWN_VARIABLES, ...withheld, ...providerVariablesIn(params.config)]);
  const env = params.inherit_env === true ? { ...inherited(hostEnv, hidden), ...params.env } : params.env;
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
    mcp: params.mcp,
    modelRequests: params.model_requests,
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

/** The fields of a run, by the engine's options that a host sets with them and that are spelled otherwise. */
const FIELDS: Readonly<Partial<Record<string, keyof RunParams>>> = {
  approvalPolicy: "approval_policy",
  modelReasoningEffort: "effort",
  sandboxMode: "sandbox",
  workingDirectory: "cwd",
  mcpServers: "mcp_servers",
  modelRequests: "model_requests",
} satisfies Partial<Record<keyof ThreadOptions, keyof RunParams>>;

/** @param option a name of `ThreadOptions` */
export function fieldOfOption(option: string): string {
  return (Object.hasOwn(FIELDS, option) ? FIELDS[option] : undefined) ?? option;
}

/** What would have let a question through. */
const ALLOWED_BY: Readonly<Partial<Record<string, string>>> = {
  command: 'questions "host", or approval_policy "never" with a wider sandbox',
  file_change: 'questions "host", or sandbox "workspace-write"',
  mcp_tool_call: 'questions "host", or default_tools_approval_mode "approve" on the server',
  elicitation: 'questions "host"',
  user_input: 'questions "host"',
} satisfies Record<Question["kind"], string>;

/** An event as a host of the runner reads it: only what we say ourselves about options has other words. */
export function toWireEvent(event: ThreadEvent): ThreadEvent {
  if (event.type !== "item.completed" || event.item.type !== "error") return event;
  const { message, request = "", option } = event.item;
  const allowedBy = ALLOWED_BY[request];
  if (option === undefined || allowedBy === undefined) return event;
  // The message ends with the option.
  return {
    ...event,
    item: { ...event.item, message: `${message.slice(0, -option.length)}${allowedBy}`, option: allowedBy },
  };
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

function inherited(env: Variables, hidden: ReadonlySet<string>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !hidden.has(name)) result[name] = value;
  }
  return result;
}

/** Those that the providers of a run name, in tables or with dotted keys. */
function providerVariablesIn(config: RunParams["config"]): string[] {
  return Object.entries(config ?? {}).flatMap(([key, value]) => {
    const [root, name, field, header] = key.split(".");
    if (root !== "model_providers") return [];
    if (name === undefined) return providerVariables(value);
    if (field === undefined) return providerVariables({ [name]: value });
    return providerVariables({ [name]: { [field]: header === undefined ? value : { [header]: value } } });
  });
}

function withoutUndefined<T extends object>(value: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]: Exclude<T[Key], undefined> };
}
