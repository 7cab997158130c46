/**
 * Stdio servers on the machine of an executor.
 *
 * As with Codex, the server gets the basic variables (such as PATH) from the environment of the executor. From this
 * machine it gets the values of `env` and the variables that `env_vars` names without `source = "remote"`, and nothing
 * else. It starts in its `cwd`, or in the folder the thread works in there; paths of this machine do not apply.
 */
import { posix } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { Executor } from "../../executor/executor.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { ServerTransport } from "../transport/server-transport.ts";
import { invalidServer, startServer } from "./start-server.ts";
import {
  type LaunchOptions,
  type StdioServer,
  type StdioServerLauncher,
  variablesOf,
} from "./stdio-server.ts";
import { remoteEnvironment } from "./variables.ts";

export interface ExecutorStdioLauncherOptions {
  /** Runs the servers. The caller disposes it. */
  readonly executor: Executor;
  /** The `environment_id` of the executor, for messages. */
  readonly environment: string;
  /** Where plain names of `env_vars` are looked up. @default the environment of this process */
  readonly env?: Variables;
  /** Time, for tests. */
  readonly clock?: Clock;
}

export class ExecutorStdioLauncher implements StdioServerLauncher {
  readonly #options: ExecutorStdioLauncherOptions;

  constructor(options: ExecutorStdioLauncherOptions) {
    this.#options = options;
  }

  async launch(server: StdioServer, options: LaunchOptions = {}): Promise<ServerTransport> {
    const { executor, environment, env: host = process.env, clock } = this.#options;
    const variables = variablesOf(server, host);
    for (const name of variables.remote) {
      // An executor would take it for a pattern, and pass on variables that nobody named.
      if (/[*?]/.test(name)) {
        throw invalidServer(
          server.name,
          `has an env_vars entry \`${name}\` that is not a name: write out each variable`,
        );
      }
    }
    return startServer({
      ...options,
      server,
      executor,
      environment,
      cwd: folder(server, environment, options.workspace),
      variables,
      ...remoteEnvironment(variables),
      ...(clock === undefined ? {} : { clock }),
    });
  }
}

/** @throws {TransportError} `invalid_server` */
function folder(server: StdioServer, environment: string, workspace: string | undefined): string {
  const cwd = server.cwd ?? workspace;
  if (cwd === undefined) {
    throw invalidServer(
      server.name,
      `needs a cwd, because it runs in environment "${environment}": set cwd to an absolute path there`,
    );
  }
  if (!isAbsoluteSomewhere(cwd)) {
    const key = server.cwd === undefined ? "workspace" : "cwd";
    throw invalidServer(
      server.name,
      `has a ${key} that is not absolute, ${JSON.stringify(cwd)}: write the whole path in environment "${environment}"`,
    );
  }
  return cwd;
}

/** The executor may run another operating system than this machine. */
function isAbsoluteSomewhere(path: string): boolean {
  return posix.isAbsolute(path) || /^(?:[A-Za-z]:[\\/]|\\\\)/.test(path);
}
