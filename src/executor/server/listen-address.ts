/**
 * Where the executor listens, and what it answers to an HTTP request before anybody speaks the protocol.
 *
 * Pure functions: the sockets are the business of `listen.ts`, tokens that of `auth.ts`. Statuses and their order are
 * those of `codex exec-server` 0.169 where nothing else is said.
 *
 * Invariants
 *   N1. Without authentication the executor is reached from this machine only.
 *   N2. A page in a browser reaches it in no way: what has an `Origin` is refused, and so is a request without
 *       authentication that was meant for a name which is not this machine's (DNS rebinding).
 */
import { isIP } from "node:net";
import { ExecutorError } from "../errors.ts";
import { isLoopback } from "../wire/loopback.ts";

export type ListenAddress =
  | { readonly kind: "stdio" }
  | {
      readonly kind: "websocket";
      /** An IP address, without brackets. */
      readonly host: string;
      /** 0 lets the system choose. */
      readonly port: number;
    };

/**
 * Reads `ws://IP:PORT`, `stdio` or `stdio://`. `localhost` is 127.0.0.1; an IPv6 address stands in brackets.
 *
 * @throws {ExecutorError} `invalid_request`, with what to write instead
 */
export function parseListenAddress(text: string): ListenAddress {
  if (text === "stdio" || text === "stdio://") return { kind: "stdio" };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw cannotListen(text, 'write it as ws://IP:PORT, or "stdio"');
  if (scheme === "wss") {
    throw cannotListen(
      text,
      "there is no TLS here: listen on ws://127.0.0.1:PORT, behind a proxy that has it",
    );
  }
  if (scheme !== "ws") throw cannotListen(text, `${scheme}: is not spoken, only ws: and stdio`);
  const [, host = "", port, rest] = /^ws:\/\/(\[[^\]]*\]|[^/?#:]*)(?::([^/?#]*))?(.*)$/is.exec(text) ?? [];
  if (rest !== "" && rest !== "/") throw cannotListen(text, "nothing may follow the port");
  if (port === undefined || !/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw cannotListen(
      text,
      "a port from 0 to 65535 must follow the address, where 0 lets the system choose",
    );
  }
  return { kind: "websocket", host: readHost(host, text), port: Number(port) };
}

function readHost(host: string, text: string): string {
  if (host.toLowerCase() === "localhost") return "127.0.0.1";
  const inBrackets = /^\[(.*)\]$/s.exec(host)?.[1];
  if (inBrackets !== undefined) {
    if (isIP(inBrackets) === 6) return inBrackets;
    throw cannotListen(text, "what stands in brackets must be an IPv6 address, as in ws://[::1]:7777");
  }
  if (isIP(host) === 4) return host;
  // Which of its addresses a name stands for is decided elsewhere, and may change.
  throw cannotListen(
    text,
    'an IP address must stand there, or "localhost"; for all addresses write 0.0.0.0 or [::]',
  );
}

function cannotListen(text: string, remedy: string): ExecutorError {
  return new ExecutorError("invalid_request", `Cannot listen on "${text}": ${remedy}`);
}

export interface Authentication {
  /** Whether whoever connects has to prove that they may. */
  readonly authenticated: boolean;
}

/** @throws {ExecutorError} `refused` when everybody on the network could run commands here (N1) */
export function checkExposure(address: ListenAddress, { authenticated }: Authentication): void {
  if (address.kind === "stdio" || authenticated || isLoopback(address.host)) return;
  throw new ExecutorError(
    "refused",
    `Will not listen on ${address.host} without authentication: everybody who reaches it could run commands as this ` +
      "user. Give a token or a secret of signed tokens, or listen on 127.0.0.1",
  );
}

export interface RequestHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: { readonly host?: string | undefined; readonly origin?: string | undefined };
}

export interface RequestOptions extends Partial<Authentication> {
  /** Whether the request asks for another protocol. */
  readonly isUpgrade: boolean;
}

export interface Outcome {
  /** 101: it may go on. Whoever has to authenticate does it then. */
  readonly status: 101 | 200 | 400 | 403 | 404 | 405;
  readonly body: string;
  /** Why, for the owner's log, where the other side is told less. */
  readonly reason?: string;
}

/** What is answered to a request, from its head alone. */
export function checkRequest(
  { method, url = "", headers }: RequestHead,
  address: ListenAddress & { readonly kind: "websocket" },
  { isUpgrade, authenticated = false }: RequestOptions,
): Outcome {
  // An empty one, too: only browsers send it, and a browser is never a client of ours.
  if (headers.origin !== undefined)
    return { status: 403, body: "", reason: "requests with an Origin header are refused" };
  // Who has to send a token is no page that was led here. And a TLS proxy in front hands on the name it is known by.
  if (!authenticated && isLoopback(address.host) && !isThisMachine(headers.host)) {
    return {
      status: 403,
      body: "without authentication the Host header must name this machine: 127.0.0.1 or localhost",
    };
  }
  switch (url.split("?", 1)[0]) {
    case "/readyz":
      return { status: method === "GET" || method === "HEAD" ? 200 : 405, body: "" };
    case "/":
      if (method !== "GET") return { status: 405, body: "Request method must be `GET`" };
      return isUpgrade
        ? { status: 101, body: "" }
        : { status: 400, body: "a WebSocket upgrade is wanted here" };
    default:
      return { status: 404, body: "" };
  }
}

/** Whatever the port: it may have been forwarded. Without the header it is no browser. */
function isThisMachine(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
  return name.toLowerCase() === "localhost" || isLoopback(name);
}
