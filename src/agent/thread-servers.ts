/**
 * The MCP servers of one thread, from turn to turn: opened, changed, waited for, asked about, given back.
 *
 * Invariants
 *   V1. The model is not asked before every enabled server is ready or has failed, but for those that join when they are ready. A
 *       failed one is an event; a failed one that is required fails the turn.
 *   V2. A server that stays the same is kept, and so are the approvals of the thread while its tools and policy stay the same.
 *   V3. A secret of the servers shows in no message, and in nothing that a tool's output gives the model.
 *   V4. A host that wants to know is told every state of every server, in order, between turns too.
 */
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { isObject } from "../base/json.ts";
import type { Log } from "../base/log.ts";
import type { Redactor } from "../base/redact.ts";
import type { ToolPluginProvenance } from "../config/plugins/types.ts";
import { isInBackground } from "../config/server/types.ts";
import { mayNameSecret } from "../config/show/mask-text.ts";
import {
  type Elicitation,
  type ElicitationAnswer,
  type McpConnectionManager,
  McpError,
  type McpManager,
  type ServerView,
} from "../mcp/index.ts";
import type { ServerSet } from "../servers/check.ts";
import { failsInBackground, serverEvents } from "../mcp/manager/server-events.ts";
import type { McpServerHandler } from "../servers/server-event.ts";
import { type ResolvedMcpServer, resolve, type Variables } from "../servers/resolve.ts";
import { EngineError } from "../thread/errors.ts";
import type { Question } from "../thread/questions.ts";
import { type AskHandler, elicitationsFor, type StepTools } from "../tools/index.ts";
import type { ActiveTurn } from "./active-turn.ts";
import type { CreateTools, ToolsOfTurn } from "./create-tools.ts";

export interface ThreadServersOptions {
  readonly manager: McpManager;
  readonly createTools: CreateTools;
  readonly clock: Clock;
  readonly log: Log;
  /** Of messages. */
  readonly redactor: Redactor;
  /** Of what the model is given. */
  readonly outputRedactor: Redactor;
  readonly env: Variables;
  /** The turn that runs. */
  readonly turn: () => ActiveTurn | undefined;
}

/** What a turn says about the servers of its thread. */
export interface ServersOfTurn {
  readonly servers: ServerSet;
  readonly workspace: string;
  readonly principal: string | undefined;
  readonly provenance: ToolPluginProvenance | undefined;
  /** From now on. */
  readonly onMcpServer: McpServerHandler | undefined;
  readonly ofTools: ToolsOfTurn;
}

interface Opened {
  readonly thread: McpConnectionManager;
  readonly tools: StepTools;
  readonly ofTools: ToolsOfTurn;
}

/** The host's time limit for a question is the turn's. */
const NO_LIMIT_MS = 2 ** 31 - 1;

export class ThreadServers {
  readonly #options: ThreadServersOptions;
  #opened: Opened | undefined;
  #forgetSecrets: readonly (() => void)[] = [];
  #onMcpServer: McpServerHandler | undefined;
  /** Servers of which the turn has told already that they are missing. */
  readonly #missing = new Set<string>();
  /** The thread whose servers the host is told about, until all is told. */
  #watched: { readonly thread: McpConnectionManager; readonly told: Promise<void> } | undefined;

  constructor(options: ThreadServersOptions) {
    this.#options = options;
  }

  /**
   * Waits until every server is ready or has failed, and reports the failed ones (V1).
   *
   * @throws {EngineError} `mcp_server_failed`
   * @throws the signal's reason
   */
  async open(id: string, turn: ActiveTurn, wanted: ServersOfTurn): Promise<StepTools> {
    this.#hideSecrets(wanted.servers);
    this.#onMcpServer = wanted.onMcpServer;
    const { thread, tools } = await this.#connect(id, wanted);
    this.#missing.clear();
    const isNews =
      this.#onMcpServer !== undefined || thread.servers.some(({ config }) => isInBackground(config));
    if (isNews && this.#watched?.thread !== thread) this.#watched = { thread, told: this.#tell(thread) };
    try {
      await thread.ready(undefined, { signal: turn.signal });
    } catch (error) {
      // One that is required and not ready, which is found below.
      if (!(error instanceof McpError && error.code === "server_unavailable")) throw error;
    }
    for (const view of thread.servers) {
      const reason = failureOf(view);
      if (reason === undefined) continue;
      const { name: server, config } = view;
      if (config.required)
        throw new EngineError("mcp_server_failed", `A required MCP server did not start: ${reason}`);
      this.#tellMissing(turn, server, reason);
    }
    return tools;
  }

  /** Once in a turn. */
  #tellMissing(turn: ActiveTurn, server: string, reason: string): void {
    if (this.#missing.has(server)) return;
    this.#missing.add(server);
    const message = `Missing in this turn: ${reason}`;
    this.#options.log("warn", message, { server });
    turn.tell({ message, code: "mcp_server_failed", server, reason });
  }

  /** Ends what no other thread uses. It can be opened again. */
  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.thread[Symbol.asyncDispose]();
    await this.#watched?.told;
    this.#watched = undefined;
    for (const forget of this.#forgetSecrets) forget();
    this.#forgetSecrets = [];
  }

  /** V4. Ends with the thread. */
  async #tell(thread: McpConnectionManager): Promise<void> {
    const { redactor, log } = this.#options;
    const fails = failsInBackground(thread);
    for await (const event of serverEvents(thread)) {
      const turn = this.#options.turn();
      if (fails(event) && turn !== undefined) this.#tellMissing(turn, event.server, event.reason);
      const shown = "reason" in event ? { ...event, reason: redactor.redact(event.reason) } : event;
      try {
        this.#onMcpServer?.(shown);
      } catch (error) {
        // It belongs to no turn that could fail for it.
        log("warn", `onMcpServer failed: ${redactor.redact(messageOf(error))}`, { server: event.server });
      }
    }
  }

