/** Why a server cannot be reached over HTTP: Node's codes and HTTP's statuses, in words, with what to do. */
import { shellWord } from "../../base/shell-word.ts";
import { LOCAL_ENVIRONMENT_ID } from "../../config/server/types.ts";
import type { HttpReason } from "../../mcp/index.ts";
import type { FindingCode } from "./finding.ts";

export interface Verdict {
  readonly code: FindingCode;
  readonly cause: string;
  readonly fix: string | null;
}

/** What the verdict is about. */
export interface Endpoint {
  readonly url: URL;
  /** The command that gives the server another URL; `null` where there is none. */
  readonly setUrl: (url: URL) => string | null;
  /** The command that opens the file where its url is written. */
  readonly open: string | null;
  /** The command that logs in, or hands over another token, and why that is needed. */
  readonly login: { readonly cause: string; readonly fix: string | null };
  /** From which it is reached; `local` is this machine. */
  readonly environment: string;
  /** `HTTP_PROXY` and the like are set. */
  readonly hasProxy: boolean;
}

export function verdictOf(reason: HttpReason, endpoint: Endpoint): Verdict {
  const { kind, status, cause } = reason;
  if (status !== undefined) return ofStatus(kind, status, endpoint);
  if (kind === "bad_answer") return notMcp(endpoint);
  return ofConnection(kind, cause ?? "", endpoint);
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_UNTRUSTED",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
]);

function ofConnection(kind: HttpReason["kind"], code: string, endpoint: Endpoint): Verdict {
  const { url, setUrl, open, hasProxy, environment } = endpoint;
  const { hostname, host } = url;
  if (environment !== LOCAL_ENVIRONMENT_ID)
    return {
      code: "unreachable",
      cause: `The machine of environment ${JSON.stringify(environment)}, from which it is reached, has no connection to ${host}`,
      fix: `switchyard environments check ${shellWord(environment)}`,
    };
  if (UNTRUSTED.has(code))
    return {
      code: "tls_untrusted",
      cause: `The certificate of ${host} is signed by a certificate authority that Node does not know, such as a company's own (${code})`,
      fix: "export NODE_EXTRA_CA_CERTS=/path/to/ca.pem",
    };
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return {
        code: "tls_expired",
        cause: `The certificate of ${host} has expired, and its operator has to renew it; or the clock of this machine is wrong. This shows its dates`,
        fix: certificate(url, "-dates"),
      };
    case "CERT_NOT_YET_VALID":
      return {
        code: "tls_not_yet_valid",
        cause: `The certificate of ${host} is not valid yet: most likely the clock of this machine is behind. This shows its dates`,
        fix: certificate(url, "-dates"),
      };
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return {
        code: "tls_wrong_host",
        cause: `The certificate is not one for ${hostname}: the url names another host than the server's. This shows for which hosts it is`,
        fix: certificate(url, "-ext subjectAltName"),
      };
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG": {
      const plain = new URL(url);
      plain.protocol = "http:";
      return {
        code: "tls_not_spoken",
        cause: `${host} does not speak TLS: it may be http, not https`,
        fix: setUrl(plain),
      };
    }
    case "ECONNREFUSED":
      return {
        code: "connection_refused",
        cause: `Nothing listens at ${host}: the server does not run, or listens at another port${hasProxy ? ", or the proxy does not run" : ""}. Start it, or change the url`,
        fix: open,
      };
    case "ENOTFOUND":
      return {
        code: "host_not_found",
        cause: `There is no host ${hostname}: its name is misspelt, or known only in another network (a VPN); or this machine is offline`,
        fix: open,
      };
    case "EAI_AGAIN":
      return {
        code: "host_not_found",
        cause: `No name server answers for ${hostname}: is this machine connected?`,
        fix: `getent hosts ${shellWord(hostname)}`,
      };
    case "ECONNRESET":
    case "EPIPE":
      return broken(endpoint);
    default: {
      if (kind === "reset" || kind === "cut") return broken(endpoint);
      const why = code === "" ? "" : ` (${code})`;
      return {
        code: "unreachable",
        cause: `${host} does not answer${why}: a firewall, a VPN that is off, or a machine that is down`,
        fix: `curl -sSI --max-time 10 ${shellWord(url.origin)}`,
      };
    }
  }
}

