/** A client that scenarios are written with: it counts ids, and waits for answers and for the ends of processes. */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { membersOf, textOf } from "./rows.ts";
import type { OpenOptions, Transcript } from "./transcript.ts";
import type { Workspace } from "./workspace.ts";

type Members = Readonly<Record<string, unknown>>;

export interface Scenario {
  readonly name: string;
  /** On a link `c1` that has shaken hands, unless `bare`. */
  readonly run: (client: TestClient) => Promise<void>;
  readonly bare?: true;
}

const LOOK_MS = 10;
const SESSION_ATTACHED = -32010;

export interface StartOptions {
  readonly id?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly tty?: boolean;
  readonly pipeStdin?: boolean;
  readonly [more: string]: unknown;
}

const PATH = process.env["PATH"] ?? "/usr/bin:/bin";

export class TestClient {
  readonly transcript: Transcript;
  readonly workspace: Workspace;
  readonly #url: string;
  readonly #ids = new Map<string, number>();
  #conn = "c1";

  constructor(transcript: Transcript, workspace: Workspace, url: string) {
    this.transcript = transcript;
    this.workspace = workspace;
    this.#url = url;
  }

  /** Opens a link and sends nothing; the next calls are on it. */
  async open(conn: string, options: OpenOptions = {}): Promise<void> {
    this.#conn = conn;
    await this.transcript.open(conn, this.#url, options);
  }

  /** Opens a link and shakes hands. @returns the session it has */
  async connect(conn: string, resumeSessionId?: string): Promise<string> {
    await this.open(conn);
    const answer =
      resumeSessionId === undefined
        ? await this.call("initialize", { clientName: "probe" })
        : await this.resume(conn, resumeSessionId);
    this.send({ method: "initialized", params: {} });
    return textOf(membersOf(answer["result"])["sessionId"]);
  }

  /** Asks for a session until the server has noticed that its last link ended. Only the last attempt leaves rows. */
  async resume(conn: string, resumeSessionId: string): Promise<Members> {
    const params = { clientName: "probe", resumeSessionId };
    for (;;) {
      const answer = await this.transcript.askUnseen(conn, "initialize", params);
      if (membersOf(answer["error"])["code"] !== SESSION_ATTACHED) {
        const id = this.#nextId(conn);
        this.transcript.record(conn, { id, method: "initialize", params }, { ...answer, id });
        return answer;
      }
      await sleep(LOOK_MS);
    }
  }

  /** Waits until a process has created a file. */
  async file(path: string): Promise<void> {
    while (!existsSync(`${this.workspace.scratch}/${path}`)) await sleep(LOOK_MS);
  }

  /** Time for what a process wrote at its end to reach the server: nothing shows when it has. */
  async pause(ms: number): Promise<void> {
    await sleep(ms);
  }

  /** The next calls are on this link. */
  on(conn: string): this {
    this.#conn = conn;
    return this;
  }

  /** Sends a request and waits for its answer. */
  async call(method: string, params?: unknown): Promise<Members> {
    const conn = this.#conn;
    return (await this.transcript.answer(conn, this.ask(method, params))) ?? {};
  }

  /** Sends a request. @returns its id */
  ask(method: string, params?: unknown): number {
    const id = this.#nextId(this.#conn);
    this.send(params === undefined ? { id, method } : { id, method, params });
    return id;
  }

  send(msg: unknown): void {
    this.transcript.send(this.#conn, msg);
  }

  sendRaw(text: string, options: { readonly binary?: boolean } = {}): void {
    this.transcript.raw(this.#conn, text, options);
  }

  async answered(id: number): Promise<void> {
    await this.transcript.answer(this.#conn, id);
  }

  start(argv: readonly string[], options: StartOptions = {}): Promise<Members> {
    return this.call("process/start", this.startParams(argv, options));
  }

  startParams(argv: readonly string[], { id = "p", cwd = "/tmp", ...more }: StartOptions = {}): Members {
    const uri = cwd.includes(":") ? cwd : pathToFileURL(cwd).href;
    return {
      processId: id,
      argv,
      cwd: uri,
      env: { PATH },
      tty: false,
      pipeStdin: false,
      arg0: null,
      ...more,
    };
  }

  write(id: string, text: string, writeId: string): Promise<Members> {
    return this.call("process/write", {
      processId: id,
      chunk: Buffer.from(text).toString("base64"),
      writeId,
    });
  }

  read(id: string, more: Members = {}): Promise<Members> {
    return this.call("process/read", { processId: id, ...more });
  }

  /** Reads all that is retained, so many bytes at a time, and notes how much it was. */
  async page(id: string, maxBytes: number): Promise<void> {
    let afterSeq = 0;
    let bytes = 0;
    let last = "";
    for (;;) {
      const answer = await this.transcript.askUnseen(this.#conn, "process/read", {
        processId: id,
        afterSeq,
        maxBytes,
      });
      const { chunks, nextSeq } = membersOf(answer["result"]);
      if (!Array.isArray(chunks) || chunks.length === 0) break;
      for (const part of chunks) {
        const chunk = Buffer.from(textOf(membersOf(part)["chunk"]), "base64");
        bytes += chunk.length;
        last = (last + chunk.toString("latin1")).slice(-20);
      }
      afterSeq = Number(nextSeq) - 1;
    }
    this.transcript.note(this.#conn, { event: "paged", bytes, last });
  }

  /** An HTTP request without an upgrade. */
  async plain(method: string, path: string): Promise<void> {
    const response = await fetch(`${this.#url.replace("ws:", "http:")}${path}`, { method });
    await response.arrayBuffer();
    this.transcript.note(`${method} ${path}`, { event: "answered", status: response.status });
  }

  terminate(id: string): Promise<Members> {
    return this.call("process/terminate", { processId: id });
  }

  /** Runs a process to its end. */
  async run(argv: readonly string[], options: StartOptions = {}): Promise<void> {
    const { id = "p" } = options;
    const answer = await this.start(argv, options);
    if (answer["error"] === undefined) await this.closed(id);
  }

  async closed(id: string): Promise<void> {
    await this.#waitFor("process/closed", id);
  }

  async exited(id: string): Promise<void> {
    await this.#waitFor("process/exited", id);
  }

  /** Waits until the output of a process contains a text. */
  async output(id: string, wanted: string): Promise<void> {
    const conn = this.#conn;
    let text = "";
    let seen = 0;
    await this.transcript.until(() => {
      for (; seen < this.transcript.rows.length; seen++) {
        const row = this.transcript.rows[seen];
        const { method, params } = membersOf(row?.msg);
        const { processId, chunk } = membersOf(params);
        if (row?.conn !== conn || method !== "process/output" || processId !== id) continue;
        text += Buffer.from(textOf(chunk), "base64").toString("latin1");
      }
      return text.includes(wanted);
    });
  }

  /** Waits for a part of a streamed body. */
  async bodyPart(requestId: string): Promise<void> {
    await this.#body(requestId, false);
  }

  /** Waits for the end of a streamed body. */
  async bodyEnd(requestId: string): Promise<void> {
    await this.#body(requestId, true);
  }

  async #body(requestId: string, isDone: boolean): Promise<void> {
    const conn = this.#conn;
    await this.transcript.until(() =>
      this.transcript.rows.some((row) => {
        const { method, params } = membersOf(row.msg);
        const { requestId: id, done } = membersOf(params);
        return (
          row.conn === conn && method === "http/request/bodyDelta" && id === requestId && done === isDone
        );
      }),
    );
  }

  /** Drops a link without a closing frame. */
  async drop(conn: string): Promise<void> {
    this.transcript.drop(conn);
    await this.gone(conn);
  }

  /** Closes a link in order. */
  async close(conn: string): Promise<void> {
    this.transcript.close(conn, 1000);
    await this.gone(conn);
  }

  /** Waits until the server has ended a link. */
  async gone(conn: string = this.#conn): Promise<void> {
    await this.transcript.until(() => !this.transcript.isOpen(conn));
  }

  uri(path: string): string {
    return pathToFileURL(`${this.workspace.scratch}/${path}`).href;
  }

  web(path: string): string {
    return `http://127.0.0.1:${this.workspace.webPort}${path}`;
  }

  #nextId(conn: string): number {
    const id = (this.#ids.get(conn) ?? 0) + 1;
    this.#ids.set(conn, id);
    return id;
  }

  async #waitFor(method: string, id: string): Promise<void> {
    const conn = this.#conn;
    let seen = 0;
    let found = false;
    await this.transcript.until(() => {
      for (; seen < this.transcript.rows.length; seen++) {
        const row = this.transcript.rows[seen];
        const { method: name, params } = membersOf(row?.msg);
        found ||= row?.conn === conn && name === method && membersOf(params)["processId"] === id;
      }
      return found;
    });
  }
}
