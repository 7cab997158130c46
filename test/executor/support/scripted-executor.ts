/** A small executor with answers from a test: real sockets, real frames, and no processes. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type RawData, type WebSocket, WebSocketServer } from "ws";

export interface ScriptedRequest {
  readonly id: number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** One connection of a client. */
export interface ScriptedConnection {
  /** From 1, in the order they came. */
  readonly number: number;
  readonly socket: WebSocket;
  answer(request: ScriptedRequest, result: unknown): void;
  refuse(request: ScriptedRequest, code: number, message: string): void;
  notify(method: string, params: object): void;
}

export type Script = (request: ScriptedRequest, connection: ScriptedConnection) => void;

export interface ScriptedExecutor extends AsyncDisposable {
  readonly url: string;
  /** Everything that was asked, over all connections. */
  readonly requests: readonly ScriptedRequest[];
  readonly connections: readonly ScriptedConnection[];
}

export async function startScriptedExecutor(script: Script): Promise<ScriptedExecutor> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await once(server, "listening");
  const requests: ScriptedRequest[] = [];
  const connections: ScriptedConnection[] = [];
  server.on("connection", (socket) => {
    const send = (message: object): void => socket.send(JSON.stringify(message));
    const connection: ScriptedConnection = {
      number: connections.length + 1,
      socket,
      answer: ({ id }, result) => send({ id, result }),
      refuse: ({ id }, code, message) => send({ id, error: { code, message } }),
      notify: (method, params) => send({ method, params }),
    };
    connections.push(connection);
    socket.on("error", () => {});
    socket.on("message", (data: RawData) => {
      const request = JSON.parse((data as Buffer).toString("utf8")) as ScriptedRequest;
      if (request.id === undefined) return;
      requests.push(request);
      script(request, connection);
    });
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    connections,
    [Symbol.asyncDispose]: async () => {
      for (const { socket } of connections) socket.terminate();
      server.close();
      await once(server, "close");
    },
  };
}

/** Shakes hands in the name of a session. @returns whether it was about that */
export function greet(request: ScriptedRequest, connection: ScriptedConnection, sessionId: string): boolean {
  if (request.method !== "initialize") return false;
  connection.answer(request, { sessionId, environmentInfo: { shell: { name: "sh", path: "/bin/sh" } } });
  return true;
}

/** Answers as if a process ran in silence until it is terminated. */
export function endWhenAsked(request: ScriptedRequest, connection: ScriptedConnection): void {
  const { processId } = request.params;
  if (request.method !== "process/terminate") return connection.answer(request, { chunks: [], nextSeq: 1 });
  connection.answer(request, { running: true });
  connection.notify("process/exited", { processId, seq: 1, exitCode: 143 });
  connection.notify("process/closed", { processId, seq: 2 });
}
