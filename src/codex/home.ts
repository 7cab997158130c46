/**
 * The Codex homes (`CODEX_HOME`) that Switchyard owns.
 *
 * By default Codex runs in `$SWITCHYARD_HOME/codex` (`~/.switchyard/codex`), so that no MCP server, rule or
 * trust decision of the user's own `~/.codex` reaches a hosted thread. The user's login is carried over as a
 * symbolic link to `auth.json`: Codex rewrites that file in place when it refreshes a token (seen with 0.169),
 * so both homes keep using the same, current login. A login kept in the system keyring cannot be carried over.
 */
import { copyFileSync, existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

/** `$SWITCHYARD_HOME`, or `~/.switchyard`. */
export function switchyardHome(env: Env): string {
  const set = env.SWITCHYARD_HOME;
  return set !== undefined && set !== "" ? resolve(set) : join(env.HOME ?? homedir(), ".switchyard");
}

/** The user's own Codex home: `$CODEX_HOME`, or `~/.codex`. */
export function userCodexHome(env: Env): string {
  const set = env.CODEX_HOME;
  return set !== undefined && set !== "" ? resolve(set) : join(env.HOME ?? homedir(), ".codex");
}

/** Whether the user has a login that `prepareCodexHome` can carry over. */
export function hasUserLogin(env: Env): boolean {
  return existsSync(join(userCodexHome(env), "auth.json"));
}

/**
 * Makes a Codex home that is ours, readable by its owner only.
 *
 * @param login whether the user's login is carried over
 */
export function prepareCodexHome(home: string, env: Env, login: boolean): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const ours = join(home, "auth.json");
  const users = join(userCodexHome(env), "auth.json");
  if (!login || !existsSync(users) || resolve(ours) === resolve(users)) return;
  const there = lstatSync(ours, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() === true && readlinkSync(ours) === users) return;
  // Another process of ours may make the same link at the same time; then it is there, which is all we want.
  rmSync(ours, { force: true });
  try {
    symlinkSync(users, ours);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    // Windows without the right to make links: a copy works until the token is refreshed.
    copyFileSync(users, ours);
  }
}
