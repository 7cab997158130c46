/**
 * A client of `switchyard runner` for hosts in TypeScript: it starts the process, sends runs, and hands each run its own
 * messages.
 *
 *   run(params) ──line──> stdin │ switchyard runner │ stdout ──lines──> the run they name ──> its reader
 *
 * What the messages mean is written in docs/runner-protocol.md; nothing is translated here.
 *
 * Invariants
 *   C1. A run's reader gets the run's messages in order, and `end` as the last one; or an error: the runner rejected
 *       the run, or ended.
 *   C2. When a reader falls behind, the runner's output is not read until it has caught up. Nothing is dropped.
 *   C3. A reader that leaves early cancels its run.
 *   C4. `close` returns when the process is gone, in bounded time.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { within } from "../base/abort.ts";
import { Channel } from "../base/channel.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { LineDecoder } from "../base/line-decoder.ts";
import type { McpServers } from "../servers/written.ts";
import type { Answer } from "../thread/questions.ts";
import type {
  Diagnostic,
  EndMessage,
  ErrorMessage,
  Inbound,
  Outbound,
  RejectionCode,
  RunOutbound,
  RunParams,
} from "./messages.ts";

export interface RunnerClientOptions {
  /** The program and its first arguments, for example `["npx", "switchyard", "runner"]`. @default the runner of this package */
  readonly command?: readonly [program: string, ...args: string[]];
  /** Flags of `switchyard runner`, such as `["--max-concurrent", "8"]`. Others can see them: no secret belongs here. */
  readonly args?: readonly string[];
  /** The environment of the runner, with the `OPENAI_API_KEY` of its runs. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where runs work that name no `cwd`. @default the current directory */
  readonly cwd?: string;
  /** Receives what the runner reports on stderr. @default none */
  readonly onDiagnostic?: (diagnostic: Diagnostic) => void;
  /** How long the runner has until it is ready, in milliseconds. @default 30 000 */
  readonly startTimeoutMs?: number;
  /** Time, for tests. @default the system's clock */
  readonly clock?: Clock;
}

/** The parameters of a run, with servers as a host writes them. */
export type ClientRunParams = Omit<RunParams, "mcp_servers"> & {
  /** The MCP servers of the run, by name. @default none */
  readonly mcp_servers?: McpServers;
};

/**
 * - `runner_start_failed`: the runner did not become ready; the message says why
 * - `runner_ended`: it ended while the run was in progress, or before
 * - the others: the runner rejected the run, see `RejectionCode`
 */
export type RunnerClientErrorCode = RejectionCode | "runner_start_failed" | "runner_ended";

export class RunnerClientError extends Error {
  override readonly name = "RunnerClientError";
  readonly code: RunnerClientErrorCode;
  /** The field of the run that was rejected, e.g. `params.mcp_servers.svc.url`. */
  readonly field: string | undefined;

  constructor(code: RunnerClientErrorCode, message: string, field?: string) {
    super(message);
    this.code = code;
    this.field = field;
  }
}

/**
 * A run in progress. Reading it yields its messages: `event`, `ask`, `ask_closed`, and `end` as the last one. It can be read
 * once, and has to be: a run that nobody reads holds the others back after a few megabytes.
 *
 * Reading throws a `RunnerClientError` when the runner rejected the run, or ended.
 */
export interface ClientRun extends AsyncIterable<RunOutbound> {
  readonly id: string;
  /** Ends the run; its `end` usually has the status `cancelled`. */
  cancel(): void;
  /** Answers the question of an `ask`. An answer that comes too late is ignored. */
  answer(ask: string, answer: Answer): void;
  /** Reads to the end of the run, and yields that. */
  end(): Promise<EndMessage>;
}

interface OpenRun {
  readonly messages: Channel<RunOutbound>;
  /** The line of its `run` (errors name the line they are about). */
  readonly line: number;
}

const START_TIMEOUT_MS = 30_000;
/** The runner itself takes at most 25 s. */
const CLOSE_TIMEOUT_MS = 30_000;
/** Characters of messages kept for a reader before the pipe is stopped. */
const WEIGHT_MAX = 4 * 1024 * 1024;
/** The runner takes 16 MB at once; what comes from a model or a tool may be longer. */
const LINE_BYTES_MAX = 256 * 1024 * 1024;

