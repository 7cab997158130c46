/**
 * The socket on this machine by which Codex reaches what we do in its place: the MCP servers of its threads, and its model. Opened when
 * the first thread needs it.
 */
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Listener } from "../../gateway/http/listener.ts";

export class Loopback implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #log: Log;
  #opening: Promise<Listener> | undefined;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** @throws {GatewayError} it cannot listen */
  listener(): Promise<Listener> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const listener = await this.#opening?.catch(() => undefined);
    await listener?.[Symbol.asyncDispose]();
  }

  async #open(): Promise<Listener> {
    const log = this.#log;
    const { Listener: Opened } = await import("../../gateway/http/listener.ts");
    return Opened.start({
      address: { host: "127.0.0.1", port: 0 },
      background: true,
      passesOn: true,
      clock: this.#clock,
      onError: (error) => log("warn", `The socket for Codex: ${messageOf(error)}`),
    });
  }
}
