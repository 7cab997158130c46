/** Options of this engine, checked where they come in; what is the same for every engine is read in `thread/`. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { isObject } from "../base/json.ts";
import type { Log } from "../base/log.ts";
import {
  guard,
  integer,
  list,
  object,
  oneOf,
  optional,
  type Reader,
  refine,
  showPath,
  string,
} from "../base/reader.ts";
import type { CredentialSource, EnvironmentDefinition, McpManager } from "../mcp/index.ts";
import { check, checkConfigs, type ServerSet } from "../servers/check.ts";
import { sentenceOf } from "../servers/problem.ts";
import { EngineError } from "../thread/errors.ts";
import type { ThreadOptions, TurnOptions } from "../thread/options.ts";
import {
  type CheckedTurnOptions,
  functionOf,
  milliseconds,
  objectOf,
  readOptions,
  text,
  textByName,
  threadFields,
  turnOptions,
} from "../thread/read-options.ts";
import type { ApprovalPolicy, HostTool } from "../tools/index.ts";
import type { AgentOptions, AgentThreadOptions } from "./options.ts";

const httpUrl = optional(
  refine(string, (url) =>
    ["http:", "https:"].includes(URL.parse(url)?.protocol ?? "") ? undefined : "must be an http or https URL",
  ),
);

const hostTools = optional(
  refine(
    list(
      guard("a tool with name, description, parameters and run", (input): input is HostTool => {
        if (typeof input !== "object" || input === null) return false;
        const { name, description, parameters, run } = input as Partial<Record<keyof HostTool, unknown>>;
        return (
          typeof name === "string" &&
          /^[A-Za-z0-9_-]{1,64}$/.test(name) &&
          typeof description === "string" &&
          typeof parameters === "object" &&
          parameters !== null &&
          typeof run === "function"
        );
      }),
    ),
    (tools) => {
      const names = new Set<string>();
      const twice = tools.find(({ name }) => names.size === names.add(name).size);
      return twice === undefined ? undefined : `must have different names: "${twice.name}" is there twice`;
    },
  ),
);

/** What is in it, the executor's client checks. */
function isEnvironment(input: unknown): input is EnvironmentDefinition {
  return isObject(input) && typeof input["id"] === "string" && typeof input["kind"] === "string";
}

const agentOptions: Reader<AgentOptions> = object(
  {
    model: text,
    baseUrl: httpUrl,
    apiKey: text,
    headers: textByName,
    instructions: text,
    tools: hostTools,
    toolNames: optional(oneOf("flat", "namespaces")),
    toolExposure: optional(oneOf("direct", "search")),
    manager: objectOf<McpManager>(),
    environments: optional(list(guard("an environment", isEnvironment))),
    credentials: objectOf<CredentialSource>(),
    home: text,
    env: objectOf<NonNullable<AgentOptions["env"]>>(),
    stepsMax: optional(integer({ min: 1 })),
    turnTimeoutMs: milliseconds,
    retriesMax: optional(integer({ min: 0, max: 100 })),
    modelSilenceMs: milliseconds,
    idleUnloadMs: milliseconds,
    readerStallMs: milliseconds,
    log: functionOf<Log>(),
    clock: objectOf<Clock>(),
  },
  "near",
);

const agentThreadOptions: Reader<AgentThreadOptions> = object(
  {
    ...threadFields,
    baseUrl: httpUrl,
    instructions: text,
    tools: hostTools,
  },
  "near",
);

/** @throws {EngineError} `invalid_options`, naming the option */
export function readAgentOptions(options: AgentOptions): AgentOptions {
  const read = readOptions(agentOptions, options, invalid);
  for (const name of ["environments", "credentials"] as const)
    if (read.manager !== undefined && read[name] !== undefined)
      throw invalid(`${name}: give them to the manager`, name);
  return read;
}

/** @throws {EngineError} `invalid_options`, naming the option */
export function readAgentThreadOptions(options: AgentThreadOptions): AgentThreadOptions {
  const read = readOptions(agentThreadOptions, options, invalid);
  const wanted = (["config", "webSearchMode", "webSearchEnabled"] as const).find(
    (name) => read[name] !== undefined && read[name] !== false && read[name] !== "disabled",
  );
  if (wanted !== undefined) throw unsupported(wanted);
  if (read.mcp === "direct") throw unsupported("mcp");
  return read;
}

/** @throws {EngineError} `invalid_options`, naming the option */
export function readAgentTurnOptions(options: TurnOptions): CheckedTurnOptions {
  const read = readOptions(turnOptions, options, invalid);
  if (read.cyberAccessProgram !== undefined) throw unsupported("cyberAccessProgram");
  return read;
}

/** The servers of a thread, and the folder it works in. @throws {EngineError} `invalid_options` */
export function readPlace(options: ThreadOptions): {
  readonly servers: ServerSet;
  readonly workspace: string;
} {
  const read = check(options.mcpServers ?? {}, ["mcpServers"]);
  if (!read.ok) throw invalid(sentenceOf(read.problems[0], showPath), "mcpServers");
  const { workingDirectory = "." } = options;
  let workspace: string;
  try {
    workspace = resolve(workingDirectory);
  } catch (error) {
    throw invalid(`workingDirectory: ${messageOf(error)}`, "workingDirectory");
  }
  if (statSync(workspace, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw invalid(`workingDirectory "${workingDirectory}" is not a directory`, "workingDirectory");
  return { servers: approved(read.value, options), workspace };
}

/** As in Codex: the policy `never` asks nobody, so what needs an approval is refused, or made with full access. */
export function policyOf({ approvalPolicy = "never", sandboxMode }: ThreadOptions): ApprovalPolicy {
  if (approvalPolicy !== "never") return "ask";
  return sandboxMode === "danger-full-access" ? "full_access" : "never";
}

/** As for Codex: where nobody is asked, the tools of a server that does not say it need no approval. */
function approved(servers: ServerSet, { approvalPolicy = "never" }: ThreadOptions): ServerSet {
  if (approvalPolicy !== "never") return servers;
  const configs = [...servers.configs].map(([name, config]) => {
    const { default_tools_approval_mode: mode = "approve" } = config;
    return [name, { ...config, default_tools_approval_mode: mode }] as const;
  });
  const read = checkConfigs(new Map(configs), ["mcpServers"]);
  return read.ok ? read.value : servers;
}

export function invalid(message: string, option?: string): EngineError {
  return new EngineError("invalid_options", message, option === undefined ? {} : { option });
}

function unsupported(option: string): EngineError {
  return invalid(
    `${option} has no effect here: the responses engine has no such feature; leave it out`,
    option,
  );
}
