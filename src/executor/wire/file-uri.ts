/** Paths as `file://` URIs and back, of any machine. */
import { Issue, type Reader, string } from "../../base/reader.ts";

/** A parameter that is a `file:` URI. Whether it is a path of this machine, `server/file-uri.ts` says. */
export const fileUri: Reader<URL> = (input) => {
  const text = string(input);
  if (text instanceof Issue) return text;
  const uri = URL.parse(text);
  if (uri?.protocol !== "file:") return new Issue("invalid_value", "must be a file: URI");
  // An empty query or fragment is one too, which `search` and `hash` do not show.
  if (/[?#]/.test(uri.href))
    return new Issue("invalid_value", "must be a file: URI without query and fragment");
  if (uri.pathname.includes("%00")) return new Issue("invalid_value", "must not contain the character NUL");
  return uri;
};

/** @param path absolute: `/srv/x`, or `C:\\x` of a machine with Windows */
export function toFileUri(path: string): string {
  const slashes = /^[A-Za-z]:[\\/]/.test(path) ? `/${path.replaceAll("\\", "/")}` : path;
  // `|` stays escaped: after a letter, some readers take it for the colon of a drive.
  const escaped = encodeURIComponent(slashes.toWellFormed());
  return `file://${escaped.replace(/%(?:2F|24|26|2B|2C|3A|3B|3D|40|5B|5D|5E)/g, decodeURIComponent)}`;
}

/** @returns the path, or the text as it is where it is not a `file://` URI */
export function fromFileUri(uri: string | undefined): string | undefined {
  if (uri === undefined || !uri.startsWith("file://")) return uri;
  try {
    const path = decodeURIComponent(new URL(uri).pathname);
    return /^\/[A-Za-z]:/.test(path) ? path.slice(1) : path;
  } catch {
    return uri;
  }
}
