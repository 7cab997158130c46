/**
 * The contract of `executor.ts` as tests, for each implementation.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import {
  ExecutorError,
  type Executor,
  type ExecutorProcess,
  type ProcessEvent,
  type ProcessSpec,
} from "../../../src/executor/index.ts";
import { isAlive, waitUntilGone } from "../../../src/testing/index.ts";

export interface Subject extends AsyncDisposable {
  readonly executor: Executor;
}

/** How an implementation may differ. Everything else is the same for all. */
export interface Expectations {
  /** Whether a process is asked to end before it is killed. */
  readonly endsGently: boolean;
  /** Whether processes that left the process group end with it. */
  readonly sweepsEscaped: boolean;
  /** Whether a variable that only the executor's own environment has can be inherited. */
  readonly ownVariable: string;
}

const PATH = process.env["PATH"] ?? "";

export function testExecutor(name: string, expected: Expectations, start: () => Promise<Subject>): void {
  const spec = (script: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
    argv: ["sh", "-c", script],
    cwd: "/tmp",
    env: { PATH },
    ...more,
  });

  suite(`${name} keeps the contract of an executor`, () => {
    const check = (fact: string, body: (executor: Executor) => Promise<void>): void => {
      test(fact, { timeout: 60_000 }, async () => {
        await using subject = await start();
        await body(subject.executor);
      });
    };

    check("numbers events from 1 without holes, and closes last (X1, X2)", async (executor) => {
      await using process = await executor.start(spec("echo out; echo err >&2; exit 3"));
      const events = await all(process);
      assert.deepEqual(
        events.map(({ seq }) => seq),
        events.map((_, at) => at + 1),
      );
      assert.equal(textOf(events, "stdout"), "out\n");
      assert.equal(textOf(events, "stderr"), "err\n");
      assert.equal(exitCodeOf(events), 3);
      assert.equal(events.at(-1)?.type, "closed");
    });

    check("reports output that comes after the exit (X2)", async (executor) => {
      await using process = await executor.start(spec("(sleep 0.3; echo late) & echo now"));
      const events = await all(process);
      const kinds = events.map(({ type }) => type);
      assert.ok(kinds.indexOf("exited") < kinds.lastIndexOf("output"), kinds.join());
      assert.equal(textOf(events, "stdout"), "now\nlate\n");
    });

    check("reports the signal that ended a process as 128 + n", async (executor) => {
      await using process = await executor.start(spec("kill -KILL $$"));
      assert.equal(exitCodeOf(await all(process)), 137);
    });

    check("writes in the order of the calls, each once (X3)", async (executor) => {
      await using process = await executor.start(spec("cat", { pipeStdin: true }));
      const lines = Array.from({ length: 500 }, (_, at) => `${at}\n`);
      const written = Promise.all(lines.map((line) => process.write(Buffer.from(line))));
      const got = await outputOf(process, lines.join("").length);
      await written;
      assert.equal(got.toString(), lines.join(""));
    });

    check("carries any bytes, of any number, unchanged", async (executor) => {
      await using process = await executor.start(spec("cat", { pipeStdin: true }));
      const sent = Buffer.alloc(5 * 1024 * 1024 + 7);
      for (let at = 0, value = 1; at < sent.length; at++) sent[at] = value = (value * 31 + 7) & 0xff;
      const written = process.write(sent);
      const got = await outputOf(process, sent.length);
      await written;
      assert.equal(hash(got), hash(sent));
    });

    check("holds back a process whose output is not read, and loses none of it (X4)", async (executor) => {
      await using process = await executor.start(spec("head -c 12000000 /dev/zero | tr '\\0' 'a'; echo end"));
      // The retained megabyte is there before anything is read.
      const retained = await process.read({ afterSeq: 0, waitMs: 5_000 });
      assert.ok(retained.chunks.length > 0);
      let bytes = 0;
      let tail = "";
      for await (const event of process.events()) {
        if (event.type !== "output") continue;
        bytes += event.chunk.length;
        tail = Buffer.from(event.chunk).toString("latin1").slice(-4);
      }
      assert.equal(bytes, 12_000_004);
      assert.equal(tail, "end\n");
    });

    check("hands over events in chunks of at most 64 KiB", async (executor) => {
      await using process = await executor.start(spec("head -c 3000000 /dev/zero"));
      for (const event of await all(process)) {
        if (event.type === "output") assert.ok(event.chunk.length <= 64 * 1024, String(event.chunk.length));
      }
    });

    check("loses nothing when a reader leaves early", async (executor) => {
      await using process = await executor.start(spec("cat", { pipeStdin: true }));
      const leave = new AbortController();
      const first = process.events({ signal: leave.signal });
      const waiting = first.next();
      leave.abort(new Error("left"));
      await assert.rejects(waiting, /left/);
      await process.write(Buffer.from("after\n"));
      assert.equal((await outputOf(process, 6)).toString(), "after\n");
    });

    check("reads retained output from a number, and pages of it", async (executor) => {
      await using process = await executor.start(
        spec("echo one; sleep 0.1; echo two; sleep 0.1; echo three"),
      );
      const events = await all(process);
      const whole = await process.read();
      assert.equal(
        whole.chunks.map(({ chunk }) => Buffer.from(chunk).toString()).join(""),
        "one\ntwo\nthree\n",
      );
      assert.equal(whole.nextSeq, events.length + 1);
      assert.deepEqual([whole.exited, whole.exitCode, whole.closed], [true, 0, true]);
      const page = await process.read({ afterSeq: 1, maxBytes: 1 });
      assert.deepEqual(
        page.chunks.map(({ seq }) => seq),
        [2],
      );
      assert.equal(page.nextSeq, 3);
      const beyond = await process.read({ afterSeq: 99, waitMs: 10_000 });
      assert.deepEqual(beyond.chunks, []);
    });

    check("waits for news when it is asked to, and no longer", async (executor) => {
      await using process = await executor.start(spec("read x; echo got", { pipeStdin: true }));
      const nothing = await process.read({ waitMs: 50 });
      assert.deepEqual([nothing.chunks, nothing.nextSeq], [[], 1]);
      // Not at once, since the original serves one request at a time.
      await process.write(Buffer.from("x\n"));
      const news = await process.read({ waitMs: 30_000 });
      assert.ok(news.chunks.length > 0 || news.exited);
    });

    for (const [what, more, message] of [
      ["a program that is missing", { argv: ["no-such-program-anywhere"] }, /No such file or directory/],
      ["a program by a path that is missing", { argv: ["/no/such/program"] }, /No such file or directory/],
      ["a program that is a folder", { argv: ["/tmp"] }, /Permission denied/],
      ["a folder that is missing", { cwd: "/no/such/folder" }, /No such file or directory/],
      ["a folder that is a file", { cwd: "/etc/passwd" }, /Not a directory/],
    ] as const) {
      check(`refuses ${what} with a clear error`, async (executor) => {
        await assert.rejects(executor.start(spec("true", more)), (error) => {
          assert.ok(error instanceof ExecutorError);
          assert.equal(error.code, "start_failed");
          assert.match(error.message, message);
          return true;
        });
      });
    }

    check("gives a process exactly the environment that was sent", async (executor) => {
      await using process = await executor.start({
        argv: ["/usr/bin/env"],
        cwd: "/tmp",
        env: { A: "1", B: "zwei ü" },
      });
      assert.deepEqual(variablesOf(await all(process)), { A: "1", B: "zwei ü" });
    });

    check("gives a process what the policy says", async (executor) => {
      const policy = { inherit: "all", ignoreDefaultExcludes: true, exclude: [], set: { S: "1" } } as const;
      const { ownVariable } = expected;
      await using one = await executor.start({
        argv: ["/usr/bin/env"],
        cwd: "/tmp",
        env: { A: "1" },
        envPolicy: { ...policy, includeOnly: [ownVariable] },
      });
      assert.deepEqual(Object.keys(variablesOf(await all(one))).toSorted(), ["A", ownVariable].toSorted());
      await using core = await executor.start({
        argv: ["/usr/bin/env"],
        cwd: "/tmp",
        env: {},
        envPolicy: { ...policy, inherit: "core", includeOnly: [] },
      });
      const variables = variablesOf(await all(core));
      assert.equal(variables["S"], "1");
      assert.ok(variables["PATH"] !== undefined);
      assert.equal(variables[ownVariable], undefined);
    });

    check("runs a process in the given folder, and under the given name", async (executor) => {
      const folder = realpathSync(mkdtempSync(join(tmpdir(), "switchyard folder ü-")));
      try {
        await using process = await executor.start(spec('pwd; echo "$0"', { cwd: folder, arg0: "another" }));
        assert.equal(textOf(await all(process), "stdout"), `${folder}\nanother\n`);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    check("starts a process in a group of its own", async (executor) => {
      await using process = await executor.start(spec('cut -d" " -f1,5,6 /proc/$$/stat'));
      const [pid, group, session] = textOf(await all(process), "stdout")
        .trim()
        .split(" ");
      assert.equal(group, pid);
      assert.equal(session, pid);
    });

    check("gives a process a terminal when it asks for one", async (executor) => {
      const script = "test -t 0 && test -t 1 && stty size; echo TERM=$TERM; read x; echo got:$x; exec cat";
      await using process = await executor.start(spec(script, { tty: true }));
      const reader = new Reader(process);
      await reader.until("TERM=");
      assert.match(reader.text, /^24 80\r\nTERM=/);
      await process.write(Buffer.from("abc\n"));
      await reader.until("got:abc");
      await process.write(Buffer.from("\x03"));
      const events = await reader.rest();
      assert.equal(exitCodeOf(events), 1);
      assert.ok(events.every((event) => event.type !== "output" || event.stream === "pty"));
    });

    check("interrupts the whole group", async (executor) => {
      const script = 'trap "echo INT; exit 9" INT; echo up; while :; do sleep 0.05; done';
      await using process = await executor.start(spec(script));
      const reader = new Reader(process);
      await reader.until("up");
      await process.interrupt();
      const events = await reader.rest();
      assert.match(reader.text, /INT/);
      assert.equal(exitCodeOf(events), 9);
      await process.interrupt();
    });

    check("ends a process and its descendants when it is told to (X6)", async (executor) => {
      // It speaks once it has left the group, and not before.
      const escaped = "echo escaped $$; echo up; exec sleep 301";
      const script = `sleep 300 & echo child $!; setsid sh -c '${escaped}' & wait`;
      await using process = await executor.start(spec(script));
      const reader = new Reader(process);
      await reader.until("up");
      const pidOf = (word: string): number => Number(new RegExp(`${word} (\\d+)`).exec(reader.text)?.[1]);
      assert.equal(await process.terminate(), true);
      const events = await reader.rest();
      assert.equal(exitCodeOf(events), expected.endsGently ? 143 : 137);
      assert.equal(events.at(-1)?.type, "closed");
      assert.equal(await process.terminate(), false);
      assert.deepEqual(await waitUntilGone([pidOf("child")]), []);
      if (expected.sweepsEscaped) assert.deepEqual(await waitUntilGone([pidOf("escaped")]), []);
      else {
        assert.ok(isAlive(pidOf("escaped")), "an original that ends it too needs no exception here");
        killQuietly(pidOf("escaped"));
      }
    });

    check("ends a process that ignores signals", async (executor) => {
      await using process = await executor.start(
        spec('trap "" TERM HUP INT; echo up; while :; do sleep 0.05; done'),
      );
      const reader = new Reader(process);
      await reader.until("up");
      await process.terminate();
      assert.equal(exitCodeOf(await reader.rest()), 137);
    });

    check("lets a process end by itself when its input ends (P1)", async (executor) => {
      const script = 'cat > /dev/null; echo "saved"; exit 5';
      await using process = await executor.start(spec(script, { pipeStdin: true }));
      await process.write(Buffer.from("x"));
      await process.terminate();
      const events = await all(process);
      assert.equal(exitCodeOf(events), expected.endsGently ? 5 : 137);
      assert.equal(textOf(events, "stdout"), expected.endsGently ? "saved\n" : "");
    });

    check("fails when nothing can be written", async (executor) => {
      await using without = await executor.start(spec("sleep 0.2"));
      await rejectsWith(without.write(Buffer.from("x")), "stdin_closed");
      await using ended = await executor.start(spec("exit 0", { pipeStdin: true }));
      await all(ended);
      await rejectsWith(ended.write(Buffer.from("x")), "stdin_closed");
    });

    check("ends a process that does not read its input, without delaying others", async (executor) => {
      await using stuck = await executor.start(spec("exec sleep 300", { pipeStdin: true }));
      const megabyte = Buffer.alloc(1024 * 1024);
      const writes = Array.from({ length: 12 }, () => stuck.write(megabyte));
      const settled = Promise.allSettled(writes);
      assert.equal(await stuck.terminate(), true);
      assert.ok((await settled).some(({ status }) => status === "rejected"));
      await all(stuck);
      await using other = await executor.start(spec("echo here"));
      assert.equal(textOf(await all(other), "stdout"), "here\n");
    });

    check("runs many processes at once", async (executor) => {
      const outputs = await Promise.all(
        Array.from({ length: 60 }, async (_, at) => {
          await using process = await executor.start(spec("cat; echo", { pipeStdin: true }));
          await process.write(Buffer.from(`${at}\n`));
          return (await outputOf(process, `${at}\n`.length)).toString();
        }),
      );
      assert.deepEqual(
        outputs,
        outputs.map((_, at) => `${at}\n`),
      );
    });

    check("ends a process that is being started when the caller gives up", async (executor) => {
      const giveUp = new AbortController();
      const starting = executor.start(spec("exec sleep 302"), { signal: giveUp.signal });
      giveUp.abort(new Error("given up"));
      await assert.rejects(starting, /given up/);
    });

    check("describes its machine", async (executor) => {
      const info = await executor.info();
      assert.match(info.shell.path, /^\//);
      assert.equal(info.platformOs, "linux");
    });

    check("ends everything when it is disposed, and rejects later calls (X5, X6)", async (executor) => {
      const process = await executor.start(spec("echo $$; exec sleep 303", { pipeStdin: true }));
      const reader = new Reader(process);
      await reader.until("\n");
      const pid = Number(reader.text);
      await executor[Symbol.asyncDispose]();
      await executor[Symbol.asyncDispose]();
      assert.deepEqual(await waitUntilGone([pid]), []);
      await rejectsWith(executor.start(spec("true")), "disposed");
    });
  });
}

export async function all(process: ExecutorProcess): Promise<ProcessEvent[]> {
  const events: ProcessEvent[] = [];
  for await (const event of process.events()) events.push(event);
  return events;
}

export function textOf(events: readonly ProcessEvent[], stream: string): string {
  const chunks = events.flatMap((event) =>
    event.type === "output" && event.stream === stream ? [event.chunk] : [],
  );
  return Buffer.concat(chunks).toString();
}

export function exitCodeOf(events: readonly ProcessEvent[]): number | undefined {
  return events.flatMap((event) => (event.type === "exited" ? [event.exitCode] : []))[0];
}

/** Reads stdout until there are so many bytes. */
export async function outputOf(process: ExecutorProcess, bytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let got = 0;
  for await (const event of process.events()) {
    if (event.type !== "output") continue;
    chunks.push(event.chunk);
    got += event.chunk.length;
    if (got >= bytes) break;
  }
  return Buffer.concat(chunks);
}

/** Reads on where it stopped, until the output contains a text. */
export class Reader {
  text = "";
  readonly #process: ExecutorProcess;

  constructor(process: ExecutorProcess) {
    this.#process = process;
  }

  async until(wanted: string): Promise<void> {
    while (!this.text.includes(wanted)) {
      const { value } = await this.#process.events().next();
      if (value === undefined) throw new Error(`It ended after "${this.text}"`);
      this.#note(value);
    }
  }

  async rest(): Promise<ProcessEvent[]> {
    const events = await all(this.#process);
    for (const event of events) this.#note(event);
    return events;
  }

  #note(event: ProcessEvent): void {
    if (event.type === "output") this.text += Buffer.from(event.chunk).toString();
  }
}

/** The environment that a process printed, without the tag of our executors. */
function variablesOf(events: readonly ProcessEvent[]): Record<string, string> {
  const lines = textOf(events, "stdout").trimEnd().split("\n");
  const entries = lines.map(
    (line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const,
  );
  return Object.fromEntries(entries.filter(([name]) => name !== "SWITCHYARD_LEASE"));
}

export async function rejectsWith(promise: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof ExecutorError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
