/**
 * `Agent` and its threads: an engine of our own, on any Responses API endpoint, with the surface of `Codex`.
 *
 * An `Agent` owns the threads of this process and, unless it is given one, the manager of their MCP servers. An `AgentThread`
 * is a view of a thread, with options of its own; two views of the same thread share its session, so their turns wait for
 * each other.
 */
import { join } from "node:path";
import { type Clock, systemClock } from "../base/clock.ts";
import { silentLog } from "../base/log.ts";
import { Redactor } from "../base/redact.ts";
import { switchyardHome } from "../config/layers/homes.ts";
import { McpManager } from "../mcp/index.ts";
import type { Engine, EngineThread, StreamedTurn } from "../thread/engine.ts";
import { AbortError, EngineError, type EngineErrorCode } from "../thread/errors.ts";
import type { ThreadEvent } from "../thread/events.ts";
import type { Input, TurnOptions } from "../thread/options.ts";
import { collectTurn, type Turn } from "../thread/turn.ts";
import { Gate } from "../tools/index.ts";
import { HostLogins } from "../mcp/auth/host-logins.ts";
import { createTools } from "./create-tools.ts";
import type { ModelEndpoint } from "./model-client.ts";
import type { AgentOptions, AgentThreadOptions } from "./options.ts";
import {
  invalid,
  policyOf,
  readAgentOptions,
  readAgentThreadOptions,
  readAgentTurnOptions,
  readPlace,
} from "./read-options.ts";
import { AgentSession, type RunRequest, type SessionOptions, type SessionStart } from "./session.ts";

const OPENAI_BASE_URL = "https://api.openai.com/v1";
const STEPS_MAX = 200;
const TURN_TIMEOUT_MS = 3_600_000;
const RETRIES_MAX = 4;
const MODEL_SILENCE_MS = 300_000;
const IDLE_UNLOAD_MS = 60_000;
const READER_STALL_MS = 60_000;
const QUESTION_TIMEOUT_MS = 600_000;

/** What the threads of one `Agent` share. */
interface AgentContext {
  readonly options: AgentOptions;
  readonly clock: Clock;
  /** A secret that no message and no output may show. */
  readonly hide: (secret: string) => void;
  /** @throws {EngineError} `closed` */
  readonly open: (start: SessionStart) => AgentSession;
}

/**
 * The engine: many threads, each with its own MCP servers.
 *
 * Nothing is started before the first turn runs. Dispose it (`await using`) to end every turn and every MCP server.
 */
export class Agent implements Engine, AsyncDisposable {
  readonly #context: AgentContext;
  readonly #ownManager: McpManager | undefined;
  readonly #logins: HostLogins | undefined;
  readonly #sessions = new Set<AgentSession>();
  #closed: Promise<void> | undefined;

