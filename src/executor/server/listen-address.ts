/**
 * Where the executor listens, and what it answers to an HTTP request before the protocol begins.
 *
 * Pure functions: `listen.ts` has the sockets, `access/auth.ts` the tokens. Statuses and their order are those of
 * `codex exec-server` 0.169 unless noted.
 *
 * Invariants
 *   N1. Without authentication the executor can be reached from this machine only.
 *   N2. A page in a browser cannot reach it: a request with an `Origin` is rejected, and so is a request without
 *       authentication whose `Host` is not this machine (DNS rebinding).
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
 * Reads `ws://IP:PORT`, `stdio` or `stdio://`. `localhost` is 127.0.0.1; an IPv6 address is written in brackets.
 *
 * @throws {ExecutorError} `invalid_request`, with what to write instead
 */
export function parseListenAddress(text: string): ListenAddress {
  if (text === "stdio" || text === "stdio://") return { kind: "stdio" };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw cannotListen(text, 'write it as ws://IP:PORT, or "stdio"');
  if (scheme === "wss") {
    throw cannotListen(text, "TLS is not supported: listen on ws://127.0.0.1:PORT, behind a proxy with TLS");
  }
  if (scheme !== "ws") throw cannotListen(text, `${scheme}: is not supported, only ws: and stdio`);
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
    throw cannotListen(text, "brackets are for IPv6 addresses, as in ws://[::1]:7777");
  }
  if (isIP(host) === 4) return host;
  // A name may have several addresses, and they may change.
  throw cannotListen(
    text,
    'the host must be an IP address or "localhost"; for all addresses write 0.0.0.0 or [::]',
  );
}

function cannotListen(text: string, remedy: string): ExecutorError {
  return new ExecutorError("invalid_request", `Cannot listen on "${text}": ${remedy}`);
}

export interface Authentication {
  /** Whether clients have to authenticate. */
  readonly authenticated: boolean;
}

/** @throws {ExecutorError} `refused` when anybody on the network could run commands here (N1) */
export function checkExposure(address: ListenAddress, { authenticated }: Authentication): void {
  if (address.kind === "stdio" || authenticated || isLoopback(address.host)) return;
  throw new ExecutorError(
    "refused",
    `Will not listen on ${address.host} without authentication: anybody who can reach it could run commands as this ` +
      "user. Set a token or a secret of signed tokens, or listen on 127.0.0.1",
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
  /** 101: it may go on, with authentication as the next step. */
  readonly status: 101 | 200 | 400 | 403 | 404 | 405;
  readonly body: string;
  /** The reason for the owner's log, where the other side gets less. */
  readonly reason?: string;
}

/** The answer to a request, from its head alone. */
export function checkRequest(
  { method, url = "", headers }: RequestHead,
  address: ListenAddress & { readonly kind: "websocket" },
  { isUpgrade, authenticated = false }: RequestOptions,
): Outcome {
  // An empty one too: only browsers send it, and a browser is never a client of ours.
  if (headers.origin !== undefined)
    return { status: 403, body: "", reason: "requests with an Origin header are refused" };
  // A page that was led here does not know the token. And a TLS proxy in front passes its own name.
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
        : { status: 400, body: "a WebSocket upgrade is expected here" };
    default:
      return { status: 404, body: "" };
  }
}

/** The port is ignored: it may have been forwarded. A request without the header is not from a browser. */
function isThisMachine(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
  return name.toLowerCase() === "localhost" || isLoopback(name);
}