function broken({ url }: Endpoint): Verdict {
  return {
    code: "connection_broken",
    cause: `${url.host} accepts the connection and breaks it: something in front of the server, or the server itself, has trouble`,
    fix: `curl -sSI --max-time 10 ${shellWord(url.origin)}`,
  };
}

function ofStatus(kind: HttpReason["kind"], status: number, endpoint: Endpoint): Verdict {
  const { url, login } = endpoint;
  if (kind === "unauthorized" || status === 401) return { code: "unauthorized", ...login };
  if (status === 403) return forbidden(endpoint);
  if (status === 429)
    return {
      code: "rate_limited",
      cause: `${url.host} has had too many requests; try again later`,
      fix: null,
    };
  if (status >= 300 && status < 400)
    return {
      code: "url_moved",
      cause: "The server is at another url now, which the message names",
      fix: endpoint.open,
    };
  if (status >= 200 && status < 300) return notMcp(endpoint);
  if ([404, 405, 410].includes(status) || (status === 400 && OLD_SSE.test(url.pathname))) {
    const guess = guessed(url);
    if (OLD_SSE.test(url.pathname) && guess !== undefined)
      return {
        code: "url_wrong",
        cause: `A path like ${url.pathname} is one of the transport of 2024 (HTTP+SSE), which neither Codex nor Switchyard speaks. Servers that are newer have another at ${guess.pathname}`,
        fix: endpoint.setUrl(guess),
      };
    return {
      code: "url_wrong",
      cause: `${url.host} is there, but has no MCP server at ${url.pathname}${guess === undefined ? "" : `; most are at ${guess.pathname}`}`,
      fix: guess === undefined ? endpoint.open : endpoint.setUrl(guess),
    };
  }
  const cause =
    status >= 500
      ? `The server at ${url.host}, or something in front of it, has trouble of its own`
      : `${url.host} does not accept the request`;
  return { code: "http_error", cause, fix: `curl -sSI --max-time 10 ${shellWord(url.origin)}` };
}

/** The path that servers of the transport before streamable HTTP have. */
const OLD_SSE = /\/sse\/?$/;

const LOCALS: Readonly<Record<string, string>> = {
  "127.0.0.1": "localhost",
  "[::1]": "localhost",
  localhost: "127.0.0.1",
};

function forbidden({ url, login, setUrl, environment }: Endpoint): Verdict {
  const other = LOCALS[url.hostname];
  if (other === undefined || environment !== LOCAL_ENVIRONMENT_ID) {
    const cause = `${url.host} does not allow it: the login or token lacks a right, or is another account's`;
    return { code: "forbidden", cause, fix: login.fix };
  }
  const named = new URL(url);
  named.hostname = other;
  // Servers of this machine look at the Host header, against DNS rebinding.
  const cause = `Many servers that run here answer only to the one name that they were started with, which may be ${other}; or they want a login`;
  return { code: "forbidden", cause, fix: setUrl(named) };
}

function notMcp(endpoint: Endpoint): Verdict {
  const { url } = endpoint;
  const guess = guessed(url);
  return {
    code: "not_mcp",
    cause: `What answers at ${url.pathname} is no MCP server: a web page, a login page or a proxy${guess === undefined ? "" : `; most servers are at ${guess.pathname}`}`,
    fix: guess === undefined ? endpoint.open : endpoint.setUrl(guess),
  };
}

/** The path that most servers have. */
function guessed(url: URL): URL | undefined {
  if (url.pathname === "/mcp") return undefined;
  const guess = new URL(url);
  guess.pathname = "/mcp";
  return guess;
}

function certificate(url: URL, what: string): string {
  const port = url.port === "" ? "443" : url.port;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const name = /^[\d.]+$|:/.test(host) ? "" : ` -servername ${shellWord(host)}`;
  const address = host.includes(":") ? `[${host}]` : host;
  return `openssl s_client -connect ${shellWord(`${address}:${port}`)}${name} </dev/null 2>/dev/null | openssl x509 -noout ${what}`;
}
