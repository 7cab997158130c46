/**
 * `Codex` and `Thread`: the surface of `@openai/codex-sdk`, over one long-lived app-server.
 *
 * A `Codex` owns one app-server process, which starts with the first turn and serves all its threads. A `Thread` is
 * a view of a thread, with options of its own; two views of the same thread share its session, so their turns wait for
 * each other.
 */
import { join } from "node:path";
import { within } from "../base/abort.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { type Log, silentLog } from "../base/log.ts";
import { providerVariables } from "../base/variables.ts";
import { Redactor } from "../base/redact.ts";
import { StderrPipes } from "../process/stderr-pipe.ts";
import { Certificates } from "./app-server/certificates.ts";
import { CodexAppServer } from "./app-server/supervisor.ts";
import { findCodex } from "./app-server/binary.ts";
import { readCodexOptions, readThreadOptions, readTurnOptions } from "./read-options.ts";
import { CodexError } from "./errors.ts";
import { AbortError } from "../thread/errors.ts";
import type { Engine, EngineThread, StreamedTurn } from "../thread/engine.ts";
import type { ThreadEvent } from "../thread/events.ts";
import { processFeatures, TOOL_NEWS } from "./app-server/features.ts";
import { switchyardHome, userCodexHome } from "../config/layers/homes.ts";
import { closeHome, lacksLogin, prepareCodexHome, shareMcpLogins } from "./app-server/home.ts";
import { InheritedServers } from "./direct/inherited-servers.ts";
import { managedEnvironments } from "./managed/environments.ts";
import { ManagedHost } from "./managed/managed-host.ts";
import { Loopback } from "./relayed/loopback.ts";
import { RelayHost } from "./relayed/relay-host.ts";
import { collectTurn, type Turn } from "../thread/turn.ts";
import type { CyberAccessProgram, Input, ThreadOptions, TurnOptions } from "../thread/options.ts";
import type { CodexOptions } from "./options.ts";
import { processEnvironment } from "./app-server/environment.ts";
import type { TurnStartParams } from "./app-server/protocol.ts";
import { configuredProviders } from "../config/layers/model-providers.ts";
import { buildInput, buildThreadSpec, type ThreadSpec } from "./thread/spec.ts";
import type { ThreadStart } from "./thread/open-thread.ts";
import type { ThreadSession } from "./thread/session.ts";
import { ThreadSessions } from "./thread/sessions.ts";

export type RunResult = Turn;

export type RunStreamedResult = StreamedTurn;

const QUESTION_TIMEOUT_MS = 600_000;
const CLOSE_GRACE_MS = 3_000;

/** The SDK's name of each program, and the wire's. */
const CYBER_ACCESS = {
  standard: "standard",
  daybreak_blue: "daybreakBlue",
  daybreak_red: "daybreakRed",
} as const satisfies Record<CyberAccessProgram, TurnStartParams["cyberAccessProgram"]>;

/** What the threads of one `Codex` share. */
interface CodexContext {
  readonly options: CodexOptions;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly sessions: ThreadSessions;
  readonly codexHome: string;
}

/**
 * The engine: many threads, one Codex.
 *
 * Nothing is started before the first turn runs. Dispose it (`await using`) to end the process, and with it every
 * MCP server of every thread.
 */
export class Codex implements Engine, AsyncDisposable {
  readonly #appServer: CodexAppServer;
  readonly #context: CodexContext;
  readonly #clock: Clock;
  readonly #stderrPipes: StderrPipes;
  readonly #loopback: Loopback;
  readonly #relayHost: RelayHost;
  readonly #managedHost: ManagedHost;
  /** Of the processes of Codex, from the first one's start. */
  #certificates: Certificates | undefined;

