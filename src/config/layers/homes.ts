/** Where the user's own files are. */
import fs from "node:fs";
import os from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { ConfigError } from "../problem.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** `$CODEX_HOME`, or `~/.codex`. */
export function userCodexHome(env: Env): string {
  return homeOf(env, "CODEX_HOME", ".codex");
}

/** `$SWITCHYARD_HOME`, or `~/.switchyard`. */
export function switchyardHome(env: Env): string {
  return homeOf(env, "SWITCHYARD_HOME", ".switchyard");
}

/**
 * The Codex home, to read it or to write into it. A folder that the environment names has to exist, as in Codex: with
 * a misspelt name, every server would silently be missing, or be written where it is never read.
 *
 * @throws {ConfigError} `unreadable`, in Codex's words
 */
export function existingCodexHome(env: Env): string {
  const home = userCodexHome(env);
  const set = env["CODEX_HOME"];
  if (set === undefined || set === "") return home;
  const status = fs.statSync(home, { throwIfNoEntry: false });
  if (status?.isDirectory() === true) return home;
  const what = status === undefined ? "does not exist" : "is not a directory";
  throw new ConfigError(
    "unreadable",
    `CODEX_HOME points to ${JSON.stringify(set)}, but that path ${what}. Create the folder, or unset CODEX_HOME`,
  );
}

/**
 * `HOME` counts where it is a path from the root. Taken from the working directory, the files of any repository would be
 * the user's own.
 */
function homeOf(env: Env, variable: string, folder: string): string {
  const set = env[variable];
  if (set !== undefined && set !== "") return resolve(set);
  const home = env["HOME"] ?? "";
  return join(isAbsolute(home) ? home : os.userInfo().homedir, folder);
}
