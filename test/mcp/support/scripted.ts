/** A manager, servers that do what a script says, and a look at what is left behind. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { McpManager, type McpManagerOptions } from "../../../src/mcp/index.ts";
import type { CallOutcome, McpConnectionManager, McpEvent } from "../../../src/mcp/index.ts";
import { processesOfOwner, waitUntilGone } from "../../../src/testing/leaks.ts";

const PROGRAM = join(import.meta.dirname, "scripted-server.mjs");

export interface Script {
  readonly era?: "legacy" | "modern" | "both";
  readonly probe?: "error" | "silent" | "die";
  readonly delayMs?: number;
  readonly dieAtStart?: number;
  readonly dieAtList?: number;
  readonly stubborn?: boolean;
  readonly wrapped?: boolean;
  readonly forked?: boolean;
  readonly flood?: boolean;
  readonly mute?: readonly string[];
  readonly refuse?: readonly string[];
  readonly tools?: readonly object[];
  readonly readOnly?: readonly string[];
}

export interface ScriptedServer {
  readonly command: string;
  readonly args: readonly string[];
}

/** What stands between us and a server: a shell, or a Node that keeps signals to itself, as package runners do. */
export type Wrapper = "sh" | "runner";

const RUNNER =
  "const [command, ...args] = process.argv.slice(1);" +
  "process.on('SIGTERM', () => {});" +
  "require('child_process').spawn(command, args, { stdio: 'inherit' }).on('exit', (code) => process.exit(code ?? 1))";

export function scriptedServer(
  script: Script & { readonly record?: string },
  wrapper?: Wrapper,
): ScriptedServer {
  const own = [process.execPath, PROGRAM, JSON.stringify(script)];
  if (wrapper === undefined) return { command: process.execPath, args: own.slice(1) };
  return wrapper === "sh"
    ? { command: "/bin/sh", args: ["-c", '"$@"; exit $?', "sh", ...own] }
    : { command: process.execPath, args: ["-e", RUNNER, ...own] };
}

export class McpBench implements AsyncDisposable {
  readonly manager: McpManager;
  readonly log: string[] = [];
  readonly folder: string = mkdtempSync(join(tmpdir(), "switchyard-mcp-"));
  #servers = 0;

  constructor(options: McpManagerOptions = {}) {
    this.manager = new McpManager({
      log: (level, message) => this.log.push(`${level} ${message}`),
      publish: false,
      ...options,
    });
  }

  /** An entry for `servers`, and what its processes record. */
  server(
    script: Script = {},
    wrapper?: Wrapper,
  ): ScriptedServer & { readonly record: () => readonly string[] } {
    const record = join(this.folder, `record-${++this.#servers}`);
    const entry = scriptedServer({ ...script, record }, wrapper);
    return Object.defineProperty(entry, "record", { value: () => lines(record), enumerable: false }) as never;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true });
    const left = await waitUntilGone(processesOfOwner(process.pid), { timeoutMs: 2_000 });
    assert.deepEqual(left, [], "processes were left behind");
  }
}

function lines(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").trim().split("\n");
  } catch {
    return [];
  }
}

/** The process ids of the starts in a record. */
export function starts(record: readonly string[]): readonly number[] {
  return record.filter((line) => line.startsWith("start ")).map((line) => Number(line.slice(6)));
}

/** The text of a result; fails for any other outcome. */
export function textOf(outcome: CallOutcome): string {
  assert.ok(outcome.kind === "result" || outcome.kind === "tool_error", JSON.stringify(outcome));
  const [block] = outcome.result.content;
  assert.ok(block?.type === "text", JSON.stringify(outcome));
  return block.text;
}

/** The first event that fits, from now on. */
export async function eventOf(
  thread: McpConnectionManager,
  fits: (event: McpEvent) => boolean,
): Promise<McpEvent> {
  for await (const event of thread.events()) if (fits(event)) return event;
  throw new Error("The thread ended without such an event");
}

/** Waits until the server is in this state. */
export async function inState(thread: McpConnectionManager, server: string, state: string): Promise<void> {
  // A generator that waits for its next event ends only by its signal.
  const over = new AbortController();
  const events = thread.events({ signal: over.signal });
  try {
    for (let next = events.next(); thread.server(server).status.state !== state; next = events.next()) {
      if ((await next).done === true) throw new Error(`The thread ended before ${server} was ${state}`);
    }
  } finally {
    over.abort();
  }
}
