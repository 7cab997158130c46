/** Paths of the executor's machine as `file://` URIs, whatever machine this is. */

/** @param path absolute: `/srv/x`, or `C:\x` for an executor on Windows */
export function toFileUri(path: string): string {
  const slashes = /^[A-Za-z]:[\\/]/.test(path) ? `/${path.replaceAll("\\", "/")}` : path;
  return `file://${slashes.split("/").map(encodePart).join("/")}`;
}

/** A drive keeps its colon. */
function encodePart(part: string): string {
  return encodeURIComponent(part).replaceAll("%3A", ":");
}

/** @returns the path, or the text as it is where it is no `file://` URI */
export function fromFileUri(uri: string | undefined): string | undefined {
  if (uri === undefined || !uri.startsWith("file://")) return uri;
  try {
    const path = decodeURIComponent(new URL(uri).pathname);
    return /^\/[A-Za-z]:/.test(path) ? path.slice(1) : path;
  } catch {
    return uri;
  }
}
