/** Connections and sessions over a link in memory, with the time in the test's hands. Whole conversations are in test/executor. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { suite, test } from "node:test";
import { ManualClock } from "../../testing/index.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { AuditLog } from "./access/audit.ts";
import { serveStdio } from "./listen.ts";
import { StartPolicy } from "./access/start-policy.ts";
import { ExecutorServer, type ExecutorServerOptions } from "./executor-server.ts";

/** Both ends of a link: what the server sends is kept, what it shall receive is pushed. */
class MemoryLink implements Link {
  readonly peer = "test";
  readonly sent: Readonly<Record<string, unknown>>[] = [];
  isFull = false;
  paused = false;
  pings = 0;
  ended: string | undefined;
  readonly #events: LinkEvents;
  #wake: () => void = () => {};
  #room = Promise.withResolvers<void>();

  constructor(events: LinkEvents) {
    this.#events = events;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
    this.#wake();
  }

  sendSoon(text: string): void {
    this.send(text);
  }

  room(): Promise<void> {
    return this.isFull ? this.#room.promise : Promise.resolve();
  }

  makeRoom(): void {
    this.isFull = false;
    this.#room.resolve();
  }

  ping(): void {
    this.pings++;
  }

  pong(): void {
    this.#events.onSign?.();
  }

  nudge(): void {}

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  drop(reason: string): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    this.#events.onEnd(reason);
  }

  push(message: unknown): void {
    this.#events.onText(typeof message === "string" ? message : JSON.stringify(message));
  }

  async answer(id: unknown): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const found = this.sent.find((message) => message["id"] === id);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function connect(server: ExecutorServer): MemoryLink {
  let made: MemoryLink | undefined;
  server.serve((events) => (made = new MemoryLink(events)));
  assert.ok(made !== undefined);
  return made;
}

async function greet(link: MemoryLink, resumeSessionId?: string): Promise<string> {
  link.push({ id: "hello", method: "initialize", params: { clientName: "test", resumeSessionId } });
  const { result, error } = await link.answer("hello");
  assert.equal(error, undefined);
  link.push({ method: "initialized" });
  return (result as { readonly sessionId: string }).sessionId;
}

function withServer(
  fact: string,
  body: (server: ExecutorServer, clock: ManualClock) => Promise<void>,
  options: ExecutorServerOptions = {},
): void {
  test(fact, async () => {
    const clock = new ManualClock();
    const server = new ExecutorServer({ clock, ...options });
    let over = false;
    try {
      await body(server, clock);
    } finally {
      const ended = server[Symbol.asyncDispose]().then(() => (over = true));
      // The graces of what still runs are this clock's.
      while (!over) await clock.advance(500);
      await ended;
    }
    assert.equal(clock.pending, 0, "timers left behind");
  });
}

const env = { PATH: process.env["PATH"] ?? "" };
const start = (processId: string, script: string): object => ({
  id: processId,
  method: "process/start",
  params: { processId, argv: ["sh", "-c", script], cwd: "file:///tmp", env, tty: false, pipeStdin: true },
});

