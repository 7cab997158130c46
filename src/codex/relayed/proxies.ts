/**
 * Proxies as Codex reads them, in the words of Node's agents: ALL_PROXY counts where there is no other, and a name of NO_PROXY stands
 * for its subdomains as well.
 */
import { isIP } from "node:net";
import type { Variables } from "../../servers/resolve.ts";

/** The proxy of a URL's scheme. */
function proxyOf(protocol: string, env: Variables): string | undefined {
  const own = protocol === "https:" ? [env.HTTPS_PROXY, env.https_proxy] : [env.HTTP_PROXY, env.http_proxy];
  return [...own, env.ALL_PROXY, env.all_proxy].find((value) => value !== undefined && value !== "");
}

/** Why Node cannot go where Codex would. */
export function proxyProblem({ protocol }: URL, env: Variables): string | undefined {
  const proxy = proxyOf(protocol, env);
  if (proxy === undefined) return undefined;
  if (/^[a-z][a-z0-9+.-]*:/i.test(proxy) && !/^https?:/i.test(proxy)) return "the proxy is not an HTTP proxy";
  return knowsProxies() ? undefined : `Node ${process.versions.node} knows no proxies`;
}

/** Since 22.21 and 24.5. */
function knowsProxies(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
}

/** What an agent of Node is given. */
export function proxyEnvironment(env: Variables): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, protocol] of [
    ["http_proxy", "http:"],
    ["https_proxy", "https:"],
  ] as const) {
    const proxy = proxyOf(protocol, env);
    if (proxy !== undefined) result[name] = proxy.includes("://") ? proxy : `http://${proxy}`;
  }
  // Codex is told the same: see `app-server/environment.ts`.
  const except = [...(env.NO_PROXY ?? env.no_proxy ?? "").split(","), "127.0.0.1"];
  result["no_proxy"] = except.flatMap(exceptionsOf).join(",");
  return result;
}

function exceptionsOf(entry: string): string[] {
  const name = entry.trim();
  const range = /^(\d+\.\d+\.\d+\.\d+)\/(\d|[12]\d|3[0-2])$/.exec(name);
  if (range !== null) return [addresses(range[1] as string, Number(range[2]))];
  if (name === "") return [];
  if (name === "*" || isIP(name) !== 0) return [name];
  const bare = name.replace(/^\*?\./, "");
  return [bare, `.${bare}`];
}

/** `10.0.0.0/8` as Node writes it: the first address and the last. */
function addresses(address: string, bits: number): string {
  const size = 2 ** (32 - bits);
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const first = Math.floor(number / size) * size;
  const text = (value: number): string =>
    [24, 16, 8, 0].map((at) => Math.floor(value / 2 ** at) % 256).join(".");
  return `${text(first)}-${text(first + size - 1)}`;
}
