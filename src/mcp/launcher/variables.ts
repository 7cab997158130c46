/**
 * The environment of a stdio server, as Codex 0.169 gives it: a short list that every program needs, and what the
 * configuration names. Nothing else of the host reaches the server.
 */
import type { EnvironmentPolicy } from "../../executor/executor.ts";
import type { StdioServer } from "./stdio-server.ts";

/** What Codex lets through when it passes on the environment of an executor by name. */
const CORE: readonly string[] = [
  "HOME",
  "LOGNAME",
  "PATH",
  "SHELL",
  "USER",
  "__CF_USER_TEXT_ENCODING",
  "LANG",
  "LC_ALL",
  "TERM",
  "TMPDIR",
  "TZ",
  "SYSTEMROOT",
  "TEMP",
  "TMP",
  "SYSTEMDRIVE",
  "LOCALAPPDATA",
];
/** A server behind a proxy that inspects TLS can reach nothing without these. They name files, and hold no secret. */
const CA_BUNDLES: readonly string[] = [
  "CURL_CA_BUNDLE",
  "SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS",
  "REQUESTS_CA_BUNDLE",
  "PIP_CERT",
  "GIT_SSL_CAINFO",
];
/** Without these Windows finds no program and no folder. */
const WINDOWS: readonly string[] = [
  "APPDATA",
  "COMSPEC",
  "HOMEDRIVE",
  "HOMEPATH",
  "PATHEXT",
  "PROGRAMDATA",
  "USERNAME",
  "USERPROFILE",
  "WINDIR",
];

export type Variables = Readonly<Record<string, string | undefined>>;

export interface ConfiguredVariables {
  /** What `env` and `env_vars` come to; `env` wins. */
  readonly values: Readonly<Record<string, string>>;
  /** Names to be looked up where the server runs. */
  readonly remote: readonly string[];
  /** Names of `env_vars` that are not set on this machine. As in Codex they are left out. */
  readonly unset: readonly string[];
}

/** @param host the environment of this machine, where plain names of `env_vars` are looked up */
export function configuredVariables(
  { env = {}, env_vars = [] }: StdioServer,
  host: Variables,
): ConfiguredVariables {
  const values = emptyRecord();
  const remote: string[] = [];
  const unset: string[] = [];
  const literal = new Map<string, string>(isMap(env) ? env : Object.entries(env));
  for (const entry of env_vars) {
    const { name, source = "local" } = typeof entry === "string" ? { name: entry } : entry;
    const value = own(host, name);
    if (source === "remote") remote.push(name);
    else if (value !== undefined) values[name] = value;
    else if (!literal.has(name)) unset.push(name);
  }
  for (const [name, value] of literal) values[name] = value;
  return { values, remote, unset };
}

function isMap(env: NonNullable<StdioServer["env"]>): env is ReadonlyMap<string, string> {
  return env instanceof Map;
}

/** The whole environment of a server on this machine. */
export function localEnvironment({ values }: ConfiguredVariables, host: Variables): Record<string, string> {
  const result = emptyRecord();
  const names =
    process.platform === "win32" ? [...CORE, ...CA_BUNDLES, ...WINDOWS] : [...CORE, ...CA_BUNDLES];
  for (const name of names) {
    const value = own(host, name);
    if (value !== undefined) result[name] = value;
  }
  return Object.assign(result, values);
}

/** What an executor is told, to make the environment of a server there. */
export interface RemoteEnvironment {
  readonly envPolicy: EnvironmentPolicy;
  readonly env: Readonly<Record<string, string>>;
}

/** In the form Codex sends it, so that any executor made for Codex understands it. */
export function remoteEnvironment({ values, remote }: ConfiguredVariables): RemoteEnvironment {
  const envPolicy = {
    inherit: remote.length === 0 ? "core" : "all",
    // Whoever names a variable means it, whatever it is called.
    ignoreDefaultExcludes: true,
    exclude: [],
    set: values,
    includeOnly: remote.length === 0 ? [] : [...CORE, ...remote],
  } as const;
  // `includeOnly` takes what is in `set`, too; `env` is laid on top of all.
  return { envPolicy, env: values };
}

/** What every object inherits is no variable: `env.constructor` is a function. */
function own(variables: Variables, name: string): string | undefined {
  // Windows does not look at the case, and neither does Node's `process.env` there.
  const value: unknown = variables[name];
  return typeof value === "string" ? value : undefined;
}

/** A variable may be called `__proto__`. */
function emptyRecord(): Record<string, string> {
  return Object.create(null) as Record<string, string>;
}
