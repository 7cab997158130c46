/** Paths as `file://` URIs and back, of whatever machine they are. */

/** @param path absolute: `/srv/x`, or `C:\\x` of a machine with Windows */
export function toFileUri(path: string): string {
  const slashes = /^[A-Za-z]:[\\/]/.test(path) ? `/${path.replaceAll("\\", "/")}` : path;
  // `|` stays escaped: behind a letter, some readers take it for the colon of a drive.
  const escaped = encodeURIComponent(slashes.toWellFormed());
  return `file://${escaped.replace(/%(?:2F|24|26|2B|2C|3A|3B|3D|40|5B|5D|5E)/g, decodeURIComponent)}`;
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
