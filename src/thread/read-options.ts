/**
 * Options of threads and turns as a host may really write them: in plain JavaScript, from a file, misspelt.
 *
 * A value of the wrong kind is rejected by name. A name that is nearly one of ours is rejected as the misspelling it
 * is; any other unknown name is ignored, as in the SDK, so that options of a newer SDK do no harm. What the options
 * mean is the business of each engine.
 */
import { isObject, type JsonObject } from "../base/json.ts";
import {
  boolean,
  type Fields,
  guard,
  Issue,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  type Optional,
  type Reader,
  showPath,
  string,
} from "../base/reader.ts";
import type { McpServerHandler } from "../servers/server-event.ts";
import type { ToolPluginProvenance } from "../servers/provenance.ts";
import type { McpServers } from "../servers/written.ts";
import type { CodexConfigObject, ThreadOptions, TurnOptions } from "./options.ts";
import type { QuestionHandler } from "./questions.ts";

export const text: Optional<string> = optional(string);
export const flag: Optional<boolean> = optional(boolean);
export const texts: Optional<string[]> = optional(list(string));
export const textByName: Optional<Record<string, string>> = optional(map(string));
export const milliseconds: Optional<number> = optional(number({ min: 0, unit: "milliseconds" }));

/** An object whose content is checked where it is used. */
export function objectOf<T>(): Optional<T> {
  return optional(guard("an object", (input): input is T => isObject(input)));
}

export function functionOf<T>(): Optional<T> {
  return optional(guard("a function", (input): input is T => typeof input === "function"));
}

export const threadFields: Fields<ThreadOptions> = {
  model: text,
  threadSource: text,
  sandboxMode: optional(oneOf("read-only", "workspace-write", "danger-full-access")),
  workingDirectory: text,
  skipGitRepoCheck: flag,
  modelReasoningEffort: optional(
    oneOf("minimal", "low", "medium", "high", "xhigh", "max", "ultra", "persistent"),
  ),
  networkAccessEnabled: flag,
  webSearchMode: optional(oneOf("disabled", "cached", "live")),
  webSearchEnabled: flag,
  approvalPolicy: optional(oneOf("never", "on-request", "on-failure", "untrusted")),
  additionalDirectories: texts,
  mcpServers: objectOf<McpServers>(),
  mcp: optional(oneOf("managed", "direct")),
  provenance: objectOf<ToolPluginProvenance>(),
  modelRequests: optional(oneOf("relayed", "direct")),
  principal: text,
  onQuestion: functionOf<QuestionHandler>(),
  questionTimeoutMs: milliseconds,
  onMcpServer: functionOf<McpServerHandler>(),
  config: objectOf<CodexConfigObject>(),
  ephemeral: flag,
  env: textByName,
  inheritEnv: flag,
  baseUrl: text,
  apiKey: text,
};

export const threadOptions: Reader<ThreadOptions> = object(threadFields, "near");

export type CheckedTurnOptions = Omit<TurnOptions, "outputSchema"> & { outputSchema?: JsonObject };

export const turnOptions: Reader<CheckedTurnOptions> = object(
  {
    cyberAccessProgram: optional(oneOf("standard", "daybreak_blue", "daybreak_red")),
    // In the words of the SDK.
    outputSchema: optional((input) =>
      isObject(input) ? (input as JsonObject) : new Issue("invalid_value", "must be a plain JSON object"),
    ),
    signal: objectOf<AbortSignal>(),
    mcpServers: objectOf<McpServers>(),
  },
  "near",
);

/** @param reject makes the error of the engine from a sentence that names the option */
export function readOptions<T>(reader: Reader<T>, options: unknown, reject: (message: string) => Error): T {
  const value = reader(options);
  if (!(value instanceof Issue)) return value;
  const name = showPath(value.path);
  throw reject(
    value.near === undefined
      ? `${name === "" ? "The options" : name} ${value.what}`
      : `there is no option ${name}; did you mean ${value.near}?`,
  );
}
