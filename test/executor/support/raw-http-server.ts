/** An HTTP server that writes bytes, not messages: it answers with the request, and misbehaves on demand. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";

export interface RawHttpServer extends AsyncDisposable {
  readonly origin: string;
  /** The same server under another name, which is another origin. */
  readonly otherOrigin: string;
  /** Connections there were. */
  readonly connections: number;
  /** Connections there are. */
  readonly open: number;
}

export async function startRawHttpServer(): Promise<RawHttpServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let received = "";
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (!isComplete(received)) return;
      const request = received;
      received = "";
      answer(socket, request);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    otherOrigin: `http://localhost:${port}`,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const gzip = gzipSync("hello gzip");
const zstd = zstdCompressSync("hello zstd");
/** Of `/encoded`. */
const BODIES: Readonly<Record<string, Buffer>> = {
  gzip,
  zstd,
  br: brotliCompressSync("hello br"),
  deflate: deflateSync("hello deflate"),
  plain: Buffer.from("hello plain"),
  gzipCut: gzip.subarray(0, -3),
  zstdCut: zstd.subarray(0, -3),
  gzipWrong: Buffer.concat([gzip.subarray(0, -8), Buffer.alloc(8)]),
  zstdMore: Buffer.concat([zstd, Buffer.from("more")]),
  gzipLarge: gzipSync("x".repeat(300_000)),
  zstdLarge: zstdCompressSync("x".repeat(300_000)),
};

function isComplete(request: string): boolean {
  const end = request.indexOf("\r\n\r\n");
  if (end === -1) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(request.slice(0, end + 2))?.[1] ?? "0";
  return request.length >= end + 4 + Number(length);
}

function answer(socket: Socket, request: string): void {
  const write = (text: string): void => void socket.write(text, "latin1");
  const [method = "", target = "/"] = request.split(" ", 2);
  const url = new URL(target, "http://any");
  const ok = (head: string, body = ""): void =>
    write(`HTTP/1.1 200 OK\r\n${head}content-length: ${body.length}\r\n\r\n${method === "HEAD" ? "" : body}`);
  const count = Number(url.searchParams.get("n") ?? 0);
  switch (url.pathname) {
    case "/echo":
      return ok("", request);
    case "/redirect": {
      const { searchParams } = url;
      const location = searchParams.get("to") ?? "";
      return write(
        `HTTP/1.1 ${searchParams.get("status")} R\r\nlocation: ${location}\r\ncontent-length: 3\r\n\r\nred`,
      );
    }
    case "/down":
      if (count === 0) return ok("", "done");
      return write(`HTTP/1.1 302 R\r\nlocation: /down?n=${count - 1}\r\ncontent-length: 0\r\n\r\n`);
    case "/headers":
      return write(
        "HTTP/1.1 299 Of My Own\r\nX-A: 1\r\nSet-Cookie: a=1\r\nx-b: 2\r\nset-cookie: b=2\r\nx-latin: \xe9\r\n" +
          "x-empty:\r\nx-a: 3\r\nx-spaces:   s p  \r\ncontent-length: 0\r\n\r\n",
      );
    case "/encoded": {
      // The header as asked for, once for each `as`, before a body that need not be what it says.
      const names = url.searchParams.getAll("as").map((name) => `Content-Encoding: ${name}\r\n`);
      const body = BODIES[url.searchParams.get("body") ?? ""] ?? Buffer.alloc(0);
      return ok(`x: y\r\n${names.join("")}`, body.toString("latin1"));
    }
    case "/204":
      return write("HTTP/1.1 204 No Content\r\nx: y\r\n\r\n");
    case "/304":
      return write("HTTP/1.1 304 Not Modified\r\netag: y\r\n\r\n");
    case "/length":
      return ok("X-Mixed: A\r\nx-mixed: b\r\n", "hello");
    case "/hints":
      return write(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
      );
    case "/trailers":
      return write(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n",
      );
    case "/upgrade":
      return write("HTTP/1.1 101 Switching Protocols\r\nupgrade: foo\r\nconnection: upgrade\r\n\r\nxx");
    case "/close":
      write("HTTP/1.1 200 OK\r\n\r\nuntil the end");
      return void socket.end();
    case "/cut":
      write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart");
      return void setImmediate(() => socket.end());
    case "/cut-chunk":
      write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n");
      return void setImmediate(() => socket.end());
    case "/bad-chunk":
      return write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n");
    case "/stall":
      return write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart");
    case "/never":
      return;
    case "/garbage":
      return write("garbage\r\n\r\n");
    case "/reset":
      return void socket.resetAndDestroy();
    case "/nothing":
      return void socket.end();
    case "/large":
      return ok("", "x".repeat(count));
    default:
      return write("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
  }
}
