/** What is around the servers: Codex, logins, homes, locks of the editor, and what dead hosts have left behind. */
import type { Stats } from "node:fs";
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { codeOf, messageOf } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { shellWord } from "../../base/shell-word.ts";
import { heldLock } from "../../config/file/file-lock.ts";
import { switchyardHome, userCodexHome } from "../../config/layers/homes.ts";
import { runFolder } from "../../mcp/run/host-file.ts";
import { EngineError } from "../../thread/errors.ts";
import type { Variables } from "../../servers/resolve.ts";
import { missingLogin } from "../engine.ts";
import { count } from "../output.ts";
import { survey } from "../ps/survey.ts";
import { find } from "./program.ts";
import { type Finding, finding } from "./finding.ts";

/** As `--json` prints it. */
export interface MachineView {
  readonly codex: {
    readonly path: string | null;
    /** Where the path comes from, in words. */
    readonly source: string | null;
    readonly version: string | null;
    /** Whether the tests of this Switchyard run on this version. */
    readonly held: boolean;
  };
  readonly logins: {
    /** Whether Codex is logged in, by `auth.json`. */
    readonly codex: boolean;
    readonly openai_api_key: boolean;
    /** Names of MCP servers with a login: in Codex's file, and those that were started with one. */
    readonly mcp: readonly string[];
  };
  readonly homes: readonly HomeView[];
  readonly locks: readonly { readonly path: string; readonly held_by: number | null }[];
  readonly left_behind: { readonly processes: number; readonly files: number };
  readonly findings: readonly Finding[];
}

interface HomeView {
  readonly name: "CODEX_HOME" | "SWITCHYARD_HOME" | "codex of SWITCHYARD_HOME";
  readonly path: string;
  readonly exists: boolean;
  readonly writable: boolean;
  /** Permissions, such as `700`. */
  readonly mode: string | null;
}

/** @param files of the configuration, whose locks are looked at */
export async function examineMachine(env: Variables, files: readonly string[]): Promise<MachineView> {
  const findings: Finding[] = [];
  const add = (...found: readonly Finding[]): void => void findings.push(...found);
  const codexHome = userCodexHome(env);
  const ownHome = switchyardHome(env);
  const [codex, left] = await Promise.all([findTheCodex(env, add), leftBehind(ownHome, add)]);
  const logins = loginsOf(codexHome, codex.path, env, add);
  const homes = [
    homeView("CODEX_HOME", codexHome, (env["CODEX_HOME"] ?? "") !== "", add),
    homeView("SWITCHYARD_HOME", ownHome, (env["SWITCHYARD_HOME"] ?? "") !== "", add),
    homeView("codex of SWITCHYARD_HOME", join(ownHome, "codex"), false, add),
  ];
  const targets = [join(codexHome, "config.toml"), join(ownHome, "switchyard.toml"), ...files];
  const locks = await locksOf([...new Set(targets)], add);
  return { codex, logins, homes, locks, left_behind: left, findings };
}

type Add = (...found: readonly Finding[]) => void;

async function findTheCodex(env: Variables, add: Add): Promise<MachineView["codex"]> {
  const { checkCodexVersion, findCodex, HELD_CODEX } = await import("../../codex/app-server/binary.ts");
  const install = `npm install --global @openai/codex@${HELD_CODEX.at(-1)}`;
  let found: ReturnType<typeof findCodex> | undefined;
  try {
    found = findCodex(undefined, env);
    const warnings: string[] = [];
    const version = await checkCodexVersion(found, (_level, message) => void warnings.push(message));
    add(
      ...warnings.map((text) =>
        finding("codex_untested", text, {
          cause:
            "It is newer than this Switchyard. Most likely it works; a version that the tests run on is the safe choice",
          fix: install,
        }),
      ),
    );
    const { path, source } = found;
    return { path, source, version, held: warnings.length === 0 };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const isNamed = (env["SWITCHYARD_CODEX_PATH"] ?? "") !== "";
    if (found === undefined && !isNamed)
      add(
        finding("codex_missing", "Codex is not found: not in node_modules, and not in PATH", {
          cause: "The commands run and runner need it; servers alone do without",
          fix: install,
        }),
      );
    else
      add(
        finding("codex_unusable", messageOf(error), {
          fix: isNamed ? "unset SWITCHYARD_CODEX_PATH" : install,
        }),
      );
    return { path: found?.path ?? null, source: found?.source ?? null, version: null, held: false };
  }
}

function loginsOf(codexHome: string, codex: string | null, env: Variables, add: Add): MachineView["logins"] {
  const auth = join(codexHome, "auth.json");
  const credentials = join(codexHome, ".credentials.json");
  const isLoggedIn = fs.existsSync(auth);
  const hasKey = (env["OPENAI_API_KEY"] ?? "") !== "";
  for (const file of [auth, credentials]) {
    const mode = modeOf(file);
    if (mode === undefined || (mode & 0o077) === 0) continue;
    add(
      finding("login_readable", `other accounts of this machine can read ${file} (mode ${octal(mode)})`, {
        cause: "It holds tokens",
        fix: `chmod 600 ${shellWord(file)}`,
      }),
    );
  }
  if (codex !== null && !hasKey) add(...missingLoginFinding(codex, env));
  return { codex: isLoggedIn, openai_api_key: hasKey, mcp: mcpLogins(credentials) };
}

function missingLoginFinding(codex: string, env: Variables): Finding[] {
  const cause = "Codex cannot ask a model; servers work without";
  try {
    if (missingLogin([], true, env) === undefined) return [];
    const problem = "there is no login of Codex, and OPENAI_API_KEY is not set";
    return [finding("login_missing", problem, { cause, fix: loginFix(codex, env) })];
  } catch (error) {
    // A provider of the configuration that needs a variable.
    if (!(error instanceof EngineError)) throw error;
    return [finding("login_missing", error.message, { cause })];
  }
}

