/**
 * The runner on three streams: lines in, lines out, diagnostics aside.
 *
 *   input ──lines──> parseLine ──> Runner.submit        a line that is not accepted: `error`, and on with the next
 *   output <─lines── Runner's sink                      ready first; then event, ask, end, error, pong; nothing else
 *   diagnostics <─lines── log                           diag, fatal
 *
 * It uses the streams and does not own them: it ends neither output nor diagnostics.
 *
 * Invariants
 *   N1. A line that is not accepted costs its answer and nothing else.
 *   N2. Input is not read while as many runs wait as may, or while output is full and a line has to be answered.
 *   N3. What is kept for a full output is bounded: one message for each run, and what `Runner` R4 lets through.
 *   N4. Every message is one line, whole and in order. Diagnostics may be lost when nobody reads them; nothing on
 *       output ever is.
 *   N5. An output that is closed ends everything.
 */
import type { Readable, Writable } from "node:stream";
import { within } from "../base/abort.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { LineDecoder } from "../base/line-decoder.ts";
import type { Log } from "../base/log.ts";
import { packageVersion } from "../base/package-version.ts";
import { Redactor } from "../base/redact.ts";
import { DiagnosticWriter } from "./diagnostics.ts";
import { LineWriter } from "./line-writer.ts";
import type { DiagLevel, PongMessage, ReadyMessage, Rejection } from "./messages.ts";
import { parseLine } from "./parse-line.ts";
import { Runner, type RunnerOptions } from "./runner.ts";

/** Longest accepted line in bytes. */
export const LINE_BYTES_MAX: number = 16 * 1024 * 1024;

/** Goes up with a change that an older host does not understand. */
const PROTOCOL_VERSION = "1";

export interface ServeOptions extends Omit<RunnerOptions, "sink" | "redactor"> {
  /** Versions of what does the work, by name, for the `ready` line. @default none but ours */
  readonly versions?: Readonly<Record<string, string>>;
  /** Values that no diagnostic and no message may show, besides those of the runs. @default none */
  readonly secrets?: readonly string[];
  /** The host's lines. */
  readonly input: Readable;
  /** Where events, questions and ends go. */
  readonly output: Writable;
  /** Where diagnostics go. */
  readonly diagnostics: Writable;
  /** Cancels every run and stops. */
  readonly signal?: AbortSignal;
  /** Diagnostics below it are left out. @default "info" */
  readonly diagLevel?: DiagLevel;
}

/** `drained`: input ended, and every run has ended. `stopped`: by the signal. `output_closed`: by the host. */
export type ServeOutcome = "drained" | "stopped" | "output_closed";

/** How long a host has to read the last messages after the signal. */
const FLUSH_TIMEOUT_MS = 3_000;
const NEWLINE = 0x0a;

/** Serves until the input ends and every run is over, the signal aborts, or the output is closed. */
export async function serveNdjson(options: ServeOptions): Promise<ServeOutcome> {
  const { input, signal } = options;
  const clock = options.clock ?? systemClock;
  const redactor = new Redactor();
  for (const secret of options.secrets ?? []) redactor.add(secret);
  const output = new LineWriter(options.output);
  const diagnostics = new DiagnosticWriter(options.diagnostics, options.diagLevel ?? "info", redactor);
  const runner = new Runner({
    ...options,
    log: tee(diagnostics.log, options.log),
    redactor,
    sink: (message) => output.write(JSON.stringify(message)),
  });
  const versions = { switchyard: packageVersion(), protocol: PROTOCOL_VERSION, ...options.versions };
  void output.write(JSON.stringify({ type: "ready", versions } satisfies ReadyMessage));
  const aborted = whenAborted(signal).then(() => "stopped" as const);
  const closed = output.closed.then(() => "output_closed" as const);
  runner.start().catch((error: unknown) => {
    diagnostics.log("warn", `Cannot remove what earlier runners left behind: ${String(error)}`);
  });
  const env = options.env ?? process.env;
  const reading = readInput({ input, runner, output, redactor, env, log: diagnostics.log });
  const drained = reading.then(() => runner.drain()).then(() => "drained" as const);
  const outcome = await Promise.race([drained, aborted, closed]);
  await runner.stop();
  if (outcome !== "drained") input.destroy();
  await flush(output, outcome, clock);
  return outcome;
}

interface Reading {
  readonly input: Readable;
  readonly runner: Runner;
  readonly output: LineWriter;
  readonly redactor: Redactor;
  /** Where the references of MCP servers are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** Reads lines until the input ends; the next line is taken when there is room for what may follow from it (N2). */
async function readInput({ input, runner, output, redactor, env, log }: Reading): Promise<void> {
  const decoder = new LineDecoder(LINE_BYTES_MAX);
  let lineNumber = 1;
  const answer = async (rejection: Rejection): Promise<void> => {
    const { type, id, ...rest } = rejection;
    const own = id === undefined ? {} : { id };
    const message = redactor.redact(rest.message);
    await output.write(JSON.stringify({ type, ...own, line: lineNumber, ...rest, message }));
  };
  const take = async (part: Uint8Array | undefined): Promise<void> => {
    for (const line of part === undefined ? decoder.end() : decoder.push(part)) {
      if (line.kind === "too_long") {
        const limit = `${LINE_BYTES_MAX / 1024 / 1024} MB`;
        await answer({
          type: "error",
          code: "line_too_long",
          message: `The line is longer than ${limit} and was skipped`,
        });
        continue;
      }
      const parsed = parseLine(line.text, { env });
      if (parsed.type === "ping") {
        await output.write(JSON.stringify({ ...parsed, type: "pong" } satisfies PongMessage));
        continue;
      }
      const rejection =
        parsed.type === "error" ? parsed : runner.submit(parsed, Buffer.byteLength(line.text));
      if (rejection !== undefined) await answer(rejection);
      await runner.whenRoom();
    }
  };
  try {
    for await (const chunk of input as AsyncIterable<Uint8Array | string>) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      // Line by line, so that a rejection can say which line it is about; empty lines count.
      for (let start = 0; start < bytes.length; ) {
        const newline = bytes.indexOf(NEWLINE, start);
        const end = newline === -1 ? bytes.length : newline + 1;
        await take(bytes.subarray(start, end));
        if (newline !== -1) lineNumber++;
        start = end;
      }
    }
    await take(undefined);
  } catch (error) {
    // A broken input is an ended one. When we stop, we break it ourselves.
    log("warn", `Cannot read any more input: ${String(error)}`);
  }
}

/** After a drain the host may take its time; a stop is bounded. */
async function flush(output: LineWriter, outcome: ServeOutcome, clock: Clock): Promise<void> {
  if (outcome === "drained") await output.flushed();
  else await within(clock, FLUSH_TIMEOUT_MS, output.flushed());
}

function whenAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    else signal?.addEventListener("abort", () => resolve(), { once: true });
  });
}

function tee(first: Log, second: Log | undefined): Log {
  if (second === undefined) return first;
  return (level, message, about) => {
    first(level, message, about);
    second(level, message, about);
  };
}
