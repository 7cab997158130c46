/**
 * One running `codex app-server`: its process, its pipe, its end.
 *
 *   request() --line--> stdin │ codex app-server │ stdout --lines--> Peer --> onNotification / onRequest
 *
 * What the messages mean is the business of `router.ts` and `thread/`; when to start another process is decided
 * by `supervisor.ts`.
 *
 * Invariants
 *   A1. The process has an owner before the handshake: whatever fails in `start`, no process is left behind.
 *   A2. When the process ends, everything pending fails once, with an error that says how it ended.
 *   A3. `stop` returns when the process and everything it started are gone: see `process/end.ts`.
 *   A4. While `pause` is held, nothing is read: the pipe fills, and Codex keeps the rest, in order. Paused time does not
 *       count against the time-outs of requests.
 *   A5. Secrets go over stdin only: never into argv, never into the environment.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { LineDecoder } from "../../base/line-decoder.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { toLogLine } from "../../base/log-line.ts";
import { packageVersion } from "../../base/package-version.ts";
import { endProcess } from "../../process/end.ts";
import { createTag, TAG_VARIABLE, signalGroup, sweepTag } from "../../process/process-tree.ts";
import type { Redactor } from "../../base/redact.ts";
import { ProcessStderr } from "../../process/stderr.ts";
import { Peer, PeerError, type RequestId, RpcError } from "../../jsonrpc/index.ts";
import { type CodexBinary, checkCodexVersion } from "./binary.ts";
import { CodexError } from "../errors.ts";
import type { CodexEnvironment, CodexUrlEnvironment } from "../options.ts";
import { HttpAnswers } from "./http-answers.ts";
import { type RejectedTool, takeToolLine } from "./tool-log.ts";
import { type Requests, UNUSED_NOTIFICATIONS } from "./protocol.ts";

export interface AppServerProcessOptions {
  readonly binary: CodexBinary;
  readonly codexHome: string;
  /** The environment of the process. `CODEX_HOME` and the tag are added. */
  readonly env: Readonly<Record<string, string>>;
  /** `-c key=value` flags. No secret may be in them (A5). */
  readonly flags: readonly string[];
  /** Those with a URL are announced to Codex before any thread, in addition to those of its `environments.toml`. @default none */
  readonly environments?: readonly CodexEnvironment[];
  readonly clock: Clock;
  readonly log: Log;
  /** Whether every message is logged too, at level `debug`. @default false */
  readonly logWire?: boolean;
  readonly redactor: Redactor;
  readonly onNotification: (method: string, params: unknown, lineChars: number) => void;
  readonly onRejectedTool: (tool: RejectedTool) => void;
  readonly onRequest: (
    method: string,
    params: unknown,
    id: RequestId,
    signal: AbortSignal,
  ) => Promise<unknown>;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** @default 60 000 */
  readonly timeoutMs?: number;
  readonly onLateResult?: ((result: unknown) => void) | undefined;
}

/** Codex answers with this code, without data, when more than 128 requests wait (measured with 0.169). */
const OVERLOADED = -32001;
const RETRIES_MAX = 6;
const REQUEST_TIMEOUT_MS = 60_000;
const HANDSHAKE_TIMEOUT_MS = 30_000;
/** A 10 MB tool result arrives as 1 MB, and resumed threads are asked for without their history. */
const LINE_BYTES_MAX = 256 * 1024 * 1024;
/** Longest line that is shown in the log. */
const LINE_CHARS_MAX = 2_000;
const WIRE_LINE_CHARS_MAX = 8_000;
/** Codex exits within 30 ms of the end of its input, even in the middle of a turn (measured with 0.169). */
const GRACES = { stdinMs: 3_000, termMs: 2_000 };

export class AppServerProcess {
  readonly #child: ChildProcess;
  readonly #peer: Peer;
  readonly #options: AppServerProcessOptions;
  readonly #tag: string;
  readonly #stderr: ProcessStderr;
  /** What MCP servers answer it with. */
  readonly httpAnswers: HttpAnswers = new HttpAnswers();
  readonly #exited = Promise.withResolvers<CodexError>();
  #pauses = 0;
  #holds = 0;
  #login: Promise<unknown> | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * Starts Codex and completes the handshake.
   *
   * @throws {CodexError} `codex_not_found`, `codex_unsupported` or `codex_start_failed`
   */
  static async start(options: AppServerProcessOptions): Promise<AppServerProcess> {
    await checkCodexVersion(options.binary, options.log);
    const started = new AppServerProcess(options);
    try {
      await started.#handshake();
      return started;
    } catch (error) {
      await started.stop();
      const message = `Codex did not become an app-server: ${messageOf(error)}${started.lastWords}`;
      throw new CodexError("codex_start_failed", message, { cause: error });
    }
  }

