/**
 * Environment variables that may be handed on, by name: four sets, because four receivers differ.
 *
 *   CODEX_VARIABLES      Codex's own process. The agent's commands can read it, so: what programs need, proxies and
 *                        certificates, and no key or token.
 *   SERVER_VARIABLES     a stdio server on this machine. Codex's own list for one, and files of certificates: no proxies,
 *                        because their URLs may hold passwords.
 *   CORE_VARIABLES       a process of an executor that inherits "core". Fewer, and fixed: `codex exec-server` has the same.
 *   RUNNER_OWN_VARIABLES what a run with `inherit_env` does not get of the runner's environment.
 *
 * Beside these sets, the variables that model providers name: Codex's process needs them, and the agent's commands do not.
 */
import { isObject } from "./json.ts";

/** Lets `LC_` and `XDG_` through as well. */
export function isCodexVariable(name: string): boolean {
  return CODEX_VARIABLES.has(name) || CODEX_VARIABLES.has(name.toUpperCase()) || /^(LC_|XDG_)/.test(name);
}

const CODEX_VARIABLES: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LANGUAGE",
  "TERM",
  "TMPDIR",
  "TEMP",
  "TMP",
  "TZ",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "CODEX_CA_CERTIFICATE",
  "NODE_EXTRA_CA_CERTS",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
  // Windows
  "SYSTEMROOT",
  "WINDIR",
  "COMSPEC",
  "PATHEXT",
  "APPDATA",
  "LOCALAPPDATA",
  "USERPROFILE",
  "USERNAME",
  "PROGRAMDATA",
]);

/** What Codex lets through when it passes on the environment of an executor by name. In its order, as it sends them. */
export const REMOTE_SERVER_VARIABLES: readonly string[] = [
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

export const SERVER_VARIABLES: readonly string[] = [
  ...REMOTE_SERVER_VARIABLES,
  // A server behind a proxy that inspects TLS can reach nothing without these. They name files, and hold no secret.
  "CURL_CA_BUNDLE",
  "SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS",
  "REQUESTS_CA_BUNDLE",
  "PIP_CERT",
  "GIT_SSL_CAINFO",
  // Without these Windows finds no program and no folder.
  ...(process.platform === "win32"
    ? [
        "APPDATA",
        "COMSPEC",
        "HOMEDRIVE",
        "HOMEPATH",
        "PATHEXT",
        "PROGRAMDATA",
        "USERNAME",
        "USERPROFILE",
        "WINDIR",
      ]
    : []),
];

/** In any case of letters. */
export const CORE_VARIABLES: readonly string[] = [
  "HOME",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "LOGNAME",
  "PATH",
  "SHELL",
  "TEMP",
  "TMP",
  "TMPDIR",
  "USER",
];

/**
 * The keys of the model, and what Codex's own process has in a form of its own (its tools in front of PATH, the
 * certificates of `--ca-file`).
 */
export const RUNNER_OWN_VARIABLES: ReadonlySet<string> = new Set([
  "OPENAI_API_KEY",
  "CODEX_API_KEY",
  "PATH",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
]);

/** The variables that provider tables name (`model_providers`): those of keys and of headers. */
export function providerVariables(tables: unknown): string[] {
  if (!isObject(tables)) return [];
  return Object.values(tables).flatMap((table) => {
    if (!isObject(table)) return [];
    const { env_key: key, env_http_headers: headers } = table;
    const names = [key, ...(isObject(headers) ? Object.values(headers) : [])];
    return names.filter((name): name is string => typeof name === "string");
  });
}
