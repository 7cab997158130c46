/** What Node says when the folder that this process works in was removed is a system error without a path. */

/** Whether an error is that one. `resolve` of a relative path throws it too. */
export function isRemovedDirectory(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && error.syscall === "uv_cwd";
}

export const REMOVED_DIRECTORY =
  "the folder that this process works in was removed; start it again in one that exists";
