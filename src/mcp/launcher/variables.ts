/**
 * The environment of a stdio server, as Codex 0.169 gives it: a short list that every program needs, and what the
 * configuration names. Nothing else of the host reaches the server.
 */
import { REMOTE_SERVER_VARIABLES, SERVER_VARIABLES } from "../../base/variables.ts";
import type { EnvironmentPolicy } from "../../executor/executor.ts";
import { type ResolvedVariables, variable, type Variables } from "../../servers/resolve.ts";

/** The whole environment of a server on this machine. */
export function localEnvironment(
  { variables }: ResolvedVariables,
  host: Variables,
): Readonly<Record<string, string>> {
  const inherited = SERVER_VARIABLES.flatMap((name) => {
    const value = variable(host, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries([...inherited, ...variables]);
}

/** What an executor is sent, to make the environment of a server there. */
export interface RemoteEnvironment {
  readonly envPolicy: EnvironmentPolicy;
  readonly env: Readonly<Record<string, string>>;
}

/** In the form Codex sends it, so that any executor made for Codex understands it. */
export function remoteEnvironment({ variables, remote }: ResolvedVariables): RemoteEnvironment {
  const values = Object.fromEntries(variables);
  const envPolicy = {
    inherit: remote.length === 0 ? "core" : "all",
    // Variables are named one by one, so none is excluded by its name.
    ignoreDefaultExcludes: true,
    exclude: [],
    set: values,
    includeOnly: remote.length === 0 ? [] : [...REMOTE_SERVER_VARIABLES, ...remote],
  } as const;
  // `includeOnly` filters what is in `set`, too; `env` is laid on top of all.
  return { envPolicy, env: values };
}
