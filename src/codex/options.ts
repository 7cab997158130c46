/** What a host can say about Codex. The SDK's options, and ours marked as such. */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { CredentialSource, McpManager } from "../mcp/index.ts";
import type { CodexConfigObject } from "../thread/options.ts";

export type CodexOptions = {
  /** The Codex that runs, 0.169 or newer. @default `SWITCHYARD_CODEX_PATH`, then the package `@openai/codex`, then PATH */
  codexPathOverride?: string;
  /** A Responses API endpoint, e.g. `https://example.com/v1`. It is reached over HTTP, without WebSocket. */
  baseUrl?: string;
  /**
   * Key for the model. It stays in this process where requests to the model are `"relayed"`, and is otherwise sent over the pipe; never in
   * argv, environment or a file. @default the user's login
   */
  apiKey?: string;
  /** Codex configuration for every thread, as nested objects or dotted keys. */
  config?: CodexConfigObject;
  /** The same as `key=value` strings. The value is TOML, or else a plain string. */
  configOverrides?: string[];
  /**
   * The environment of Codex, instead of `process.env`. Commands of the agent see all of it.
   * @default the harmless part of `process.env` (paths, locale, proxies, certificates)
   */
  env?: Record<string, string>;

  // ---- ours ----

  /**
   * The home (`CODEX_HOME`) Codex runs in. `"switchyard"`: our own, with the user's login and nothing else of
   * theirs. `"user"`: the user's own, with their sessions, skills and settings, but without its MCP servers. Or the
   * path of another. @default "switchyard"
   */
  home?: "switchyard" | "user" | { readonly path: string };
  /**
   * A file with the root certificates to trust, instead of the system's: for a server or a model with an authority of its own, and for requests
   * to the model that are `"direct"`, where Codex parses all certificates again and again, and a small file saves 60 % of its time per turn
   * (bench/README.md). Commands of the agent see the setting too.
   */
  caFile?: string;
  /**
   * Executors that servers can name as their `environment_id`, besides those of `environments.toml` in the home. Those of an
   * `McpManager` will do, too. @default none
   */
  environments?: readonly CodexEnvironment[];
  /** Who runs the MCP servers of threads that do not say it: see `ThreadOptions`. @default "managed" */
  mcp?: "managed" | "direct";
  /** Who asks the model in threads that do not say it: see `ThreadOptions`. */
  modelRequests?: "relayed" | "direct";
  /** Runs the MCP servers of managed threads. Yours: it is not disposed here. @default one of our own, with `environments` and `credentials` */
  manager?: McpManager;
  /**
   * Asked for the tokens of logins of managed threads; not together with `manager`, which has its own. Yours: it is not disposed here.
   * @default the user's own logins, as in Codex, for threads without a `principal`
   */
  credentials?: CredentialSource;
  /** Milliseconds a thread stays loaded, with its MCP servers, after its last turn. @default 60 000 */
  idleUnloadMs?: number;
  /** A turn fails when the model could not be reached for this many milliseconds. @default 120 000 */
  reconnectTimeoutMs?: number;
  /**
   * Milliseconds a full event stream may go unread before its turn is interrupted. All threads are held back meanwhile.
   * @default 60 000
   */
  readerStallMs?: number;
  /** Receives diagnostics. @default none */
  log?: Log;
  /** Time, for tests. @default the system's clock */
  clock?: Clock;
};

/** An executor (`switchyard executor`, or `codex exec-server`) that is reached by a URL, or is a program that we start. */
export type CodexEnvironment = CodexUrlEnvironment | CodexProgramEnvironment;

export type CodexUrlEnvironment = {
  /** The name that servers give as their `environment_id`. */
  readonly id: string;
  /** As the definitions of an `McpManager` say it. */
  readonly kind?: "url";
  /** `ws://` or `wss://`. */
  readonly url: string;
  /** Sent only to `wss://` URLs and to this machine. Codex gets it over the pipe and keeps it in memory. */
  readonly bearerToken?: string;
  /** Milliseconds until a connection has to stand. @default 10 000 */
  readonly connectTimeoutMs?: number;
  /** Milliseconds until it has answered; of managed threads. @default 10 000 */
  readonly initializeTimeoutMs?: number;
};

/** For managed threads alone: Codex starts only the programs of `environments.toml` in its home. */
export type CodexProgramEnvironment = {
  /** The name that servers give as their `environment_id`. */
  readonly id: string;
  /** As the definitions of an `McpManager` say it. */
  readonly kind?: "program";
  /** Speaks the executor's protocol on its stdin and stdout; e.g. `ssh`. */
  readonly program: string;
  /** Its arguments. @default none */
  readonly args?: readonly string[];
  /** Absolute. @default the folder of this process */
  readonly cwd?: string;
  /** Variables of the program, besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until it has answered. @default 10 000 */
  readonly initializeTimeoutMs?: number;
};
