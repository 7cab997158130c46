/** Peers that are broken or mean, on either side: each of these was an accident once. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectTcp, type AddressInfo } from "node:net";
import { join } from "node:path";
import { suite, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import {
  ExecutorError,
  listen,
  openAuthenticator,
  bearerAuthenticator,
  ExecutorServer,
  parseListenAddress,
  type ProcessSpec,
  RemoteExecutor,
  websocketOpener,
} from "../../src/executor/index.ts";
import { processesWithEnv, waitUntilGone } from "../../src/testing/index.ts";
import { all, rejectsWith, textOf } from "./support/compliance.ts";
import { startExecutorProcess } from "./support/executor-process.ts";
import { connectTo, startServer } from "./support/subjects.ts";

const env = { PATH: process.env["PATH"] ?? "" };
const spec = (script: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
  argv: ["sh", "-c", script],
  cwd: "/tmp",
  env,
  ...more,
});
const timeout = 30_000;

/** An executor with given answers, by method. */
async function startOddExecutor(
  answers: Readonly<Record<string, unknown>>,
  onConnection: (socket: WebSocket) => void = () => {},
): Promise<{ readonly url: string; readonly connections: () => number } & AsyncDisposable> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  let connections = 0;
  server.on("connection", (socket) => {
    connections++;
    socket.on("message", (data: Buffer) => {
      const { id, method } = JSON.parse(data.toString()) as { readonly id?: number; readonly method: string };
      if (method === "initialized") onConnection(socket);
      if (id === undefined) return;
      const result = method === "initialize" ? { sessionId: "s" } : (answers[method] ?? {});
      socket.send(
        JSON.stringify(
          result instanceof Error ? { id, error: { code: -32603, message: result.message } } : { id, result },
        ),
      );
    });
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

suite("RemoteExecutor survives an executor that", () => {
  for (const [what, answers] of [
    ["answers reads with nothing", { "process/read": null }],
    [
      "answers reads with chunks of nothing",
      { "process/read": { chunks: [{ seq: 1, stream: "stdout", chunk: null }], nextSeq: 2 } },
    ],
    ["answers reads with an error", { "process/read": new Error("no") }],
  ] as const) {
    test(`${what}: a gap ends its process, and no more`, { timeout }, async () => {
      await using odd = await startOddExecutor(answers, (socket) => {
        socket.on("message", (data: Buffer) => {
          const { method, params } = JSON.parse(data.toString()) as {
            readonly method: string;
            readonly params: { processId: string };
          };
          // The second event, and never the first.
          const event = { processId: params.processId, seq: 2, stream: "stdout", chunk: "eA==" };
          if (method === "process/start")
            socket.send(JSON.stringify({ method: "process/output", params: event }));
        });
      });
      await using executor = connectTo(odd.url);
      const process_ = await executor.start(spec("true"));
      await assert.rejects(all(process_), (error) => error instanceof ExecutorError);
      assert.equal(executor.status, "connected");
    });
  }

  for (const [what, answer] of [
    ["an error", new Error("no")],
    ["nothing", null],
  ] as const) {
    test(`answers terminate with ${what}: disposal still ends`, { timeout }, async () => {
      await using odd = await startOddExecutor({ "process/terminate": answer });
      const executor = connectTo(odd.url);
      await executor.start(spec("true"));
      await executor[Symbol.asyncDispose]();
      await rejectsWith(executor.start(spec("true")), "disposed");
    });
  }

  test("answers writes with an unknown status: the write fails, and nothing more is written", {
    timeout,
  }, async () => {
    await using odd = await startOddExecutor({ "process/write": { status: "whatever" } });
    await using executor = connectTo(odd.url);
    const process_ = await executor.start(spec("cat", { pipeStdin: true }));
    await rejectsWith(process_.write(Buffer.from("a")), "protocol_error");
    await rejectsWith(process_.write(Buffer.from("b")), "protocol_error");
  });

  test("sends an event that is too large: its process is given up", { timeout }, async () => {
    const chunk = Buffer.alloc(2 * 1024 * 1024).toString("base64");
    await using odd = await startOddExecutor({}, (socket) => {
      socket.on("message", (data: Buffer) => {
        const { method, params } = JSON.parse(data.toString()) as {
          readonly method: string;
          readonly params: { processId: string };
        };
        const event = { processId: params.processId, seq: 1, stream: "stdout", chunk };
        if (method === "process/start")
          socket.send(JSON.stringify({ method: "process/output", params: event }));
      });
    });
    await using executor = connectTo(odd.url);
    await rejectsWith(all(await executor.start(spec("true"))), "protocol_error");
  });

  test("drops every link at once: it is retried with pauses, and given up in time (K2)", {
    timeout,
  }, async () => {
    const nothing = { chunks: [], nextSeq: 1, exited: false, exitCode: null, closed: false };
    await using odd = await startOddExecutor({ "process/read": nothing }, (socket) =>
      setTimeout(() => socket.terminate(), 5),
    );
    await using executor = connectTo(odd.url, { recoveryMs: 700 });
    const process_ = await executor.start(spec("true"));
    await rejectsWith(all(process_), "executor_lost");
    assert.ok(odd.connections() < 20, `${odd.connections()} connections`);
  });
});

suite("RemoteExecutor refuses at once", () => {
  for (const [what, url, bearerToken, message] of [
    ["a token over an open network", "ws://box.example.com", "a-token", /over wss:\/\/ only/],
    ["a text that is not a URL", "not a url", undefined, /not a URL/],
    ["another scheme", "http://127.0.0.1:1", undefined, /begin with ws:/],
  ] as const) {
    test(what, async () => {
      const opener = websocketOpener({ url, ...(bearerToken === undefined ? {} : { bearerToken }) });
      await using executor = new RemoteExecutor({ name: "box", opener });
      await assert.rejects(executor.info(), (error) => {
        assert.ok(error instanceof ExecutorError);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /a-token/);
        return true;
      });
    });
  }

  test("a start that no message can carry, and goes on", { timeout }, async () => {
    await using server = await startServer();
    await using executor = connectTo(server.url);
    const large = { argv: ["echo", "x".repeat(20_000_000)] } as const;
    await rejectsWith(executor.start(spec("true", large)), "invalid_request");
    assert.equal(textOf(await all(await executor.start(spec("echo here"))), "stdout"), "here\n");
  });
});

test("a message that its executor does not take is not sent forever", { timeout }, async () => {
  await using server = await startServer({ limits: { messageBytesMax: 100_000 } });
  await using executor = connectTo(server.url);
  const process_ = await executor.start(spec("cat", { pipeStdin: true }));
  await rejectsWith(process_.write(Buffer.alloc(400_000)), "outcome_unknown");
  assert.equal(textOf(await all(await executor.start(spec("echo here"))), "stdout"), "here\n");
});

suite("The executor's server", () => {
  test("rejects what exec would reject before any work, so that nobody waits", {
    timeout,
  }, async () => {
    await using server = await startServer();
    await using executor = connectTo(server.url);
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`V${at}`, "1"]));
    const policy = {
      inherit: "none",
      ignoreDefaultExcludes: true,
      exclude: [],
      set: {},
      includeOnly: [],
    } as const;
    for (const more of [
      { env: many },
      { env: { PATH: ":".repeat(4_000_000) } },
      { argv: ["echo", "x".repeat(200_000)] as const },
      { envPolicy: { ...policy, includeOnly: Object.keys(many) } },
    ]) {
      await assert.rejects(executor.start(spec("true", more)), /Argument list too long \(os error 7\)/);
    }
  });

  test("keeps no place for a rejected client", { timeout }, async () => {
    const server = new ExecutorServer({ limits: { connectionsMax: 1 } });
    const address = parseListenAddress("ws://127.0.0.1:0");
    assert.ok(address.kind === "websocket");
    const token = "the-right-token";
    await using listener = await listen({ server, address, authenticator: bearerAuthenticator({ token }) });
    const { port } = new URL(listener.url);
    const upgrade =
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    // They keep their half of the connection open.
    const refused = Array.from({ length: 4 }, () => connectTcp({ port: Number(port), allowHalfOpen: true }));
    await Promise.all(
      refused.map(async (socket) => {
        socket.write(upgrade);
        const [answer] = (await once(socket, "data")) as [Buffer];
        assert.match(answer.toString(), /^HTTP\/1\.1 401/);
      }),
    );
    const opener = websocketOpener({ url: listener.url, bearerToken: token });
    await using executor = new RemoteExecutor({ name: "box", opener });
    await executor.info();
    for (const socket of refused) socket.destroy();
    await server[Symbol.asyncDispose]();
  });

  test("does not listen on the network without a token, in the library either", async () => {
    await using server = new ExecutorServer();
    const address = parseListenAddress("ws://0.0.0.0:0");
    assert.ok(address.kind === "websocket");
    await rejectsWith(listen({ server, address, authenticator: openAuthenticator }), "refused");
  });

  test("kills at once a process that is being ended gently", { timeout }, async () => {
    await using server = await startServer();
    await using executor = connectTo(server.url);
    const process_ = await executor.start(
      spec('trap "" TERM; echo $$; while :; do sleep 0.05; done', { pipeStdin: true }),
    );
    const { value } = await process_.events().next();
    const pid = Number(value?.type === "output" ? Buffer.from(value.chunk).toString() : 0);
    const disposing = server.server[Symbol.asyncDispose]();
    server.server.killAll();
    assert.deepEqual(await waitUntilGone([pid]), []);
    await disposing;
  });
});

