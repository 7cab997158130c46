/**
 * Two sides for the same requests: the real `codex exec-server`, and our families of methods without a link.
 *
 * An answer is the result, or the error as it is on the wire.
 */
import { once } from "node:events";
import { pathToFileURL } from "node:url";
import { WebSocket } from "ws";
import type { EnvironmentPolicy } from "../../../src/executor/index.ts";
import type { MethodContext, MethodFamily } from "../../../src/executor/server/method.ts";
import { RpcError } from "../../../src/jsonrpc/index.ts";
import { listenExecServer, type RealExecServer } from "./real-exec-server.ts";

export interface RpcFailure {
  readonly code: number;
  readonly message: string;
}

export type Answer = { readonly result: unknown } | { readonly error: RpcFailure };

/** An answer without the words that are each side's own: those about wrong parameters. */
export function comparable(answer: Answer): Answer {
  if (!("error" in answer)) return answer;
  const { code, message } = answer.error;
  const words = code === -32602 ? "" : message.replace(/(valid base64 dataBase64): .*/, "$1");
  return { error: { code, message: words } };
}

export interface Notification {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface Side extends AsyncDisposable {
  ask(method: string, params: unknown): Promise<Answer>;
  /** The notifications so far, in order. */
  readonly notifications: readonly Notification[];
}

export type Env = Readonly<Record<string, string>>;

export interface StartParams {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Env;
  readonly envPolicy?: EnvironmentPolicy;
  readonly arg0?: string;
  readonly tty?: boolean;
}

export type Ran = { readonly output: string; readonly exitCode: number } | { readonly error: string };

/** @param env its whole environment, except for the home it is given */
export async function startRealSide(env: Env = { PATH: process.env["PATH"] ?? "" }): Promise<RealSide> {
  const server = await listenExecServer(["--concurrent-requests", "16"], env);
  const socket = new WebSocket(server.url);
  await once(socket, "open");
  const side = new RealSide(server, socket);
  await side.ask("initialize", { clientName: "test" });
  socket.send(JSON.stringify({ method: "initialized", params: {} }));
  return side;
}

export class RealSide implements Side {
  readonly notifications: Notification[] = [];
  readonly #server: RealExecServer;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, (answer: Answer) => void>();
  #arrived = Promise.withResolvers<void>();
  #lastId = 0;

  constructor(server: RealExecServer, socket: WebSocket) {
    this.#server = server;
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      // Carries the acknowledgement; without it the next message waits for 40 ms.
      socket.pong();
      const message = JSON.parse(data.toString()) as Notification | (Answer & { readonly id: number });
      if (!("id" in message)) {
        this.notifications.push(message);
        this.#arrived.resolve();
        this.#arrived = Promise.withResolvers();
        return;
      }
      const { id, ...answer } = message;
      this.#pending.get(id)?.(answer);
      this.#pending.delete(id);
    });
    socket.on("close", () => {
      for (const settle of this.#pending.values())
        settle({ error: { code: 0, message: "connection closed" } });
    });
  }

  ask(method: string, params: unknown): Promise<Answer> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#pending.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** Starts a process and waits for its end. One at a time. */
  async run({ cwd, ...start }: StartParams): Promise<Ran> {
    this.notifications.length = 0;
    const processId = `p${this.#lastId}`;
    const params = { processId, cwd: pathToFileURL(cwd).href, tty: false, ...start };
    const answer = await this.ask("process/start", params);
    if ("error" in answer) return { error: answer.error.message };
    // Numbers count from 1; what they number may arrive in another order.
    const isComplete = (): boolean => {
      const closed = this.notifications.find(({ method }) => method === "process/closed");
      return closed !== undefined && this.notifications.length >= Number(closed.params["seq"]);
    };
    while (!isComplete()) await this.#arrived.promise;
    const events = this.notifications.map((each) => each.params);
    const chunks = events
      .toSorted((a, b) => Number(a["seq"]) - Number(b["seq"]))
      .map(({ chunk }) => Buffer.from(typeof chunk === "string" ? chunk : "", "base64"));
    const exitCode = Number(events.find((event) => "exitCode" in event)?.["exitCode"] ?? -1);
    return { output: Buffer.concat(chunks).toString(), exitCode };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** What a link would hand to a family of methods, with a client that takes everything at once. */
export class OwnSide implements Side {
  readonly notifications: Notification[] = [];
  readonly #family: MethodFamily;
  readonly #gone = new AbortController();
  readonly #context: MethodContext = {
    signal: this.#gone.signal,
    notify: (method, params) => void this.notifications.push(overWire({ method, params }) as Notification),
    room: () => Promise.resolve(),
    checkReady: () => {},
  };

  constructor(family: MethodFamily) {
    this.#family = family;
  }

  async ask(method: string, params: unknown): Promise<Answer> {
    try {
      const result = await this.#family.methods[method]?.(overWire(params), this.#context);
      return { result: overWire(result) };
    } catch (error) {
      if (error instanceof RpcError) return { error: { code: error.code, message: error.message } };
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gone.abort(new Error("The link has ended"));
    await this.#family[Symbol.asyncDispose]();
  }
}

function overWire(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