export class RunnerClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #onDiagnostic: (diagnostic: Diagnostic) => void;
  readonly #runs = new Map<string, OpenRun>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  #versions: Readonly<Record<string, string>> = {};
  /** Why the runner cannot work, in its own words. */
  #lastWords: string | undefined;
  #ended: RunnerClientError | undefined;
  #lines = 0;
  #ids = 0;
  #fullRuns = 0;
  #closed: Promise<void> | undefined;

  /**
   * Starts a runner, and waits until it is ready.
   *
   * @throws {RunnerClientError} `runner_start_failed`
   */
  static async start(options: RunnerClientOptions = {}): Promise<RunnerClient> {
    const client = new RunnerClient(options);
    const timeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS;
    try {
      const isReady = await within(client.#clock, timeoutMs, client.#ready.promise);
      if (isReady !== "timeout") return client;
      throw new RunnerClientError("runner_start_failed", `The runner was not ready within ${timeoutMs} ms`);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  private constructor(options: RunnerClientOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#onDiagnostic = options.onDiagnostic ?? (() => {});
    const [program, ...args] = options.command ?? ownRunner();
    this.#child = spawn(program, [...args, ...(options.args ?? [])], {
      cwd: options.cwd,
      env: { ...(options.env ?? process.env) },
      stdio: ["pipe", "pipe", "pipe"],
    });
    // A runner that has ended is reported by "close".
    this.#child.stdin?.on("error", () => {});
    readLines(this.#child.stdout, (line) => {
      const message = parse(line);
      if (message !== undefined) this.#take(message as Outbound, line.length);
    });
    readLines(this.#child.stderr, (line) => {
      // An error in the command line comes as plain text.
      const plain: Diagnostic = { type: "diag", level: "error", message: line };
      const diagnostic = (parse(line) as Diagnostic | undefined) ?? plain;
      if (diagnostic === plain || diagnostic.type === "fatal") this.#lastWords ??= diagnostic.message;
      this.#onDiagnostic(diagnostic);
    });
    this.#child.once("error", (error) => this.#onEnd(messageOf(error)));
    this.#child.once("close", (code, signal) => this.#onEnd(signal ?? `exit code ${code}`));
  }

  /** Versions by name: `switchyard`, `protocol`, `codex`. */
  get versions(): Readonly<Record<string, string>> {
    return this.#versions;
  }

  /** Process id of the runner. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Sends a run. @param options `signal` cancels the run when it aborts */
  run(params: ClientRunParams, { signal }: { readonly signal?: AbortSignal } = {}): ClientRun {
    const id = `run-${++this.#ids}`;
    const messages = new Channel<RunOutbound>({
      weightMax: WEIGHT_MAX,
      onFull: () => this.#hold(1),
      onRoom: () => this.#hold(-1),
    });
    const cancel = (): void => {
      if (this.#runs.has(id)) this.#send({ type: "cancel", id });
    };
    if (this.#ended !== undefined) messages.fail(this.#ended);
    else {
      this.#runs.set(id, { messages, line: this.#lines + 1 });
      this.#send({ type: "run", id, params });
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener("abort", cancel, { once: true });
    }
    async function* read(): AsyncGenerator<RunOutbound, void, undefined> {
      try {
        yield* messages;
      } finally {
        signal?.removeEventListener("abort", cancel);
        cancel();
      }
    }
    const reading = read();
    return {
      id,
      cancel,
      answer: (ask, answer) => {
        if (this.#runs.has(id)) this.#send({ type: "answer", id, ask, ...answer });
      },
      end: async () => {
        for await (const message of reading) if (message.type === "end") return message;
        throw new RunnerClientError("runner_ended", "The run has been read already");
      },
      [Symbol.asyncIterator]: () => reading,
    };
  }

  /** Cancels every run, and ends the runner with everything it started (C4). Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#child.stdin?.end();
    this.#child.kill("SIGTERM");
    // While a pipe is paused, "close" never comes.
    this.#child.stdout?.resume();
    const exited = this.#exited.promise;
    if ((await within(this.#clock, CLOSE_TIMEOUT_MS, exited)) === "timeout") this.#child.kill("SIGKILL");
    await exited;
  }

  #send(message: Inbound): void {
    this.#lines++;
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** @param weight characters of its line */
  #take(message: Outbound, weight: number): void {
    switch (message.type) {
      case "ready":
        this.#versions = message.versions;
        return this.#ready.resolve();
      case "event":
      case "ask":
      case "ask_closed":
        return this.#runs.get(message.id)?.messages.push(message, weight);
      case "end": {
        const run = this.#runs.get(message.id);
        this.#runs.delete(message.id);
        run?.messages.push(message);
        return run?.messages.end();
      }
      case "error":
        return this.#onError(message);
      default:
    }
  }

  #onError({ id = "", line, code, field, message }: ErrorMessage): void {
    const run = this.#runs.get(id);
    if (run?.line === line) {
      this.#runs.delete(id);
      return run.messages.fail(new RunnerClientError(code, message, field));
    }
    // A cancel or an answer that came too late is nobody's mistake.
    if (code !== "unknown_run" && code !== "unknown_ask") {
      this.#onDiagnostic({ type: "diag", ...(id === "" ? {} : { id }), level: "error", message });
    }
  }

  #onEnd(how: string): void {
    this.#exited.resolve();
    if (this.#ended !== undefined) return;
    const why = this.#lastWords === undefined ? how : `${how}: ${this.#lastWords}`;
    this.#ended = new RunnerClientError("runner_ended", `The runner ended (${why})`);
    const failed = new RunnerClientError("runner_start_failed", `The runner did not start (${why})`);
    this.#ready.promise.catch(() => {});
    this.#ready.reject(failed);
    for (const { messages } of this.#runs.values()) messages.fail(this.#ended);
    this.#runs.clear();
  }

  /** Stops the runner's output while any reader is behind (C2). */
  #hold(change: 1 | -1): void {
    this.#fullRuns += change;
    if (this.#fullRuns > 0 && this.#closed === undefined) this.#child.stdout?.pause();
    else this.#child.stdout?.resume();
  }
}

function readLines(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
  const decoder = new LineDecoder(LINE_BYTES_MAX);
  stream?.on("data", (chunk: Buffer) => {
    for (const line of decoder.push(chunk)) if (line.kind === "line") take(line.text);
  });
}

/** The command of this package, also when it runs from source. */
function ownRunner(): [string, ...string[]] {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return [process.execPath, fileURLToPath(new URL(`../cli/main.${extension}`, import.meta.url)), "runner"];
}

/** Another program in front of the runner may write lines of its own. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
