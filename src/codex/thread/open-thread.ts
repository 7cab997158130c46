/**
 * A thread's place in a Codex process: whether it is loaded there, and with what.
 *
 *   cold ──open──> loaded ──unload | `thread/closed` | end of the process──> cold, or lost if it was ephemeral
 *
 * It owns that state, what is sent to open the thread, and its unloading. When to open and to unload is decided by
 * `session.ts`; which messages reach the thread, by `app-server/router.ts`.
 *
 * Invariants
 *   O1. Every open (start, resume, fork) carries the whole configuration. With another configuration than the one it
 *       was opened with, a thread is unloaded and resumed: Codex ignores overrides for a loaded thread.
 *   O2. Unloading is over when Codex says `thread/closed`; then the thread's MCP servers are gone.
 *   O3. A thread has an id from the moment it can be resumed: a new one from the start of its first turn, when Codex
 *       has written its file, a fork from its opening. Before that, opening it again means starting it again, under
 *       another id that nobody has seen. An id once given never changes.
 *   O4. An ephemeral thread is loaded once. When it has had a turn and is not loaded any more, it is lost.
 */
import { createHash } from "node:crypto";
import { within } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Log } from "../../base/log.ts";
import type { Redactor } from "../../base/redact.ts";
import { RpcError } from "../../jsonrpc/index.ts";
import { TAG_VARIABLE } from "../../process/process-tree.ts";
import type { StderrPipes } from "../../process/stderr-pipe.ts";
import type { Certificates } from "../app-server/certificates.ts";
import type { AppServerProcess } from "../app-server/process.ts";
import type { ThreadOpened } from "../app-server/protocol.ts";
import type { ThreadSink } from "../app-server/router.ts";
import type { CodexAppServer } from "../app-server/supervisor.ts";
import type { InheritedServers } from "../direct/inherited-servers.ts";
import { Launches } from "../direct/launches.ts";
import { requiredServersFailures } from "../direct/reasons.ts";
import type { DirectServer } from "../direct/servers.ts";
import { type ServerFailure, ThreadServers } from "../direct/thread-servers.ts";
import { toWireServers, type WireServers } from "../direct/wire.ts";
import type { ManagedHost } from "../managed/managed-host.ts";
import { ManagedServers } from "../managed/managed-servers.ts";
import type { RelayHost } from "../relayed/relay-host.ts";
import { RelayedModel } from "../relayed/relayed-model.ts";
import { CodexError } from "../errors.ts";
import type { ThreadSpec } from "./spec.ts";

/** How a thread comes to be. */
export type ThreadStart =
  | { readonly kind: "new" }
  | { readonly kind: "existing"; readonly threadId: string }
  | { readonly kind: "fork"; readonly threadId: string };

export interface OpenThreadOptions {
  readonly appServer: CodexAppServer;
  readonly inherited: InheritedServers;
  readonly stderrPipes: StderrPipes;
  readonly managedHost: ManagedHost;
  readonly relayHost: RelayHost;
  /** Of Codex's process, once that has been started. */
  readonly certificates: () => Certificates | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  /** The user's own home, where that is another one than this Codex has. */
  readonly otherHome?: string | undefined;
  /** Receives the thread's messages while it is loaded. */
  readonly sink: ThreadSink;
  /** The thread has got its id (O3). */
  readonly onNamed: (threadId: string) => void;
  /** A server that we run, and for which nobody waits, did not start. */
  readonly onMissing: (failure: ServerFailure) => void;
  /** The thread has been opened; its messages come after this call. */
  readonly onOpened: () => void;
}

/** A loaded thread. */
export interface Loaded {
  readonly kind: "loaded";
  readonly threadId: string;
  readonly process: AppServerProcess;
  readonly servers: ThreadServers;
  readonly ephemeral: boolean;
  /** Where Codex writes the thread. */
  readonly file: string | undefined;
  /** Equal for equal configurations. */
  readonly key: string;
  /** Settles with the reason when the thread is not loaded any more. */
  readonly closed: PromiseWithResolvers<CodexError>;
}

type State = { readonly kind: "cold" } | Loaded | { readonly kind: "lost"; readonly error: CodexError };

const OPEN_TIMEOUT_MS = 60_000;
const UNLOAD_TIMEOUT_MS = 10_000;

export class OpenThread {
  readonly #options: OpenThreadOptions;
  #start: ThreadStart;
  #threadId: string | null;
  /** What Codex calls the thread whose messages reach us. */
  #claimed: string | undefined;
  #state: State = { kind: "cold" };
  readonly #managed: ManagedServers;
  readonly #relayed: RelayedModel;
  #missing: readonly ServerFailure[] = [];

