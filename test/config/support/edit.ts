/** An edit as the editor makes it: under the lock, read, change, replace. */
import { withFileLock } from "../../../src/config/file/file-lock.ts";
import type { ConfigFileSystem } from "../../../src/config/file/file-system.ts";
import { readVersioned, replaceFile } from "../../../src/config/file/safe-write.ts";

export function edit(
  target: string,
  change: (text: string | undefined) => string,
  options: { readonly fs?: ConfigFileSystem; readonly timeoutMs?: number } = {},
): Promise<void> {
  const { fs, timeoutMs } = options;
  const work = async (): Promise<void> => {
    const old = await readVersioned(target, fs);
    await replaceFile(target, change(old?.text), { expectedVersion: old?.version, mode: old?.mode, fs });
  };
  return withFileLock(target, work, { fs, timeoutMs });
}
