/** A client that behaves, next to others that do not. */
import assert from "node:assert/strict";
import { type ExecutorProcess, RemoteExecutor, websocketOpener } from "../../../src/executor/index.ts";
import { Reader } from "./compliance.ts";

export class Neighbour implements AsyncDisposable {
  readonly #executor: RemoteExecutor;
  readonly #reader: Reader;
  readonly #cat: ExecutorProcess;
  readonly #log: readonly string[];
  #said = 0;
  /** The longest wait for an answer. */
  longestMs = 0;

  static async start(url: string, cwd = "/tmp"): Promise<Neighbour> {
    const log: string[] = [];
    const executor = new RemoteExecutor({
      name: "box",
      opener: websocketOpener({ url }),
      log: (_severity, message) => log.push(message),
    });
    const cat = await executor.start({
      argv: ["cat"],
      cwd,
      env: { PATH: process.env["PATH"] ?? "" },
      pipeStdin: true,
    });
    return new Neighbour(executor, cat, log);
  }

  private constructor(executor: RemoteExecutor, cat: ExecutorProcess, log: readonly string[]) {
    this.#executor = executor;
    this.#cat = cat;
    this.#reader = new Reader(cat);
    this.#log = log;
  }

  /** Writes a word and reads it back. */
  async talk(): Promise<void> {
    const startMs = performance.now();
    const word = `word ${++this.#said}\n`;
    await this.#cat.write(Buffer.from(word));
    await this.#reader.until(word);
    this.longestMs = Math.max(this.longestMs, performance.now() - startMs);
    assert.deepEqual(this.#log, [], "its link holds");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#executor[Symbol.asyncDispose]();
  }
}
