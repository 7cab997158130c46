/**
 * A client of MCP endpoints that costs next to nothing: requests written beforehand, on sockets of its own, and answers that are
 * only counted. So what is measured is the server.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The message with this id: what is under way at once has an id of its own. */
  readonly body: (id: number) => string;
}

export interface Load {
  /** Calls a second. */
  readonly rate: number;
  /** Of one call, in microseconds. */
  readonly medianUs: number;
}

/** Makes `count` requests, `atOnce` of them at the same time, on connections that are kept. @throws when an answer is an error */
export async function load(target: Target, count: number, atOnce: number): Promise<Load> {
  const url = new URL(target.url);
  const sockets = await Promise.all(Array.from({ length: atOnce }, () => open(url)));
  const took: number[] = [];
  const start = performance.now();
  let left = count;
  await Promise.all(
    sockets.map(async (socket, at) => {
      const request = requestOf(url, target, at + 1);
      while (left-- > 0) {
        const askedAt = performance.now();
        await ask(socket, request);
        took.push(performance.now() - askedAt);
      }
      socket.destroy();
    }),
  );
  const rate = count / ((performance.now() - start) / 1000);
  const sorted = took.toSorted((a, b) => a - b);
  return { rate, medianUs: (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN) * 1000 };
}

function requestOf(url: URL, { headers, body }: Target, id: number): Buffer {
  const text = body(id);
  const all = { host: url.host, "content-length": String(Buffer.byteLength(text)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${url.pathname} HTTP/1.1\r\n${lines.join("")}\r\n${text}`);
}

async function open({ hostname, port }: URL): Promise<Socket> {
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  return socket.setNoDelay(true);
}

/** One answer: of a known length, or in chunks. */
function ask(socket: Socket, request: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let got = "";
  const take = (chunk: Buffer): void => {
    got += chunk.toString("latin1");
    const head = got.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = /content-length: (\d+)/i.exec(got.slice(0, head))?.[1];
    const isWhole =
      length === undefined ? got.endsWith("0\r\n\r\n") : got.length >= head + 4 + Number(length);
    if (!isWhole) return;
    socket.off("data", take);
    if (got.startsWith("HTTP/1.1 200 ") && got.includes('"result"')) resolve();
    else reject(new Error(`Not an answer: ${got}`));
  };
  socket.on("data", take);
  socket.write(request);
  return promise;
}
