/** The web server of scenarios. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Web extends AsyncDisposable {
  readonly port: number;
}

export async function serveWeb(): Promise<Web> {
  const web = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => {
    web.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (web.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      web.closeAllConnections();
      await new Promise<void>((resolve) => {
        web.close(() => resolve());
      });
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // The one who asked may be gone by then.
  response.on("error", () => {});
  const url = request.url ?? "/";
  switch (url) {
    case "/ok": {
      const { method, headers } = request;
      response.setHeader("content-type", "application/json");
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      // In two pieces, for it to have no length.
      response.write("");
      return void response.end(JSON.stringify({ method, url, headers, body: await text(request) }));
    }
    case "/stream":
      response.setHeader("content-type", "text/event-stream");
      response.setHeader("x-a", ["1", "2"]);
      for (const number of [0, 1, 2]) {
        response.write(`data: ${number}\n\n`);
        await pause();
      }
      return void response.end();
    case "/big":
      return void response.end(Buffer.alloc(700_000, "b"));
    case "/cut":
      response.setHeader("content-length", "100");
      response.write("part");
      await pause();
      return void request.socket.destroy();
    case "/hang":
      return void response.write("x");
    case "/slow":
      return;
    case "/to-ok":
      return void response.writeHead(302, { location: "/ok" }).end();
    case "/keep":
      return void response.writeHead(307, { location: "/ok" }).end();
    case "/loop":
      return void response.writeHead(302, { location: "/loop" }).end();
    case "/empty":
      return void response.writeHead(204).end();
    case "/fault":
      return void response.writeHead(500, { "content-type": "text/plain" }).end("fault");
    case "/":
      await pause(600);
      return void response.writeHead(200, { "content-length": "1" }).end("x");
    default:
      return void response.writeHead(404).end();
  }
}
function pause(ms: number = 40): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
