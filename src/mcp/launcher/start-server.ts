/**
 * From a server to its transport: what both launchers have in common.
 *
 * Invariants
 *   S1. A configuration that cannot be started is rejected before anything starts.
 *   S2. Every started process is owned by a transport, or has ended.
 *   S3. An error names the server, the environment, the program and the cause. Values of variables, and arguments,
 *       appear neither there nor in the log.
 */
import { maskVariable } from "../../config/show/mask-text.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { Redactor } from "../../base/redact.ts";
import { ExecutorError, type ExecutorErrorCode } from "../../executor/errors.ts";
import type { Executor, ProcessSpec } from "../../executor/executor.ts";
import type { ResolvedVariables } from "../../servers/resolve.ts";
import { TransportError, type TransportErrorCode } from "../errors.ts";
import { ProcessTransport } from "../transport/process-transport.ts";
import type { ServerTransport } from "../transport/server-transport.ts";
import type { LaunchOptions, StdioServer } from "./stdio-server.ts";

export interface StartServerOptions extends LaunchOptions {
  readonly server: StdioServer;
  readonly executor: Executor;
  /** The name of the executor. */
  readonly environment: string;
  readonly cwd: string;
  readonly variables: ResolvedVariables;
  readonly env: ProcessSpec["env"];
  readonly envPolicy?: ProcessSpec["envPolicy"];
  readonly clock?: Clock;
}

export async function startServer(options: StartServerOptions): Promise<ServerTransport> {
  const { server, executor, environment, cwd, variables, env, envPolicy, signal } = options;
  const { log = silentLog, clock = systemClock } = options;
  const { name, command, args = [] } = server;
  if (command === "") throw invalidServer(name, "has an empty command: name the program to start");
  const redactor = new Redactor();
  for (const value of variables.variables.values()) redactor.add(value);
  for (const unset of variables.unset) {
    log(
      "warn",
      `MCP server "${name}" starts without ${maskVariable(unset)} of its env_vars, which is not set on this machine`,
      {
        server: name,
        environment,
      },
    );
  }
  const spec: ProcessSpec = {
    argv: [command, ...args],
    cwd,
    env,
    ...(envPolicy === undefined ? {} : { envPolicy }),
    pipeStdin: true,
  };
  try {
    signal?.throwIfAborted();
    const process = await executor.start(spec, { signal });
    const transport = new ProcessTransport({ process, server: name, environment, log, redactor, clock });
    if (signal?.aborted !== true) return transport;
    await transport.close();
  } catch (error) {
    if (signal?.aborted !== true) throw startError(options, error, redactor);
  }
  throw signal?.reason;
}

/** @param what the predicate of a sentence whose subject is the server; it also says what to do */
export function invalidServer(server: string, what: string): TransportError {
  return new TransportError("invalid_server", server, what);
}

function startError(
  { server, environment, cwd }: StartServerOptions,
  cause: unknown,
  redactor: Redactor,
): TransportError {
  const { code, hint } = START_FAILURES[cause instanceof ExecutorError ? cause.code : "start_failed"];
  const words = messageOf(cause);
  const why = words.includes(server.command) ? words : `${JSON.stringify(server.command)}: ${words}`;
  const what = `cannot be started in environment "${environment}": ${redactor.redact(why)}`;
  return new TransportError(code, server.name, `${what}. ${hint({ environment, cwd })}`, { cause });
}

interface StartFailure {
  readonly code: TransportErrorCode;
  /** What to do. */
  readonly hint: (where: { readonly environment: string; readonly cwd: string }) => string;
}

const BROKEN: StartFailure = {
  code: "start_failed",
  // An executor may report a missing program and a missing folder in the same words.
  hint: ({ cwd }) =>
    `Check that the program is installed there and found in PATH, and that the folder ${cwd} exists`,
};
const REFUSED: StartFailure = {
  code: "start_failed",
  hint: ({ environment }) => `Check what "${environment}" allows, and how much it already runs`,
};
const UNREACHABLE: StartFailure = {
  code: "executor_unreachable",
  hint: ({ environment }) => `Check that the executor "${environment}" runs and can be reached`,
};
const LOST: StartFailure = { code: "executor_lost", hint: () => "Launch it again" };

const START_FAILURES: Readonly<Record<ExecutorErrorCode, StartFailure>> = {
  executor_unreachable: UNREACHABLE,
  unknown_environment: UNREACHABLE,
  timeout: UNREACHABLE,
  start_failed: BROKEN,
  unsupported: BROKEN,
  invalid_request: BROKEN,
  refused: REFUSED,
  executor_lost: LOST,
  outcome_unknown: LOST,
  disposed: LOST,
  unknown_process: LOST,
  stdin_closed: LOST,
  stdin_full: LOST,
  output_lost: LOST,
  reader_stalled: LOST,
  protocol_error: LOST,
  // Of HTTP requests.
  connect_failed: LOST,
  http_failed: LOST,
};
