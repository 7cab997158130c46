/**
 * Which statuses MCP servers answer Codex with. No message of the app-server says it; Codex's log does, with the address and
 * without the path (measured with 0.169 and 0.171). Two lines of it per request to an MCP server come on stderr for this.
 *
 * Invariants
 *   L1. The lines are taken out: they show in no log and count for no last words.
 */
import { stripVTControlCharacters } from "node:util";

/** An answer to a request of Codex's to an MCP server. */
export interface HttpAnswer {
  readonly method: string;
  /** Host and port of the server, as `addressOf` writes them. */
  readonly address: string;
  readonly status: number;
}

const LOGGER = "codex_exec_server::client::http_client::route_aware_http_client";

/** The part of `RUST_LOG` that brings the lines. */
export const HTTP_LOG: string = `${LOGGER}=info`;

/** Host and port of a URL; `undefined` when it is no URL. */
export function addressOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, port, protocol } = new URL(url);
  return address(hostname, port === "" ? (protocol === "https:" ? "443" : "80") : port);
}

export class HttpAnswers {
  readonly #listeners = new Set<(answer: HttpAnswer) => void>();

  /** Calls `listener` with every answer, until the returned function is called. */
  watch(listener: (answer: HttpAnswer) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes a line of stderr. @returns whether it was one of these lines (L1) */
  take(raw: string): boolean {
    if (!raw.includes(LOGGER)) return false;
    if (this.#listeners.size === 0) return true;
    const line = stripVTControlCharacters(raw);
    const field = (name: string): string | undefined => new RegExp(`[ {]${name}="?([^" }]+)`).exec(line)?.[1];
    const method = field("http\\.request\\.method");
    const host = field("server\\.address");
    const status = Number(field("http\\.response\\.status_code"));
    if (method !== undefined && host !== undefined && status > 0) {
      const answer = { method, address: address(host, field("server\\.port") ?? ""), status };
      for (const listener of this.#listeners) listener(answer);
    }
    return true;
  }
}

function address(host: string, port: string): string {
  return `${host.replace(/^\[|\]$/g, "").toLowerCase()} ${port}`;
}