  private constructor(options: AppServerProcessOptions) {
    this.#options = options;
    this.#tag = createTag();
    const { log, redactor } = options;
    const onLine = log === silentLog ? undefined : (line: string): void => log("debug", line);
    const takeOut = (line: string): boolean =>
      this.httpAnswers.take(line) || takeToolLine(line, options.onRejectedTool);
    this.#stderr = new ProcessStderr({ redactor, onLine, isNotice, takeOut });
    const args = ["app-server", "--stdio", ...options.flags.flatMap((flag) => ["-c", flag])];
    this.#child = spawn(options.binary.path, args, {
      env: { ...options.env, CODEX_HOME: options.codexHome, [TAG_VARIABLE]: this.#tag },
      stdio: ["pipe", "pipe", "pipe"],
      // A group of its own, so that Ctrl-C in the terminal reaches us alone, and `stop` can end the whole group.
      detached: process.platform !== "win32",
    });
    this.#peer = new Peer({
      clock: options.clock,
      send: (line) => {
        this.#logWire("->", line);
        this.#child.stdin?.write(`${line}\n`);
      },
      onNotification: (method, params, lineChars) => options.onNotification(method, params, lineChars),
      onRequest: options.onRequest,
      onStray: (why, line) =>
        log("warn", `Codex wrote a line that is ${why}: ${toLogLine(line, redactor, LINE_CHARS_MAX)}`),
      isPaused: () => this.#pauses > 0,
    });
    this.#readOutput();
    this.#watchEnd();
    this.#setReferenced(false);
  }

  /** Settles when the process has ended, with the error that pending requests fail with. Never rejects. */
  get exited(): Promise<CodexError> {
    return this.#exited.promise;
  }

  get codexHome(): string {
    return this.#options.codexHome;
  }

  /** Where it looks for programs. */
  get path(): string {
    return this.#options.env["PATH"] ?? "";
  }

  /** Ids of the environments that were announced to it. */
  get environmentIds(): readonly string[] {
    return this.#announced.map(({ id }) => id);
  }

  /** Ids of those that are programs: it cannot be given them. */
  get programIds(): readonly string[] {
    return (this.#options.environments ?? []).flatMap((each) => ("program" in each ? [each.id] : []));
  }

  get #announced(): readonly CodexUrlEnvironment[] {
    return (this.#options.environments ?? []).flatMap((each) => ("url" in each ? [each] : []));
  }

  /**
   * A clause with the last words on its stderr, or nothing. Once threads use the process they may concern any of them,
   * so they are for the log only.
   */
  get lastWords(): string {
    const { lastWords } = this.#stderr;
    return lastWords === undefined ? "" : `; its last words: ${lastWords}`;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The tag that a stdio MCP server must carry in its environment to be found by `stop`. */
  get tag(): string {
    return this.#tag;
  }

  /** Whether the process runs and is not being stopped. */
  get alive(): boolean {
    return this.#stopping === undefined && this.#isRunning;
  }

  get #isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Sends a request. Above 64 in flight, requests wait in order; an overloaded Codex is asked again later.
   *
   * @throws {RpcError} Codex answered with an error
   * @throws {CodexError} `request_timeout` or `process_exited`
   * @throws the signal's reason when it aborts first
   */
  async request<Method extends keyof Requests>(
    method: Method,
    params: Requests[Method]["params"],
    options: RequestOptions = {},
  ): Promise<Requests[Method]["result"]> {
    const letGo = this.hold();
    try {
      return await this.#request(method, params, options);
    } finally {
      letGo();
    }
  }

  /**
   * Keeps the host process alive until the returned function is called. An idle Codex does not: a script that never
   * closes anything ends when its work is done, and Codex with it, because its input ends.
   */
  hold(): () => void {
    if (this.#holds++ === 0) this.#setReferenced(true);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      if (--this.#holds === 0) this.#setReferenced(false);
    };
  }

  async #request<Method extends keyof Requests>(
    method: Method,
    params: Requests[Method]["params"],
    options: RequestOptions,
  ): Promise<Requests[Method]["result"]> {
    const backoff = new Backoff({ firstMs: 50, maxMs: 2_000 });
    const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
    for (;;) {
      try {
        // protocol.codex.test.ts compares the wire types with the binary's own schema.
        return (await this.#peer.request(method, params, {
          ...options,
          timeoutMs,
        })) as Requests[Method]["result"];
      } catch (error) {
        if (error instanceof RpcError && asksToRetry(error) && backoff.failures < RETRIES_MAX) {
          await sleep(this.#options.clock, backoff.fail(), options.signal);
          continue;
        }
        if (!(error instanceof PeerError)) throw error;
        if (error.cause instanceof CodexError) throw error.cause;
        throw new CodexError("request_timeout", `Codex did not answer: ${error.message}`, { cause: error });
      }
    }
  }

  /**
   * Gives Codex's own provider its key, once. It goes over the pipe and is kept in memory only.
   *
   * @throws as `request` does
   */
  async login(apiKey: string): Promise<void> {
    this.#login ??= this.request("account/login/start", { type: "apiKey", apiKey });
    try {
      await this.#login;
    } catch (error) {
      this.#login = undefined;
      throw error;
    }
  }

  get paused(): boolean {
    return this.#pauses > 0;
  }

  /** Stops reading until the returned function is called (A4). Reading resumes when every caller has done so. */
  pause(): () => void {
    this.#pauses++;
    this.#child.stdout?.pause();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      if (--this.#pauses === 0) this.#child.stdout?.resume();
    };
  }

  /** Ends the process and everything it started (A3). Idempotent; joins a stop in flight. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #handshake(): Promise<void> {
    const timeoutMs = HANDSHAKE_TIMEOUT_MS;
    await this.request(
      "initialize",
      {
        clientInfo: { name: "switchyard", title: "Switchyard", version: packageVersion() },
        capabilities: { experimentalApi: true, optOutNotificationMethods: [...UNUSED_NOTIFICATIONS] },
      },
      { timeoutMs },
    );
    this.#peer.notify("initialized");
    for (const { id, url, bearerToken, connectTimeoutMs } of this.#announced) {
      if (bearerToken !== undefined) this.#options.redactor.add(bearerToken);
      const more = {
        ...(bearerToken === undefined ? {} : { authBearerToken: bearerToken }),
        ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
      };
      await this.request(
        "environment/add",
        { environmentId: id, execServerUrl: url, ...more },
        { timeoutMs },
      );
    }
  }

  #readOutput(): void {
    const decoder = new LineDecoder(LINE_BYTES_MAX);
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      for (const line of decoder.push(chunk)) {
        if (line.kind === "line") {
          this.#logWire("<-", line.text);
          this.#peer.receive(line.text);
        } else
          this.#options.log(
            "error",
            `Codex wrote a line longer than ${LINE_BYTES_MAX} bytes; it was skipped`,
          );
      }
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    // Without a listener, a broken pipe would end our own process. The exit of Codex is reported anyway.
    this.#child.stdin?.on("error", () => {});
  }

  #logWire(direction: "->" | "<-", line: string): void {
    const { logWire, log, redactor } = this.#options;
    if (logWire === true)
      log("debug", `codex ${direction} ${toLogLine(line, redactor, WIRE_LINE_CHARS_MAX)}`);
  }

  #watchEnd(): void {
    const end = (how: string, cause?: unknown): void => {
      this.#stderr.end();
      const error = new CodexError("process_exited", `Codex ended (${how})`, { cause });
      this.#peer.close(error);
      this.#exited.resolve(error);
    };
    this.#child.once("error", (error) => end("it could not be started", error));
    // "close" and not "exit": what Codex wrote before it ended is read before requests fail.
    this.#child.once("close", (code, signal) =>
      end(signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
    // A grandchild may hold the pipes open for ever, so that "close" never comes.
    this.#child.once("exit", (code, signal) => {
      this.#options.clock.schedule(
        1_000,
        () => end(signal === null ? `exit code ${code}` : `signal ${signal}`),
        { background: true },
      );
      if (this.#stopping === undefined) this.#reap();
    });
  }

  #setReferenced(referenced: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    // They are sockets, although their types say otherwise.
    for (const each of [this.#child, stdin, stdout, stderr] as ({ ref?(): void; unref?(): void } | null)[]) {
      if (referenced) each?.ref?.();
      else each?.unref?.();
    }
  }

  async #stop(): Promise<void> {
    this.hold();
    // While a pipe is paused, "close" never comes.
    this.#child.stdout?.resume();
    const { pid } = this.#child;
    if (pid !== undefined) {
      const ending = {
        pid,
        isRunning: () => this.#isRunning,
        exited: this.exited,
        closeStdin: () => this.#child.stdin?.end(),
        sweep: () => this.#reap(),
      };
      await endProcess(ending, GRACES, this.#options.clock);
    }
    await this.exited;
  }

  /** Ends what the process left behind. */
  #reap(): void {
    if (this.#child.pid !== undefined) signalGroup(this.#child.pid, "SIGKILL");
    const swept = sweepTag(this.#tag);
    if (swept.length > 0) {
      this.#options.log("warn", `Codex left ${swept.length} process(es) behind; they were ended`);
    }
  }
}

/**
 * Codex goes on after a line of its log (also one of level ERROR, which may be in colour), and after its own warnings.
 * What ends it is written as `Error: …`, or is a panic (measured with 0.169 and 0.171).
 */
export function isNotice(line: string): boolean {
  return /^(?:.\[\d+m)?\d{4}-\d\d-\d\dT[\d:.]+Z|^WARNING: /.test(line);
}

/** Codex is overloaded, or still closing the thread that is to be resumed (seen with 0.169). */
function asksToRetry({ code, message }: RpcError): boolean {
  return code === OVERLOADED || message.includes("is closing; retry thread/resume");
}
