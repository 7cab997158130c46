/**
 * The Codex homes (`CODEX_HOME`) that Switchyard owns.
 *
 * By default Codex runs in `$SWITCHYARD_HOME/codex` (`~/.switchyard/codex`), so that no MCP server, rule or
 * trust decision of the user's own `~/.codex` reaches a hosted thread. The user's login is carried over as a
 * symbolic link to `auth.json`: Codex rewrites that file in place when it refreshes a token (seen with 0.169),
 * so both homes keep using the same, current login. A login kept in the system keyring cannot be carried over, and
 * a home with a login of its own (a file, not a link) keeps it.
 *
 * Logins to MCP servers (`codex mcp login`) are in `.credentials.json`, or in the keyring, where they count for every
 * home. Codex rewrites that file in place, too, but follows no symbolic link to it (seen with 0.171), so it is one file
 * under two names.
 */
import { randomUUID } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
} from "node:fs";
import { realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { JsonObject } from "../../base/json.ts";
import { userCodexHome } from "../../config/layers/homes.ts";
import { configuredProviders } from "../../config/layers/model-providers.ts";
import { needsLogin } from "../providers.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Whether the user has a login that `prepareCodexHome` can carry over. */
export function hasUserLogin(env: Env): boolean {
  return existsSync(join(userCodexHome(env), "auth.json"));
}

/**
 * Whether the model can only be asked with a key of the caller's own.
 *
 * @param config that of a thread
 * @throws {CodexError} `invalid_options`: the model provider in use needs a variable that is not set
 */
export function lacksLogin(config: JsonObject, codexHome: string, env: Env): boolean {
  if (!needsLogin(config, configuredProviders(codexHome), env)) return false;
  return !hasUserLogin(env) && !existsSync(join(codexHome, "auth.json"));
}

/**
 * Makes a Codex home that is ours; a new one is readable by its owner only.
 *
 * @param login whether the user's login is carried over
 */
export function prepareCodexHome(home: string, env: Env, login: boolean): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const ours = join(home, "auth.json");
  const users = join(userCodexHome(env), "auth.json");
  // One folder may have two names. A link to itself would destroy its login.
  if (!login || !existsSync(users) || realpathSync(home) === realpathSync(dirname(users))) return;
  const there = lstatSync(ours, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() === true && readlinkSync(ours) === users) return;
  // On Windows the file may be our own copy: see below.
  if (there !== undefined && !there.isSymbolicLink() && process.platform !== "win32") return;
  // In one step: another process may create or read the link at the same moment.
  const link = join(home, `.auth.json.${randomUUID()}`);
  try {
    symlinkSync(users, link);
    renameSync(link, ours);
  } catch (error) {
    rmSync(link, { force: true });
    if (process.platform !== "win32") throw error;
    // Windows, without permission to create links: a copy works until the token is refreshed.
    copyFileSync(users, ours);
  }
}

/**
 * Lets a home use the user's logins to MCP servers, as they are now. A home with logins of its own keeps them.
 *
 * Where the two homes are on different file systems it has no effect.
 */
export function shareMcpLogins(home: string, env: Env): void {
  const users = join(userCodexHome(env), ".credentials.json");
  const ours = join(home, ".credentials.json");
  // Which file was shared last: the user may have logged out of everything since, which removes theirs only.
  const note = join(home, ".credentials.shared");
  try {
    const shared = identityOf(users);
    const present = identityOf(ours);
    if (shared === present) return;
    if (present !== undefined && present !== readFileSync(note, "utf8")) return;
    rmSync(ours, { force: true });
    rmSync(note, { force: true });
    if (shared === undefined) return;
    writeFileSync(note, shared, { mode: 0o600 });
    linkSync(users, ours);
  } catch {
    // Another file system, no such home yet, or a process that was faster: the server says that it needs a login.
  }
}

/** What two names of one file have in common. */
function identityOf(file: string): string | undefined {
  const stat = lstatSync(file, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`;
}
