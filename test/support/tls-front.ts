/** TLS in front of a server of this machine, with the certificate that `test/fixtures/tls/authority.pem` signs. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";

const folder = join(import.meta.dirname, "..", "fixtures", "tls");

export const AUTHORITY: string = join(folder, "authority.pem");

export interface TlsFront extends AsyncDisposable {
  /** The URL of what is behind it, over TLS. */
  readonly url: string;
  /** Connections that were made, and their handshakes completed. */
  readonly connections: number;
}

/** @param behind a URL on 127.0.0.1 */
export async function tlsFront(behind: string): Promise<TlsFront> {
  const { port } = new URL(behind);
  const sockets = new Set<Socket>();
  let connections = 0;
  const options = {
    key: readFileSync(join(folder, "server.key")),
    cert: readFileSync(join(folder, "valid.pem")),
  };
  const server = createServer(options, (client) => {
    connections++;
    const inner = connect(Number(port), "127.0.0.1");
    for (const [socket, other] of [
      [client, inner],
      [inner, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(behind);
  url.protocol = "https:";
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    get connections() {
      return connections;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
