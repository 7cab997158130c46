/** A client that sends what a test wants, frame by frame. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type RawData, WebSocket } from "ws";
import { Watch } from "../../../src/testing/watch.ts";

export type Answer = Readonly<Record<string, unknown>> & {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
};

export class RawClient {
  readonly socket: WebSocket;
  /** Everything that came, in order. */
  readonly received: Answer[] = [];
  readonly #watch = new Watch();
  #lastId = 0;

  /** @throws when the upgrade is refused */
  static async open(url: string): Promise<RawClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const client = new RawClient(socket);
    await once(socket, "open");
    return client;
  }

  /** With the handshake behind it. */
  static async greeted(url: string): Promise<RawClient> {
    const client = await RawClient.open(url);
    await client.ask("initialize", { clientName: "raw" });
    client.send({ method: "initialized" });
    return client;
  }

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("close", () => this.#watch.end(new Error("the connection was closed")));
    socket.on("message", (data: RawData) => {
      this.received.push(JSON.parse((data as Buffer).toString("utf8")) as Answer);
      this.#watch.changed();
    });
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** @returns the answer, whether it is a result or an error */
  async answer(method: string, params: object): Promise<Answer> {
    const id = `raw-${++this.#lastId}`;
    this.send({ id, method, params });
    return await this.waitFor((each) => each.id === id);
  }

  /** @returns the result; an error fails the test */
  async ask(method: string, params: object): Promise<Readonly<Record<string, unknown>>> {
    const { result, error } = await this.answer(method, params);
    return result ?? assert.fail(`${method}: ${error?.message}`);
  }

  /** @throws when the connection is closed first */
  waitFor(wanted: (message: Answer) => boolean): Promise<Answer> {
    return this.#watch.waitFor(() => this.received.find(wanted));
  }

  /** Starts a shell script. @param more laid over the parameters */
  start(processId: string, script: string, more: object = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.ask("process/start", startParams(processId, script, more));
  }

  /** Waits until the process has written something. */
  async output(processId: string): Promise<void> {
    await this.waitFor((each) => each.method === "process/output" && isAbout(each, processId));
  }

  /** Is gone, without a close frame. */
  vanish(): void {
    this.socket.terminate();
  }

  async closed(): Promise<void> {
    if (this.socket.readyState !== WebSocket.CLOSED) await once(this.socket, "close");
  }
}

export function startParams(processId: string, script: string, more: object = {}): object {
  const env = { PATH: process.env["PATH"] ?? "" };
  return { processId, argv: ["sh", "-c", script], cwd: "file:///tmp", env, tty: false, ...more };
}

function isAbout(message: Answer, processId: string): boolean {
  return (message.params as { readonly processId?: unknown } | undefined)?.processId === processId;
}
