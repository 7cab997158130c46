/** The engine of the commands: the only place here that makes it a Codex. */
import { join } from "node:path";
import { Codex, type CodexOptions, hasUserLogin, lastThread } from "../codex/index.ts";
import { projectKey } from "../config/layers/project-trust.ts";
import { switchyardHome, userCodexHome } from "../config/layers/homes.ts";
import type { Engine } from "../thread/engine.ts";

export function openEngine(options: CodexOptions): Engine {
  return new Codex(options);
}

/** The thread that was last worked with in this folder, in the user's own home or in ours. */
export function lastThreadIn(
  folder: string,
  userHome: boolean,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  return lastThread(userHome ? userCodexHome(env) : join(switchyardHome(env), "codex"), projectKey(folder));
}

/** Why no model can be asked without a key of the caller's own, and what to do; `undefined` when one can. */
export function missingLogin(env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (hasUserLogin(env)) return undefined;
  return (
    `No model can be asked: OPENAI_API_KEY is not set, and there is no Codex login in ${userCodexHome(env)}.\n` +
    'Set OPENAI_API_KEY, or log in once with "npx codex login".\n' +
    'To see Switchyard work without either: "switchyard demo".'
  );
}