suite("switchyard executor", () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    test(`ends with ${signal} while clients are connected, and everything with it`, { timeout }, async () => {
      const mark = `signal-${signal}-${process.pid}`;
      await using executor = await startExecutorProcess();
      await using client = connectTo(executor.url, { recoveryMs: 1 });
      const idle = new WebSocket(executor.url);
      await once(idle, "open");
      await client.start(
        spec("trap '' TERM; setsid sleep 330 & sleep 331", { env: { ...env, SWITCHYARD_TEST_MARK: mark } }),
      );
      const exited = once(executor.child, "exit");
      executor.child.kill(signal);
      const [code] = (await exited) as [number];
      assert.equal(code, { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 }[signal]);
      assert.deepEqual(await waitUntilGone(processesWithEnv("SWITCHYARD_TEST_MARK", mark)), []);
      idle.terminate();
    });
  }

  test("notes a client that was not let in (T1), and goes on when its log is not read", {
    timeout,
  }, async () => {
    await using executor = await startExecutorProcess([], { SWITCHYARD_EXECUTOR_TOKEN: "the-right-token" });
    await using wrong = new RemoteExecutor({
      name: "box",
      opener: websocketOpener({ url: executor.url, bearerToken: "a-wrong-token" }),
    });
    await assert.rejects(wrong.info(), /401/);
    while (!executor.lines.some((line) => line.includes("connection_refused")))
      await once(executor.child.stderr ?? process, "data");
    const note = JSON.parse(executor.lines.find((line) => line.includes("connection_refused")) ?? "") as {
      readonly reason: string;
    };
    assert.match(note.reason, /401 invalid websocket bearer token/);
    assert.ok(!executor.lines.join().includes("a-wrong-token"));
    executor.child.stderr?.destroy();
    await using right = new RemoteExecutor({
      name: "box",
      opener: websocketOpener({ url: executor.url, bearerToken: "the-right-token" }),
    });
    for (let at = 0; at < 5; at++)
      assert.equal(textOf(await all(await right.start(spec("echo here"))), "stdout"), "here\n");
  });
});

test("no process survives a host that is killed as soon as it has started one (E3)", {
  timeout,
}, async () => {
  const mark = `early-${process.pid}`;
  const program =
    `import { LocalExecutor } from ${JSON.stringify(join(import.meta.dirname, "../../src/executor/index.ts"))};` +
    `const executor = new LocalExecutor(); const env = { PATH: process.env.PATH, SWITCHYARD_TEST_MARK: ${JSON.stringify(mark)} };` +
    `await executor.start({ argv: ["sleep", "340"], cwd: "/tmp", env }); process.kill(process.pid, "SIGKILL");`;
  for (let round = 0; round < 4; round++) {
    const host = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "ignore" });
    await once(host, "exit");
  }
  assert.deepEqual(await waitUntilGone(processesWithEnv("SWITCHYARD_TEST_MARK", mark)), []);
});
