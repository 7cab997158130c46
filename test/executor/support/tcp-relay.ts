/** A relay on loopback whose connections a test can cut, and that can keep others out. */
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";

export interface TcpRelay extends AsyncDisposable {
  /** Of the relay, for clients. */
  readonly url: string;
  /** Connections that were made so far. */
  readonly accepted: number;
  /** Cuts all open connections, without a closing frame. @returns their number */
  cut(): number;
  /** Cuts them, and every later one as soon as it is made, until it is up again. */
  down(): void;
  up(): void;
}

/** @param target `ws://127.0.0.1:PORT` */
export async function startTcpRelay(target: string): Promise<TcpRelay> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  let accepted = 0;
  let isDown = false;
  const server = createServer((client) => {
    accepted++;
    if (isDown) return void client.on("error", () => {}).resetAndDestroy();
    const upstream = connect(Number(port), hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.once("close", () => {
        pairs.delete(pair);
        for (const each of pair) each.destroy();
      });
    }
    client.pipe(upstream);
    upstream.pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): number => {
    const open = [...pairs];
    for (const pair of open) for (const socket of pair) socket.resetAndDestroy();
    return open.length;
  };
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get accepted() {
      return accepted;
    },
    cut,
    down: () => {
      isDown = true;
      cut();
    },
    up: () => {
      isDown = false;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      cut();
      await once(server, "close");
    },
  };
}