suite("ExecutorServer", () => {
  withServer("gives up a link that does not shake hands in time", async (server, clock) => {
    const silent = connect(server);
    const half = connect(server);
    half.push({ id: 1, method: "initialize", params: { clientName: "test" } });
    await half.answer(1);
    await clock.advance(9_999);
    assert.deepEqual([silent.ended, half.ended], [undefined, undefined]);
    await clock.advance(1);
    assert.match(silent.ended ?? "", /no handshake within 10000 ms/);
    assert.match(half.ended ?? "", /no handshake/);
    assert.equal(server.connections, 0);
  });

  withServer("pings a client, and gives up one that is silent until the next ping", async (server, clock) => {
    const link = connect(server);
    await greet(link);
    await clock.advance(30_000);
    assert.equal(link.pings, 1);
    link.pong();
    await clock.advance(30_000);
    assert.equal(link.ended, undefined);
    await clock.advance(30_000);
    assert.equal(link.ended, "no sign of life");
  });

  withServer(
    "checks a link when its client comes back over another one, and lets it in",
    async (server, clock) => {
      const dead = connect(server);
      const id = await greet(dead);
      const back = connect(server);
      back.push({ id: 1, method: "initialize", params: { clientName: "test", resumeSessionId: id } });
      assert.equal(((await back.answer(1))["error"] as { code: number }).code, -32010);
      assert.equal(dead.pings, 1);
      await clock.advance(3_000);
      assert.match(dead.ended ?? "", /came back/);
      assert.equal(await greet(back, id), id);
    },
  );

  withServer("does not let a client take over the session of one that lives", async (server, clock) => {
    const living = connect(server);
    const id = await greet(living);
    const other = connect(server);
    other.push({ id: 1, method: "initialize", params: { clientName: "test", resumeSessionId: id } });
    await other.answer(1);
    living.pong();
    await clock.advance(3_000);
    assert.equal(living.ended, undefined);
  });

  for (const [what, message] of [
    ["a stray answer", { id: 1, result: {} }],
    ["a stray error", { id: 1, error: { code: 1, message: "" } }],
    ["an unknown notification", { method: "hello" }],
    ["a request without an id", { method: "process/terminate", params: { processId: "x" } }],
  ] as const) {
    withServer(`ends a link that sends ${what} (C2)`, async (server) => {
      const link = connect(server);
      await greet(link);
      link.push(message);
      assert.ok(link.ended !== undefined);
    });
  }

  const many = (message: object | string): readonly (object | string)[] =>
    Array.from({ length: 2_000 }, () => message);
  const PATH = Array.from({ length: 400 }, (_, at) => `/none/${at}`).join(":");
  for (const [what, messages] of [
    ["requests", many({ id: 1, method: "environment/status" })],
    ["texts that are no messages", many("{}")],
    [
      "requests about processes that do not exist",
      many({ id: 1, method: "process/read", params: { processId: "x" } }),
    ],
    ["methods that do not exist", many({ id: 1, method: "no/such" })],
    ["large requests", many(JSON.stringify({ id: 1, method: "x", params: "x".repeat(10_000) }))],
    [
      "searches for programs",
      Array.from({ length: 60 }, (_, at) => ({
        id: at,
        method: "process/start",
        params: { processId: `p${at}`, argv: ["none"], cwd: "file:///tmp", env: { PATH }, tty: false },
      })),
    ],
  ] as const) {
    withServer(`answers a client while it works off another one's ${what} (C5)`, async (server) => {
      const busy = connect(server);
      const other = connect(server);
      await greet(busy);
      await greet(other);
      busy.sent.length = 0;
      for (const message of messages) busy.push(message);
      other.push({ id: "mine", method: "environment/status" });
      await other.answer("mine");
      const before = busy.sent.length;
      assert.ok(before < messages.length, `${before} were answered before`);
      while (busy.sent.length < messages.length) await new Promise(setImmediate);
      assert.equal(busy.paused, false);
    });
  }

  withServer(
    "reads in their order texts that had to wait, also after the end of their link (C5)",
    async (server) => {
      const link = connect(server);
      await greet(link);
      link.sent.length = 0;
      for (let id = 0; id < 300; id++) link.push({ id, method: "environment/status" });
      assert.equal(link.paused, true);
      await link.answer(299);
      assert.deepEqual(
        link.sent.map(({ id }) => id),
        Array.from({ length: 300 }, (_, id) => id),
      );
      for (let at = 0; at < 300; at++) link.push("{}");
      link.push(start("last", "exec sleep 325"));
      link.drop("gone");
      assert.equal(server.connections, 1);
      while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(server.processes, 1);
    },
  );

  withServer("reads nothing after a text for which it ends the link (C2)", async (server) => {
    const link = connect(server);
    await greet(link);
    for (let at = 0; at < 300; at++) link.push("{}");
    link.push({ id: 1, result: {} });
    link.push(start("never", "true"));
    while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(server.processes, 0);
    assert.equal(link.ended, "an answer without a request");
  });

  withServer("answers a text that would be too costly to read with the id -1 (B1, C2)", async (server) => {
    const link = connect(server);
    await greet(link);
    for (const costly of [
      "[".repeat(8_000_000),
      `[${"{},".repeat(2_000_000)}0]`,
      `{"a":${'[0,{"a":'.repeat(500_000)}`,
    ]) {
      link.sent.length = 0;
      link.push(costly);
      await link.answer(-1);
      const [{ error } = {}] = link.sent;
      assert.match((error as { message: string }).message, /more than \d+ (?:deep in each other|values)$/);
    }
    link.push({ id: 2, method: "environment/status" });
    assert.deepEqual((await link.answer(2))["result"], { status: "ready" });
  });

  withServer("answers a text that is not a message with the id -1, and goes on (C2)", async (server) => {
    const link = connect(server);
    await greet(link);
    for (const bad of ["{", "[]", "42", '{"id":1.5,"method":"x"}', '{"id":1}']) {
      link.sent.length = 0;
      link.push(bad);
      assert.equal(((await link.answer(-1))["error"] as { code: number }).code, -32600, bad);
    }
    link.push({ id: 2, method: "environment/status" });
    assert.deepEqual((await link.answer(2))["result"], { status: "ready" });
  });

  withServer(
    "rejects methods that it does not implement, or that its owner has switched off",
    async (server) => {
      const link = connect(server);
      await greet(link);
      // Methods of the original that it does not advertise, so that Codex does not call them.
      for (const method of [
        "fs/watchMissing",
        "environmentConfig/read",
        "capabilities/discoverV2",
        "http/request",
      ]) {
        link.push({ id: method, method, params: {} });
        assert.equal(((await link.answer(method))["error"] as { code: number }).code, -32601, method);
      }
      assert.match(messageOf(await link.answer("http/request")), /is switched off on this executor/);
    },
    { http: false },
  );

  for (const field of ["sandbox", "managedNetwork", "networkProxy"]) {
    withServer(
      `rejects a process that is to run with ${field}, and does not run it without`,
      async (server) => {
        const link = connect(server);
        await greet(link);
        const { params, ...request } = start("one", "true") as { readonly params: object };
        link.push({ ...request, params: { ...params, [field]: {} } });
        assert.match(
          messageOf(await link.answer("one")),
          new RegExp(`^${field} is not supported by this executor`),
        );
        assert.equal(server.processes, 0);
      },
    );
  }

  withServer("answers each request when it is done, in whatever order (C1)", async (server) => {
    const link = connect(server);
    await greet(link);
    link.push(start("one", "read line"));
    link.push({ id: "slow", method: "process/read", params: { processId: "one", waitMs: 1_000 } });
    link.push({ id: "quick", method: "environment/status" });
    await link.answer("quick");
    assert.equal(
      link.sent.some(({ id }) => id === "slow"),
      false,
    );
    link.push({ id: "end", method: "process/terminate", params: { processId: "one" } });
    await link.answer("slow");
    for (const id of ["one", "slow", "quick", "end"]) {
      assert.equal(link.sent.filter((message) => message["id"] === id).length, 1, id);
    }
  });

  withServer("closes the files of a link when it ends; its session lives on (C3)", async (server) => {
    const link = connect(server);
    const session = await greet(link);
    link.push({ id: 1, method: "fs/open", params: { handleId: "h", path: "file:///etc/hostname" } });
    assert.deepEqual((await link.answer(1))["result"], { handleId: "h" });
    link.drop("gone");
    const next = connect(server);
    assert.equal(await greet(next, session), session);
    next.push({ id: 2, method: "fs/readBlock", params: { handleId: "h", offset: 0, len: 1 } });
    assert.match(messageOf(await next.answer(2)), /unknown file handle/);
  });

  const write = (id: string, writeId: string, text: string): object => {
    const chunk = Buffer.from(text).toString("base64");
    return { id, method: "process/write", params: { processId: "one", writeId, chunk } };
  };
  withServer(
    "carries out writes that arrive before the start is answered, and each write id once (S2, S3)",
    async (server) => {
      const link = connect(server);
      const session = await greet(link);
      link.push(start("one", "head -c 4; exec sleep 325"));
      link.push(write("w", "1", "ab"));
      assert.deepEqual((await link.answer("w"))["result"], { status: "accepted" });
      link.drop("gone");
      const next = connect(server);
      await greet(next, session);
      next.push(write("again", "1", "ab"));
      assert.deepEqual((await next.answer("again"))["result"], { status: "accepted" });
      next.push(write("w2", "2", "cd"));
      await next.answer("w2");
      let text = "";
      for (let id = 1; text.length < 4; id++) {
        next.push({ id, method: "process/read", params: { processId: "one", waitMs: 1_000 } });
        const { chunks } = (await next.answer(id))["result"] as { chunks: readonly { chunk: string }[] };
        text = chunks.map(({ chunk }) => Buffer.from(chunk, "base64").toString()).join("");
      }
      assert.equal(text, "abcd");
    },
  );

  withServer("delays only the writes of a process with a full stdin (S5)", async (server) => {
    const link = connect(server);
    await greet(link);
    link.push(start("one", "exec sleep 326"));
    const much = "x".repeat(5 * 1024 * 1024);
    for (const id of ["w1", "w2", "w3"]) link.push(write(id, id, much));
    link.push({ id: "status", method: "environment/status" });
    await link.answer("status");
    await link.answer("w2");
    assert.equal(
      link.sent.some(({ id }) => id === "w3"),
      false,
    );
    link.push({ id: "end", method: "process/terminate", params: { processId: "one" } });
    await link.answer("end");
  });

  withServer("does not read from a client that does not take answers, until it does (C4)", async (server) => {
    const link = connect(server);
    await greet(link);
    link.isFull = true;
    link.push({ id: 1, method: "environment/status" });
    await link.answer(1);
    assert.equal(link.paused, true);
    link.makeRoom();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(link.paused, false);
  });

  withServer(
    "rejects what is beyond its limits, and names the limit (V1, V2)",
    async (server) => {
      const link = connect(server);
      const id = await greet(link);
      link.push(start("one", "exec sleep 320"));
      await link.answer("one");
      link.push(start("two", "exec sleep 321"));
      assert.match(messageOf(await link.answer("two")), /runs 1 processes/);
      const other = connect(server);
      other.push({ id: 1, method: "initialize", params: { clientName: "test" } });
      assert.match(messageOf(await other.answer(1)), /has 1 sessions/);
      assert.match(server.fullBecause ?? "", /has 2 connections/);
      link.push({ id: 3, method: "process/read", params: { processId: "one", waitMs: 60_000 } });
      link.push({ id: 4, method: "process/read", params: { processId: "one", waitMs: 60_000 } });
      link.push({ id: 5, method: "fs/getMetadata", params: { path: "file:///tmp" } });
      assert.match(messageOf(await link.answer(5)), /more than 2 requests/);
      // What ends the wait must get through.
      link.push({ id: 6, method: "process/terminate", params: { processId: "one" } });
      assert.deepEqual((await link.answer(6))["result"], { running: true });
      assert.ok(id !== "");
    },
    { limits: { processesMax: 1, sessionsMax: 1, connectionsMax: 2, requestsMax: 2 } },
  );

  withServer(
    "ends a waiting session without processes rather than refuse a new one (V2)",
    async (server) => {
      const first = connect(server);
      const id = await greet(first);
      first.drop("gone");
      const second = connect(server);
      await greet(second);
      assert.equal(server.sessions, 1);
      const third = connect(server);
      third.push({ id: 1, method: "initialize", params: { clientName: "test", resumeSessionId: id } });
      assert.match(messageOf(await third.answer(1)), /unknown session id/);
    },
    { limits: { sessionsMax: 1 } },
  );

  withServer("ends a session that is not resumed, with its processes (N2)", async (server, clock) => {
    const link = connect(server);
    const id = await greet(link);
    link.push(start("one", "exec sleep 322"));
    await link.answer("one");
    link.drop("gone");
    await clock.advance(79_999);
    assert.deepEqual([server.sessions, server.processes], [1, 1]);
    await clock.advance(1);
    assert.equal(server.sessions, 0);
    // Its graces are the clock's too: end of stdin, SIGTERM.
    while (server.processes > 0) await clock.advance(500);
    const late = connect(server);
    late.push({ id: 1, method: "initialize", params: { clientName: "test", resumeSessionId: id } });
    assert.match(messageOf(await late.answer(1)), /unknown session id/);
  });

  withServer("forgets a closed process after its retention, and not before (S1)", async (server, clock) => {
    const link = connect(server);
    await greet(link);
    link.push(start("one", "exit 3"));
    await link.answer("one");
    link.push({ id: 2, method: "process/read", params: { processId: "one", afterSeq: 1, waitMs: 1_000 } });
    await link.answer(2);
    while (server.processes > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (let passed = 0; passed < 79_000; passed += 1_000) {
      await clock.advance(1_000);
      link.pong();
    }
    link.push({ ...start("one", "true"), id: 3 });
    assert.match(messageOf(await link.answer(3)), /already exists/);
    await clock.advance(1_000);
    link.push({ id: 4, method: "process/read", params: { processId: "one" } });
    assert.match(messageOf(await link.answer(4)), /unknown process id one/);
  });

  withServer("says of a start that failed what kept it, as Codex reads it", async (server) => {
    const link = connect(server);
    await greet(link);
    const folder = mkdtempSync(join(tmpdir(), "switchyard-start-"));
    try {
      for (const [name, mode] of [
        ["text", 0o755],
        ["closed", 0o644],
      ] as const)
        writeFileSync(join(folder, name), "no program", { mode });
      const cases: readonly (readonly [argv: string[], kind: string, cwd?: string])[] = [
        [["/nowhere/program"], "spawnNotFound"],
        [["no-such-program"], "spawnNotFound"],
        [["true"], "spawnNotFound", "/nowhere"],
        [[join(folder, "closed")], "spawnPermissionDenied"],
        [[folder], "spawnPermissionDenied"],
        [[join(folder, "text")], "spawnFailed"],
        [[join(folder, "text", "below")], "spawnFailed"],
        [["x".repeat(5_000)], "spawnFailed"],
        [[""], "spawnFailed"],
        [["a\0b"], "spawnFailed"],
      ];
      for (const [at, [argv, kind, cwd = "/tmp"]] of cases.entries()) {
        const params = { processId: `p${at}`, argv, cwd: `file://${cwd}`, env, tty: false };
        link.push({ id: at + 10, method: "process/start", params });
        const { error } = (await link.answer(at + 10)) as { error: { code: number; data: unknown } };
        assert.deepEqual([error.code, error.data], [-32603, { kind }], JSON.stringify(argv).slice(0, 80));
      }
      // Our own code stays beside it.
      const params = { processId: "t", argv: ["true"], arg0: "other", cwd: "file:///tmp", env, tty: true };
      link.push({ id: 9, method: "process/start", params });
      const { error } = (await link.answer(9)) as { error: { data: unknown } };
      assert.deepEqual(error.data, { kind: "spawnFailed", code: "unsupported" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("serves a client over pipes, and gives it up when they end", async () => {
    await using server = new ExecutorServer();
    const [input, output] = [new PassThrough(), new PassThrough()];
    const lines = createInterface({ input: output })[Symbol.asyncIterator]();
    const answer = async (): Promise<unknown> => JSON.parse((await lines.next()).value as string) as unknown;
    const served = serveStdio(server, input, output);
    input.write('{"id":1,"method":"initialize","params":{"clientName":"test"}}\n');
    assert.equal(((await answer()) as { id: number }).id, 1);
    input.write('{"method":"initialized"}\nnot JSON\n{"id":2,"method":"environment/status"}\n');
    assert.equal(((await answer()) as { id: number }).id, -1);
    assert.deepEqual(await answer(), { id: 2, result: { status: "ready" } });
    input.end();
    await served;
    assert.equal(server.connections, 0);
  });

  test("keeps the folders that its owner allows, whatever path a client removes (F3, Y5)", async () => {
    const top = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-allowed-")));
    for (const folder of ["one/between/two/deep", "one/gone", "other"])
      mkdirSync(join(top, folder), { recursive: true });
    symlinkSync("../..", join(top, "one/between/up"));
    symlinkSync(join(top, "one"), join(top, "one/self"));
    symlinkSync("one", join(top, "entrance"));
    symlinkSync("/usr", join(top, "one/out"));
    writeFileSync(join(top, "other/file"), "");
    try {
      // One is named by a link, and one is inside of another.
      const allowCwds = [join(top, "entrance"), join(top, "one/between/two"), join(top, "other")];
      await using server = new ExecutorServer({ policy: new StartPolicy({ allowCwds }) });
      const link = connect(server);
      await greet(link);
      const remove = async (path: string, more: object = {}): Promise<string> => {
        const id = `${path} ${JSON.stringify(more)}`;
        link.push({ id, method: "fs/remove", params: { path: `file://${top}/${path}`, ...more } });
        return messageOf(await link.answer(id));
      };
      const kept = /^path `.*` cannot be removed: it is a folder that this executor allows, or contains one$/;
      for (const path of [
        ...["one", "one/", "one/.", "one/between/..", "one/gone/../../other", "other", "o%74her"],
        ...["one/between", "one/between/two", "one/between/two/", "one/between/two/deep/../"],
        ...[
          "one/between/up/one",
          "one/self/between",
          "entrance/between/two",
          "one/self/self/between/up/other",
        ],
      ]) {
        for (const more of [{}, { recursive: false }, { force: false }])
          assert.match(await remove(path, more), kept, path);
        assert.notEqual(await remove(path, { followSymlinks: false }), "no error", path);
      }
      assert.match(await remove("entrance"), /outside of what this executor lets its clients write/);
      // What is in them is the client's, also a link that leads to one, or elsewhere.
      for (const path of ["one/out", "one/self", "one/between/two/deep", "one/gone", "other/file"])
        assert.equal(await remove(path), "no error", path);
      for (const folder of ["one/between/two", "other"]) assert.ok(existsSync(join(top, folder)), folder);
    } finally {
      rmSync(top, { recursive: true });
    }
  });

  test("writes to the audit log who connected, what was started, rejected and ended, and by whom", async () => {
    const lines: Record<string, unknown>[] = [];
    const audit = new AuditLog({
      write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
      now: () => new Date(0),
    });
    {
      await using server = new ExecutorServer({ audit });
      const link = connect(server);
      await greet(link);
      link.push(start("one", "exec sleep 323"));
      await link.answer("one");
      link.push({ id: 2, method: "process/terminate", params: { processId: "one" } });
      await link.answer(2);
      while (server.processes > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      link.push({
        ...start("two", "true"),
        params: { processId: "two", argv: ["no-such"], cwd: "file:///tmp", env, tty: false },
      });
      await link.answer("two");
      link.push(start("three", "exec sleep 324"));
      await link.answer("three");
    }
    assert.deepEqual(
      lines.map(({ event, processId, endedBy }) =>
        [event, processId, endedBy].filter((each) => each !== undefined).join(" "),
      ),
      [
        "connected",
        "process_started one",
        "process_ended one client",
        "process_refused two",
        "process_started three",
        "disconnected",
        "process_ended three executor",
      ],
    );
    const sessions = new Set(lines.flatMap(({ session }) => (session === undefined ? [] : [session])));
    assert.equal(sessions.size, 1);
  });
});

function messageOf(answer: Readonly<Record<string, unknown>>): string {
  return (answer["error"] as { readonly message: string } | undefined)?.message ?? "no error";
}
