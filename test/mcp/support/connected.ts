/** The official client, connected to a server, with everything that was reported about it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  type CallToolRequestOptions,
  Client,
  type ClientOptions,
  type RequestOptions,
} from "@modelcontextprotocol/client";
import {
  type LaunchOptions,
  type ServerTransport,
  type StdioServer,
  type StdioServerLauncher,
  TransportError,
} from "../../../src/mcp/index.ts";
import {
  pickText,
  processesWithEnv,
  type StdioServerEntry,
  waitUntilGone,
} from "../../../src/testing/index.ts";
import { Watch } from "../../../src/testing/watch.ts";

/** In the environment of every server, so that what it leaves behind is found. */
const TAG = "SWITCHYARD_TEST_TAG";

export type { LaunchOptions };

export interface Wanted {
  readonly name?: string;
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly env_vars?: StdioServer["env_vars"];
  readonly cwd?: string;
}

export interface ConnectOptions {
  readonly launch?: LaunchOptions;
  readonly client?: ClientOptions;
  readonly request?: RequestOptions;
}

/** A server that was launched, and the means to look what became of it. */
export class Launched implements AsyncDisposable {
  readonly transport: ServerTransport;
  readonly log: readonly string[];
  readonly #tag: string;
  readonly #watch: Watch;

  private constructor(transport: ServerTransport, log: readonly string[], tag: string, watch: Watch) {
    this.transport = transport;
    this.log = log;
    this.#tag = tag;
    this.#watch = watch;
  }

  static async launch(
    launcher: StdioServerLauncher,
    wanted: Wanted | StdioServerEntry,
    options: LaunchOptions = {},
  ): Promise<Launched> {
    const log: string[] = [];
    const watch = new Watch();
    const tag = randomUUID();
    const { name = "svc", args = [], env = {}, env_vars = [], ...rest }: Wanted = wanted;
    const server = { name, args, env_vars, ...rest, env: new Map([...Object.entries(env), [TAG, tag]]) };
    try {
      const transport = await launcher.launch(server, {
        log: (level, message) => {
          log.push(`${level} ${message}`);
          watch.changed();
        },
        ...options,
      });
      return new Launched(transport, log, tag, watch);
    } catch (error) {
      assert.deepEqual(
        await waitUntilGone(processesWithEnv(TAG, tag)),
        [],
        "left behind by a start that failed",
      );
      throw error;
    }
  }

  /** The processes of the server, its descendants and what left it. */
  get processes(): number[] {
    return processesWithEnv(TAG, this.#tag);
  }

  /** Waits until the log has a line that matches. */
  async logged(pattern: RegExp): Promise<string> {
    const find = (): string | undefined => this.log.find((line) => pattern.test(line));
    const signal = AbortSignal.timeout(20_000);
    return await this.#watch.waitFor(find, { signal }).catch((error: unknown) => {
      throw new Error(`No ${String(pattern)} in\n${this.log.join("\n")}`, { cause: error });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.close();
    assert.deepEqual(await waitUntilGone(this.processes), [], "left behind by a closed server");
  }
}

export class Connected implements AsyncDisposable {
  readonly client: Client;
  readonly launched: Launched;
  readonly errors: readonly Error[];
  /** How often `onclose` was called. */
  readonly closes: () => number;

  private constructor(client: Client, launched: Launched, errors: readonly Error[], closes: () => number) {
    this.client = client;
    this.launched = launched;
    this.errors = errors;
    this.closes = closes;
  }

  static async connect(
    launcher: StdioServerLauncher,
    wanted: Wanted | StdioServerEntry,
    options: ConnectOptions = {},
  ): Promise<Connected> {
    const launched = await Launched.launch(launcher, wanted, options.launch);
    const client = new Client({ name: "test", version: "1.0.0" }, options.client);
    const errors: Error[] = [];
    let closes = 0;
    client.onerror = (error) => void errors.push(error);
    client.onclose = () => void closes++;
    try {
      await client.connect(launched.transport, options.request);
    } catch (error) {
      await launched[Symbol.asyncDispose]();
      throw error;
    }
    return new Connected(client, launched, errors, () => closes);
  }

  /** Calls a tool. @returns the text of its result */
  async call(
    name: string,
    args: Record<string, unknown> = {},
    options?: CallToolRequestOptions,
  ): Promise<string> {
    return pickText(await this.client.callTool({ name, arguments: args }, options), "content", 0, "text");
  }

  async callJson<T>(name: string, args: Record<string, unknown> = {}): Promise<T> {
    return JSON.parse(await this.call(name, args)) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.launched[Symbol.asyncDispose]();
  }
}

/** For `assert.rejects`: an error of a transport, with a code and words. */
export function transportError(
  code: TransportError["code"],
  message: RegExp,
): (error: unknown) => error is TransportError {
  return (error): error is TransportError => {
    assert.ok(error instanceof TransportError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}