function loginFix(codex: string, env: Variables): string {
  // One that npm has put beside Switchyard is in no PATH.
  const isInPath = find("codex", process.cwd(), env["PATH"]) !== undefined;
  return `${isInPath ? "codex" : shellWord(codex)} login`;
}

/** In Codex's file: a table of logins, each with the name of its server. */
function mcpLogins(file: string): string[] {
  try {
    const read: unknown = JSON.parse(fs.readFileSync(file, "utf8"));
    if (!isObject(read)) return [];
    const names = Object.values(read).map((each) => (isObject(each) ? each["server_name"] : undefined));
    return [...new Set(names.filter((name) => typeof name === "string"))].toSorted();
  } catch {
    // There is none, or it is not Codex's.
    return [];
  }
}

function homeView(name: HomeView["name"], path: string, isNamed: boolean, add: Add): HomeView {
  const status = statusOf(path);
  if (status === "unreachable") {
    const cause = `It is ${name}, or would be: the folder around it is another account's, or no folder`;
    add(
      finding("home_unusable", `${path} cannot be reached`, {
        cause,
        fix: `ls -ld ${shellWord(dirname(path))}`,
      }),
    );
    return { name, path, exists: false, writable: false, mode: null };
  }
  if (status === undefined) {
    // It is made when it is needed; one that CODEX_HOME names has to be there, as for Codex.
    if (isNamed && name === "CODEX_HOME") {
      const problem = `${name} names ${path}, which does not exist`;
      const cause = "Codex does not start with it, and no file of it is read";
      add(finding("home_unusable", problem, { cause, fix: `mkdir -p ${shellWord(path)}` }));
    }
    return { name, path, exists: false, writable: false, mode: null };
  }
  const isWritable = status.isDirectory() && mayWrite(path);
  const mode = status.mode & 0o777;
  if (!isWritable) {
    const problem = status.isDirectory()
      ? `${path} cannot be written to (mode ${octal(mode)})`
      : `${path} is no folder`;
    add(
      finding("home_unusable", problem, {
        cause: `It is ${name}: logins, threads and settings are kept there`,
        fix: status.isDirectory()
          ? `sudo chown -R "$USER" ${shellWord(path)} && chmod u+rwx ${shellWord(path)}`
          : isNamed
            ? `unset ${name}`
            : `ls -l ${shellWord(path)}`,
      }),
    );
  } else if ((mode & 0o022) !== 0 && process.platform !== "win32") {
    add(
      finding("home_open", `other accounts of this machine can write to ${path} (mode ${octal(mode)})`, {
        cause: "Who writes there decides which programs run as you",
        fix: `chmod go-w ${shellWord(path)}`,
      }),
    );
  }
  return { name, path, exists: true, writable: isWritable, mode: octal(mode) };
}

function statusOf(path: string): Stats | undefined | "unreachable" {
  try {
    return fs.statSync(path, { throwIfNoEntry: false });
  } catch {
    return "unreachable";
  }
}

function mayWrite(folder: string): boolean {
  try {
    fs.accessSync(folder, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function modeOf(file: string): number | undefined {
  if (process.platform === "win32") return undefined;
  const status = statusOf(file);
  return typeof status === "object" ? status.mode & 0o777 : undefined;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(3, "0");
}

/** A lock of a dead process is no problem: who edits next removes it. */
async function locksOf(files: readonly string[], add: Add): Promise<MachineView["locks"]> {
  const locks: { path: string; held_by: number | null }[] = [];
  for (const file of files) {
    const lock = await heldLock(file).catch((error: unknown) => {
      // Nobody can edit there either, and the home says so.
      if (codeOf(error) === undefined) throw error;
      return undefined;
    });
    if (lock === undefined) continue;
    locks.push({ path: lock.path, held_by: lock.pid ?? null });
    if (lock.life === "dead") continue;
    const who =
      lock.pid === undefined
        ? "nobody can be seen to hold it"
        : lock.life === "elsewhere"
          ? `process ${lock.pid} of another machine or container holds it`
          : `process ${lock.pid} holds it`;
    add(
      finding("lock_stuck", `${basename(file)} in ${dirname(file)} is locked: ${who}`, {
        cause:
          lock.life === "alive"
            ? "A command edits the file right now. If it does not end, it hangs"
            : "Every edit of the file waits for the lock. If nothing edits it, the lock is left over",
        fix: lock.life === "alive" ? `ps -p ${lock.pid}` : `rm ${shellWord(lock.path)}`,
      }),
    );
  }
  return locks;
}

async function leftBehind(ownHome: string, add: Add): Promise<MachineView["left_behind"]> {
  const found = await survey(runFolder(ownHome), Date.now()).catch((error: unknown) => {
    // The home cannot be read, which is a finding of its own.
    if (codeOf(error) === undefined) throw error;
    return { hosts: [], stale_files: [] };
  });
  const { hosts, stale_files: stale } = found;
  const processes = hosts
    .filter(({ state }) => state === "dead")
    .flatMap(({ other_processes, connections }) => [
      ...other_processes,
      ...connections.flatMap((each) => each.processes),
    ]);
  if (processes.length + stale.length > 0) {
    const what = [
      ...(processes.length > 0
        ? [processes.length === 1 ? "1 process" : `${processes.length} processes`]
        : []),
      ...(stale.length > 0 ? [count(stale.length, "file")] : []),
    ].join(" and ");
    const cause = "They were killed before they could end what they had started";
    add(
      finding("left_behind", `hosts that died have left ${what} behind`, { cause, fix: "switchyard reap" }),
    );
  }
  return { processes: processes.length, files: stale.length };
}