  constructor(options: OpenThreadOptions, start: ThreadStart) {
    this.#options = options;
    const { managedHost, relayHost, redactor, log, onMissing } = options;
    this.#managed = new ManagedServers(managedHost, redactor, log, onMissing);
    this.#relayed = new RelayedModel(relayHost, redactor);
    this.#start = start;
    this.#threadId = start.kind === "existing" ? start.threadId : null;
  }

  /** The thread's id, once it can be resumed (O3). */
  get threadId(): string | null {
    return this.#threadId;
  }

  /** The thread as it is loaded now, if it is. */
  get loaded(): Loaded | undefined {
    return this.#state.kind === "loaded" ? this.#state : undefined;
  }

  /** The servers that did not start, as far as Codex does not report them. */
  get missing(): readonly ServerFailure[] {
    return [...this.#missing, ...this.#managed.missing];
  }

  /** Why a server that we run does not work now: a sentence that names it. */
  whyMissing(server: string): string | undefined {
    return this.#managed.whyMissing(server) ?? this.#missing.find((each) => each.server === server)?.reason;
  }

  /** Whether its id is enough to open it again (O3). */
  get isOnDisk(): boolean {
    return this.#start.kind === "existing" && !this.isEphemeral;
  }

  /** Whether unloading it would lose it (O4). */
  get isEphemeral(): boolean {
    return this.#state.kind === "lost" || (this.loaded?.ephemeral === true && this.#threadId !== null);
  }

  /**
   * Opens the thread, unless it is open with just this configuration (O1).
   *
   * @param onWait receives a sentence when Codex cannot be started yet
   * @throws {CodexError} Codex did not open it; `thread_not_found` when it is lost
   * @throws the signal's reason when it aborts before Codex is asked
   */
  async open(spec: ThreadSpec, signal: AbortSignal, onWait?: (why: string) => void): Promise<Loaded> {
    this.#throwIfLost();
    const process = await this.#options.appServer.process(signal, onWait);
    const before = this.loaded;
    const letGo = (spec.reachesOut ? this.#options.certificates()?.need() : undefined) ?? ((): void => {});
    let loaded: Loaded;
    try {
      loaded = await this.#open(spec, process, signal);
    } catch (error) {
      letGo();
      throw error;
    }
    if (loaded === before) letGo();
    else void loaded.closed.promise.then(letGo);
    return loaded;
  }

  async #open(given: ThreadSpec, process: AppServerProcess, signal: AbortSignal): Promise<Loaded> {
    const { appServer, inherited, stderrPipes, redactor, clock, log } = this.#options;
    const [all, servers, spec] = await Promise.all([
      inherited.names(process, signal),
      this.#serversOf(given, process, signal),
      this.#withModel(given),
      given.loginKey === undefined ? undefined : process.login(given.loginKey),
    ]);
    // A managed server has a URL of our own, which takes the place of the one in the files.
    const isSame = ({ name, config }: DirectServer): boolean => {
      const url = inherited.urlOf(name);
      return (
        url !== undefined && config.url !== undefined && (spec.managed !== undefined || config.url === url)
      );
    };
    const same = new Set(servers.filter(isSame).map(({ name }) => name));
    const names = all.filter((name) => !same.has(name));
    const wire = toWireServers(servers, names, TAG_VARIABLE, process.tag);
    const { ephemeral, threadSource: _, ...resumable } = spec.start;
    const key = fingerprint({ ...resumable, servers: wire.config });
    const { loaded } = this;
    let before: ThreadServers | undefined;
    if (loaded !== undefined) {
      const isAsBefore = loaded.process === process && loaded.key === key;
      // An ephemeral thread cannot be opened anew, and Codex may reach a server again that it did not reach.
      if (isAsBefore) await loaded.servers.check(loaded.threadId, !this.isEphemeral, signal);
      this.#throwIfLost();
      // A server that failed stays failed as long as the thread is loaded; opening it anew tries again.
      const isFine = this.loaded === loaded && (this.isEphemeral || !loaded.servers.needRestart);
      if (isAsBefore && isFine) return loaded;
      if (isAsBefore) {
        before = loaded.servers;
        log("info", redactor.redact(await whyAnew(loaded)));
      } else if (this.isEphemeral) {
        const message = "An ephemeral thread keeps the configuration it was started with";
        throw new CodexError("invalid_options", message);
      }
      await this.unload();
    }
    const isManaged = spec.managed !== undefined;
    if (!isManaged && before === undefined)
      for (const { name, ownKeys } of servers)
        for (const key of ownKeys)
          log(
            "warn",
            `MCP server "${name}": ${key} has no effect in a thread whose servers Codex runs (mcp: "direct")`,
          );
    const place = { path: process.path, cwd: spec.start.cwd ?? "." };
    const launches = await Launches.prepare(wire.config, place, stderrPipes, clock);
    const { id, path } = (await this.#send(process, spec, wire, launches)).thread;
    const opened: Loaded = {
      kind: "loaded",
      threadId: id,
      process,
      servers: new ThreadServers(servers, wire, launches, process, clock, isManaged, before),
      // A resumed thread is on disk, whatever its options say now.
      ephemeral: this.#start.kind !== "existing" && ephemeral === true,
      file: path ?? undefined,
      key,
      closed: Promise.withResolvers<CodexError>(),
    };
    this.#state = opened;
    if (this.#start.kind !== "new" && !opened.ephemeral) this.#name(opened);
    this.#options.onOpened();
    this.release();
    this.#claimed = id;
    appServer.threads.claim(id, this.#options.sink);
    return opened;
  }

  /** The servers as Codex is given them. @throws {CodexError} `mcp_server_failed` where a required one is managed and does not start */
  async #serversOf(
    { servers, managed, start }: ThreadSpec,
    process: AppServerProcess,
    signal: AbortSignal,
  ): Promise<readonly DirectServer[]> {
    if (managed === undefined) {
      this.#managed.end();
      this.#missing = [];
      return servers;
    }
    const isLoaded = this.loaded?.process === process;
    const isOnce = start.ephemeral === true && this.#start.kind !== "existing";
    const prepared = await this.#managed.prepare(servers, managed, isOnce, isLoaded, signal);
    const required = prepared.failures.filter((failure) =>
      servers.some(({ name, required: isRequired }) => isRequired && name === failure.server),
    );
    if (required.length > 0) {
      const reasons = required.map(({ reason }) => reason).join("; ");
      throw new CodexError("mcp_server_failed", `A required MCP server did not start: ${reasons}`);
    }
    this.#missing = prepared.failures;
    return prepared.servers;
  }

  /** With our provider, where we ask the model. @throws {GatewayError} there is no socket to listen on */
  async #withModel(spec: ThreadSpec): Promise<ThreadSpec> {
    if (spec.relayed === undefined) {
      this.#relayed.end();
      return spec;
    }
    const { config } = spec.start;
    const { id } = spec.relayed;
    const providers = (config?.model_providers ?? {}) as JsonObject;
    // The configuration may say more of ours: how often it is asked again.
    const own = providers[id] as JsonObject | undefined;
    const model_providers = {
      ...providers,
      [id]: { ...own, ...(await this.#relayed.prepare(spec.relayed)) },
    };
    return { ...spec, start: { ...spec.start, config: { ...config, model_providers } } };
  }

  /** Its requests to the model, where we pass them on. */
  get model(): RelayedModel {
    return this.#relayed;
  }

  /** Ends what we do for the thread: its servers, its way to the model. It must not be loaded any more. */
  end(): void {
    this.#managed.end();
    this.#relayed.end();
  }

  #throwIfLost(): void {
    if (this.#state.kind === "lost") throw this.#state.error;
  }

  /** A turn has started (O3). */
  onTurnStarted(): void {
    if (this.loaded !== undefined) this.#name(this.loaded);
  }

  /** Receives no messages any more. @returns the ids of the sub-agents' threads that came with the thread */
  release(): string[] {
    const claimed = this.#claimed;
    this.#claimed = undefined;
    return claimed === undefined ? [] : this.#options.appServer.threads.release(claimed);
  }

  /** It is not loaded any more. @param why the end of its process, or else Codex has closed it */
  onUnloaded(why?: CodexError): void {
    const { loaded } = this;
    if (loaded !== undefined) this.#leave(loaded, why);
  }

  /** Unloads the thread (O2). A running turn ends with it. */
  async unload(): Promise<void> {
    const { loaded } = this;
    if (loaded === undefined) return;
    const { clock, log } = this.#options;
    const { process, threadId } = loaded;
    try {
      const timeoutMs = UNLOAD_TIMEOUT_MS;
      const { status } = await process.request("thread/unsubscribe", { threadId }, { timeoutMs });
      if (
        status === "unsubscribed" &&
        (await within(clock, timeoutMs, loaded.closed.promise)) === "timeout"
      ) {
        log("warn", `Codex did not unload thread ${threadId} in ${timeoutMs} ms`);
      }
    } catch (error) {
      // A process that has ended has taken the thread with it.
      if (process.alive) log("warn", `Cannot unload thread ${threadId}: ${String(error)}`);
    }
    for (const child of this.release()) {
      process.request("thread/unsubscribe", { threadId: child }).catch(() => {});
    }
    this.#leave(loaded);
  }

  /** Gives the thread its id, once. */
  #name({ threadId, ephemeral }: Loaded): void {
    if (!ephemeral) this.#start = { kind: "existing", threadId };
    if (this.#threadId === null) {
      this.#threadId = threadId;
      this.#options.onNamed(threadId);
    }
    this.#managed.named(threadId);
  }

  #leave(loaded: Loaded, why = new CodexError("process_exited", "Codex closed the thread")): void {
    loaded.closed.resolve(why);
    loaded.servers[Symbol.dispose]();
    if (this.#state !== loaded) return;
    this.#state = this.isEphemeral ? { kind: "lost", error: lostError(loaded, why) } : { kind: "cold" };
  }

  async #send(
    process: AppServerProcess,
    spec: ThreadSpec,
    wire: WireServers,
    launches: Launches,
  ): Promise<ThreadOpened> {
    const start = this.#start;
    const { ephemeral, threadSource, ...common } = spec.start;
    // A command that leaves its process group is found by the tag, as an MCP server is: see `process-tree.ts`.
    const policy = (common.config?.shell_environment_policy ?? {}) as JsonObject;
    const environment = this.#options.certificates()?.forCommands(policy) ?? policy;
    const set = { ...(environment.set as JsonObject | undefined), [TAG_VARIABLE]: process.tag };
    const shell_environment_policy = { ...environment, set };
    const params = {
      ...common,
      config: { ...common.config, shell_environment_policy, mcp_servers: launches.config },
    };
    const own = {
      ...(ephemeral === undefined ? {} : { ephemeral }),
      ...(threadSource === undefined ? {} : { threadSource }),
    };
    const required = spec.servers.filter((server) => server.required && server.enabled);
    const timeoutMs = OPEN_TIMEOUT_MS + Math.max(0, ...required.map((server) => server.startupTimeoutMs));
    // A thread whose reply came too late has no session. It must not stay loaded with its servers.
    const onLateResult = (late: unknown): void => {
      const { thread } = late as ThreadOpened;
      if (thread.id === this.loaded?.threadId) return;
      process.request("thread/unsubscribe", { threadId: thread.id }).catch(() => {});
    };
    const options = { timeoutMs, onLateResult };
    try {
      switch (start.kind) {
        case "new":
          return await process.request("thread/start", { ...params, ...own }, options);
        case "fork": {
          const fork = { ...params, ...own, threadId: start.threadId, excludeTurns: true as const };
          return await process.request("thread/fork", fork, options);
        }
        case "existing": {
          const resume = { ...params, threadId: start.threadId, excludeTurns: true as const };
          return await process.request("thread/resume", resume, options);
        }
      }
    } catch (error) {
      const failures = error instanceof RpcError ? requiredServersFailures(error.message, wire.names) : [];
      const reasons = (failures ?? []).map(async (failure) => {
        return this.whyMissing(failure.server) ?? `"${failure.server}": ${await launches.explain(failure)}`;
      });
      const required = (await Promise.all(reasons)).join("; ");
      launches[Symbol.dispose]();
      throw openError(error, start, required, searched(process.codexHome, this.#options.otherHome));
    }
  }
}

/** Codex's error for a thread it does not open, in our words. The texts that are recognised are those of Codex 0.169. */
function openError(error: unknown, start: ThreadStart, required: string, where: string): unknown {
  if (!(error instanceof RpcError)) return error;
  const options = { cause: error };
  const { message } = error;
  const thread = start.kind === "new" ? "" : ` ${start.threadId}`;
  if (/no rollout found|thread not found|invalid (thread|session) id/i.test(message)) {
    return new CodexError("thread_not_found", `There is no thread${thread} in ${where}`, options);
  }
  if (message.includes("already has an active writer")) {
    return new CodexError("thread_busy", `Thread${thread} is open in another Codex process`, options);
  }
  if (required !== "") {
    return new CodexError("mcp_server_failed", `A required MCP server did not start: ${required}`, options);
  }
  return new CodexError("request_failed", `Codex did not open the thread${thread}: ${message}`, options);
}

/** Where a thread was looked for, and where it may be: in each face's words for the same setting. */
function searched(codexHome: string, otherHome: string | undefined): string {
  if (otherHome === undefined) return `the Codex home ${codexHome}`;
  return (
    `the Codex home ${codexHome}. The threads of your own Codex are in ${otherHome}: to use that home, set the ` +
    'option home: "user" (switchyard run: --user-home; switchyard runner: --home user)'
  );
}

function lostError({ threadId }: Loaded, why: CodexError): CodexError {
  const message = `The ephemeral thread ${threadId} is lost: ${why.message}`;
  return new CodexError("thread_not_found", message, { cause: why });
}

async function whyAnew({ threadId, servers }: Loaded): Promise<string> {
  const failures = (await servers.failures()).map(
    ({ server, reason }) => `MCP server "${server}": ${reason}`,
  );
  return `Opening thread ${threadId} anew, because a server failed${failures.map((each) => `; ${each}`).join("")}`;
}

/** Equal for equal configurations. A digest, so that no copy of a secret is kept for comparing. */
function fingerprint(value: object): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64");
}
