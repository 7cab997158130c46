/** What the options of a `Codex` look like; those of threads and turns are read as for every engine (`thread/read-options.ts`). */
/**
 * Options as a host may really write them: in plain JavaScript, from a file, misspelt.
 *
 * A value of the wrong kind is rejected by name. A name that is nearly one of ours is rejected as the misspelling it
 * is; any other unknown name is ignored, as in the SDK, so that options of a newer SDK do no harm. What the options
 * mean is the business of the modules that use them.
 */
import { accessSync, constants, readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { Clock } from "../base/clock.ts";
import { isObject } from "../base/json.ts";
import type { Log } from "../base/log.ts";
import { Issue, list, number, object, oneOf, optional, type Reader, refine, string } from "../base/reader.ts";
import type { CredentialSource, McpManager } from "../mcp/index.ts";
import { environmentIdProblem } from "../config/environments/check-environment.ts";
import type { CodexConfigObject, ThreadOptions, TurnOptions } from "../thread/options.ts";
import {
  type CheckedTurnOptions,
  functionOf,
  milliseconds,
  objectOf,
  readOptions,
  text,
  textByName,
  texts,
  threadOptions,
  turnOptions,
} from "../thread/read-options.ts";
import { CodexError } from "./errors.ts";
import type {
  CodexEnvironment,
  CodexOptions,
  CodexProgramEnvironment,
  CodexUrlEnvironment,
} from "./options.ts";

const environmentId = refine(string, (id) => {
  const problem = environmentIdProblem(id);
  return problem === undefined ? undefined : `cannot be used: ${problem}`;
});

const wait = optional(
  refine(number({ unit: "milliseconds" }), (ms) => (ms > 0 ? undefined : "must be more than 0 milliseconds")),
);

const urlEnvironment: Reader<CodexUrlEnvironment> = object(
  {
    id: environmentId,
    kind: optional(oneOf("url")),
    url: refine(string, (url) =>
      ["ws:", "wss:"].includes(URL.parse(url)?.protocol ?? "") ? undefined : "must be a ws or wss URL",
    ),
    bearerToken: text,
    connectTimeoutMs: wait,
    initializeTimeoutMs: wait,
  },
  "near",
);

const programEnvironment: Reader<CodexProgramEnvironment> = object(
  {
    id: environmentId,
    kind: optional(oneOf("program")),
    program: refine(string, (program) => (program === "" ? "must not be empty" : undefined)),
    args: optional(list(string)),
    cwd: optional(refine(string, (cwd) => (isAbsolute(cwd) ? undefined : "must be an absolute path"))),
    env: textByName,
    initializeTimeoutMs: wait,
  },
  "near",
);

function environment(input: unknown): CodexEnvironment | Issue {
  const isProgram = isObject(input) && (input.kind === "program" || input.program !== undefined);
  return isProgram ? programEnvironment(input) : urlEnvironment(input);
}

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
    mcp: optional(oneOf("managed", "direct")),
    modelRequests: optional(oneOf("relayed", "direct")),
    manager: objectOf<McpManager>(),
    credentials: objectOf<CredentialSource>(),
    idleUnloadMs: milliseconds,
    reconnectTimeoutMs: milliseconds,
    readerStallMs: milliseconds,
    log: functionOf<Log>(),
    clock: objectOf<Clock>(),
  },
  "near",
);

/** @throws {CodexError} `invalid_options`, naming the option */
export function readCodexOptions(options: CodexOptions): CodexOptions {
  const given = read(codexOptions, options);
  if (given.credentials !== undefined && given.manager !== undefined)
    throw new CodexError("invalid_options", "credentials does not go with manager, which has its own");
  return { ...given, mcp: given.mcp ?? "managed" };
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
  return readOptions(reader, options, (message) => new CodexError("invalid_options", message));
}