  async #connect(id: string, wanted: ServersOfTurn): Promise<Opened> {
    const { servers, workspace, principal, provenance, ofTools } = wanted;
    const { manager, env, log, clock } = this.#options;
    const open = this.#opened;
    const isHere = open?.thread.workspace === workspace && open.thread.principal === principal;
    if (open !== undefined && isHere) {
      await open.thread.update(servers);
      retryLogins(open.thread);
      return (this.#opened = isSame(open.ofTools, ofTools) ? open : this.#withTools(open.thread, ofTools));
    }
    if (open !== undefined) await open.thread[Symbol.asyncDispose]();
    const onElicit = elicitationsFor({
      onElicit: (question, { signal }) => this.#elicit(question, signal),
      timeoutMs: NO_LIMIT_MS,
      log,
      clock,
    });
    const thread = manager.openThread({
      ...{ id, servers, workspace, env, onElicit },
      ...(principal === undefined ? {} : { principal }),
      ...(provenance === undefined ? {} : { provenance }),
    });
    return (this.#opened = this.#withTools(thread, ofTools));
  }

  #withTools(thread: McpConnectionManager, ofTools: ToolsOfTurn): Opened {
    const onAsk: AskHandler = async ({ server, tool, arguments: args, message }, { signal }) => {
      const turn = this.#options.turn();
      if (turn === undefined) return { decision: "decline" };
      const threadId = thread.id;
      return turn.ask({ kind: "mcp_tool_call", threadId, server, tool, arguments: args, message }, signal);
    };
    return { thread, ofTools, tools: this.#options.createTools(thread, { ...ofTools, onAsk }) };
  }

  async #elicit(question: Elicitation, signal: AbortSignal): Promise<ElicitationAnswer> {
    const { server, message, requestedSchema: schema = null, url = null } = question;
    const turn = this.#options.turn();
    // Outside a turn there is nobody to ask.
    if (turn === undefined) return { action: "decline" };
    const threadId = this.#opened?.thread.id ?? "";
    const asked: Question = { kind: "elicitation", threadId, server, message, schema, url };
    const { decision, content } = await turn.ask(asked, signal);
    if (decision === "decline" || decision === "cancel") return { action: decision };
    return { action: "accept", ...(isObject(content) ? { content } : {}) };
  }

  /** V3. What cannot be looked up is no secret; its server says so when it fails. */
  #hideSecrets({ configs }: ServerSet): void {
    const { redactor, outputRedactor, env } = this.#options;
    const before = this.#forgetSecrets;
    this.#forgetSecrets = [...configs].flatMap(([name, config]) => {
      const resolved = resolve(config, env, [name]);
      if (!resolved.ok) return [];
      return [
        ...resolved.value.secrets.map((secret) => redactor.add(secret)),
        ...surelySecret(resolved.value).map((secret) => outputRedactor.add(secret)),
      ];
    });
    for (const forget of before) forget();
  }
}

/** Without what only may be one: a folder in a variable is a part of every path that a tool tells the model. */
function surelySecret(server: ResolvedMcpServer): readonly string[] {
  const named = server.type === "stdio" ? server.variables : server.headers;
  return [...named]
    .filter(([name]) => mayNameSecret(name))
    .flatMap(([, value]) => [value, value.replace(/^\S+ /, "")]);
}

function isSame(one: ToolsOfTurn, other: ToolsOfTurn): boolean {
  return (
    one.policy === other.policy &&
    one.hostTools.length === other.hostTools.length &&
    one.hostTools.every((tool, index) => tool === other.hostTools[index])
  );
}

/** A person may have logged in since the turn before. One that failed otherwise is tried again without us. */
function retryLogins(thread: McpConnectionManager): void {
  for (const { name, status } of thread.servers) if (status.state === "needs_login") thread.retry(name);
}

function failureOf({ status }: ServerView): string | undefined {
  switch (status.state) {
    case "ready":
    case "disabled":
    // It joins when it is ready, or is used with the tools it had the last time: the others were waited for.
    case "starting":
      return undefined;
    case "ended":
      return "it is ended";
    case "restarting":
    case "failed":
    case "needs_login":
      return status.reason.message;
  }
}
