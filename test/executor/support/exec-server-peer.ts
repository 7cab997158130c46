/**
 * Two that can be asked the same: the real `codex exec-server`, and our families of methods without a link.
 *
 * An answer is the result, or the error as it is on the wire.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { findCodex } from "../../../src/codex/app-server/binary.ts";
import type { MethodContext, MethodFamily } from "../../../src/executor/server/method.ts";
import { RpcError } from "../../../src/jsonrpc/index.ts";

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

/** @param env besides the variables it needs */
export async function startRealSide(env: Env = {}): Promise<Side> {
  const home = mkdtempSync(join(tmpdir(), "switchyard-exec-"));
  const args = ["exec-server", "--listen", "ws://127.0.0.1:0", "--concurrent-requests", "16"];
  const child = spawn(findCodex(undefined, process.env).path, args, {
    env: { PATH: process.env.PATH, CODEX_HOME: home, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const socket = new WebSocket(line.toString().trim());
  await once(socket, "open");
  const side = new RealSide(child, socket, home);
  await side.ask("initialize", { clientName: "test" });
  socket.send(JSON.stringify({ method: "initialized", params: {} }));
  return side;
}

class RealSide implements Side {
  readonly notifications: Notification[] = [];
  readonly #child: ChildProcess;
  readonly #socket: WebSocket;
  readonly #home: string;
  readonly #pending = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  constructor(child: ChildProcess, socket: WebSocket, home: string) {
    this.#child = child;
    this.#socket = socket;
    this.#home = home;
    socket.on("message", (data: Buffer) => {
      // Carries the acknowledgement; without it the next message waits for 40 ms.
      socket.pong();
      const message = JSON.parse(data.toString()) as Notification | (Answer & { readonly id: number });
      if (!("id" in message)) return void this.notifications.push(message);
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill();
      await once(this.#child, "exit");
    }
    rmSync(this.#home, { recursive: true, force: true });
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
