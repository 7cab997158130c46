/** What a server says in `WWW-Authenticate` about the login it wants (RFC 6750, RFC 9728). */
import { extractWWWAuthenticateParams } from "@modelcontextprotocol/client";
import type { LoginWanted } from "../errors.ts";

/** Nobody names more, and each is shown to a person. */
const SCOPES_MAX = 100;
const HEADER_CHARS_MAX = 8_192;
/** A scheme begins the header, or stands behind the comma after another one's last parameter. */
const BEARER = /(?:^|,)\s*(?=bearer(?:\s|$))/i;

/** Reads the `Bearer` challenge of the header; of one without any, there is nothing to say. */
export function loginWanted(header: string | undefined): LoginWanted {
  const text = (header ?? "").slice(0, HEADER_CHARS_MAX).replace(/[^\x20-\x7e]/g, "?");
  const at = BEARER.exec(text);
  const bearer = at === null ? "" : text.slice(at.index + at[0].length);
  const { scope, error, resourceMetadataUrl } = extractWWWAuthenticateParams(
    new Response(null, { headers: bearer === "" ? {} : { "www-authenticate": bearer } }),
  );
  return {
    scopes: scopesOf(scope),
    resourceMetadataUrl: isHttp(resourceMetadataUrl) ? resourceMetadataUrl.href : undefined,
    insufficientScope: error === "insufficient_scope",
  };
}

/** The scopes of a list with spaces, each once; what can be none (RFC 6749, 3.3) is left out. */
export function scopesOf(list: string | undefined): readonly string[] {
  const scopes = (list ?? "").split(/\s+/).filter((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope));
  return [...new Set(scopes)].slice(0, SCOPES_MAX);
}

function isHttp(url: URL | undefined): url is URL {
  return url !== undefined && (url.protocol === "https:" || url.protocol === "http:");
}
