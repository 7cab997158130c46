/**
 * A conversation with an executor that uses all its operations, and its outcome as plain data.
 *
 * Its parts run at once, so their messages mix. The outcome does not depend on that: a fault on the way may change the
 * time it takes, and nothing else except what `EXCEPTIONS` lists.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Executor,
  ExecutorError,
  type ExecutorProcess,
  type ProcessEvent,
} from "../../../src/executor/index.ts";
import { all, exitCodeOf, textOf } from "./compliance.ts";

export type Outcome = Readonly<Record<string, unknown>>;

const PATH = process.env["PATH"] ?? "";
const LARGE_LINES = 50_000;

/** Other possible outcomes of parts that a dropped link makes uncertain. */
const EXCEPTIONS: Readonly<Record<string, readonly Outcome[]>> = {
  // A signal is not sent twice, since it may have arrived; its sender gets an error.
  interrupted: [9, 130, 137, 143].map((exitCode) => ({ told: "outcome_unknown", exitCode, numbered: true })),
  // The second request may get the answer that it does not run: the first one has ended it.
  ended: [137, 143].map((exitCode) => ({ told: false, exitCode, numbered: true, stdout: "up\n" })),
};

/** Other possible outcomes of any part with `codex exec-server`: it abandons a start whose link drops. */
const ORIGINAL_EXCEPTIONS: readonly Outcome[] = [
  { start: "outcome_unknown", starts: 0 },
  { start: "outcome_unknown", starts: 1 },
];

export interface Allowance {
  /** Whether the executor is the original. */
  readonly original: boolean;
}

/** @throws {AssertionError} when the outcome differs from the one without faults */
export function assertSame(outcome: Outcome, wanted: Outcome, { original }: Allowance): void {
  for (const [part, value] of Object.entries(outcome)) {
    const instead = [...(EXCEPTIONS[part] ?? []), ...(original ? ORIGINAL_EXCEPTIONS : [])];
    if (!instead.some((each) => isSame(each, value)))
      assert.deepEqual({ [part]: value }, { [part]: wanted[part] });
  }
  assert.deepEqual(Object.keys(outcome), Object.keys(wanted));
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Runs the whole conversation. The executor stays the caller's. */
export async function converse(executor: Executor): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-talk-"));
  try {
    const [echoed, split, large, ended, interrupted, missing] = await Promise.all([
      part(folder, "echoed", (file) => echo(executor, file)),
      part(folder, "split", (file) => twoStreams(executor, file)),
      part(folder, "large", (file) => largeOutput(executor, file)),
      part(folder, "ended", (file) => terminated(executor, file)),
      part(folder, "interrupted", (file) => interrupt(executor, file)),
      startFailure(executor),
    ]);
    return { echoed, split, large, ended, interrupted, missing };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The outcome of one part; only of its start, if it is unknown whether that happened. */
async function part(folder: string, name: string, run: (file: string) => Promise<Outcome>): Promise<Outcome> {
  const file = join(folder, name);
  try {
    return await run(file);
  } catch (error) {
    if (!(error instanceof UnknownStart)) throw error;
    return { start: "outcome_unknown", starts: linesOf(file).length };
  }
}

class UnknownStart extends Error {}

/** Starts a script that records its start, so that a second start would show. */
async function start(
  executor: Executor,
  script: string,
  file: string,
  pipeStdin = false,
): Promise<ExecutorProcess> {
  try {
    return await executor.start({
      argv: ["sh", "-c", `echo started >> "$FILE"; ${script}`],
      cwd: "/tmp",
      env: { PATH, FILE: file },
      pipeStdin,
    });
  } catch (error) {
    if (error instanceof ExecutorError && error.code === "outcome_unknown") throw new UnknownStart();
    throw error;
  }
}

function linesOf(file: string): readonly string[] {
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

async function echo(executor: Executor, file: string): Promise<Outcome> {
  const script =
    'while read -r line; do echo "$line" >> "$FILE"; echo "got $line"; [ "$line" = end ] && exit 7; done';
  const process = await start(executor, script, file, true);
  const reader = new Listening(process);
  const write = (text: string): Promise<void> => process.write(Buffer.from(text));
  await Promise.all(["one\n", "two\n", "thr", "ee\n"].map(write));
  await reader.until("got three\n");
  await write("four\n");
  await reader.until("got four\n");
  await write("end\n");
  await reader.rest();
  const retained = await process.read();
  return {
    ...ending(reader.events),
    stdout: textOf(reader.events, "stdout"),
    retained: Buffer.concat(retained.chunks.map(({ chunk }) => chunk)).toString(),
    written: linesOf(file),
    afterwards: await codeOf(write("late")),
  };
}

async function twoStreams(executor: Executor, file: string): Promise<Outcome> {
  const process = await start(executor, "echo out; echo err >&2; echo äöü; exit 3", file);
  const events = await all(process);
  return {
    ...ending(events),
    stdout: textOf(events, "stdout"),
    stderr: textOf(events, "stderr"),
    written: linesOf(file),
  };
}

async function largeOutput(executor: Executor, file: string): Promise<Outcome> {
  const process = await start(executor, `seq 1 ${LARGE_LINES}`, file);
  const events = await all(process);
  const text = textOf(events, "stdout");
  return {
    ...ending(events),
    length: text.length,
    hash: createHash("sha256").update(text).digest("hex"),
    written: linesOf(file),
  };
}

async function terminated(executor: Executor, file: string): Promise<Outcome> {
  const process = await start(executor, "echo up; exec sleep 300", file);
  const reader = new Listening(process);
  await reader.until("up\n");
  const told = await process.terminate();
  await reader.rest();
  const { exitCode, numbered } = ending(reader.events);
  return { told, exitCode, numbered, stdout: textOf(reader.events, "stdout") };
}

async function interrupt(executor: Executor, file: string): Promise<Outcome> {
  const process = await start(executor, 'trap "exit 9" INT; echo up; while :; do sleep 0.02; done', file);
  const reader = new Listening(process);
  await reader.until("up\n");
  const told = await codeOf(process.interrupt());
  if (told === "outcome_unknown") await process.terminate();
  await reader.rest();
  return { told, ...ending(reader.events) };
}

async function startFailure(executor: Executor): Promise<Outcome> {
  const told = await codeOf(executor.start({ argv: ["no-such-program"], cwd: "/tmp", env: { PATH } }));
  return told === "outcome_unknown" ? { start: told, starts: 0 } : { told };
}

/** Collects all events, and reads on where it stopped. */
class Listening {
  readonly events: ProcessEvent[] = [];
  readonly #process: ExecutorProcess;

  constructor(process: ExecutorProcess) {
    this.#process = process;
  }

  async until(wanted: string): Promise<void> {
    while (!textOf(this.events, "stdout").includes(wanted)) {
      const { value } = await this.#process.events().next();
      assert.ok(value !== undefined, `it ended before it said ${JSON.stringify(wanted)}`);
      this.events.push(value);
    }
  }

  async rest(): Promise<void> {
    this.events.push(...(await all(this.#process)));
  }
}

/** Checks the events of any process: each once, in order, the end last. */
function ending(events: readonly ProcessEvent[]): { readonly exitCode: unknown; readonly numbered: boolean } {
  const numbered = events.every(({ seq }, at) => seq === at + 1) && events.at(-1)?.type === "closed";
  return { exitCode: exitCodeOf(events), numbered };
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "done";
  } catch (error) {
    return error instanceof ExecutorError ? error.code : String(error);
  }
}
