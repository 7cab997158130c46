import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { Redactor } from "../base/redact.ts";
import { hostMark } from "./process-tree.ts";
import { canBeWatched, type StderrPipe, StderrPipes, watched } from "./stderr-pipe.ts";

const PATH = process.env["PATH"] ?? "/usr/bin:/bin";
const BASH = "/bin/bash";
const SHELLS = ["/bin/sh", ...(existsSync(BASH) ? [BASH] : [])];

async function take(pipes: StderrPipes): Promise<StderrPipe> {
  return (await pipes.take()) ?? assert.fail("no pipe");
}

interface Started {
  readonly child: ChildProcess;
  readonly stdout: Promise<string>;
}

function start(
  pipe: StderrPipe,
  [program = "", ...args]: readonly string[],
  { shell = "/bin/sh", input = "", env = {} }: { shell?: string; input?: string; env?: object } = {},
): Started {
  const command = watched(pipe, program, args);
  const child = spawn(shell, command.args, {
    // As a system where bash is /bin/sh starts it.
    argv0: "sh",
    env: { PATH, ...env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  child.stdin.end(input);
  child.stdin.on("error", () => {});
  child.stderr.resume();
  let text = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  return { child, stdout: once(child, "close").then(() => text) };
}

const node = (script: string): string[] => [process.execPath, "-e", script];

for (const shell of SHELLS) {
  suite(`a program watched by ${shell}`, () => {
    for (const [what, program, exit, lines] of [
      [
        "an exit code and its lines",
        ["sh", "-c", "echo one >&2; echo two >&2; exit 3"],
        "exit code 3",
        ["one", "two"],
      ],
      ["a line without an end", ["sh", "-c", "printf 'no newline' >&2"], "exit code 0", ["no newline"]],
      ["silence", ["sh", "-c", "exit 255"], "exit code 255", []],
      ["a signal", ["sh", "-c", "echo last >&2; kill -ABRT $$"], "exit code 134, SIGABRT", ["last"]],
      [
        "bytes that are no text",
        ["sh", "-c", "printf 'a\\377\\000b\\033[31mred\\r\\n' >&2; exit 1"],
        "exit code 1",
        ["a\ufffdbred"],
      ],
      ["a builtin's name", ["test", "1", "=", "2"], "exit code 1", []],
    ] as const) {
      test(`tells of ${what}`, async () => {
        using pipes = new StderrPipes();
        const pipe = await take(pipes);
        const { stdout } = start(pipe, program, { shell });
        await pipe.ended;
        assert.equal(pipe.exit, exit);
        assert.deepEqual(pipe.lines, lines);
        await stdout;
      });
    }

    test("has the stdin, stdout, arguments, environment, signals and group that it has without the shell", async () => {
      using pipes = new StderrPipes();
      const script = `
        const { readFileSync, readdirSync, readlinkSync } = require("fs");
        const input = readFileSync(0, "utf8");
        const proc = (name) => { try { return readFileSync("/proc/self/" + name, "utf8"); } catch { return ""; } };
        const fds = (() => { try { return readdirSync("/proc/self/fd").filter((fd) => fd < 10).length; } catch { return 0; } })();
        const signals = proc("status").match(/^Sig(Ign|Blk).*/gm);
        console.log(JSON.stringify({ input, env: process.env, argv: process.argv.slice(1), signals, fds, cwd: process.cwd() }));`;
      const args = ["-e", script, "--", "a b", "", "$HOME", "é'\"\n"];
      const env = { LANG: "C", fifo: "mine", status: "mine", SPACES: " a  b ", LINES_: "1\n2", "1": "" };
      const { "1": _, ...valid } = env;
      const options = { env: { PATH, ...valid }, input: "hello", encoding: "utf8" } as const;
      const plain = spawnSync(process.execPath, args, options).stdout;
      const { stdout } = start(await take(pipes), [process.execPath, ...args], {
        shell,
        env: valid,
        input: "hello",
      });
      assert.deepEqual(JSON.parse(await stdout), JSON.parse(plain));
    });

    test("ends with the signals of its group, as it wants, and the shell with it", async () => {
      using pipes = new StderrPipes();
      const pipe = await take(pipes);
      const script = `process.on("SIGTERM", () => { console.error("bye"); process.exit(7); }); console.log("up"); setInterval(() => {}, 9e8);`;
      const { child, stdout } = start(pipe, node(script), { shell });
      await once(child.stdout as NodeJS.ReadableStream, "data");
      process.kill(-(child.pid as number), "SIGTERM");
      await pipe.ended;
      assert.equal(pipe.exit, "exit code 7");
      assert.deepEqual(pipe.lines, ["bye"]);
      assert.equal(await stdout, "up\n");
    });
  });
}

suite("a stderr pipe", () => {
  test("takes any amount at once and keeps the last 20 lines, at most 8 KiB (W1, W2)", async () => {
    using pipes = new StderrPipes();
    const pipe = await take(pipes);
    const script = `for (let n = 0; n < 20000; n++) require("fs").writeSync(2, "line " + n + " " + "x".repeat(n % 97) + "\\n")`;
    start(pipe, node(script));
    await pipe.ended;
    assert.equal(pipe.exit, "exit code 0");
    assert.equal(pipe.lines.length, 20);
    assert.match(pipe.lines.at(-1) ?? "", /^line 19999 /);
    const wide = await take(pipes);
    start(wide, node(`for (let n = 0; n < 99; n++) console.error("y".repeat(1500))`));
    await wide.ended;
    assert.deepEqual([...new Set(wide.lines)], ["y".repeat(1500)]);
    assert.ok(wide.lines.join("\n").length <= 8192 && wide.lines.length === 5);
  });

  test("shows no secret, and no part of one, wherever the kept tail begins (W2)", async () => {
    const redactor = new Redactor();
    const secret = `sk-${"0123456789".repeat(40)}`;
    redactor.add(secret);
    redactor.add("two\nlines");
    using pipes = new StderrPipes({ redactor });
    for (let shift = 0; shift < secret.length; shift += 83) {
      const pipe = await take(pipes);
      start(
        pipe,
        node(
          `console.error("key " + process.argv[1].repeat(60) + "z".repeat(${shift}) + " two\\nlines end")`,
        ).concat(secret),
      );
      await pipe.ended;
      const shown = pipe.lines.join("\n");
      assert.doesNotMatch(shown, /\d{5}|two|lines/);
      assert.match(shown, /z* \*\*\* end$/);
    }
  });

  test("is read after its thread until nothing writes any more, and has a name only until the program has it (W1, W3)", async () => {
    using pipes = new StderrPipes();
    const pipe = await take(pipes);
    const { mode } = statSync(dirname(pipe.path));
    assert.equal(mode & 0o777, 0o700);
    assert.equal(statSync(pipe.path).mode & 0o777, 0o600);
    const script = `console.log("up"); process.stdin.resume().on("end", () => { for (let n = 0; n < 5000; n++) console.error("goodbye " + n); process.exitCode = 4; });`;
    const { child, stdout } = start(pipe, node(script), {});
    await once(child.stdout as NodeJS.ReadableStream, "data");
    assert.equal(existsSync(pipe.path), false);
    pipe.withdraw();
    await pipe.ended;
    assert.equal(pipe.exit, "exit code 4");
    assert.equal(pipe.lines.at(-1), "goodbye 4999");
    await stdout;
  });

  test("that no program takes ends when it is withdrawn; started later, the program runs without it (W3)", async () => {
    using pipes = new StderrPipes();
    const pipe = await take(pipes);
    pipe.withdraw();
    await pipe.ended;
    assert.equal(existsSync(pipe.path), false);
    assert.deepEqual([pipe.exit, pipe.lines], [undefined, []]);
    const { stdout } = start(pipe, ["sh", "-c", "cat; echo err >&2"], { input: "as ever" });
    assert.equal(await stdout, "as ever");
    assert.equal(existsSync(pipe.path), false);
  });

  test("does not keep its host alive, and its folder goes with the host, or with the next one (W3)", () => {
    const module = JSON.stringify(new URL("./stderr-pipe.ts", import.meta.url).href);
    const run = (then: string): string => {
      const script = `const { StderrPipes } = await import(${module}); const pipes = new StderrPipes(); console.log((await pipes.take()).path); ${then}`;
      const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
        encoding: "utf8",
      });
      return dirname(stdout.trim());
    };
    assert.equal(existsSync(run("")), false);
    assert.equal(existsSync(run("process.exit(3)")), false);
    const left = run(`process.kill(process.pid, "SIGKILL")`);
    if (process.platform === "linux") assert.equal(existsSync(left), true);
    run("");
    assert.equal(existsSync(left), false);
  });

  test("of another host that lives keeps its folder (W3)", async () => {
    const folder = mkdtempSync(join(tmpdir(), `switchyard-stderr-${hostMark()}-`));
    const unknown = join(tmpdir(), `switchyard-stderr-elsewhere-${process.pid}`);
    mkdirSync(unknown);
    try {
      using pipes = new StderrPipes();
      await take(pipes);
      assert.equal(existsSync(folder) && existsSync(unknown), true);
    } finally {
      for (const each of [folder, unknown]) rmSync(each, { recursive: true, force: true });
    }
  });
});

suite("StderrPipes", () => {
  test("gives many pipes at once, each another one, and all are gone with it (W3)", async () => {
    const pipes = new StderrPipes();
    const all = await Promise.all(Array.from({ length: 100 }, () => take(pipes)));
    assert.equal(new Set(all.map(({ path }) => path)).size, 100);
    const folder = dirname(all[0]?.path ?? "");
    pipes[Symbol.dispose]();
    await Promise.all(all.map(({ ended }) => ended));
    assert.equal(existsSync(folder), false);
    assert.equal(await pipes.take(), undefined);
  });

  test("goes on when somebody cleans up its folder", async () => {
    using pipes = new StderrPipes();
    const { path } = await take(pipes);
    for (const name of readdirSync(dirname(path))) rmSync(join(dirname(path), name));
    assert.equal(existsSync((await take(pipes)).path), true);
  });

  test("gives none where there are none, and says so once (W4)", async (t) => {
    const log: string[] = [];
    const before = process.env["PATH"];
    t.after(() => (process.env["PATH"] = before));
    process.env["PATH"] = "/nowhere";
    using pipes = new StderrPipes({ log: (level, message) => void log.push(`${level} ${message}`) });
    assert.deepEqual([await pipes.take(), await pipes.take()], [undefined, undefined]);
    assert.equal(log.length, 1);
    assert.match(log[0] ?? "", /^warn Cannot read the stderr of MCP servers: .*mkfifo/);
  });
});

test("a program whose environment a shell would change is not watched (W4)", () => {
  for (const name of ["A", "_a1", "PATH", "HOME", "LC_ALL", "TERM", "PSX", "BAS", "SWITCHYARD_LEASE"]) {
    assert.equal(canBeWatched("node", [name]), true, name);
  }
  for (const name of [
    "",
    "A-B",
    "a.b",
    "1A",
    "A B",
    "é",
    "PWD",
    "IFS",
    "_",
    "BASH_ENV",
    "PS4",
    "RANDOM",
    "UID",
  ]) {
    assert.equal(canBeWatched("node", ["A", name]), false, name);
  }
  for (const program of ["", "-x", "a=b"]) assert.equal(canBeWatched(program, []), false, program);
});
