/**
 * Stdio servers on this machine.
 *
 * As with Codex, a server gets a short list of this machine's variables (PATH, HOME, LANG, …), those that `env_vars`
 * names, and `env`; and it starts in its `cwd`, which may be relative to the folder the thread works in.
 */
import { isAbsolute, resolve } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { LOCAL_ENVIRONMENT_ID } from "../../config/server/types.ts";
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
import { localEnvironment } from "./variables.ts";

export interface LocalStdioLauncherOptions {
  /** Runs the servers on this machine. The caller disposes it. */
  readonly executor: Executor;
  /** Where variables of servers are looked up. @default the environment of this process */
  readonly env?: Variables;
  /** Where a server starts when neither it nor its thread names a folder. @default the folder of this process */
  readonly cwd?: string;
  /** Time, for tests. */
  readonly clock?: Clock;
}

export class LocalStdioLauncher implements StdioServerLauncher {
  readonly #options: LocalStdioLauncherOptions;

  constructor(options: LocalStdioLauncherOptions) {
    this.#options = options;
  }

  async launch(server: StdioServer, options: LaunchOptions = {}): Promise<ServerTransport> {
    const { executor, env: host = process.env, cwd: ownCwd = process.cwd(), clock } = this.#options;
    const { name, cwd = "." } = server;
    const { workspace = ownCwd } = options;
    if (cwd === "") throw invalidServer(name, "has an empty cwd: name a folder, or leave it out");
    if (!isAbsolute(workspace))
      throw invalidServer(name, `has a workspace that is not absolute: ${workspace}`);
    const variables = variablesOf(server, host);
    const [remote] = variables.remote;
    if (remote !== undefined) {
      throw invalidServer(
        name,
        `has an env_vars entry \`${remote}\` with source \`remote\`, which requires remote MCP stdio: ` +
          "leave source out, or set environment_id",
      );
    }
    return startServer({
      ...options,
      server,
      executor,
      environment: LOCAL_ENVIRONMENT_ID,
      cwd: resolve(workspace, cwd),
      variables,
      env: localEnvironment(variables, host),
      ...(clock === undefined ? {} : { clock }),
    });
  }
}
