import assert from "node:assert/strict";
import type { ChildProcessByStdio } from "node:child_process";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { suite, test } from "node:test";
import { descendants, isAlive, openHandles, processesWithEnv, waitUntilGone } from "../leaks.ts";
import { pick, pickText } from "../pick.ts";
import { stdioServer } from "./stdio-server-config.ts";
import type { StdioServerOptions } from "./stdio-server-config.ts";

type Message = Readonly<Record<string, unknown>>;

/** The server as a child, and the least client that can talk to it. */
class Child implements AsyncDisposable {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly closed: Promise<[code: number | null, signal: string | null]>;
  readonly lines: AsyncIterator<string>;
  stderr = "";
  #id = 0;

  constructor(options: StdioServerOptions, env: Record<string, string> = {}) {
    const entry = stdioServer(options, env);
    this.process = spawn(entry.command, entry.args, {
      env: { ...process.env, ...entry.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.closed = once(this.process, "close") as Promise<[number | null, string | null]>;
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    this.process.stderr.on("data", (chunk) => (this.stderr += String(chunk)));
    // Writing to a child that has died is part of some tests.
    this.process.stdin.on("error", () => {});
  }

  get pid(): number {
    return this.process.pid ?? assert.fail("not started");
  }

  async next(): Promise<Message> {
    return JSON.parse(String((await this.lines.next()).value)) as Message;
  }

  async request(method: string, params: object): Promise<Message> {
    const id = ++this.#id;
    this.process.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    for (;;) {
      const message = await this.next();
      if (message["id"] === id) return message;
    }
  }

  async initialize(): Promise<this> {
    const clientInfo = { name: "test", version: "1" };
    await this.request("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo });
    this.process.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
    return this;
  }

  async text(name: string, args: object = {}): Promise<string> {
    return pickText(
      await this.request("tools/call", { name, arguments: args }),
      "result",
      "content",
      0,
      "text",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.closed;
  }
}

suite("stdio server", () => {
  test("tells its process id and the variables it was asked for", async () => {
    await using child = new Child({ whoamiEnv: ["TENANT", "NOT_SET"] }, { TENANT: "a" });
    await child.initialize();
    const identity: unknown = JSON.parse(await child.text("whoami"));
    assert.equal(pick(identity, "pid"), child.pid);
    assert.deepEqual(pick(identity, "env"), { TENANT: "a", NOT_SET: null });
  });

  test("ends when stdin ends", async () => {
    await using child = new Child({});
    await child.initialize();
    child.process.stdin.end();
    assert.deepEqual(await child.closed, [0, null]);
  });

  test("dies in the middle of a call", async () => {
    await using child = new Child({});
    await child.initialize();
    child.request("tools/call", { name: "exit", arguments: { code: 7 } }).catch(() => {});
    assert.deepEqual(await child.closed, [7, null]);
  });

  test("fails at start with its exit code and a last word", async () => {
    await using child = new Child({ exitAtStart: { code: 3, stderr: "no license" } });
    assert.deepEqual(await child.closed, [3, null]);
    assert.equal(child.stderr, "no license\n");
  });

  test("writes garbage before the handshake and works all the same", async () => {
    await using child = new Child({ garbage: "Welcome!", startupDelayMs: 1 });
    assert.equal((await child.lines.next()).value, "Welcome!");
    await child.initialize();
    assert.equal(await child.text("echo", { text: "x" }), "x");
  });

  test("writes garbage in the middle of a call", async () => {
    await using child = new Child({});
    await child.initialize();
    const params = { name: "print", arguments: { text: "not a message" } };
    child.process.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 9, method: "tools/call", params })}\n`);
    assert.equal((await child.lines.next()).value, "not a message");
    assert.equal((await child.next())["id"], 9);
  });

  test("sends progress while it sleeps, and stops when cancelled", async () => {
    await using child = new Child({});
    await child.initialize();
    const params = {
      name: "sleep",
      arguments: { ms: 60_000, progressEveryMs: 5 },
      _meta: { progressToken: 1 },
    };
    child.process.stdin.write(
      `${JSON.stringify({ jsonrpc: "2.0", id: 99, method: "tools/call", params })}\n`,
    );
    assert.equal((await child.next())["method"], "notifications/progress");
    const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 99 } };
    child.process.stdin.write(`${JSON.stringify(cancel)}\n`);
    assert.equal(await child.text("echo", { text: "free" }), "free");
  });

  test("survives SIGTERM and the end of stdin when stubborn", async () => {
    await using child = new Child({ stubborn: true });
    await child.initialize();
    child.process.kill("SIGTERM");
    assert.equal(await child.text("echo", { text: "still here" }), "still here");
    child.process.stdin.end();
    // Its transport closes stdout's reader side at most; the process itself must stay.
    assert.deepEqual(await waitUntilGone([child.pid], { timeoutMs: 100 }), [child.pid]);
  });

  test("leaves a child behind that the leak helpers find", async (t) => {
    const tag = randomUUID();
    await using child = new Child({}, { SWITCHYARD_TEST_TAG: tag });
    await child.initialize();
    const { pid } = JSON.parse(await child.text("spawnChild", { detached: true })) as { pid: number };
    t.after(() => isAlive(pid) && process.kill(pid, "SIGKILL"));
    assert.deepEqual(descendants(child.pid), [pid]);
    assert.deepEqual(new Set(processesWithEnv("SWITCHYARD_TEST_TAG", tag)), new Set([child.pid, pid]));
    child.process.stdin.end();
    await child.closed;
    assert.deepEqual(processesWithEnv("SWITCHYARD_TEST_TAG", tag), [pid]);
    process.kill(pid, "SIGKILL");
    assert.deepEqual(await waitUntilGone([pid]), []);
  });

  test("never answers when told to hang at start, and yields to SIGTERM", async () => {
    await using child = new Child({ hangAtStart: true, stderr: "hanging" });
    await once(child.process.stderr, "data");
    child.process.kill("SIGTERM");
    assert.deepEqual(await child.closed, [null, "SIGTERM"]);
  });
});

suite("openHandles", () => {
  test("counts a timer while it runs", () => {
    const before = openHandles()["Timeout"] ?? 0;
    const timer = setTimeout(() => {}, 60_000);
    assert.equal(openHandles()["Timeout"], before + 1);
    clearTimeout(timer);
    assert.equal(openHandles()["Timeout"] ?? 0, before);
  });
});