  /** @throws {CodexError} `invalid_options` */
  constructor(options: CodexOptions = {}) {
    const checked = readCodexOptions(options);
    const clock = checked.clock ?? systemClock;
    this.#clock = clock;
    const log = checked.log === undefined ? silentLog : guarded(checked.log);
    const env = checked.env ?? process.env;
    const redactor = new Redactor();
    if (checked.apiKey !== undefined) redactor.add(checked.apiKey);
    const codexHome = chooseHome(checked, env);
    const isUsersHome = codexHome === userCodexHome(env);
    const find = (): ReturnType<typeof findCodex> => findCodex(checked.codexPathOverride, env);
    this.#appServer = new CodexAppServer({
      findBinary: find,
      prepareHome: () => {
        prepareCodexHome(codexHome, env, checked.home !== "user" && checked.apiKey === undefined);
        shareMcpLogins(codexHome, env);
        return codexHome;
      },
      onFiles: () => closeHome(codexHome, env),
      env: () => {
        const needed = providerVariables(configuredProviders(codexHome).tables);
        this.#certificates ??= Certificates.open({ codex: checked, codexHome, isUsersHome, env, log });
        const own = processEnvironment(checked, env, find().pathDirs, needed);
        return { ...own, ...this.#certificates?.variables };
      },
      flags: processFlags(checked),
      environments: checked.environments ?? [],
      clock,
      log,
      logWire: env.SWITCHYARD_DEBUG === "wire",
      redactor,
    });
    this.#stderrPipes = new StderrPipes({ log, redactor });
    this.#loopback = new Loopback(clock, log);
    this.#relayHost = new RelayHost({ loopback: this.#loopback, caFile: checked.caFile, env, clock, log });
    this.#managedHost = new ManagedHost({
      loopback: this.#loopback,
      manager: checked.manager,
      credentials: checked.credentials,
      codexHome,
      redactor,
      environments: () => managedEnvironments(checked.environments ?? [], codexHome, env),
      env,
      clock,
      log,
    });
    const sessions = new ThreadSessions({
      appServer: this.#appServer,
      stderrPipes: this.#stderrPipes,
      managedHost: this.#managedHost,
      relayHost: this.#relayHost,
      certificates: () => this.#certificates,
      inherited: new InheritedServers(codexHome),
      clock,
      log,
      redactor,
      idleUnloadMs: checked.idleUnloadMs ?? 60_000,
      reconnectTimeoutMs: checked.reconnectTimeoutMs ?? 120_000,
      readerStallMs: checked.readerStallMs ?? 60_000,
      otherHome: isUsersHome ? undefined : userCodexHome(env),
    });
    this.#context = { options: checked, env, sessions, codexHome };
  }

  /** A new thread. It gets its id when its first turn starts: from then on it can be resumed. */
  startThread(options: ThreadOptions = {}): Thread {
    return new Thread(this.#context, options, { kind: "new" });
  }

  /** Continues a thread. Nothing of its earlier options is kept: `options` is the whole of them. */
  resumeThread(id: string, options: ThreadOptions = {}): Thread {
    return new Thread(this.#context, options, { kind: "existing", threadId: canonical(id) });
  }

  /** A new thread that begins with the history of another. Ours: the SDK has no such method. */
  forkThread(id: string, options: ThreadOptions = {}): Thread {
    return new Thread(this.#context, options, { kind: "fork", threadId: canonical(id) });
  }

  /** Process id of the app-server; `undefined` while none runs. */
  get pid(): number | undefined {
    return this.#appServer.current?.pid;
  }

  /** Interrupts every turn, ends the process and everything it started. Idempotent. */
  async close(): Promise<void> {
    const threads = this.#context.sessions.close();
    // Threads are closed one by one if that is quick. What hangs ends with the process.
    await within(this.#clock, CLOSE_GRACE_MS, threads);
    await this.#appServer.close();
    await threads;
    await this.#managedHost[Symbol.asyncDispose]();
    await this.#relayHost[Symbol.asyncDispose]();
    await this.#loopback[Symbol.asyncDispose]();
    this.#certificates?.[Symbol.dispose]();
    this.#stderrPipes[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** One conversation. Turns of a thread run one after the other. */
export class Thread implements EngineThread, AsyncDisposable {
  readonly #context: CodexContext;
  readonly #options: ThreadOptions;
  readonly #start: ThreadStart;
  /** The session of a thread that had no id when it was created. With an id, it is looked up. */
  #session: ThreadSession | undefined;
  #closed = false;
  #mcpServers: ThreadOptions["mcpServers"];

  /** @internal use `Codex.startThread`, `resumeThread` or `forkThread` */
  constructor(context: CodexContext, options: ThreadOptions, start: ThreadStart) {
    this.#context = context;
    this.#options = options;
    this.#start = start;
    this.#mcpServers = options.mcpServers;
  }

  /** The thread's id; `null` before its first turn has started. */
  get id(): string | null {
    if (this.#start.kind === "existing") return this.#start.threadId;
    return this.#session?.threadId ?? null;
  }

  /** Runs a turn and yields its events as they come. The turn starts when the first event is asked for. */
  runStreamed(input: Input, turnOptions: TurnOptions = {}): Promise<StreamedTurn> {
    return Promise.resolve({ events: this.#run(input, turnOptions) });
  }

  /**
   * Runs a turn and returns it as a whole.
   *
   * @throws {Error} the turn failed, with the model's or Codex's message; a `CodexError` when the cause is known
   * @throws {AbortError} the signal aborted
   */
  run(input: Input, turnOptions: TurnOptions = {}): Promise<Turn> {
    return collectTurn(
      this.#run(input, turnOptions),
      (code, message) => new CodexError(code as CodexError["code"], message),
    );
  }

  /**
   * Interrupts the turn that runs and takes the thread out of the process; its MCP servers end. The thread stays on
   * disk, unless it is ephemeral, and can be resumed. Idempotent.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const session =
      this.id === null ? this.#session : (this.#context.sessions.find(this.id) ?? this.#session);
    await session?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#run(input: Input, given: TurnOptions): AsyncGenerator<ThreadEvent, void, undefined> {
    if (this.#closed) throw new CodexError("closed", "The thread was closed");
    const turnOptions = readTurnOptions(given);
    const { signal, cyberAccessProgram, outputSchema } = turnOptions;
    if (signal?.aborted === true) throw new AbortError(signal);
    const threadOptions = readThreadOptions(this.#options);
    const mcpServers = turnOptions.mcpServers ?? this.#mcpServers;
    const options = { ...threadOptions, ...(mcpServers === undefined ? {} : { mcpServers }) };
    const turn: Omit<TurnStartParams, "threadId" | "input"> = {
      ...(outputSchema === undefined ? {} : { outputSchema }),
      ...(cyberAccessProgram === undefined ? {} : { cyberAccessProgram: CYBER_ACCESS[cyberAccessProgram] }),
    };
    const { codexHome } = this.#context;
    const spec = buildThreadSpec(this.#context.options, options, this.#context.env, () =>
      configuredProviders(codexHome),
    );
    this.#checkLogin(spec);
    // The user may have logged in to a server since the turn before.
    shareMcpLogins(codexHome, this.#context.env);
    const request = {
      spec,
      input: buildInput(input),
      turn,
      signal,
      onQuestion: options.onQuestion,
      questionTimeoutMs: options.questionTimeoutMs ?? QUESTION_TIMEOUT_MS,
    };
    // They count from now on. Invalid ones have been rejected above.
    this.#mcpServers = mcpServers;
    let session = this.#findSession();
    // Another view is closing the thread, but this view stays open: it opens the thread again afterwards.
    if (session.isClosing) {
      await session.close();
      session = this.#findSession();
    }
    yield* session.run(request);
  }

  /** Without a way to ask the model, Codex would try for half a minute and then repeat what the model answered. */
  #checkLogin({ start }: ThreadSpec): void {
    const { options, env, codexHome } = this.#context;
    // A provider of ours, for an endpoint or the key of a thread; or our key, by login.
    if (start.modelProvider !== undefined || options.apiKey !== undefined) return;
    if (!lacksLogin(start.config ?? {}, codexHome, env)) return;
    throw new CodexError(
      "login_missing",
      `No model can be asked: there is no API key, and no Codex login in ${userCodexHome(env)}. ` +
        'Give an API key, or log in once with "npx codex login"',
    );
  }

  #findSession(): ThreadSession {
    const own = this.#session;
    // A thread that is not on disk cannot be found again by its id.
    if (own !== undefined && !own.isOnDisk) return own;
    const { id } = this;
    if (id !== null) {
      return (
        this.#context.sessions.find(id) ?? this.#context.sessions.create({ kind: "existing", threadId: id })
      );
    }
    this.#session = this.#context.sessions.create(this.#start);
    return this.#session;
  }
}

/** The spelling of an id that Codex reports; it also accepts others of the same UUID. */
function canonical(id: string): string {
  const text = id.toLowerCase();
  const hex = /^(?:urn:uuid:[0-9a-f-]{36}|\{[0-9a-f-]{36}\}|[0-9a-f]{32})$/.test(text)
    ? text.replaceAll(/^urn:uuid:|[{}-]/g, "")
    : "";
  const parts = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(hex);
  return parts === null ? text : parts.slice(1).join("-");
}

/** A log that throws must not break what it reports on. */
function guarded(log: Log): Log {
  return (...entry) => {
    try {
      log(...entry);
    } catch {
      // There is no other place to report it.
    }
  };
}

function chooseHome(options: CodexOptions, env: CodexContext["env"]): string {
  const { home = "switchyard" } = options;
  if (home === "switchyard") return join(switchyardHome(env), "codex");
  return home === "user" ? userCodexHome(env) : home.path;
}

/** Settings of the process. They are visible in argv, so no secret may be among them. */
function processFlags(options: CodexOptions): string[] {
  return [
    ...Object.entries(processFeatures(options)).map(([feature, on]) => `features.${feature}=${on}`),
    // A thread without subscribers is unloaded at once, with its MCP servers, instead of after 30 minutes.
    "thread_unload_delay_secs=0",
    // Codex warns in each thread of a feature that we use ourselves (features.ts).
    ...(processFeatures(options)[TOOL_NEWS] === true ? ["suppress_unstable_features_warning=true"] : []),
    `cli_auth_credentials_store="${options.apiKey === undefined ? "file" : "ephemeral"}"`,
  ];
}
