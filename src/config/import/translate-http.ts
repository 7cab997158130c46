/** A server with a URL: where it is, and with whose credentials. */
import type { DraftMcpServer, McpServerOAuthConfig } from "../server/types.ts";
import type { JsonNode } from "./json-document.ts";
import { maskUrl, mayNameSecret } from "../show/mask-text.ts";
import { URL_KEYS } from "./dialects.ts";
import { variableForInput, whyNotTaken } from "./references.ts";
import { type ServerReader, setText } from "./server-reader.ts";

export function translateHttp(reader: ServerReader, draft: DraftMcpServer): void {
  const [url, ...others] = URL_KEYS.filter((key) => reader.entries.has(key));
  if (url !== undefined) {
    setText(draft, "url", reader.takeText(url));
    noteSecretUrl(reader, url, draft.url);
    if (/\/sse\/?(?:\?|$)/.test(draft.url ?? "")) {
      reader.note(
        url,
        "it looks like the URL of an SSE server, which is not supported: use its streamable HTTP URL",
      );
    }
  }
  for (const key of others) {
    reader.entries.delete(key);
    reader.note(key, `the server has another URL, ${url}, which is used`);
  }
  reader.take("headers", (node, path) => translateHeaders(reader, draft, node, path));
  reader.take("headersHelper", (node, path) => {
    const helper = reader.document.text(node, path);
    if (helper === undefined) return;
    draft.http_headers_helper = helper;
    reader.note(
      "headersHelper",
      "it is carried over, but does not get the server's name and URL in CLAUDE_CODE_MCP_*",
    );
  });
  translateOauth(reader, draft, "oauth");
  translateOauth(reader, draft, "auth");
}

/** A name of a user, a password or a query; the value of a variable is not in the file. */
function noteSecretUrl(reader: ServerReader, key: string, url: string = ""): void {
  if (maskUrl(url) === url || reader.findReference(url) !== undefined) return;
  const what = "its user, password or query may be a secret, and is now in the configuration";
  reader.note(key, `${what}: if it is one, put it in a header that env_http_headers names`);
}

function translateHeaders(
  reader: ServerReader,
  draft: DraftMcpServer,
  node: JsonNode,
  path: readonly string[],
): void {
  const literal = new Map<string, string>();
  const fromVariable = new Map<string, string>();
  for (const [header, entry] of reader.document.entries(node, path) ?? []) {
    const value = reader.document.text(entry, [...path, header]);
    if (value === undefined) continue;
    const key = `headers.${header}`;
    const isAuthorization = header.toLowerCase() === "authorization";
    const bearer = isAuthorization ? /^Bearer\s+(.+)$/is.exec(value)?.[1] : undefined;
    const reference = reader.findReference(bearer ?? value);
    if (reference === undefined) {
      literal.set(header, value);
      if (bearer !== undefined) {
        const how = "put the token in a variable and name that in bearer_token_env_var";
        reader.note(
          key,
          `the token is a secret, and is now in the configuration: ${how}, instead of the header`,
        );
      } else if (mayNameSecret(header)) {
        const how = "put it in a variable and name that in env_http_headers";
        reader.note(
          key,
          `it looks like a secret, and is now in the configuration: ${how}, instead of http_headers`,
        );
      }
      continue;
    }
    if (reference === "part" || reference.kind === "other" || reference.kind === "blank") {
      const how = "put the whole value in a variable and name that in env_http_headers";
      literal.set(header, value);
      reader.unfilled.add(key);
      reader.note(key, `${whyNotTaken(reference)}, so it is carried over as written: ${how}`);
      continue;
    }
    const variable = reference.kind === "input" ? variableForInput(reference.id) : reference.name;
    if (reference.kind === "input") {
      reader.note(key, `it is not asked for here: set ${variable} before the start`);
    } else if (reference.hasDefault) {
      reader.note(key, `its default is not carried over: set ${variable} before the start`);
    }
    if (bearer === undefined) fromVariable.set(header, variable);
    else draft.bearer_token_env_var = variable;
  }
  if (literal.size > 0) draft.http_headers = Object.fromEntries(literal);
  if (fromVariable.size > 0) draft.env_http_headers = Object.fromEntries(fromVariable);
}

/** `oauth` of Claude Code, VS Code, Gemini CLI and Zed; `auth` of Cursor. */
function translateOauth(reader: ServerReader, draft: DraftMcpServer, section: "oauth" | "auth"): void {
  reader.take(section, (node, path) => {
    // opencode: no login.
    if (node.type === "boolean") return reader.note(section, "it has no counterpart here and is left out");
    const oauth: { -readonly [Key in keyof McpServerOAuthConfig]: McpServerOAuthConfig[Key] } = {};
    for (const [name, entry] of reader.document.entries(node, path) ?? []) {
      const key = `${section}.${name}`;
      const at = [...path, name];
      switch (name) {
        case "clientId":
        case "client_id":
        case "CLIENT_ID":
          useLiteral(reader, key, reader.document.text(entry, at), (value) => (oauth.client_id = value));
          break;
        case "clientSecret":
        case "client_secret":
        case "CLIENT_SECRET":
          useLiteral(reader, key, reader.document.text(entry, at), (value) => {
            oauth.client_secret = value;
            reader.note(key, "it is a secret, and is now in the configuration");
          });
          break;
        case "redirectUri":
          useLiteral(reader, key, reader.document.text(entry, at), (value) => (oauth.callback_url = value));
          break;
        case "callbackPort": {
          const port = reader.document.amount(entry, at);
          if (port === undefined) break;
          if (Number.isInteger(port) && port <= 65_535) oauth.callback_port = port;
          else reader.document.problem(entry, at, "callbackPort must be a whole number up to 65535");
          break;
        }
        case "scope":
        case "scopes": {
          const scopes =
            entry.type === "string"
              ? String(entry.value)
                  .split(/\s+/)
                  .filter((scope) => scope !== "")
              : reader.document.texts(entry, at);
          if (scopes !== undefined) draft.scopes = scopes;
          break;
        }
        default:
          reader.note(key, "it has no counterpart here and is left out");
      }
    }
    if (oauth.client_secret !== undefined && oauth.client_id === undefined) {
      delete oauth.client_secret;
      reader.note(`${section}.clientSecret`, "it is left out, because it means nothing without a client id");
    }
    if (Object.keys(oauth).length > 0) draft.oauth = oauth;
  });
}

function useLiteral(
  reader: ServerReader,
  key: string,
  value: string | undefined,
  use: (value: string) => void,
): void {
  if (value === undefined) return;
  const reference = reader.findReference(value);
  if (reference === undefined) use(value);
  else reader.note(key, `${whyNotTaken(reference)}, so it is left out`);
}
