/**
 * Clients that send anything, next to one that behaves: the executor stays up, ends what they started, and does not make
 * the other one wait.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { WebSocket } from "ws";
import { RemoteExecutor, websocketOpener } from "../../src/executor/index.ts";
import { descendants, processesWithEnv } from "../../src/testing/index.ts";
import { runs, seed } from "../support/sample.ts";
import { startExecutorProcess } from "./support/executor-process.ts";
import { MIB, peakBytes } from "./support/memory.ts";
import { Neighbour } from "./support/neighbour.ts";
import { type Frame, frame, type Place } from "./support/random-frames.ts";
import { type Answer, RawClient } from "./support/raw-client.ts";
import { startServer } from "./support/subjects.ts";
import { until } from "./support/until.ts";

const timeout = 120_000;
const TAG = "SWITCHYARD_TEST_TAG";
/** A request that something holds up waits for 30 s. */
const LONGEST_MS = 10_000;
const PATH = process.env["PATH"] ?? "";

/** How many random cases fast-check tries, and from which seed. */
function runOf(usually: number, whenExhaustive: number): { readonly seed: number; readonly numRuns: number } {
  return { seed, numRuns: runs(usually, whenExhaustive) };
}

/** A folder to work in, and the tag of the processes that are started there. */
function somewhere(): Place & Disposable & { readonly tag: string } {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-fuzz-"));
  const tag = randomUUID();
  return {
    folder,
    tag,
    env: { PATH, [TAG]: tag },
    nowhere: "http://127.0.0.1:1/",
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

function sendFrame(socket: WebSocket, { ...frame }: Frame): void {
  switch (frame.kind) {
    case "text":
    case "binary":
      return socket.send(frame.bytes, { binary: frame.kind === "binary" });
    case "fragments":
      return frame.parts.forEach((part, at) =>
        socket.send(part, { binary: false, fin: at === frame.parts.length - 1 }),
      );
    case "ping":
      return socket.ping(frame.bytes);
    case "pong":
      return socket.pong(frame.bytes);
  }
}

/** Sends all frames, waits until the executor has read them or ended the connection, and vanishes. */
async function babble(url: string, frames: readonly Frame[], greeted: boolean): Promise<void> {
  const client = await (greeted ? RawClient.greeted(url) : RawClient.open(url));
  for (const each of frames) if (client.isOpen) sendFrame(client.socket, each);
  try {
    // There is an answer, whatever it is: nothing before it holds it up.
    await client.answer("environment/status", {});
  } catch (error) {
    assert.match(String(error), /the connection was closed/);
  }
  client.vanish();
  const ids = client.received.flatMap(({ id }) => (typeof id === "string" && id.length === 36 ? [id] : []));
  assert.equal(new Set(ids).size, ids.length, "no request is answered twice");
}

function conversation(place: Place): fc.Arbitrary<readonly [frames: readonly Frame[], greeted: boolean]> {
  return fc.tuple(
    fc.array(frame(place), { minLength: 10, maxLength: 60, size: "max" }),
    fc.nat(9).map((chance) => chance > 0),
  );
}

suite("Frames at random", () => {
  test("do not end the executor, leave a process, or stop another client", { timeout }, async () => {
    using place = somewhere();
    await using server = await startExecutorProcess([
      ...["--retention-seconds", "1", "--allow-cwd", place.folder, "--no-audit", "--max-processes", "200"],
    ]);
    const pid = server.child.pid as number;
    {
      await using neighbour = await Neighbour.start(server.url, place.folder);
      await fc.assert(
        fc.asyncProperty(conversation(place), async ([frames, greeted]) => {
          await Promise.all([babble(server.url, frames, greeted), neighbour.talk()]);
          await neighbour.talk();
        }),
        { ...runOf(12, 100), endOnFailure: true },
      );
      assert.ok(neighbour.longestMs < LONGEST_MS, `the neighbour waited ${neighbour.longestMs} ms`);
    }
    await until("nothing is left", () => processesWithEnv(TAG, place.tag).length === 0);
    // The reaper stays, with the executor.
    await until("it has no other children", () => descendants(pid).length <= 1);
    assert.deepEqual([server.child.exitCode, server.child.signalCode], [null, null]);
    await using after = await Neighbour.start(server.url, place.folder);
    await after.talk();
  });

  test("leave no link, no session and no process behind (V3)", { timeout }, async () => {
    using place = somewhere();
    await using subject = await startServer({ retentionMs: 50, graces: { stdinMs: 20, termMs: 20 } });
    const { server } = subject;
    await fc.assert(
      fc.asyncProperty(conversation(place), ([frames, greeted]) => babble(subject.url, frames, greeted)),
      { ...runOf(6, 40), endOnFailure: true },
    );
    await until("the books are empty", () => server.connections + server.sessions + server.processes === 0);
    await until("nothing is left", () => processesWithEnv(TAG, place.tag).length === 0);
  });
});

/** A plain connection, with the text it received. */
async function dial(url: string): Promise<{ readonly socket: Socket; readonly text: () => string }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.on("data", (chunk) => (text += String(chunk)));
  socket.on("error", () => {});
  await once(socket, "connect");
  return { socket, text: () => text };
}

/** A request for a WebSocket, with the Host it is sent to. */
function upgrade(url: string): string {
  const lines = [
    "GET / HTTP/1.1",
    `Host: ${new URL(url).host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

suite("A listener", () => {
  const openings: Readonly<Record<string, (url: string) => string>> = {
    "says nothing": () => "",
    "sends half of its headers": (url) => upgrade(url).slice(0, 60),
    "sends a header without end": () => `GET / HTTP/1.1\r\nX: ${"x".repeat(100_000)}`,
    "speaks another protocol": () =>
      "\u0016\u0003\u0001\u0000\u00a5\u0001\u0000\u0000\u00a1\u0003\u0003".repeat(50),
    "promises a body that does not come": () =>
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx",
    "upgrades and says nothing": upgrade,
    "upgrades and begins a frame": (url) => `${upgrade(url)}\u0081`,
  };
  for (const [what, opening] of Object.entries(openings)) {
    test(`closes the connection of a client that ${what} (T2)`, { timeout }, async () => {
      await using subject = await startServer({
        limits: { handshakeMs: what.startsWith("upgrades") ? 2_000 : 300 },
      });
      const { socket, text } = await dial(subject.url);
      socket.write(opening(subject.url), "latin1");
      await until("it is closed", () => socket.closed);
      await until("it is off the books", () => subject.server.connections === 0);
      if (what.startsWith("upgrades")) assert.match(text(), /^HTTP\/1.1 101 /);
    });
  }

  test("survives random bytes from many clients", { timeout }, async () => {
    await using subject = await startServer({ limits: { handshakeMs: 5_000 } });
    await using neighbour = await Neighbour.start(subject.url);
    const bytes = fc.uint8Array({ maxLength: 4_000, size: "max" });
    const whole = upgrade(subject.url);
    const opening = fc.oneof(
      fc.constant(""),
      fc.constant(whole),
      fc.nat(200).map((length) => whole.slice(0, length)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(opening, bytes), { minLength: 1, maxLength: 10 }), async (sent) => {
        const dialed = await Promise.all(sent.map(() => dial(subject.url)));
        for (const [at, [head, tail]] of sent.entries()) {
          dialed[at]?.socket.write(head);
          dialed[at]?.socket.write(tail);
        }
        await neighbour.talk();
        for (const { socket } of dialed) socket.destroy();
      }),
      { ...runOf(10, 30), endOnFailure: true },
    );
    await until("only the neighbour is left", () => subject.server.connections === 1);
    await neighbour.talk();
  });

  test("rejects links beyond its limit with 503, and accepts one again when one has ended", {
    timeout,
  }, async () => {
    await using subject = await startServer({ limits: { connectionsMax: 2 } });
    const [first] = await Promise.all([RawClient.greeted(subject.url), RawClient.greeted(subject.url)]);
    await using executor = new RemoteExecutor({ name: "box", opener: websocketOpener({ url: subject.url }) });
    await assert.rejects(executor.info(), {
      code: "executor_unreachable",
      message: /HTTP status 503 \(this executor has 2 connections, and takes no more\)/,
    });
    first?.vanish();
    await until("it has noticed", () => subject.server.connections === 1);
    await executor.info();
  });
});

suite("ExecutorServer", () => {
  test("retains output up to the limit for all processes together", { timeout }, async () => {
    await using subject = await startServer({ limits: { retainedBytesMax: 8 * MIB } });
    const client = await RawClient.greeted(subject.url);
    const ids = Array.from({ length: 24 }, (_, at) => `p${at}`);
    await Promise.all(
      ids.map((id) => client.start(id, "head -c 1000000 /dev/zero; echo done >&2; exec sleep 300")),
    );
    await Promise.all(ids.map((id) => client.waitFor((each) => isStderrOf(each, id))));
    const answers = await Promise.all(ids.map((processId) => client.ask("process/read", { processId })));
    const retained = answers
      .flatMap(({ chunks }) => chunks as readonly { readonly chunk: string }[])
      .reduce((sum, { chunk }) => sum + Buffer.byteLength(chunk, "base64"), 0);
    assert.ok(retained <= 8 * MIB && retained > 6 * MIB, `${retained} bytes`);
    client.vanish();
  });

  test("bounds the answers to a client that does not read, and delays nobody", {
    timeout,
  }, async () => {
    await using server = await startExecutorProcess(["--no-audit"]);
    await using neighbour = await Neighbour.start(server.url);
    const client = await RawClient.greeted(server.url);
    await client.start("loud", "head -c 1000000 /dev/zero; echo done >&2; exec sleep 300");
    await client.waitFor((each) => isStderrOf(each, "loud"));
    const pid = server.child.pid as number;
    const before = peakBytes(pid);
    client.socket.pause();
    // Each answer has more than a megabyte: 4 GB in all.
    for (let id = 0; id < 3_000; id++)
      client.send({ id, method: "process/read", params: { processId: "loud" } });
    for (let turn = 0; turn < 100; turn++) await neighbour.talk();
    assert.ok(peakBytes(pid) - before < 100 * MIB, `${peakBytes(pid) - before} bytes`);
    client.vanish();
  });
});

function isStderrOf({ params }: Answer, wanted: string): boolean {
  const { processId, stream } = (params ?? {}) as { readonly processId?: string; readonly stream?: string };
  return processId === wanted && stream === "stderr";
}
