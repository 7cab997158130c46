/** What LocalExecutor has beyond the contract of all executors, which test/executor/compliance.test.ts holds it to. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { TAG_VARIABLE } from "../../process/process-tree.ts";
import { descendants, processesWithEnv, waitUntilGone } from "../../testing/index.ts";
import { ExecutorError } from "../errors.ts";
import type { ExecutorProcess, ProcessSpec } from "../executor.ts";
import { LocalExecutor, type StartRequest } from "./local-executor.ts";

const PATH = process.env["PATH"] ?? "";
const spec = (script: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
  argv: ["sh", "-c", script],
  cwd: "/tmp",
  env: { PATH },
  ...more,
});

async function textOf(process: ExecutorProcess, until = "\n"): Promise<string> {
  let text = "";
  while (!text.includes(until)) {
    const { value } = await process.events().next();
    if (value === undefined) break;
    if (value.type === "output") text += Buffer.from(value.chunk).toString();
  }
  return text;
}

suite("LocalExecutor", () => {
  test("leaves neither a process nor its own helper behind when it is disposed (E2)", async () => {
    const before = new Set(descendants(process.pid));
    const mark = `local-${process.pid}`;
    const executor = new LocalExecutor();
    const env = { PATH, SWITCHYARD_TEST_MARK: mark };
    // One that has ended by itself, and left a child in a session of its own, which holds no pipe of ours.
    const gone = await executor.start(
      spec("setsid sh -c 'exec sleep 310' >/dev/null 2>&1 </dev/null & echo up", { env }),
    );
    await textOf(gone, "up");
    await gone.events().next();
    await gone.events().next();
    const running = await executor.start(spec("echo up; exec sleep 311", { env }));
    await textOf(running, "up");
    const marked = processesWithEnv("SWITCHYARD_TEST_MARK", mark);
    assert.equal(marked.length, 2);
    await executor[Symbol.asyncDispose]();
    assert.deepEqual(await waitUntilGone(marked), []);
    const left = descendants(process.pid).filter((pid) => !before.has(pid));
    assert.deepEqual(await waitUntilGone(left), []);
  });

  test("has few starts at work at once, in their order, and none after its disposal (E4)", async () => {
    const asked: string[] = [];
    const executor = new LocalExecutor({ checkStart: ({ env }) => void asked.push(env["NUMBER"] ?? "") });
    const folders = Array.from({ length: 100 }, (_, at) => `/none/${at}`).join(":");
    const start = (number: number, path: string): Promise<unknown> =>
      executor.start({ argv: ["true"], cwd: "/", env: { PATH: path, NUMBER: String(number) } });
    // Two that search for long are at work, and the third waits for one of them.
    const starts = [1, 2, 3].map((number) => start(number, number < 3 ? `${folders}:${PATH}` : PATH));
    await Promise.all(starts);
    assert.equal(asked.length, 3);
    assert.notEqual(asked[0], "3");

    asked.length = 0;
    const late = [6, 7, 8, 9, 10, 11].map((number) => start(number, `${folders}:${PATH}`));
    const ended = Promise.allSettled(late);
    await executor[Symbol.asyncDispose]();
    for (const each of await ended) {
      assert.equal(each.status, "rejected");
      assert.ok(each.reason instanceof ExecutorError);
      assert.equal(each.reason.code, "disposed");
    }
    assert.deepEqual(asked, []);
  });

  test("keeps the children of a process that ended by itself, until it is terminated: by their tag (P2)", async () => {
    await using executor = new LocalExecutor();
    const process_ = await executor.start(spec("sleep 312 >/dev/null 2>&1 & echo $!"));
    const child = Number(await textOf(process_));
    for (
      let next = await process_.events().next();
      next.done !== true;
      next = await process_.events().next()
    );
    process.kill(child, 0);
    assert.equal(await process_.terminate(), false);
    assert.deepEqual(await waitUntilGone([child]), []);
  });

  test("gives every process a tag of its family (E1)", async () => {
    await using executor = new LocalExecutor();
    const tags = await Promise.all(
      [1, 2].map(async () => textOf(await executor.start(spec(`echo $${TAG_VARIABLE}`)))),
    );
    const [one = "", two = ""] = tags;
    assert.match(one, /^[0-9a-f-]{36}\.\d+@/);
    assert.notEqual(one, two);
    assert.equal(one.split(".")[0], two.split(".")[0]);
  });

  test("does not pass on the tag of its own parent", async () => {
    await using executor = new LocalExecutor({ env: { PATH, [TAG_VARIABLE]: "somebody else's" } });
    const policy = {
      inherit: "all",
      ignoreDefaultExcludes: true,
      exclude: [],
      set: {},
      includeOnly: [],
    } as const;
    const process_ = await executor.start(spec(`echo $${TAG_VARIABLE}`, { envPolicy: policy }));
    assert.doesNotMatch(await textOf(process_), /somebody/);
  });

  test("calls checkStart first, and starts nothing that is rejected", async () => {
    const asked: StartRequest[] = [];
    await using executor = new LocalExecutor({
      checkStart: (start) => {
        asked.push(start);
        throw new ExecutorError("refused", "not here");
      },
    });
    await assert.rejects(executor.start(spec("true", { env: { PATH, A: "1" } })), /not here/);
    assert.match(asked[0]?.program ?? "", /^\/.*\/sh$/);
    assert.deepEqual([asked[0]?.cwd, asked[0]?.env["A"]], ["/tmp", "1"]);
    assert.equal(executor.running, 0);
  });

  test("ends a process that is being started while it is disposed", async () => {
    const executor = new LocalExecutor();
    const starting = executor.start(spec("exec sleep 313"));
    const refused = assert.rejects(
      starting,
      (error) => error instanceof ExecutorError && error.code === "disposed",
    );
    await executor[Symbol.asyncDispose]();
    await refused;
    assert.equal(executor.running, 0);
  });

  test("rejects texts that the operating system would cut off at a NUL", async () => {
    await using executor = new LocalExecutor();
    for (const bad of [
      { argv: ["sh", "a\0b"] },
      { env: { "A\0": "1" } },
      { env: { A: "\0" } },
      { cwd: "/tmp\0" },
    ]) {
      await assert.rejects(executor.start(spec("true", bad as Partial<ProcessSpec>)), /nul byte/i);
    }
  });

  test("kills everything at once when there is no time left", async () => {
    const executor = new LocalExecutor();
    const process_ = await executor.start(spec('trap "" TERM; setsid sleep 314 & echo $!; wait'));
    const child = Number(await textOf(process_));
    executor.killAll();
    assert.deepEqual(await waitUntilGone([process_.pid, child]), []);
    await executor[Symbol.asyncDispose]();
  });

  test("makes writers wait behind a full stdin, in order, and rejects too much (P3)", async () => {
    await using executor = new LocalExecutor();
    // Nobody reads what it writes, so it does not read what it is sent.
    const process_ = await executor.start(spec("exec cat", { pipeStdin: true }));
    const chunk = Buffer.alloc(4 * 1024 * 1024, "a");
    const settled: number[] = [];
    const writes = Array.from({ length: 15 }, (_, at) => process_.write(chunk).then(() => settled.push(at)));
    await assert.rejects(
      process_.write(Buffer.alloc(16 * 1024 * 1024)),
      (error) => error instanceof ExecutorError && error.code === "stdin_full",
    );
    assert.ok(settled.length < 15, "the last ones wait");
    let bytes = 0;
    for await (const event of process_.events()) {
      if (event.type === "output") bytes += event.chunk.length;
      if (bytes === 15 * chunk.length) break;
    }
    await Promise.all(writes);
    assert.deepEqual(
      settled,
      writes.map((_, at) => at),
    );
  });

  test("fails waiting writers when the process ends", async () => {
    await using executor = new LocalExecutor({ graces: { stdinMs: 0 } });
    const process_ = await executor.start(spec("exec sleep 315", { pipeStdin: true }));
    const writes = Array.from({ length: 4 }, () => process_.write(Buffer.alloc(4 * 1024 * 1024)));
    const ends = Promise.allSettled(writes);
    await process_.terminate();
    assert.deepEqual(
      (await ends).map(({ status }) => status),
      ["fulfilled", "fulfilled", "rejected", "rejected"],
    );
  });

  test("reports a program with a terminal as it ended, also one that closes the terminal first", async () => {
    await using executor = new LocalExecutor();
    for (let round = 0; round < 12; round++) {
      const process_ = await executor.start({ argv: ["cat"], cwd: "/tmp", env: { PATH }, tty: true });
      await process_.write(Buffer.from("\x04"));
      const { value } = await process_.events().next();
      assert.deepEqual(value, { type: "exited", seq: 1, exitCode: 0 });
    }
  });

  test("gives a program with a terminal its arguments as they are, few or thousands", async () => {
    await using executor = new LocalExecutor();
    const odd = ["", "it's", "a\nb", '$HOME `x` \\ "q"', "-n", "ü"];
    for (const count of [0, 1_000, 2_000, 2_003, 5_000]) {
      const many = Array.from({ length: count }, () => "x");
      const script = "process.stdout.write(JSON.stringify(process.argv.slice(1)))";
      const argv = [process.execPath, "-e", script, "--", ...odd, ...many] as const;
      const process_ = await executor.start({ argv, cwd: "/tmp", env: { PATH }, tty: true });
      let text = "";
      for await (const event of process_.events())
        if (event.type === "output") text += Buffer.from(event.chunk).toString("latin1");
      assert.deepEqual(JSON.parse(Buffer.from(text, "latin1").toString()), [...odd, ...many]);
    }
    const env = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`V${at}`, "x"]));
    for (const tooMuch of [
      { argv: ["true", "x".repeat(128 * 1024)] as const },
      { argv: ["true"] as const, env },
    ]) {
      await assert.rejects(
        executor.start({ cwd: "/tmp", env: { PATH }, tty: true, ...tooMuch }),
        /Argument list too long/,
      );
    }
  });

  test("loses nothing of a terminal whose process ended without a reader", async () => {
    await using executor = new LocalExecutor();
    const script = "head -c 1052000 /dev/zero | tr '\\0' a; printf END";
    const process_ = await executor.start(spec(script, { tty: true }));
    // It has ended, and more than is retained is unread.
    while (process_.running) await new Promise((resolve) => setTimeout(resolve, 5));
    let text = "";
    for await (const event of process_.events()) {
      if (event.type === "output") text += Buffer.from(event.chunk).toString("latin1");
    }
    assert.equal(text.length, 1_052_003);
    assert.ok(text.endsWith("END"));
  });
});
