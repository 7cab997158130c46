/**
 * The socket of a gateway, and of whatever else this process serves on loopback: from a request to what it is for.
 *
 * Node's own server, without a framework: there are a few kinds of path, while streams, their back-pressure and the end of a
 * client's connection need Node's response as it is.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock, Timer } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { GatewayError } from "../errors.ts";
import { INTERNAL_ERROR, SERVER_ERROR } from "../protocol/messages.ts";
import { type ListenAddress, strangerProblem } from "./address.ts";
import { GONE, refuse } from "./refusal.ts";

const TICK_MS = 15_000;
/** Threads have a few each: a thousand threads with five servers need more than it seems. */
const CONNECTIONS_MAX = 32_768;
/** A client has this long for the head of a request, and for all of it, in milliseconds. */
const HEAD_MS = 10_000;
const REQUEST_MS = 60_000;
/** Where requests are passed on as they come: the other end may be slow to take them. */
const PASSED_ON_REQUEST_MS = 900_000;
/** Codex describes the turn and the repository in a header of its requests to the model. */
const HEAD_BYTES_MAX = 128 * 1024;
/** Between two requests on one connection. */
const KEEP_ALIVE_MS = 120_000;

/** What answers a request. */
export interface Handler {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** A part of the paths. */
export interface Route {
  /** What a path leads to. @returns `undefined` for nothing, `"unauthorized"` for what the request has no right to */
  readonly route: (path: string, request: IncomingMessage) => Handler | "unauthorized" | undefined;
  /** Called now and then. */
  readonly tick?: () => void;
}

export interface ListenerOptions {
  readonly address: ListenAddress;
  /** Whether this process may end while it listens. */
  readonly background: boolean;
  /** Whether the bodies of requests are passed on to somebody who may be slow. @default false */
  readonly passesOn?: boolean;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

export class Listener implements AsyncDisposable {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #routes = new Set<Route>();
  #tick: Timer | undefined;

  private constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        headersTimeout: HEAD_MS,
        requestTimeout: options.passesOn === true ? PASSED_ON_REQUEST_MS : REQUEST_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: HEAD_BYTES_MAX,
        highWaterMark: 64 * 1024,
      },
      (request, response) => this.#handle(request, response),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
    if (options.background) this.#server.unref().on("connection", (socket) => void socket.unref());
  }

  /** @throws {GatewayError} `cannot_listen` */
  static async start(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    const { host, port } = options.address;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    listener.#server.once("error", reject).listen(port, host, resolve);
    try {
      await promise;
    } catch (cause) {
      throw new GatewayError("cannot_listen", `Cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
        cause,
      });
    }
    listener.#server.off("error", reject).on("error", options.onError);
    listener.#schedule();
    return listener;
  }

  /** Scheme, host and port. */
  get origin(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** Serves more paths, until the returned function is called. The first route that knows a path has it. */
  add(route: Route): () => void {
    this.#routes.add(route);
    return () => void this.#routes.delete(route);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tick?.clear();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { headers, url = "/" } = request;
    response.on("error", this.#options.onError);
    const stranger = strangerProblem(headers, this.#options.address);
    if (stranger !== undefined) return refuse(response, 403, { code: SERVER_ERROR, message: stranger });
    const path = url.split("?", 1)[0] ?? "/";
    const handler = this.#handlerOf(path, request);
    if (handler === undefined) return refuse(response, 404, GONE);
    if (handler === "unauthorized") {
      const error = { code: SERVER_ERROR, message: "Unauthorized: a bearer token is needed" };
      return refuse(response, 401, error, undefined, { "www-authenticate": "Bearer" });
    }
    handler.handle(request, response).catch((error: unknown) => {
      this.#options.onError(error);
      if (response.headersSent) response.destroy();
      else refuse(response, 500, { code: INTERNAL_ERROR, message: "Internal error" });
    });
  }

  #handlerOf(path: string, request: IncomingMessage): Handler | "unauthorized" | undefined {
    for (const { route } of this.#routes) {
      const handler = route(path, request);
      if (handler !== undefined) return handler;
    }
    return undefined;
  }

  #schedule(): void {
    const tick = (): void => {
      for (const route of this.#routes) route.tick?.();
      this.#schedule();
    };
    this.#tick = this.#options.clock.schedule(TICK_MS, tick, { background: true });
  }
}
