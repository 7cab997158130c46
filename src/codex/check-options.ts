/**
 * Options as a host may really write them: in plain JavaScript, from a file, misspelt.
 *
 * A value of the wrong kind is refused by name. A key that is nearly one of ours is refused as the misspelling it is;
 * any other unknown key is ignored, as the SDK does, so that options of a newer SDK do no harm.
 */
import { accessSync, constants, readFileSync } from "node:fs";
import { CodexError } from "./errors.ts";
import type { ThreadOptions, TurnOptions } from "../thread/options.ts";
import type { CodexOptions } from "./options.ts";

type Kind =
  | "string"
  | "boolean"
  | "strings"
  | "string map"
  | "object"
  | "function"
  | "milliseconds"
  | "any"
  | readonly string[];

const CODEX: Readonly<Record<keyof CodexOptions, Kind>> = {
  codexPathOverride: "string",
  baseUrl: "string",
  apiKey: "string",
  config: "object",
  configOverrides: "strings",
  env: "string map",
  home: "any",
  caFile: "string",
  environments: "any",
  idleUnloadMs: "milliseconds",
  reconnectTimeoutMs: "milliseconds",
  readerStallMs: "milliseconds",
  log: "function",
  clock: "object",
};

const THREAD: Readonly<Record<keyof ThreadOptions, Kind>> = {
  model: "string",
  threadSource: "string",
  sandboxMode: ["read-only", "workspace-write", "danger-full-access"],
  workingDirectory: "string",
  skipGitRepoCheck: "boolean",
  modelReasoningEffort: ["minimal", "low", "medium", "high", "xhigh", "max", "ultra", "persistent"],
  networkAccessEnabled: "boolean",
  webSearchMode: ["disabled", "cached", "live"],
  webSearchEnabled: "boolean",
  approvalPolicy: ["never", "on-request", "on-failure", "untrusted"],
  additionalDirectories: "strings",
  mcpServers: "object",
  onQuestion: "function",
  questionTimeoutMs: "milliseconds",
  config: "object",
  ephemeral: "boolean",
  env: "string map",
  inheritEnv: "boolean",
  baseUrl: "string",
  apiKey: "string",
};

const TURN: Readonly<Record<keyof TurnOptions, Kind>> = {
  cyberAccessProgram: ["standard", "daybreak_blue", "daybreak_red"],
  outputSchema: "any",
  signal: "object",
  mcpServers: "object",
};

/** @throws {CodexError} `invalid_options`, naming the option */
export function checkCodexOptions(options: CodexOptions): void {
  check(options, CODEX);
  const home: unknown = options.home ?? "switchyard";
  const isPath =
    typeof home === "object" && home !== null && typeof (home as { path?: unknown }).path === "string";
  if (home !== "switchyard" && home !== "user" && !isPath) {
    throw invalid('home must be "switchyard", "user" or { path }');
  }
  if (options.caFile !== undefined) checkCaFile(options.caFile);
  if (options.environments !== undefined) checkEnvironments(options.environments);
}

function checkEnvironments(environments: unknown): void {
  if (!Array.isArray(environments)) throw invalid("environments must be a list of { id, url }");
  for (const each of environments as unknown[]) {
    const { id, url, bearerToken, connectTimeoutMs } = (each ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof id !== "string" || !/^[\w-]{1,64}$/.test(id) || id === "local" || id === "none") {
      throw invalid("environments: an id has up to 64 letters, digits, - and _, and is not local or none");
    }
    const protocol = typeof url === "string" ? URL.parse(url)?.protocol : undefined;
    if (protocol !== "ws:" && protocol !== "wss:")
      throw invalid(`environments: "${id}" needs a ws or wss URL`);
    if (bearerToken !== undefined && typeof bearerToken !== "string") {
      throw invalid(`environments: the bearerToken of "${id}" must be a string`);
    }
    if (connectTimeoutMs !== undefined && !(typeof connectTimeoutMs === "number" && connectTimeoutMs > 0)) {
      throw invalid(`environments: connectTimeoutMs of "${id}" must be a number of milliseconds`);
    }
  }
}

/** @throws {CodexError} `invalid_options`, naming the option */
export function checkThreadOptions(options: ThreadOptions): void {
  check(options, THREAD);
}

/** @throws {CodexError} `invalid_options`, naming the option */
export function checkTurnOptions(options: TurnOptions): void {
  check(options, TURN);
}

/** A file without a certificate makes every connection fail, with an error that names neither. */
function checkCaFile(file: string): void {
  let text: string;
  try {
    accessSync(file, constants.R_OK);
    text = readFileSync(file, "latin1");
  } catch (error) {
    throw new CodexError("invalid_options", `caFile: cannot read "${file}"`, { cause: error });
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----"))
    throw invalid(`caFile: "${file}" has no certificate in PEM form`);
}

function check(options: object, kinds: Readonly<Record<string, Kind>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) {
      const near = Object.keys(kinds).find((known) => isNear(known, name));
      if (near !== undefined) throw invalid(`there is no option ${name}; did you mean ${near}?`);
      continue;
    }
    const wanted = mismatch(value, kind);
    if (wanted !== undefined) throw invalid(`${name} must be ${wanted}`);
  }
}

/** @returns what the value should have been, or `undefined` when it is right */
function mismatch(value: unknown, kind: Kind): string | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  switch (kind) {
    case "any":
      return undefined;
    case "string":
      return typeof value === "string" ? undefined : "a string";
    case "boolean":
      return typeof value === "boolean" ? undefined : "true or false";
    case "function":
      return typeof value === "function" ? undefined : "a function";
    case "object":
      return isObject ? undefined : "an object";
    case "milliseconds":
      return typeof value === "number" && value >= 0
        ? undefined
        : "a number of milliseconds that is not negative";
    case "strings":
      return Array.isArray(value) && value.every((item) => typeof item === "string")
        ? undefined
        : "a list of strings";
    case "string map":
      return isObject && Object.values(value).every((item) => typeof item === "string" || item === undefined)
        ? undefined
        : "an object of strings";
    default:
      return typeof value === "string" && kind.includes(value) ? undefined : `one of ${kind.join(", ")}`;
  }
}

/** Whether two names differ in nothing but case and at most two letters. */
function isNear(a: string, b: string): boolean {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()];
  if (Math.abs(x.length - y.length) > 2) return false;
  let row = Array.from({ length: y.length + 1 }, (_, n) => n);
  for (let i = 1; i <= x.length; i++) {
    const next = [i];
    for (let j = 1; j <= y.length; j++) {
      const replace = (row[j - 1] as number) + (x[i - 1] === y[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return (row.at(-1) as number) <= 2;
}

function invalid(message: string): CodexError {
  return new CodexError("invalid_options", message);
}
