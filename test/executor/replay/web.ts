/**
 * The web server of conversations: the routes that situations ask for. Of a route that it does not know, it says what
 * was recorded of it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { membersOf, type Row, textOf } from "./rows.ts";

export interface Web extends AsyncDisposable {
  readonly port: number;
}

interface RecordedAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** Otherwise the server was still at it when the recorder left. */
  readonly isWhole: boolean;
}

export async function serveWeb(rows: readonly Row[]): Promise<Web> {
  const recorded = answersOf(rows);
  const web = createServer((request, response) => void answer(request, response, recorded));
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

/** What was answered to `http/request`, by path, in order. */
function answersOf(rows: readonly Row[]): ReadonlyMap<string, RecordedAnswer[]> {
  const bodies = streamedBodiesOf(rows);
  const asked = new Map<string, Readonly<Record<string, unknown>>>();
  const answers = new Map<string, RecordedAnswer[]>();
  for (const { conn, dir, msg } of rows) {
    const { id, method, params, result } = membersOf(msg);
    const key = `${conn} ${String(id)}`;
    if (dir === "client->server" && method === "http/request") asked.set(key, membersOf(params));
    const request = dir === "server->client" ? asked.get(key) : undefined;
    const { status, headers, bodyBase64 } = membersOf(result);
    if (request === undefined || typeof status !== "number") continue;
    const { pathname } = new URL(textOf(request["url"]));
    const body =
      request["streamResponse"] === true
        ? bodies.get(`${conn} ${String(request["requestId"])}`)
        : { body: Buffer.from(textOf(bodyBase64), "base64"), isWhole: true };
    const answer = {
      status,
      headers: pairsOf(headers),
      ...(body ?? { body: Buffer.alloc(0), isWhole: false }),
    };
    answers.set(pathname, [...(answers.get(pathname) ?? []), answer]);
  }
  return answers;
}

function streamedBodiesOf(
  rows: readonly Row[],
): ReadonlyMap<string, Pick<RecordedAnswer, "body" | "isWhole">> {
  const bodies = new Map<string, Pick<RecordedAnswer, "body" | "isWhole">>();
  for (const { conn, msg } of rows) {
    const { method, params } = membersOf(msg);
    const { requestId, deltaBase64, done } = membersOf(params);
    if (method !== "http/request/bodyDelta") continue;
    const key = `${conn} ${String(requestId)}`;
    const before = bodies.get(key)?.body ?? Buffer.alloc(0);
    const body = Buffer.concat([before, Buffer.from(textOf(deltaBase64), "base64")]);
    bodies.set(key, { body, isWhole: done === true });
  }
  return bodies;
}

function pairsOf(headers: unknown): readonly (readonly [string, string])[] {
  const list = Array.isArray(headers) ? headers.map(membersOf) : [];
  const ofTheConnection = new Set(["date", "connection", "keep-alive", "transfer-encoding"]);
  return list
    .map(({ name, value }) => [textOf(name), textOf(value)] as const)
    .filter(([name]) => !ofTheConnection.has(name));
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  recorded: ReadonlyMap<string, RecordedAnswer[]>,
): Promise<void> {
  // Whoever asked may be gone by then.
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
    default: {
      const known = recorded.get(url) ?? [];
      // The last one again, when there are no more.
      const next = known.length > 1 ? known.shift() : known[0];
      const { status, headers, body, isWhole } = next ?? {
        status: 404,
        headers: [],
        body: "",
        isWhole: true,
      };
      response.writeHead(status, headers.flat());
      response.flushHeaders();
      if (isWhole) response.end(body);
      else response.write(body);
    }
  }
}

/** Time for what was written to arrive on its own. */
function pause(ms: number = 40): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
