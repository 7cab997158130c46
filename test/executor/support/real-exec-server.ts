/**
 * The real `codex exec-server` as a witness: what it does is found out without our own client.
 *
 * Over pipes, one JSON line per message; or listening, for what it says to a request before anybody speaks.
 */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import { findCodex } from "../../../src/codex/app-server/binary.ts";
import type { EnvironmentPolicy } from "../../../src/executor/index.ts";
import { LineDecoder } from "../../../src/base/line-decoder.ts";

export interface StartParams {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly envPolicy?: EnvironmentPolicy;
  readonly arg0?: string;
  readonly tty?: boolean;
}

export type Ran = { readonly output: string; readonly exitCode: number } | { readonly error: string };

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
  readonly params?: {
    readonly processId: string;
    readonly seq: number;
    readonly chunk?: string;
    readonly exitCode?: number;
  };
  readonly method?: string;
}

/** One process at a time. */
export class PipedExecServer implements AsyncDisposable {
  readonly #server: ServerProcess;
  readonly #lines = new LineDecoder(1024 * 1024);
  readonly #messages: Message[] = [];
  #arrived = Promise.withResolvers<void>();
  #started = 0;

  /** @param env all it has, but for the home it is given */
  static async start(env: Readonly<Record<string, string>>): Promise<PipedExecServer> {
    const server = new PipedExecServer(spawnServer(["--listen", "stdio"], env));
    server.#send({ id: 0, method: "initialize", params: { clientName: "witness" } });
    await server.#next(({ id }) => id === 0);
    server.#send({ method: "initialized" });
    return server;
  }

  private constructor(server: ServerProcess) {
    this.#server = server;
    server.child.stdout.on("data", (chunk: Buffer) => {
      for (const line of this.#lines.push(chunk)) {
        assert.ok(line.kind === "line");
        this.#messages.push(JSON.parse(line.text) as Message);
      }
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    });
  }

  /** Starts a process and waits for its end. */
  async run({ cwd, ...start }: StartParams): Promise<Ran> {
    const id = ++this.#started;
    const processId = `p${id}`;
    const params = { processId, cwd: pathToFileURL(cwd).href, tty: false, ...start };
    this.#send({ id, method: "process/start", params });
    const { error } = await this.#next((message) => message.id === id);
    if (error !== undefined) return { error: error.message };
    const isOwn = ({ params: about }: Message): boolean => about?.processId === processId;
    await this.#next((message) => message.method === "process/closed" && isOwn(message));
    const events = this.#messages.filter(isOwn).map(({ params: about }) => about);
    const chunks = events
      .toSorted((a, b) => (a?.seq ?? 0) - (b?.seq ?? 0))
      .map((event) => Buffer.from(event?.chunk ?? "", "base64"));
    const exitCode = events.find((event) => event?.exitCode !== undefined)?.exitCode ?? -1;
    this.#messages.length = 0;
    return { output: Buffer.concat(chunks).toString(), exitCode };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.end();
  }

  #send(message: unknown): void {
    this.#server.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  async #next(isWanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.#messages.find(isWanted);
      if (found !== undefined) return found;
      await Promise.race([this.#arrived.promise, this.#server.failed]);
    }
  }
}

export interface ListeningExecServer extends AsyncDisposable {
  readonly port: number;
}

/** @throws what it wrote on stderr when it does not start */
export async function listenExecServer(args: readonly string[]): Promise<ListeningExecServer> {
  const server = spawnServer(["--listen", "ws://127.0.0.1:0", ...args], { PATH: process.env["PATH"] ?? "" });
  try {
    const [line] = (await Promise.race([once(server.child.stdout, "data"), server.failed])) as [Buffer];
    return { port: Number(new URL(line.toString().trim()).port), [Symbol.asyncDispose]: () => server.end() };
  } catch (error) {
    await server.end();
    throw error;
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Writes a request as it stands. @returns what is answered; what follows a 101 is no body */
export async function sendRequest(port: number, lines: readonly string[]): Promise<HttpAnswer> {
  const socket = connect(port, "127.0.0.1");
  socket.write(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));
  let answer = "";
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    answer += chunk.toString("latin1");
    const [head = "", body] = answer.split("\r\n\r\n");
    if (body === undefined) continue;
    const status = Number(head.split(" ")[1]);
    const isBodiless = status === 101 || lines[0]?.startsWith("HEAD ") === true;
    const length = isBodiless ? 0 : Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (body.length >= length) return { status, body: body.slice(0, length) };
  }
  throw new Error(`The connection ended with: ${answer}`);
}

export const UPGRADE_HEADERS: readonly string[] = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

interface ServerProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Rejects when it ends unasked. */
  readonly failed: Promise<never>;
  readonly end: () => Promise<void>;
}

function spawnServer(args: readonly string[], env: Readonly<Record<string, string>>): ServerProcess {
  const home = mkdtempSync(join(tmpdir(), "switchyard-exec-"));
  const child = spawn(findCodex(undefined, process.env).path, ["exec-server", ...args], {
    env: { ...env, CODEX_HOME: home },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on("error", () => {});
  const closed = once(child, "close");
  const failed = closed.then(() => Promise.reject(new Error(`codex exec-server ended: ${said}`)));
  failed.catch(() => {});
  return {
    child,
    failed,
    end: async () => {
      child.kill("SIGKILL");
      await closed;
      rmSync(home, { recursive: true, force: true });
    },
  };
}
