/** Where the user's own files are. */
import { join, resolve } from "node:path";
import { os } from "../base/builtin.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** `$CODEX_HOME`, or `~/.codex`. */
export function userCodexHome(env: Env): string {
  return homeOf(env, "CODEX_HOME", ".codex");
}

/** `$SWITCHYARD_HOME`, or `~/.switchyard`. */
export function switchyardHome(env: Env): string {
  return homeOf(env, "SWITCHYARD_HOME", ".switchyard");
}

function homeOf(env: Env, variable: string, folder: string): string {
  const set = env[variable];
  return set !== undefined && set !== "" ? resolve(set) : join(env["HOME"] || os.homedir(), folder);
}
