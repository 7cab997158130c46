/**
 * Links to a server, and what was sent, received and noted on them.
 *
 * It knows frames and nothing of the protocol, so that it can send what a proper client never would.
 *
 * Invariants
 *   T1. Rows are in the order in which things happened here.
 *   T2. After each message it sends a pong: without a frame from the client, `codex exec-server` leaves its next
 *       message with the kernel for 40 ms.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type RawData, WebSocket } from "ws";
import { membersOf, type Row } from "./rows.ts";

export interface OpenOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Link {
  send(data: string | Buffer): void;
  /** A closing frame, where there are frames. */
  close(code: number): void;
  drop(): void;
}

/** How long a fact may take. Never reached when all is well. */
const PATIENCE_MS = 8_000;

export class Transcript implements Disposable {
  readonly rows: Row[] = [];
  /** The scenario that rows are written under. */
  scenario = "";
  readonly #links = new Map<string, Link>();
  /** By connection and id. */
  readonly #answers = new Map<string, unknown>();
  #unseen = 0;
  #change = Promise.withResolvers<void>();

  /** Opens a link; waits until it is open or refused. */
  async open(conn: string, url: string, { path = "", headers = {} }: OpenOptions = {}): Promise<void> {
    // A name that is used again is another link.
    for (const key of this.#answers.keys()) if (key.startsWith(`${conn} `)) this.#answers.delete(key);
    const socket = new WebSocket(`${url}${path}`, { headers, perMessageDeflate: false, maxPayload: 0 });
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    socket.on("open", () => {
      this.#write(conn, "event", { event: "ws-open" });
      resolve();
    });
    socket.on("message", (data: RawData) => {
      this.#receive(conn, (data as Buffer).toString("utf8"));
      if (socket.readyState === WebSocket.OPEN) socket.pong();
    });
    let isRefused = false;
    socket.on("unexpected-response", (_request, response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => {
        isRefused = true;
        this.#write(conn, "event", { event: "upgrade-refused", status: response.statusCode, body });
        socket.terminate();
      });
    });
    socket.on("error", () => {});
    socket.on("close", (code, reason) => {
      this.#links.delete(conn);
      if (!isRefused)
        this.#write(conn, "event", { event: "ws-close", code, reason: reason.toString("utf8") });
      resolve();
    });
    this.#links.set(conn, {
      send: (data) => socket.send(data),
      close: (code) => socket.close(code),
      drop: () => socket.terminate(),
    });
    await settled;
  }

  isOpen(conn: string): boolean {
    return this.#links.has(conn);
  }

  send(conn: string, msg: unknown): void {
    this.#write(conn, "client->server", msg);
    this.#links.get(conn)?.send(JSON.stringify(msg));
  }

  /** Sends a text as it is, in a text frame or a binary one. */
  raw(conn: string, text: string, { binary = false }: { readonly binary?: boolean } = {}): void {
    this.#write(conn, "client->server(raw)", text);
    this.#links.get(conn)?.send(binary ? Buffer.from(text) : text);
  }

  close(conn: string, code: number): void {
    this.#links.get(conn)?.close(code);
  }

  /** Ends it without a closing frame. */
  drop(conn: string): void {
    this.#links.get(conn)?.drop();
  }

  /** Sends a request that leaves no rows. */
  async askUnseen(conn: string, method: string, params: unknown): Promise<Readonly<Record<string, unknown>>> {
    const id = `unseen ${++this.#unseen}`;
    this.#links.get(conn)?.send(JSON.stringify({ id, method, params }));
    return (await this.answer(conn, id)) ?? {};
  }

  /** Adds the rows of a request that left none. */
  record(conn: string, request: unknown, answer: unknown): void {
    this.#write(conn, "client->server", request);
    this.#write(conn, "server->client", answer);
  }

  /** Adds a row that is not a message. */
  note(conn: string, msg: Readonly<Record<string, unknown>>): void {
    this.#write(conn, "event", msg);
  }

  /** Waits until the rows are as wanted. @returns whether they became so in time */
  async until(isSo: () => boolean, patienceMs: number = PATIENCE_MS): Promise<boolean> {
    const giveUp = new AbortController();
    const late = sleep(patienceMs, undefined, { signal: giveUp.signal }).catch(() => {});
    let over = false;
    void late.then(() => {
      over = true;
    });
    try {
      while (!isSo()) {
        if (over) return false;
        await Promise.race([this.#change.promise, late]);
      }
      return true;
    } finally {
      giveUp.abort();
    }
  }

  /** The answer to a request on this link, once there is one. */
  answered(conn: string, id: unknown): unknown {
    return this.#answers.get(`${conn} ${JSON.stringify(id)}`);
  }

  hasAnswer(conn: string, id: unknown): boolean {
    return this.answered(conn, id) !== undefined;
  }

  /** Waits for the answer to a request on this link. */
  async answer(conn: string, id: unknown): Promise<Readonly<Record<string, unknown>> | undefined> {
    await this.until(() => this.hasAnswer(conn, id) || !this.isOpen(conn));
    return this.hasAnswer(conn, id) ? membersOf(this.answered(conn, id)) : undefined;
  }

  [Symbol.dispose](): void {
    for (const link of this.#links.values()) link.drop();
  }

  #receive(conn: string, text: string): void {
    const msg: unknown = JSON.parse(text);
    const { id } = membersOf(msg);
    if (id !== undefined) this.#answers.set(`${conn} ${JSON.stringify(id)}`, msg);
    if (typeof id === "string" && id.startsWith("unseen ")) this.#wake();
    else this.#write(conn, "server->client", msg);
  }

  #write(conn: string, dir: Row["dir"], msg: unknown): void {
    this.rows.push({ scenario: this.scenario, conn, dir, msg });
    this.#wake();
  }

  #wake(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}
