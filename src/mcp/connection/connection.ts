/**
 * One server's whole life: started, used, started again when it dies, ended.
 *
 *   starting ──> ready ──> restarting ──> ready …          every change is a status, told to all holders
 *      │           └────────> failed ──(backoff)──> starting
 *      └──> failed · needs_login                  end() ──> ended
 *
 * Who may hold it, and until when, is the business of `lease/`. How one start goes stands in `start-session.ts`; how a call is sent
 * again, and what its outcome is, in `call.ts`; whose question a question is, in `questions.ts`.
 *
 * Invariants
 *   L1. At most one process at a time: the next one is started when the last one has ended, or could not be ended in `CLOSE_MS`.
 *   L5. Over HTTP, a session that is replaced ends when its requests are over: a server that no longer takes requests may
 *       still answer those that it has.
 *   L2. A death is followed by one new start at once; further ones in quick succession wait longer each time, as `failed`.
 *   L3. Who waits for the server while it starts gets this start's result, whatever it is; one start serves all.
 *   L4. `end` ends the server, also one that is being started, and rejects everything that waits. It never rejects.
 */
import type { ServerCapabilities, Tool } from "@modelcontextprotocol/client";
import { abortable, within } from "../../base/abort.ts";
import { Backoff } from "../../base/backoff.ts";
import { sleep } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { type LoginWanted, McpError } from "../errors.ts";
import type { ServerRequest, Session } from "../session/session.ts";
import type { ServerTransport } from "../transport/server-transport.ts";
import { Catalog, type Listed } from "./catalog.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import type { Holder, InFlight } from "./in-flight.ts";
import type { ListKind } from "./list-pages.ts";
import { LifeCheck } from "./life-check.ts";
import { ListenLoop } from "./listen-loop.ts";
import { Notices } from "./notices.ts";
import { Pulse } from "./pulse.ts";
import { answerServer } from "./questions.ts";
import { reasonOf } from "./reason.ts";
import { CLOSE_MS, startSession } from "./start-session.ts";
import { StartSteps } from "./start-steps.ts";
import type { ReadyStatus, Reason, ServerStatus } from "./status.ts";

/** A session that lived this long was a good one. */
const STABLE_MS = 30_000;
const BACKOFF = { firstMs: 1_000, maxMs: 60_000 };

type State =
  | { readonly kind: "working"; readonly status: ServerStatus }
  | { readonly kind: "ready"; readonly status: ServerStatus; readonly session: Session }
  | {
      readonly kind: "waiting";
      readonly status: ServerStatus & { readonly state: "failed" };
      readonly at: number;
    }
  | { readonly kind: "login"; readonly status: ServerStatus & { readonly state: "needs_login" } }
  | { readonly kind: "ended"; readonly status: ServerStatus };

export class Connection {
  readonly options: ConnectionOptions;
  readonly inFlight: Set<InFlight> = new Set();
  /** One request at a time, where questions demand it. */
  readonly turns: Semaphore | undefined;
  readonly #holders = new Set<Holder>();
  readonly #catalog: Catalog;
  readonly #life: LifeCheck;
  readonly #pulse: Pulse;
  readonly #notices: Notices;
  readonly #listen: ListenLoop;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #running: Promise<void>;
  #state: State = { kind: "working", status: { state: "starting" } };
  #changed = Promise.withResolvers<void>();
  /** Ends the wait for the next attempt. */
  #retry = Promise.withResolvers<void>();
  /** Why the session is replaced by the next one. */
  #renewal: Reason | undefined;
  /** Ends the wait for the end of the session. */
  #replaced = Promise.withResolvers<undefined>();
  /** Sessions that were replaced and have not ended (L5). */
  readonly #former = new Set<Session>();
  /** The last one. */
  #transport: ServerTransport | undefined;
  #starts = 0;

