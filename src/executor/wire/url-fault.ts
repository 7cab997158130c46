/** Why a text is no URL, in the words of Rust's `url`, which `codex exec-server` passes on. Node only says that it is none. */

/** @param text what `URL.parse` does not take */
export function urlFault(text: string): string {
  const [, scheme, rest = ""] =
    /^([a-z][a-z0-9+.-]*):(.*)$/i.exec(text.trim().replace(/[\t\n\r]/g, "")) ?? [];
  if (scheme === undefined) return "relative URL without a base";
  const authority = /^[/\\]*([^/\\?#]*)/.exec(rest)?.[1] ?? "";
  const isFile = scheme.toLowerCase() === "file";
  const host = isFile ? authority : authority.slice(authority.lastIndexOf("@") + 1);
  if (host === "") return "empty host";
  const [, name = "", port = ""] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(host) ?? [];
  if (name === "" || name.startsWith("[")) {
    if (!name.endsWith("]") || URL.parse(`http://${name}/`) === null) return "invalid IPv6 address";
  }
  if (!isFile && !(/^\d*$/.test(port) && Number(port) < 2 ** 16)) return "invalid port number";
  if (/^[\d.]+$/.test(name)) return "invalid IPv4 address";
  return "invalid international domain name";
}
