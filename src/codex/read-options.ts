/**
 * Options as a host may really write them: in plain JavaScript, from a file, misspelt.
 *
 * A value of the wrong kind is rejected by name. A name that is nearly one of ours is rejected as the misspelling it
 * is; any other unknown name is ignored, as in the SDK, so that options of a newer SDK do no harm. What the options
 * mean is the business of the modules that use them.
 */
import { accessSync, constants, readFileSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { isObject, type JsonObject } from "../base/json.ts";
import type { Log } from "../base/log.ts";
import {
  boolean,
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
  refine,
  showPath,
  string,
} from "../base/reader.ts";
import { environmentIdProblem } from "../config/environments/check-environment.ts";
import type { McpServers } from "../servers/written.ts";
import type { CodexConfigObject, ThreadOptions, TurnOptions } from "../thread/options.ts";
import type { QuestionHandler } from "../thread/questions.ts";
import { CodexError } from "./errors.ts";
import type { CodexEnvironment, CodexOptions } from "./options.ts";

const text = optional(string);
const flag = optional(boolean);
const texts = optional(list(string));
const textByName = optional(map(string));
const milliseconds = optional(number({ min: 0, unit: "milliseconds" }));

/** An object whose content is checked where it is used. */
function objectOf<T>(): Optional<T> {
  return optional(guard("an object", (input): input is T => isObject(input)));
}

function functionOf<T>(): Optional<T> {
  return optional(guard("a function", (input): input is T => typeof input === "function"));
}

const environment: Reader<CodexEnvironment> = object(
  {
    id: refine(string, (id) => {
      const problem = environmentIdProblem(id);
      return problem === undefined ? undefined : `cannot be used: ${problem}`;
    }),
    url: refine(string, (url) =>
      ["ws:", "wss:"].includes(URL.parse(url)?.protocol ?? "") ? undefined : "must be a ws or wss URL",
    ),
    bearerToken: text,
    connectTimeoutMs: optional(
      refine(number({ unit: "milliseconds" }), (ms) =>
        ms > 0 ? undefined : "must be more than 0 milliseconds",
      ),
    ),
  },
  "near",
);

function home(input: unknown): NonNullable<CodexOptions["home"]> | Issue {
  if (input === "switchyard" || input === "user") return input;
  if (isObject(input) && typeof input.path === "string") return { path: input.path };
  return new Issue("invalid_value", 'must be "switchyard", "user" or { path }');
}

/** Without a certificate in it, every connection would fail with an error that names neither file nor cause. */
function certificates(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    if (readFileSync(file, "latin1").includes("-----BEGIN CERTIFICATE-----")) return undefined;
  } catch {
    return `cannot be read: "${file}"`;
  }
  return `has no certificate in PEM form: "${file}"`;
}

const codexOptions: Reader<CodexOptions> = object(
  {
    codexPathOverride: text,
    baseUrl: text,
    apiKey: text,
    config: objectOf<CodexConfigObject>(),
    configOverrides: texts,
    env: textByName,
    home: optional(home),
    caFile: optional(refine(string, certificates)),
    environments: optional(list(environment)),
    idleUnloadMs: milliseconds,
    reconnectTimeoutMs: milliseconds,
    readerStallMs: milliseconds,
    log: functionOf<Log>(),
    clock: objectOf<Clock>(),
  },
  "near",
);

const threadOptions: Reader<ThreadOptions> = object(
  {
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
    onQuestion: functionOf<QuestionHandler>(),
    questionTimeoutMs: milliseconds,
    config: objectOf<CodexConfigObject>(),
    ephemeral: flag,
    env: textByName,
    inheritEnv: flag,
    baseUrl: text,
    apiKey: text,
  },
  "near",
);

type CheckedTurnOptions = Omit<TurnOptions, "outputSchema"> & { outputSchema?: JsonObject };

const turnOptions: Reader<CheckedTurnOptions> = object(
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

/** @throws {CodexError} `invalid_options`, naming the option */
export function readCodexOptions(options: CodexOptions): CodexOptions {
  return read(codexOptions, options);
}

/** @throws {CodexError} `invalid_options`, naming the option */
export function readThreadOptions(options: ThreadOptions): ThreadOptions {
  return read(threadOptions, options);
}

/** @throws {CodexError} `invalid_options`, naming the option */
export function readTurnOptions(options: TurnOptions): CheckedTurnOptions {
  return read(turnOptions, options);
}

function read<T>(reader: Reader<T>, options: unknown): T {
  const value = reader(options);
  if (!(value instanceof Issue)) return value;
  const name = showPath(value.path);
  const message =
    value.near === undefined
      ? `${name === "" ? "The options" : name} ${value.what}`
      : `there is no option ${name}; did you mean ${value.near}?`;
  throw new CodexError("invalid_options", message);
}
