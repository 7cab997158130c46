/**
 * The address on this machine that an authorization server sends the browser back to (RFC 8252).
 *
 * Invariants
 *   C1. It listens on 127.0.0.1 and nowhere else, and not any more after disposal.
 *   C2. Only a callback of a login that is waited for has an effect. Any other request is answered, and the login goes on waiting.
 *   C3. The page says how the login ended, and has nothing of the callback in it.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { finished } from "node:stream/promises";
import { abortable } from "../../base/abort.ts";
import { codeOf, messageOf } from "../../base/errors.ts";
import type { PendingLogin } from "./login.ts";
import { LoginError } from "./login-error.ts";
import type { StoredLogin } from "./stored-login.ts";

export interface CallbackListenerOptions {
  /** The port to listen on; 0 takes a free one. @default 0 */
  readonly port?: number | undefined;
  /** The path of the URL. @default "/callback" */
  readonly path?: string | undefined;
}

interface Waiting {
  readonly login: PendingLogin;
  readonly signal: AbortSignal;
  readonly end: (outcome: Promise<StoredLogin>) => void;
}

/** Of a browser; more than one login is a host's. */
const CONNECTIONS_MAX = 64;
const REQUEST_MS = 10_000;

export class CallbackListener implements AsyncDisposable {
  /** For `beginLogin`. */
  readonly redirectUrl: string;
  readonly port: number;
  readonly #http: Server;
  readonly #path: string;
  readonly #waiting = new Set<Waiting>();
  readonly #stop = new AbortController();

  private constructor(http: Server, path: string) {
    this.#http = http;
    this.#path = path;
    this.port = (http.address() as AddressInfo).port;
    this.redirectUrl = `http://127.0.0.1:${this.port}${path}`;
    http.on("request", (request, response) => void this.#answer(request, response));
  }

  /** @throws {Error} when the port is taken */
  static async start({
    port = 0,
    path = "/callback",
  }: CallbackListenerOptions = {}): Promise<CallbackListener> {
    const http = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS });
    http.maxConnections = CONNECTIONS_MAX;
    try {
      http.listen({ host: "127.0.0.1", port });
      await once(http, "listening");
    } catch (error) {
      const why = codeOf(error) === "EADDRINUSE" ? "another process listens there" : messageOf(error);
      const what = `Cannot listen on 127.0.0.1:${port} for the end of a login: ${why}`;
      throw new Error(what, { cause: error });
    }
    return new CallbackListener(http, path);
  }

  /**
   * Waits for the browser, completes the login, and tells the person how it ended.
   *
   * @throws what `login.complete` throws; the signal's reason; when the listener is disposed, that
   */
  async complete(
    login: PendingLogin,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<StoredLogin> {
    const until = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    until.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<StoredLogin>();
    const waiting: Waiting = { login, signal: until, end: resolve };
    this.#waiting.add(waiting);
    try {
      return await abortable(promise, until);
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /** Idempotent. Logins that are still waited for fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("Nobody listens for the end of the login any more"));
    if (!this.#http.listening) return;
    const closed = once(this.#http, "close");
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.parse(request.url ?? "", this.redirectUrl);
    if (request.method !== "GET" || url?.pathname !== this.#path)
      return send(response, 404, "There is nothing here.");
    const waiting = [...this.#waiting].find(({ login }) => login.owns(url));
    if (waiting === undefined)
      return send(response, 400, "Nobody waits for this login. It may be over: begin another one.");
    const { login, signal, end } = waiting;
    const outcome = login.complete(url, { signal });
    try {
      await outcome;
      await send(response, 200, `You are logged in to ${login.server}. You may close this window.`);
    } catch (error) {
      const what = error instanceof LoginError ? error.message : "The login failed.";
      await send(response, 400, `${what}\nYou may close this window.`);
    }
    // The page first: disposal ends its connection.
    end(outcome);
  }
}

/** Text, so that nothing of it is taken for more. */
async function send(response: ServerResponse, status: number, text: string): Promise<void> {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    connection: "close",
  });
  response.end(`${text}\n`);
  await finished(response).catch(() => {});
}
