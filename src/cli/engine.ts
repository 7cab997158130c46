/** The engines of the commands: the only place here that makes them. */
import { join } from "node:path";
import { Codex, codexConfig, type CodexOptions, lacksLogin, lastThread } from "../codex/index.ts";
import { providerVariables } from "../base/variables.ts";
import { configuredProviders } from "../config/layers/model-providers.ts";
import { projectKey } from "../config/layers/project-trust.ts";
import { switchyardHome, userCodexHome } from "../config/layers/homes.ts";
import type { AgentOptions } from "../agent/index.ts";
import type { Engine, EngineName } from "../thread/engine.ts";

type Env = Readonly<Record<string, string | undefined>>;

export const ENGINES: readonly EngineName[] = ["codex", "responses"];

export function openEngine(options: CodexOptions): Engine {
  return new Codex(options);
}

/** The `responses` engine. It is loaded where it is wanted: Codex needs nothing of it. */
export async function openAgent(options: AgentOptions): Promise<Engine> {
  const { Agent } = await import("../agent/index.ts");
  return new Agent(options);
}

/** The thread that was last worked with in this folder, in the user's own home or in ours. */
export function lastThreadIn(folder: string, userHome: boolean, env: Env): string | undefined {
  return lastThread(homeOf(userHome, env), projectKey(folder));
}

function homeOf(userHome: boolean, env: Env): string {
  return userHome ? userCodexHome(env) : join(switchyardHome(env), "codex");
}

/** The variables that providers in the files of a home name: keys that the agent's commands should not see. */
export function providerVariablesOf(home: CodexOptions["home"], env: Env): string[] {
  const path = typeof home === "object" ? home.path : homeOf(home === "user", env);
  return providerVariables(configuredProviders(path).tables);
}

/** Why no model can be asked without a key of the caller's own, and what to do; `undefined` when one can. */
export function missingLogin(
  configOverrides: readonly string[],
  userHome: boolean,
  env: Env,
): string | undefined {
  const config = codexConfig({ configOverrides: [...configOverrides] });
  if (!lacksLogin(config, homeOf(userHome, env), env)) return undefined;
  return (
    `No model can be asked: OPENAI_API_KEY is not set, and there is no Codex login in ${userCodexHome(env)}.\n` +
    'Set OPENAI_API_KEY, or log in once with "npx codex login".\n' +
    "For another provider: -c model_provider=NAME with -c model_providers.NAME.…, or --user-home where your own config.toml has it.\n" +
    'To see Switchyard work without either: "switchyard demo".'
  );
}
