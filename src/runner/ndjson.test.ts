import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { after, suite, test } from "node:test";
import fc from "fast-check";
import { packageVersion } from "../base/package-version.ts";
import type { Engine, EngineSettings } from "../thread/engine.ts";
import type { ThreadEvent } from "../thread/events.ts";
import type { Input } from "../thread/options.ts";
import { LINE_BYTES_MAX, type ServeOptions, type ServeOutcome, serveNdjson } from "./ndjson.ts";
import type { Diagnostic, Outbound } from "./messages.ts";

const home = mkdtempSync(join(tmpdir(), "switchyard-ndjson-unit-"));
after(() => rmSync(home, { recursive: true, force: true }));

/** Completes every turn at once, with one event. */
function echoEngine({ log }: EngineSettings): Engine {
  async function* events(input: Input): AsyncGenerator<ThreadEvent> {
    log("info", `played ${String(input)}`);
    await Promise.resolve();
    yield { type: "item.completed", item: { id: "item_0", type: "agent_message", text: String(input) } };
    yield {
      type: "turn.completed",
      usage: {
        input_tokens: 0,
        cached_input_tokens: 0,
        cache_write_input_tokens: 0,
        output_tokens: 0,
        reasoning_output_tokens: 0,
      },
    };
  }
  const thread = {
    runStreamed: (input: Input) => Promise.resolve({ events: events(input) }),
    close: () => Promise.resolve(),
  };
  const get = (): typeof thread => thread;
  return { startThread: get, resumeThread: get, forkThread: get, close: () => Promise.resolve() };
}

interface Served {
  readonly outcome: ServeOutcome;
  readonly messages: readonly Outbound[];
  readonly diagnostics: readonly Diagnostic[];
}

/** A stream that keeps what is written to it. */
function collector(): { stream: Writable; parsed: () => unknown[] } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  const lines = (): string[] => Buffer.concat(chunks).toString("utf8").split("\n").slice(0, -1);
  return { stream, parsed: () => lines().map((line) => JSON.parse(line) as unknown) };
}

async function serve(chunks: readonly Uint8Array[], options: Partial<ServeOptions> = {}): Promise<Served> {
  const input = new PassThrough();
  const output = collector();
  const diagnostics = collector();
  const served = serveNdjson({
    input,
    output: output.stream,
    diagnostics: diagnostics.stream,
    homesRoot: home,
    createEngine: echoEngine,
    maxConcurrent: 1,
    ...options,
  });
  for (const chunk of chunks) input.write(chunk);
  input.end();
  const outcome = await served;
  return {
    outcome,
    messages: output.parsed() as Outbound[],
    diagnostics: diagnostics.parsed() as Diagnostic[],
  };
}

function run(id: string, input: string): string {
  return JSON.stringify({ type: "run", id, params: { input } });
}

/** What is said about lines, and which runs ended how; runs and answers do not wait for each other. */
function summary({ messages }: Served): unknown {
  return {
    errors: messages.filter((message) => message.type === "error"),
    ends: messages.filter((message) => message.type === "end"),
  };
}

suite("serveNdjson", () => {
  const text = [
    "",
    run("a", "ä€😀"),
    "\r",
    "{",
    run("b", "b"),
    '{"type":"cancel","id":"nobody"}',
    run("c", "\n"),
  ]
    .join("\n")
    .concat("\r\n\n", '{"type":"cancel","id":"last"}');

  test("answers lines by their number, empty ones counted, also the last without a newline (N1)", async () => {
    const served = await serve([Buffer.from(text)]);
    assert.equal(served.outcome, "drained");
    const errors = served.messages.flatMap((each) => (each.type === "error" ? [each] : []));
    assert.deepEqual(
      errors.map(({ line, code }) => [line, code]),
      [
        [4, "invalid_json"],
        [6, "unknown_run"],
        [9, "unknown_run"],
      ],
    );
    const ends = served.messages.flatMap((each) => (each.type === "end" ? [each] : []));
    assert.deepEqual(
      ends.map(({ id, final_response }) => [id, final_response]),
      [
        ["a", "ä€😀"],
        ["b", "b"],
        ["c", "\n"],
      ],
    );
  });

  test("reads the same from the same bytes, wherever they are cut", async () => {
    const bytes = Buffer.from(text);
    const whole = summary(await serve([bytes]));
    const cuts = fc.uniqueArray(fc.nat({ max: bytes.length }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        const edges = [0, ...places.toSorted((a, b) => a - b), bytes.length];
        const chunks = edges.slice(1).map((end, at) => bytes.subarray(edges[at], end));
        assert.deepEqual(summary(await serve(chunks)), whole);
      }),
      { numRuns: 100 },
    );
  });

  test("takes a line of 16 MB, and answers a longer one without losing the next", async () => {
    const frame = run("big", "").length;
    const longest = run("big", "x".repeat(LINE_BYTES_MAX - frame));
    assert.equal(longest.length, LINE_BYTES_MAX);
    const tooLong = run("bigger", "x".repeat(LINE_BYTES_MAX - frame));
    const { messages } = await serve([Buffer.from(`${longest}\n${tooLong}\n${run("next", "next")}\n`)]);
    const answered = messages.flatMap((each) => {
      if (each.type === "error") return [`${each.line} ${each.code}`];
      return each.type === "end" ? [`${each.id} ${each.status}`] : [];
    });
    assert.deepEqual(answered.toSorted(), ["2 line_too_long", "big completed", "next completed"]);
  });

  test("says first which versions it is, and answers a ping where it stands among the lines", async () => {
    const lines = ['{"type":"ping","id":"é"}', "{", '{"type":"ping"}', '{"type":"ping","id":""}'];
    const { messages } = await serve([Buffer.from(lines.join("\n"))], { versions: { engine: "1.2.3" } });
    assert.deepEqual(
      messages.map((each) => (each.type === "error" ? [each.line, each.code] : each)),
      [
        { type: "ready", versions: { switchyard: packageVersion(), protocol: "1", engine: "1.2.3" } },
        { type: "pong", id: "é" },
        [2, "invalid_json"],
        { type: "pong" },
        [4, "invalid_value"],
      ],
    );
  });

  test("hides the secrets of a run in its messages", async () => {
    const line = JSON.stringify({
      type: "run",
      id: "a",
      params: { input: "sk-secret", api_key: "sk-secret" },
    });
    const { diagnostics } = await serve([Buffer.from(`${line}\n`)]);
    assert.deepEqual(diagnostics, [{ type: "diag", level: "info", message: "played ***" }]);
  });

  test("leaves out diagnostics below the level it was given", async () => {
    const { diagnostics } = await serve([Buffer.from(run("a", "a"))], { diagLevel: "warn" });
    assert.deepEqual(diagnostics, []);
  });

  test("stops by its signal while its input stays open, and when its output is closed (N5)", async () => {
    const stop = new AbortController();
    const streams = (): Pick<
      ServeOptions,
      "input" | "output" | "diagnostics" | "createEngine" | "homesRoot"
    > => ({
      input: new PassThrough(),
      output: collector().stream,
      diagnostics: collector().stream,
      createEngine: echoEngine,
      homesRoot: home,
    });
    const stopped = streams();
    const first = serveNdjson({ ...stopped, signal: stop.signal });
    stop.abort();
    assert.equal(await first, "stopped");
    assert.ok(stopped.input.destroyed);

    const closed = streams();
    const second = serveNdjson(closed);
    closed.output.destroy(new Error("EPIPE"));
    assert.equal(await second, "output_closed");
  });
});
