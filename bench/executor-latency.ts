/**
 * Child of `executor.ts`: the round trip of one small line, `write` to echoed output, over each way there is.
 *
 *   node executor-latency.ts ROUNDS   prints {way: microseconds[]} as JSON
 *
 * The ways take turns in blocks, so that what else the machine does meets all of them.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { WebSocket } from "ws";
import type { ExecutorProcess } from "../src/executor/index.ts";
import { connectExecutor, startCodexExecServer, startOurExecutor } from "./executor-peers.ts";

type RoundTrip = () => Promise<void>;

const LINE = Buffer.from(`${"x".repeat(99)}\n`);
const BLOCK = 100;
/** Of the ways that take long. */
const SLOW_BLOCK = 3;
const APART = ", 0.1 s apart";
const APART_MS = 100;
/** Until everything that runs often is compiled, on both sides. */
const WARM_UP = 6_000;

const rounds = Number(process.argv[2] ?? 10);
await using stack = new AsyncDisposableStack();
const ours = stack.use(await startOurExecutor());
const codex = stack.use(await startCodexExecServer());

const ways: Readonly<Record<string, RoundTrip>> = {
  "direct pipe": directPipe(),
  "our client, our server": await overExecutor(ours.url),
  "our client, codex exec-server": await overExecutor(codex.url),
  "plain client, our server": await overPlainClient(ours.url),
  "plain client, codex exec-server": await overPlainClient(codex.url),
  [`plain client, our server${APART}`]: await overPlainClient(ours.url),
  [`plain client, codex exec-server${APART}`]: await overPlainClient(codex.url),
};
/** These begin some time after the last acknowledgement was due. */
const isApart = (way: string): boolean => way.endsWith(APART);
const isSlow = (way: string): boolean => way === "plain client, codex exec-server" || isApart(way);

const times: Record<string, number[]> = {};
for (const [way, roundTrip] of Object.entries(ways)) {
  times[way] = [];
  for (let at = 0; at < (isSlow(way) ? SLOW_BLOCK : WARM_UP); at++) await roundTrip();
}
for (let round = 0; round < rounds; round++) {
  for (const [way, roundTrip] of Object.entries(ways)) {
    for (let at = 0; at < (isSlow(way) ? SLOW_BLOCK : BLOCK); at++) {
      if (isApart(way)) await setTimeout(APART_MS);
      const start = performance.now();
      await roundTrip();
      times[way]?.push((performance.now() - start) * 1000);
    }
  }
}
process.stdout.write(JSON.stringify(times));

function directPipe(): RoundTrip {
  const child = spawn("cat", { stdio: ["pipe", "pipe", "inherit"] });
  stack.defer(() => void child.kill());
  return async () => {
    child.stdin.write(LINE);
    let bytes = 0;
    while (bytes < LINE.length) bytes += ((await once(child.stdout, "data")) as [Buffer])[0].length;
  };
}

async function overExecutor(url: string): Promise<RoundTrip> {
  const executor = stack.use(connectExecutor(url));
  const cat = await executor.start({
    argv: ["cat"],
    cwd: "/tmp",
    env: { PATH: process.env["PATH"] ?? "" },
    pipeStdin: true,
  });
  return echo(cat);
}

function echo(cat: ExecutorProcess): RoundTrip {
  const events = cat.events();
  return async () => {
    const written = cat.write(LINE);
    let bytes = 0;
    while (bytes < LINE.length) {
      const { value } = await events.next();
      if (value?.type === "output") bytes += value.chunk.length;
    }
    await written;
  };
}

/** What anybody writes who has read the protocol, and not its faults. */
async function overPlainClient(url: string): Promise<RoundTrip> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, "open");
  stack.defer(() => socket.terminate());
  const answers = new Map<number, () => void>();
  let onOutput: () => void = () => {};
  socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { readonly id?: number; readonly method?: string };
    if (message.id !== undefined) answers.get(message.id)?.();
    else if (message.method === "process/output") onOutput();
  });
  let id = 0;
  const ask = (method: string, params: unknown): Promise<void> =>
    new Promise((resolve) => {
      answers.set(++id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
  await ask("initialize", { clientName: "plain" });
  socket.send(JSON.stringify({ method: "initialized", params: {} }));
  const env = { PATH: process.env["PATH"] ?? "" };
  const start = { processId: "cat", argv: ["cat"], cwd: "file:///tmp", env, tty: false, pipeStdin: true };
  await ask("process/start", start);
  const chunk = LINE.toString("base64");
  return async () => {
    const output = new Promise<void>((resolve) => {
      onOutput = resolve;
    });
    await Promise.all([output, ask("process/write", { processId: "cat", chunk, writeId: String(id) })]);
  };
}
