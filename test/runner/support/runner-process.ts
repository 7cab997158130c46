/**
 * `switchyard runner` as a process, as a host sees it, in a home of its own.
 *
 * Disposing it ends it and then looks for what should not be there any more: processes below it, lines on stderr
 * that are not diagnostics, and the folder.
 */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import type {
  AskMessage,
  Diagnostic,
  EndMessage,
  ErrorMessage,
  EventMessage,
  Inbound,
  Outbound,
  ReadyMessage,
  RunParams,
} from "../../../src/runner/index.ts";
import { descendants, processesWithEnv, ScriptedModel, waitUntilGone } from "../../../src/testing/index.ts";
import { Watch } from "../../../src/testing/watch.ts";
import { fillHome } from "../../support/codex-home.ts";
import { MAIN } from "../../support/command.ts";

export const API_KEY = "sk-key-of-the-runner";

export interface RunnerProcessOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** @default a model of its own */
  readonly model?: ScriptedModel;
  /** Goes on in the home of another one, which must be disposed later. */
  readonly home?: string;
  /** Codex has never been in the home. */
  readonly fresh?: true;
}

export class RunnerProcess implements AsyncDisposable {
  readonly model: ScriptedModel;
  /** `$SWITCHYARD_HOME`. */
  readonly home: string;
  /** An empty folder to work in. */
  readonly cwd: string;
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Everything on stdout so far, but the first line. */
  readonly messages: Outbound[] = [];
  /** The first line. */
  ready: ReadyMessage | undefined;
  readonly diagnostics: Diagnostic[] = [];
  /** How many lines it was sent, without those of `write`. */
  lines = 0;
  readonly #cleanups: (() => void | Promise<void>)[] = [];
  readonly #seen = new Set<number>();
  readonly #watch = new Watch();
  readonly #closed: Promise<number | null>;
  #exitCode: number | null | undefined;

  static async start(options: RunnerProcessOptions = {}): Promise<RunnerProcess> {
    const root = mkdtempSync(join(tmpdir(), "switchyard-runner-"));
    if (options.home === undefined && options.fresh !== true) await fillHome(join(root, "home", "codex"));
    const model = options.model ?? (await ScriptedModel.start());
    return new RunnerProcess(options, model, root);
  }

  private constructor(options: RunnerProcessOptions, model: ScriptedModel, root: string) {
    this.model = model;
    if (options.model === undefined) this.#cleanups.push(() => model[Symbol.asyncDispose]());
    this.#cleanups.push(() => rmSync(root, { recursive: true, force: true }));
    this.home = options.home ?? join(root, "home");
    this.cwd = join(root, "work");
    mkdirSync(this.cwd);
    // Codex leaves a folder there when it puts a command into a sandbox.
    const temporary = join(root, "tmp");
    mkdirSync(temporary);
    const args = [MAIN, "runner", "--base-url", model.baseUrl, ...(options.args ?? [])];
    const own = { OPENAI_API_KEY: API_KEY, SWITCHYARD_HOME: this.home, TMPDIR: temporary, HOME: temporary };
    const env = { ...process.env, ...own, ...options.env };
    this.child = spawn(process.execPath, args, { cwd: this.cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    this.child.stdin.on("error", () => {});
    readLines(this.child.stdout, (line) => {
      const message = JSON.parse(line) as Outbound;
      if (this.ready !== undefined) this.messages.push(message);
      else {
        assert.ok(message.type === "ready", line);
        this.ready = message;
      }
      this.#watch.changed();
    });
    readLines(this.child.stderr, (line) => {
      this.diagnostics.push(JSON.parse(line) as Diagnostic);
      this.#watch.changed();
    });
    this.#closed = once(this.child, "close").then(([code]) => {
      this.#exitCode = code as number | null;
      this.#watch.end(new Error(`The runner ended (${String(code)}): ${JSON.stringify(this.diagnostics)}`));
      return this.#exitCode;
    });
  }

  /** Settles when the process has ended and its output is read, with the exit code; `null` after a signal. */
  get exited(): Promise<number | null> {
    return this.#closed;
  }

  send(...messages: readonly Inbound[]): void {
    this.lines += messages.length;
    for (const message of messages) this.write(`${JSON.stringify(message)}\n`);
  }

  /** Sends a run. */
  run(id: string, params: RunParams): void {
    this.send({ type: "run", id, params: { cwd: this.cwd, ...params } });
  }

  write(text: string): void {
    this.child.stdin.write(text);
  }

  /** Waits until `check` yields something; it is asked after every line and when the process ends. */
  waitFor<T>(check: () => T | undefined | false, signal: AbortSignal): Promise<T> {
    return this.#watch.waitFor(check, { signal });
  }

  /** Waits for the end of a run. */
  end(id: string, signal: AbortSignal): Promise<EndMessage> {
    return this.waitFor(() => this.ends(id)[0], signal);
  }

  /** Sends a run and waits for its end. */
  async runToEnd(id: string, params: RunParams, signal: AbortSignal): Promise<EndMessage> {
    this.run(id, params);
    return await this.end(id, signal);
  }

  ask(id: string, signal: AbortSignal): Promise<AskMessage> {
    const isAsk = (each: Outbound): each is AskMessage => each.type === "ask" && each.id === id;
    return this.waitFor(() => this.messages.find(isAsk), signal);
  }

  error(line: number, signal: AbortSignal): Promise<ErrorMessage> {
    const isError = (each: Outbound): each is ErrorMessage => each.type === "error" && each.line === line;
    return this.waitFor(() => this.messages.find(isError), signal);
  }

  /** Waits until a run has begun its turn. */
  async started(id: string, signal: AbortSignal): Promise<void> {
    await this.waitFor(() => this.events(id).some(({ event }) => event.type === "turn.started"), signal);
  }

  ends(id: string): EndMessage[] {
    return this.messages.filter((each): each is EndMessage => each.type === "end" && each.id === id);
  }

  events(id: string): EventMessage[] {
    return this.messages.filter((each): each is EventMessage => each.type === "event" && each.id === id);
  }

  /** Remembers what runs below the runner now, to look for it at the end, and returns it. */
  remember(): number[] {
    const below = descendants(this.child.pid as number);
    for (const pid of below) this.#seen.add(pid);
    return below;
  }

  /** Ids of the Codex processes that use a home. */
  codexProcesses(home: string = join(this.home, "codex")): number[] {
    return processesWithEnv("CODEX_HOME", home);
  }

  /** Waits until everything that was remembered is gone. @returns what is not */
  left(): Promise<number[]> {
    return waitUntilGone([...this.#seen]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exitCode === undefined) {
      this.remember();
      this.child.stdout.resume();
      this.child.kill("SIGTERM");
      await this.#closed;
    }
    const left = await this.left();
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
    assert.deepEqual(left, [], "processes left behind");
  }
}

function readLines(stream: Readable, take: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  });
}
