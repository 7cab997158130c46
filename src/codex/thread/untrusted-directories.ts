/**
 * The directories to name as untrusted, so that a thread that works in one trusts none of them (F1 of `spec.ts`).
 *
 * Codex looks up trust by the directory itself and by the root of its repository (of the main one, for a worktree),
 * and reads `.codex/` of every directory in between.
 */
import { readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

export function untrustedDirectories(cwd: string): string[] {
  const found = new Set([cwd]);
  for (const start of new Set([cwd, realpathSync(cwd)])) {
    found.add(start);
    for (let at = start; ; at = dirname(at)) {
      const git = look(join(at, ".git"));
      if (git !== undefined || look(join(at, ".codex")) !== undefined) found.add(at);
      if (git?.isFile() === true) for (const main of mainRepository(at)) found.add(main);
      if (dirname(at) === at) break;
    }
  }
  return [...found];
}

/**
 * The repository a worktree belongs to, by each of its names. The worktree's `.git` file says
 * `gitdir: <main>/.git/worktrees/<name>`; Codex asks only for the `worktrees`, so that the folder above it, e.g. that of
 * a bare repository, may have any name.
 */
function mainRepository(worktree: string): string[] {
  try {
    const gitdir = /^gitdir:(.+)$/m.exec(readFileSync(join(worktree, ".git"), "utf8"))?.[1]?.trim();
    if (gitdir === undefined || gitdir === "") return [];
    const given = resolve(worktree, gitdir);
    const candidates = look(given) === undefined ? [given] : [given, realpathSync(given)];
    return candidates
      .filter((each) => basename(dirname(each)) === "worktrees")
      .map((each) => dirname(dirname(dirname(each))));
  } catch {
    // Codex cannot read it either.
    return [];
  }
}

/** @returns `undefined` also for a path that is not readable, or not a path */
function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

export function isDirectory(path: string): boolean {
  return look(path)?.isDirectory() === true;
}
