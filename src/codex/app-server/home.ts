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
 * under two names. Its locks for refreshing them (`mcp-oauth-locks`) are one folder: two homes that refresh a login at the same
 * time would end it, where a refresh token works once.
 */
import { randomUUID } from "node:crypto";
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
} from "node:fs";
import {
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { userCodexHome } from "../../config/layers/homes.ts";
import { configuredProviders } from "../../config/layers/model-providers.ts";
import { CodexError } from "../errors.ts";
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
 * @throws {CodexError} `home_unusable`
 */
export function prepareCodexHome(home: string, env: Env, login: boolean): void {
  try {
    makeFolder(home, 0o700);
    // Codex would start, and fail later with words about its database.
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
    if (isUsers(home, env)) return;
    keepToOwner(home);
    keepNoLog(home);
    if (login) carryLogin(home, env);
  } catch (error) {
    const message = `Codex's home ${home} cannot be used: ${messageOf(error)}. Name another folder, or mend this one`;
    throw new CodexError("home_unusable", message, { cause: error });
  }
}

/** Closes what Codex has made in a home of ours to other accounts. Never throws. */
export function closeHome(home: string, env: Env): void {
  try {
    if (!isUsers(home, env)) keepToOwner(home);
  } catch {
    // The home is gone.
  }
}

/** One folder may have two names. What is the user's own stays as it is. */
function isUsers(home: string, env: Env): boolean {
  const users = userCodexHome(env);
  return existsSync(users) && realpathSync(home) === realpathSync(users);
}

/**
 * Codex makes its files readable by everybody, and the home may be older than we are. With another umask it would write the
 * agent's files, in the project, as private too. A folder that is closed already is not looked into again: what lies in it is
 * out of reach.
 */
function keepToOwner(folder: string): void {
  if (process.platform === "win32") return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    try {
      const status = lstatSync(path);
      // Not a link: it may lead to the user's own login.
      const isFolder = status.isDirectory();
      if ((status.mode & 0o077) === 0 || !(isFolder || status.isFile())) continue;
      if (isFolder) keepToOwner(path);
      chmodSync(path, status.mode & 0o700);
    } catch {
      // Files of a database come and go; what belongs to another account stays as it is.
    }
  }
}

/**
 * Codex's log database holds every message of its libraries, whatever RUST_LOG says (measured with 0.169 and 0.171): the URL
 * of a server that does not answer is in it, with the key in its query. There is no setting for it. Where a folder has its
 * name, Codex goes on without it.
 */
function keepNoLog(home: string): void {
  const path = join(home, LOG_DATABASE);
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  try {
    for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
  } catch {
    // Another process was faster, or the folder cannot be made either.
  }
  makeFolder(path, 0o700);
}

const LOG_DATABASE = "logs_2.sqlite";

function carryLogin(home: string, env: Env): void {
  const ours = join(home, "auth.json");
  const users = join(userCodexHome(env), "auth.json");
  if (!existsSync(users)) return;
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

const LOCKS = "mcp-oauth-locks";

/** Without a home of the user's there is no link: no folder can be made where one leads nowhere. */
function shareLoginLocks(home: string, env: Env): void {
  const users = userCodexHome(env);
  const [ours, theirs] = [join(home, LOCKS), join(users, LOCKS)];
  try {
    const link = lstatSync(ours, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    const isThere = existsSync(users);
    if (link && isThere && readlinkSync(ours) === theirs && existsSync(theirs)) return;
    if (isThere && realpathSync(users) === realpathSync(home)) return;
    if (isThere) makeFolder(theirs, 0o700);
    if (isThere || link) rmSync(ours, { recursive: true, force: true });
    if (isThere) symlinkSync(theirs, ours);
  } catch {
    // No such home yet, or a process that was faster.
  }
}

/**
 * Lets a home use the user's logins to MCP servers, as they are now. A home with logins of its own keeps them.
 *
 * Where the two homes are on different file systems it has no effect.
 */
export function shareMcpLogins(home: string, env: Env): void {
  shareLoginLocks(home, env);
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
