/**
 * Where a gateway listens, and from where it may be asked.
 *
 * Invariants
 *   H1. Without a token it can be reached from this machine only.
 *   H2. A page in a browser cannot reach it: a request with a foreign `Origin` is refused, and on loopback one whose `Host` is not
 *       this machine (DNS rebinding).
 */
import type { IncomingHttpHeaders } from "node:http";
import { BlockList, isIP } from "node:net";
import { GatewayError } from "../errors.ts";

export interface ListenAddress {
  /** An IP address, without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8);
LOOPBACK.addAddress("::1", "ipv6");

export function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family !== 0 && LOOPBACK.check(host, family === 6 ? "ipv6" : "ipv4");
}

/**
 * Reads `PORT`, `HOST:PORT` or `http://HOST:PORT`, where the host is an IP address or `localhost`.
 *
 * @throws {GatewayError} `invalid_address`, with what to write instead
 */
export function parseAddress(text: string): ListenAddress {
  const [, host, port = ""] = /^(?:http:\/\/)?(?:(\[[^\]]*\]|[^:/]*):)?(\d{1,5})\/?$/i.exec(text) ?? [];
  const name = host?.replace(/^\[(.*)\]$/, "$1").toLowerCase() ?? "127.0.0.1";
  const ip = name === "localhost" ? "127.0.0.1" : name;
  if (port !== "" && Number(port) <= 65_535 && isIP(ip) !== 0) return { host: ip, port: Number(port) };
  const remedy = "write PORT or IP:PORT, where 0 lets the system choose the port";
  throw new GatewayError("invalid_address", `Cannot listen on "${text}": ${remedy}`);
}

/** @throws {GatewayError} `exposed` (H1) */
export function checkExposure({ host }: ListenAddress, hasToken: boolean): void {
  if (hasToken || isLoopback(host)) return;
  const why = "anybody who can reach it could use the MCP servers of this user";
  const remedy = "give it a token, or listen on 127.0.0.1";
  throw new GatewayError("exposed", `Will not listen on ${host} without a token: ${why}. ${remedy}`);
}

/** @returns why a request is refused, from its headers alone (H2) */
export function strangerProblem(
  { host, origin }: IncomingHttpHeaders,
  address: ListenAddress,
): string | undefined {
  if (origin !== undefined && !isThisMachine(hostOf(origin)))
    return "Forbidden: the Origin is not of this machine";
  // Beyond loopback it has many names, and a token, which a page that was led here does not know.
  if (!isLoopback(address.host) || host === undefined) return undefined;
  if (PLAIN_HOST.test(host) || isThisMachine(hostOf(`http://${host}`))) return undefined;
  return "Forbidden: the Host header has to name this machine, as 127.0.0.1 or localhost";
}

/** What nearly every client sends, without the cost of a URL. */
const PLAIN_HOST = /^(?:127\.0\.0\.1|localhost)(?::\d{1,5})?$/;

function hostOf(url: string): string {
  return URL.parse(url)?.hostname.replace(/^\[(.*)\]$/, "$1") ?? "";
}

/** The port is ignored: it may have been forwarded. */
function isThisMachine(name: string): boolean {
  return name === "localhost" || isLoopback(name);
}