  constructor(options: ConnectionOptions) {
    this.options = {
      ...options,
      open: async (signal) => {
        this.#transport = await options.open(signal);
        options.onChange?.();
        return this.#transport;
      },
    };
    const { clock, random, log, server } = options;
    this.turns = options.serial ? new Semaphore(1) : undefined;
    this.#backoff = new Backoff({ ...BACKOFF, random });
    const { inFlight } = this;
    const renew = (session: Session, reason: Reason): void => this.renew(session, reason);
    this.#life = new LifeCheck({ server, clock, renew });
    this.#pulse = new Pulse({ server, clock, inFlight, renew, onAnswer: () => this.#wake() });
    this.#notices = new Notices({
      holders: this.#holders,
      inFlight,
      shared: options.shared,
      onListChanged: (kind) => this.#catalog.noteChanged(kind),
    });
    this.#catalog = new Catalog({
      clock,
      onTools: options.onTools,
      onChange: (change) => this.#tell((holder) => holder.onCatalog(change)),
      onError: (kind, error) =>
        log("warn", `${reasonOf(server, error).message} (its list of ${kind} stays as it was)`, { server }),
    });
    this.#listen = new ListenLoop({
      clock,
      random,
      onEvent: (method, params) => this.#onNotification(method, params, undefined),
      onOpen: () => this.#noteAllChanged(),
    });
    this.#running = this.#run();
  }

  /** Now; the time until the next attempt counts from now, too. */
  get status(): ServerStatus {
    const state = this.#state;
    if (state.kind !== "waiting") return state.status;
    return { ...state.status, nextAttemptMs: Math.max(0, state.at - this.options.clock.now()) };
  }

  /** Of its process, or its last one, on this machine. */
  get localPid(): number | undefined {
    return this.#transport?.localPid;
  }

  /** Over HTTP: how far the server's clock is ahead of ours, in milliseconds. */
  get clockAheadMs(): number | undefined {
    return this.#transport?.clockAheadMs;
  }

  /** As of the last list; they stay while the server restarts. */
  get tools(): readonly Tool[] {
    return this.#catalog.tools;
  }

  /** `_meta` of their list. */
  get toolListMeta(): JsonObject | undefined {
    return this.#catalog.toolListMeta;
  }

  /** What the server tells the model about itself. */
  get instructions(): string | undefined {
    return this.#state.kind === "ready" ? this.#state.session.instructions : undefined;
  }

  /** What it declared that it can do; nothing in a session that somebody else began. */
  get capabilities(): ServerCapabilities | undefined {
    return this.#state.kind === "ready" ? this.#state.session.capabilities : undefined;
  }

  /** Whether they were listed once. */
  get toolsKnown(): boolean {
    return this.#catalog.knows("tools");
  }

  tool(name: string): Tool | undefined {
    return this.#catalog.tool(name);
  }

  get holders(): ReadonlySet<Holder> {
    return this.#holders;
  }

  attach(holder: Holder): void {
    this.#holders.add(holder);
  }

  detach(holder: Holder): void {
    this.#holders.delete(holder);
  }

  /**
   * The session, once it is there. Does not wait for an attempt that is not under way.
   *
   * @throws {McpError} `server_unavailable`, `needs_login`, `ended`
   * @throws the signal's reason
   */
  async session(signal: AbortSignal): Promise<Session> {
    for (;;) {
      const state = this.#state;
      // It may have ended, and the loop has not noticed yet.
      if (state.kind === "ready" && state.session.endError === undefined && !this.#isInDoubt(state.session))
        return state.session;
      if (state.kind === "waiting" || state.kind === "login" || state.kind === "ended")
        throw this.#unavailable();
      await abortable(this.#changed.promise, signal);
    }
  }

  /** A list, as known in this session or asked for. @throws as `session` does, and what the request is rejected with */
  async list<Kind extends ListKind>(kind: Kind, signal: AbortSignal): Promise<readonly Listed[Kind][]> {
    return this.#catalog.list(await this.session(signal), kind, signal);
  }

  /** Tells when the resource changes, through `onResourceUpdated`, until it is taken back. */
  async subscribe(uri: string, signal: AbortSignal): Promise<() => Promise<void>> {
    return this.#listen.subscribe(await this.session(signal), uri, signal);
  }

  /** Tries again now: credentials have changed, say. Does nothing while it works. */
  retry(): void {
    const state = this.#state;
    if (state.kind !== "waiting" && state.kind !== "login") return;
    this.#set({ kind: "working", status: { state: "restarting", reason: state.status.reason } });
    this.#retry.resolve();
  }

  /** This session is of no use any more: the next one is opened. One renewal for all who notice. */
  renew(session: Session, reason: Reason): void {
    if (this.#state.kind !== "ready" || this.#state.session !== session) return;
    this.#renewal ??= reason;
    this.#set({ kind: "working", status: { state: "restarting", reason } });
    if (session.hasPerRequestStream) this.#replaced.resolve(undefined);
    else void session.close();
  }

  /** A request of this session is over. */
  leave(request: InFlight, session: Session): void {
    this.inFlight.delete(request);
    if (this.#former.has(session)) this.#endWhenIdle(session);
  }

  /** The server wants other credentials: no attempt is made until `retry`. */
  needLogin(
    session: Session,
    { message, wanted }: { readonly message: string; readonly wanted?: LoginWanted | undefined },
  ): void {
    this.renew(session, { code: "unauthorized", message, ...(wanted === undefined ? {} : { wanted }) });
  }

  /** Something went wrong that may mean the end of the session: asks the server for a sign of life, and renews the session without one. */
  suspect(session: Session): void {
    if (this.#state.kind === "ready" && this.#state.session === session) this.#pulse.ask(session);
  }

  /** Finds out whether the server still knows our session, and renews it if not. @throws the signal's reason */
  async check(signal: AbortSignal): Promise<void> {
    // It is being asked already, because a request got no answer.
    while (this.#state.kind === "ready" && this.#pulse.isAwaited)
      await abortable(this.#changed.promise, signal);
    if (this.#state.kind === "ready") await this.#life.check(this.#state.session, signal);
    // It has just ended, and the loop has not noticed yet.
    while (this.#state.kind === "ready" && this.#state.session.endError !== undefined)
      await abortable(this.#changed.promise, signal);
  }

  /** Whether a sign of life is awaited. Over HTTP a session may be lost; over stdio the server lives, and may be at work. */
  #isInDoubt(session: Session): boolean {
    return this.#pulse.isAwaited && session.hasPerRequestStream;
  }

  /** The server has said something. */
  noteLife(): void {
    this.#pulse.felt();
  }

  /** Ends it (L4). Returns when its process has ended, with everything it started. */
  async end(): Promise<void> {
    this.#stop.abort(new McpError("ended", `MCP server "${this.options.server}" was ended`));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.options;
    while (!this.#stop.signal.aborted) {
      const startedAt = clock.now();
      const steps = new StartSteps(clock);
      const started = await this.#start(steps);
      if (!("session" in started)) {
        if (this.#stop.signal.aborted) break;
        await this.#pause(started);
        continue;
      }
      const { session } = started;
      const readyAt = clock.now();
      this.#replaced = Promise.withResolvers();
      this.noteLife();
      const status = this.#readyStatus(session, readyAt - startedAt, steps.tookMs);
      this.#set({ kind: "ready", status, session });
      this.#listen.begin(session);
      const reason = await this.#untilEnd(session);
      this.#listen.end();
      if (reason === undefined) break;
      if (clock.now() - readyAt >= STABLE_MS) this.#backoff.reset();
      if (reason.code === "unauthorized" || this.#backoff.failures > 0) await this.#pause(reason);
      else {
        this.#backoff.fail();
        this.#set({ kind: "working", status: { state: "restarting", reason } });
      }
    }
    this.#catalog.end();
    this.#pulse.end();
    await Promise.all([...this.#former].map((session) => session.close()));
    this.#set({ kind: "ended", status: { state: "ended" } });
  }

  /** @returns the session, or why there is none */
  async #start(steps: StartSteps): Promise<{ readonly session: Session } | Reason> {
    this.#starts++;
    const { server, log } = this.options;
    let session: Session | undefined;
    return startSession({
      options: this.options,
      steps,
      events: {
        onNotification: (method, params, asked) =>
          this.#onNotification(method, params, asked as InFlight | undefined),
        onRequest: (request, asked, aborted) => this.#answer(request, asked as InFlight | undefined, aborted),
        onGap: () => this.#noteAllChanged(),
        onLost: () => {
          const message = `MCP server "${server}" lost our session`;
          if (session !== undefined) this.renew(session, { code: "session_lost", message });
        },
        onError: (error) => log("debug", `MCP server "${server}": ${error.message}`, { server }),
      },
      list: (opened, signal) => {
        session = opened;
        return this.#catalog.begin(opened, signal);
      },
      said: () => this.#said(),
      stop: this.#stop.signal,
    });
  }

  #answer(request: ServerRequest, asked: InFlight | undefined, aborted: AbortSignal): Promise<JsonObject> {
    const { inFlight } = this;
    const { shared, serial } = this.options;
    return answerServer(request, { asked, inFlight, holders: this.#holders, shared, serial }, aborted);
  }

  /** @returns why the session ended; `undefined` when `end` was called, and then the server has ended */
  async #untilEnd(session: Session): Promise<Reason | undefined> {
    const { server, clock } = this.options;
    const end = Promise.race([session.ended, this.#replaced.promise]);
    const error = await abortable(end, this.#stop.signal).catch(() => undefined);
    const renewal = this.#renewal;
    this.#renewal = undefined;
    if (this.#stop.signal.aborted || (error === undefined && renewal === undefined)) {
      await session.close();
      return undefined;
    }
    if (error === undefined) {
      this.#former.add(session);
      this.#endWhenIdle(session);
      return renewal;
    }
    const reason = renewal ?? { ...reasonOf(server, error), ...this.#said() };
    // Whoever comes now waits for the next session.
    if (this.#state.kind === "ready") this.#set({ kind: "working", status: { state: "restarting", reason } });
    await within(clock, CLOSE_MS, session.close());
    return reason;
  }

  #said(): Pick<Reason, "stderr"> {
    const { stderrLines: stderr = [] } = this.#transport ?? {};
    return stderr.length === 0 ? {} : { stderr };
  }

  #endWhenIdle(session: Session): void {
    if ([...this.inFlight].some((request) => request.session === session)) return;
    void session.close().then(() => this.#former.delete(session));
  }

  /** Waits for the next attempt. */
  async #pause(reason: Reason): Promise<void> {
    const { clock } = this.options;
    this.#retry = Promise.withResolvers<void>();
    const delay = this.#backoff.fail();
    if (reason.code === "unauthorized") {
      this.#set({ kind: "login", status: { state: "needs_login", reason } });
      await abortable(this.#retry.promise, this.#stop.signal).catch(() => {});
    } else {
      const { failures } = this.#backoff;
      const status = { state: "failed", reason, nextAttemptMs: delay, failures } as const;
      this.#set({ kind: "waiting", status, at: clock.now() + delay });
      const over = new AbortController();
      const due = sleep(clock, delay, AbortSignal.any([this.#stop.signal, over.signal])).catch(() => {});
      await Promise.race([due, this.#retry.promise]);
      over.abort();
    }
    if (!this.#stop.signal.aborted) this.#set({ kind: "working", status: { state: "restarting", reason } });
  }

  #set(state: State): void {
    const isNews =
      state.status !== this.#state.status && !(state.kind === "working" && this.#state.kind === "working");
    this.#state = state;
    this.#wake();
    const { status } = this;
    this.options.onChange?.();
    if (isNews) this.#tell((holder) => holder.onStatus(status));
  }

  /** Whoever waits for a session looks again. */
  #wake(): void {
    const changed = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    changed.resolve();
  }

  #tell(what: (holder: Holder) => void): void {
    for (const holder of [...this.#holders]) what(holder);
  }

  #readyStatus(session: Session, tookMs: number, stepsMs: ReadyStatus["stepsMs"]): ServerStatus {
    const { era, protocolVersion, serverInfo } = session;
    return { state: "ready", tookMs, stepsMs, era, protocolVersion, serverInfo, starts: this.#starts };
  }

  #onNotification(method: string, params: JsonObject, asked: InFlight | undefined): void {
    this.noteLife();
    this.#notices.take(method, params, asked);
  }

  #noteAllChanged(): void {
    for (const kind of ["tools", "resources", "resourceTemplates", "prompts"] as const) {
      if (kind === "tools" || this.#catalog.knows(kind)) this.#catalog.noteChanged(kind);
    }
  }

  #unavailable(): McpError {
    const { server } = this.options;
    const { status } = this;
    switch (status.state) {
      case "failed": {
        const wait = `the next attempt is in ${Math.ceil((status.nextAttemptMs ?? 0) / 1000)} s`;
        return new McpError("server_unavailable", `${status.reason.message}; ${wait}`, { server });
      }
      case "needs_login":
        return new McpError("needs_login", status.reason.message, { server, wanted: status.reason.wanted });
      default:
        return new McpError("ended", `MCP server "${server}" was ended`, { server });
    }
  }
}