  /** @throws {EngineError} `invalid_options` */
  constructor(options: AgentOptions = {}) {
    const checked = readAgentOptions(options);
    const { clock = systemClock, log = silentLog, env = process.env } = checked;
    const [redactor, outputRedactor] = [new Redactor(), new Redactor()];
    const hide = (secret: string): (() => void) => {
      const shown = [redactor.add(secret), outputRedactor.add(secret)];
      return () => shown.forEach((show) => show());
    };
    if (checked.apiKey !== undefined) hide(checked.apiKey);
    let { manager } = checked;
    if (manager === undefined) {
      const { environments = [], credentials: given } = checked;
      const credentials = new HostLogins({ credentials: given, env, log, clock, hide });
      this.#logins = credentials;
      this.#ownManager = manager = new McpManager({ env, log, clock, environments, credentials });
    }
    const shared: SessionOptions = {
      manager,
      createTools: createTools({
        spelling: checked.toolNames ?? "flat",
        exposure: checked.toolExposure ?? "direct",
        gate: Gate.of(manager),
        redactor: outputRedactor,
        log,
        clock,
      }),
      folder: join(checked.home ?? join(switchyardHome(env), "agent"), "threads"),
      clock,
      log,
      redactor,
      outputRedactor,
      env,
      stepsMax: checked.stepsMax ?? STEPS_MAX,
      turnTimeoutMs: checked.turnTimeoutMs ?? TURN_TIMEOUT_MS,
      idleUnloadMs: checked.idleUnloadMs ?? IDLE_UNLOAD_MS,
      readerStallMs: checked.readerStallMs ?? READER_STALL_MS,
      find: (id) => this.#find(id),
      onBusy: (session) => void this.#sessions.add(session),
      onCold: (session) => void this.#sessions.delete(session),
    };
    const open = (start: SessionStart): AgentSession => {
      if (this.#closed !== undefined) throw new EngineError("closed", "The agent was closed");
      const known = start.kind === "existing" ? this.#find(start.threadId) : undefined;
      if (known !== undefined) return known;
      const session = new AgentSession(shared, start);
      this.#sessions.add(session);
      return session;
    };
    this.#context = { options: checked, clock, hide, open };
  }

  /** A new thread. It gets its id when its first turn starts: from then on it can be resumed. */
  startThread(options: AgentThreadOptions = {}): AgentThread {
    return new AgentThread(this.#context, options, { kind: "new" });
  }

  /** Continues a thread. Nothing of its earlier options is kept: `options` is the whole of them. */
  resumeThread(id: string, options: AgentThreadOptions = {}): AgentThread {
    return new AgentThread(this.#context, options, { kind: "existing", threadId: id.toLowerCase() });
  }

  /** A new thread that begins with the history of another. */
  forkThread(id: string, options: AgentThreadOptions = {}): AgentThread {
    return new AgentThread(this.#context, options, { kind: "fork", threadId: id.toLowerCase() });
  }

  /** Interrupts every turn, and ends every MCP server that the agent has started. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()));
    await this.#ownManager?.[Symbol.asyncDispose]();
    await this.#logins?.[Symbol.asyncDispose]();
  }

  #find(id: string): AgentSession | undefined {
    return [...this.#sessions].find((session) => session.id === id);
  }
}

/** One conversation. Turns of a thread run one after the other. */
export class AgentThread implements EngineThread, AsyncDisposable {
  readonly #context: AgentContext;
  readonly #options: AgentThreadOptions;
  readonly #start: SessionStart;
  #session: AgentSession | undefined;
  #endpoint: ModelEndpoint | undefined;
  #closed = false;
  #mcpServers: AgentThreadOptions["mcpServers"];

  /** @internal use `Agent.startThread`, `resumeThread` or `forkThread` */
  constructor(context: AgentContext, options: AgentThreadOptions, start: SessionStart) {
    this.#context = context;
    this.#options = options;
    this.#start = start;
    this.#mcpServers = options.mcpServers;
  }

  /** The thread's id; `null` before its first turn has started. */
  get id(): string | null {
    return this.#start.kind === "existing" ? this.#start.threadId : (this.#session?.id ?? null);
  }

  /** Runs a turn and yields its events as they come. The turn starts when the first event is asked for. */
  runStreamed(input: Input, turnOptions: TurnOptions = {}): Promise<StreamedTurn> {
    return Promise.resolve({ events: this.#run(input, turnOptions) });
  }

  /**
   * Runs a turn and returns it as a whole.
   *
   * @throws {EngineError} the turn failed
   * @throws {AbortError} the signal aborted
   */
  run(input: Input, turnOptions: TurnOptions = {}): Promise<Turn> {
    const toError = (code: string, message: string): Error =>
      new EngineError(code as EngineErrorCode, message);
    return collectTurn(this.#run(input, turnOptions), toError);
  }

  /**
   * Interrupts the turn that runs, and ends the thread's MCP servers. The thread stays on disk, unless it is ephemeral, and
   * can be resumed. Idempotent.
   */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#session?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#run(input: Input, given: TurnOptions): AsyncGenerator<ThreadEvent, void, undefined> {
    if (this.#closed) throw new EngineError("closed", "The thread was closed");
    const turnOptions = readAgentTurnOptions(given);
    const { signal } = turnOptions;
    if (signal?.aborted === true) throw new AbortError(signal);
    const mcpServers = turnOptions.mcpServers ?? this.#mcpServers;
    const options = {
      ...readAgentThreadOptions(this.#options),
      ...(mcpServers === undefined ? {} : { mcpServers }),
    };
    const request: RunRequest = {
      ...readPlace(options),
      ...this.#model(options, turnOptions.outputSchema),
      input,
      principal: options.principal,
      provenance: options.provenance,
      onMcpServer: options.onMcpServer,
      ofTools: {
        hostTools: options.tools ?? this.#context.options.tools ?? NO_TOOLS,
        policy: policyOf(options),
      },
      ephemeral: options.ephemeral ?? false,
      onQuestion: options.onQuestion,
      questionTimeoutMs: options.questionTimeoutMs ?? QUESTION_TIMEOUT_MS,
      signal,
    };
    // They count from now on. Invalid ones have been rejected above.
    this.#mcpServers = mcpServers;
    yield* (await this.#findSession()).run(request);
  }

  /** @throws {EngineError} `invalid_options`, `login_missing` */
  #model(
    options: AgentThreadOptions,
    outputSchema: RunRequest["request"]["outputSchema"],
  ): Pick<RunRequest, "endpoint" | "request"> {
    const { options: agent } = this.#context;
    const model = options.model ?? agent.model;
    if (model === undefined)
      throw invalid("model: name the model to ask, for the agent or the thread", "model");
    const instructions = options.instructions ?? agent.instructions;
    this.#endpoint ??= this.#endpointOf(options);
    return {
      endpoint: this.#endpoint,
      request: { model, instructions, outputSchema, reasoningEffort: options.modelReasoningEffort },
    };
  }

  #endpointOf(options: AgentThreadOptions): ModelEndpoint {
    const { options: agent, clock, hide } = this.#context;
    const { baseUrl = agent.baseUrl, apiKey = agent.apiKey } = options;
    if (apiKey === undefined && baseUrl === undefined)
      throw new EngineError(
        "login_missing",
        "No model can be asked: there is no API key. Give apiKey, or a baseUrl that needs none",
      );
    if (options.apiKey !== undefined) hide(options.apiKey);
    return {
      baseUrl: baseUrl ?? OPENAI_BASE_URL,
      apiKey,
      headers: agent.headers ?? {},
      retriesMax: agent.retriesMax ?? RETRIES_MAX,
      silenceMs: agent.modelSilenceMs ?? MODEL_SILENCE_MS,
      clock,
    };
  }

  async #findSession(): Promise<AgentSession> {
    const own = this.#session;
    // A thread that is not on disk cannot be found again by its id.
    if (own !== undefined && !own.isOnDisk) return own;
    const { id } = this;
    const start: SessionStart = id === null ? this.#start : { kind: "existing", threadId: id };
    let session = this.#context.open(start);
    // Another view is closing the thread, but this view stays open: it opens the thread again afterwards.
    if (session.isClosing) {
      await session.close();
      session = this.#context.open(start);
    }
    return (this.#session = session);
  }
}

const NO_TOOLS: RunRequest["ofTools"]["hostTools"] = [];
