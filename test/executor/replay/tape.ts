/**
 * A client that says what it is told to say, and writes down what it says, hears and meets.
 *
 * It knows the frames and nothing of the protocol, so that it can say what a proper client never would.
 *
 * Invariants
 *   T1. Rows are in the order in which things happened here.
 *   T2. After each message it sends a pong: without a frame from the client, `codex exec-server` leaves its next
 *       message with the kernel for 40 ms.
 */
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type RawData, WebSocket } from "ws";
import { membersOf, type Row, STDIO } from "./rows.ts";

export interface OpenOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** That it was opened is no row. */
  readonly unseen?: boolean;
}

/** Serves whoever is at the other end of a pair of pipes. */
export type ServeStdio = (input: PassThrough, output: PassThrough) => void;

interface Wire {
  send(data: string | Buffer): void;
  /** A closing frame, where there are frames. */
  close(code: number): void;
  drop(): void;
  /** Resolves when it is answered. */
  ping(): Promise<void>;
}

/** How long a fact may take. Never reached when all is well. */
const PATIENCE_MS = 8_000;

export class Tape implements Disposable {
  readonly rows: Row[] = [];
  /** When each connection was pinged, on the clock of `now`. */
  readonly pings: Map<string, number[]> = new Map();
  /** The situation that rows are written under. */
  case = "";
  readonly #now: () => number;
  readonly #wires = new Map<string, Wire>();
  /** By connection and id. */
  readonly #answers = new Map<string, unknown>();
  #unseen = 0;
  #change = Promise.withResolvers<void>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Opens a connection; waits until it is open or refused. */
  async open(
    conn: string,
    url: string,
    { path = "", headers = {}, unseen = false }: OpenOptions = {},
  ): Promise<void> {
    // A name that is used again begins again.
    for (const key of this.#answers.keys()) if (key.startsWith(`${conn} `)) this.#answers.delete(key);
    const socket = new WebSocket(`${url}${path}`, { headers, perMessageDeflate: false, maxPayload: 0 });
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    const pinged: (() => void)[] = [];
    const onPong = (): void => {
      for (const answered of pinged.splice(0)) answered();
    };
    socket.on("pong", onPong);
    socket.on("close", onPong);
    socket.on("open", () => {
      if (!unseen) this.#write(conn, "event", { event: "ws-open" });
      resolve();
    });
    socket.on("message", (data: RawData) => {
      this.#hear(conn, (data as Buffer).toString("utf8"));
      if (socket.readyState === WebSocket.OPEN) socket.pong();
    });
    socket.on("ping", () => this.pings.set(conn, [...(this.pings.get(conn) ?? []), this.#now()]));
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
      this.#wires.delete(conn);
      if (!isRefused)
        this.#write(conn, "event", { event: "ws-close", code, reason: reason.toString("utf8") });
      resolve();
    });
    this.#wires.set(conn, {
      send: (data) => socket.send(data),
      close: (code) => socket.close(code),
      drop: () => socket.terminate(),
      ping: () => {
        const { promise, resolve: answered } = Promise.withResolvers<void>();
        pinged.push(answered);
        socket.ping();
        return promise;
      },
    });
    await settled;
  }

  /** A connection over pipes. */
  openStdio(serve: ServeStdio, conn: string = STDIO): void {
    const [input, output] = [new PassThrough(), new PassThrough()];
    let partial = "";
    output.setEncoding("utf8");
    output.on("data", (text: string) => {
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) this.#hear(conn, line);
    });
    const end = (): void => {
      this.#wires.delete(conn);
      input.end();
    };
    this.#wires.set(conn, {
      send: (data) => input.write(`${data.toString()}\n`),
      close: end,
      drop: end,
      ping: () => Promise.resolve(),
    });
    serve(input, output);
  }

  isOpen(conn: string): boolean {
    return this.#wires.has(conn);
  }

  send(conn: string, msg: unknown): void {
    this.#write(conn, "client->server", msg);
    this.#wires.get(conn)?.send(JSON.stringify(msg));
  }

  /** Whatever there is to say, in a text frame or a binary one. */
  raw(conn: string, text: string, { binary = false }: { readonly binary?: boolean } = {}): void {
    this.#write(conn, "client->server(raw)", text);
    this.#wires.get(conn)?.send(binary ? Buffer.from(text) : text);
  }

  close(conn: string, code: number): void {
    this.#wires.get(conn)?.close(code);
  }

  /** Gone without a word. */
  drop(conn: string): void {
    this.#wires.get(conn)?.drop();
  }

  /** Says something that no row is needed for. */
  whisper(conn: string, msg: unknown): void {
    this.#wires.get(conn)?.send(JSON.stringify(msg));
  }

  /** Asks something that no row is needed for. */
  async askUnseen(conn: string, method: string, params: unknown): Promise<Readonly<Record<string, unknown>>> {
    const id = `unseen ${++this.#unseen}`;
    this.whisper(conn, { id, method, params });
    return (await this.answer(conn, id)) ?? {};
  }

  /** Writes down what is no message. */
  note(conn: string, msg: Readonly<Record<string, unknown>>): void {
    this.#write(conn, "event", msg);
  }

  /** Pings all servers, and waits for their pongs: what they had sent has come then, and what was said to them. */
  async ping(): Promise<void> {
    await Promise.all([...this.#wires.values()].map((wire) => wire.ping()));
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

  /** The answer to a request of this connection, once there is one. */
  answered(conn: string, id: unknown): unknown {
    return this.#answers.get(`${conn} ${JSON.stringify(id)}`);
  }

  hasAnswer(conn: string, id: unknown): boolean {
    return this.answered(conn, id) !== undefined;
  }

  /** Waits for the answer to a request of this connection, and says it. */
  async answer(conn: string, id: unknown): Promise<Readonly<Record<string, unknown>> | undefined> {
    await this.until(() => this.hasAnswer(conn, id) || !this.isOpen(conn));
    return this.hasAnswer(conn, id) ? membersOf(this.answered(conn, id)) : undefined;
  }

  [Symbol.dispose](): void {
    for (const wire of this.#wires.values()) wire.drop();
  }

  #hear(conn: string, text: string): void {
    const msg: unknown = JSON.parse(text);
    const { id } = membersOf(msg);
    if (id !== undefined) this.#answers.set(`${conn} ${JSON.stringify(id)}`, msg);
    if (typeof id === "string" && id.startsWith("unseen ")) this.#tell();
    else this.#write(conn, "server->client", msg);
  }

  #write(conn: string, dir: Row["dir"], msg: unknown): void {
    this.rows.push({ case: this.case, t: this.#now(), conn, dir, msg });
    this.#tell();
  }

  #tell(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}
