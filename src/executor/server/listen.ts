/**
 * The ways in for clients: a WebSocket listener, or a pair of pipes.
 *
 * Invariants
 *   T1. A client that may not connect is rejected at the upgrade, before a frame of it is read.
 *   T2. A connection that does not upgrade, or too slowly, does not keep its socket.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex, Readable, Writable } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { ExecutorError } from "../errors.ts";
import { StdioLink } from "../wire/stdio-link.ts";
import { WebSocketLink } from "../wire/websocket-link.ts";
import { type Authenticator, openAuthenticator } from "./access/auth.ts";
import type { ExecutorServer } from "./executor-server.ts";
import { checkExposure, checkRequest, type ListenAddress } from "./listen-address.ts";

export interface ListenOptions {
  /** Serves the links that come in. */
  readonly server: ExecutorServer;
  /** Where to listen. */
  readonly address: ListenAddress & { readonly kind: "websocket" };
  /** Decides who may connect. */
  readonly authenticator: Authenticator;
}

export interface Listener extends AsyncDisposable {
  /** `ws://127.0.0.1:40123`: with the port that the system chose for 0. */
  readonly url: string;
}

/**
 * @throws {ExecutorError} `invalid_request` when the address cannot be listened on, `refused` when anybody on the
 *   network could connect
 */
export async function listen({ server, address, authenticator }: ListenOptions): Promise<Listener> {
  const { handshakeMs, messageBytesMax } = server.limits;
  const authenticated = authenticator !== openAuthenticator;
  checkExposure(address, { authenticated });
  const open = new Set<Duplex>();
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: messageBytesMax,
  });
  const http = createServer(
    {
      headersTimeout: handshakeMs,
      requestTimeout: handshakeMs,
      keepAliveTimeout: 1,
      connectionsCheckingInterval: Math.min(handshakeMs, 1_000),
    },
    (request, response) => {
      // Without an upgrade even the path of the WebSocket is a bad request; everything else is answered alike.
      const { status } = checkRequest(request, address, { isUpgrade: false, authenticated });
      response.writeHead(status, { Connection: "close" }).end();
    },
  );
  // Only headers are read before the upgrade.
  http.maxRequestsPerSocket = 1;
  // Including those that are not clients yet; Node closes more of them at once.
  http.maxConnections = 2 * server.limits.connectionsMax;
  // Including those that became WebSockets: Node's server does not close those.
  http.on("connection", (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // A rejected client may be gone before it gets the answer.
    socket.on("error", () => {});
    void upgrade(request, socket, head);
  });

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { remoteAddress = "unknown", remotePort = 0 } = request.socket;
    const peer = hostAndPort(remoteAddress, remotePort);
    const refusal = await admit(request);
    if (refusal !== undefined) {
      server.noteRefusal(peer, `${refusal.status} ${refusal.reason ?? refusal.body}`.trim());
      return refuse(socket, refusal);
    }
    sockets.handleUpgrade(request, socket, head, (opened: WebSocket) => {
      server.serve(
        (events) => new WebSocketLink({ socket: opened, stream: socket, role: "server", peer }, events),
      );
    });
  }

  async function admit(request: IncomingMessage): Promise<Refusal | undefined> {
    const { status, body, reason } = checkRequest(request, address, { isUpgrade: true, authenticated });
    if (status !== 101) return { status, body, ...(reason === undefined ? {} : { reason }) };
    try {
      const verdict = await authenticator.check(request.headers.authorization);
      if (!verdict.ok) return { status: 401, body: verdict.reason };
    } catch {
      // Without a verdict nobody is let in.
      return { status: 401, body: "cannot check the authorization" };
    }
    const { fullBecause } = server;
    return fullBecause === undefined ? undefined : { status: 503, body: fullBecause };
  }

  await new Promise<void>((resolve, reject) => {
    http.once("error", (error) => {
      const where = hostAndPort(address.host, address.port);
      const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      const why = isTaken
        ? "another process listens there; take another port, or 0 for a free one"
        : error.message;
      const message = `Cannot listen on ${where}: ${why}`;
      reject(new ExecutorError("invalid_request", message, { cause: error }));
    });
    http.listen({ host: address.host, port: address.port }, resolve);
  });
  const { port } = http.address() as AddressInfo;
  return {
    url: `ws://${hostAndPort(address.host, port)}`,
    [Symbol.asyncDispose]: () => close(http, open),
  };
}

/** Serves one client over pipes. Resolves when it has left, with the reason. */
export async function serveStdio(server: ExecutorServer, input: Readable, output: Writable): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  server.serve(
    (events) =>
      new StdioLink(
        { input, output, messageBytesMax: server.limits.messageBytesMax },
        {
          ...events,
          onEnd: (reason) => {
            events.onEnd(reason);
            resolve(reason);
          },
        },
      ),
  );
  return await promise;
}

interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly reason?: string;
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  503: "Service Unavailable",
};

function refuse(socket: Duplex, { status, body }: Refusal): void {
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? "Refused"}`,
    "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  // Both directions: a rejected client could keep the other one, and its place, forever.
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function hostAndPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function close(http: Server, open: ReadonlySet<Duplex>): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    http.close(() => resolve());
  });
  for (const socket of open) socket.destroy();
  await closed;
}
