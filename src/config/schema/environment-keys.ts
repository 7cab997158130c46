/**
 * Every key of an environment, as data: those of an entry of Codex's `environments.toml`, in the order in which Codex
 * 0.169 reads an array by position, and those of `[environments.<id>]` in `switchyard.toml`.
 */
import { both, type Field, type Struct } from "./server-keys.ts";

const SKILLS: Struct = {
  name: "ScopedSkillsConfig",
  closed: true,
  fields: [
    both("required", { type: "strings" }, "Skills that Codex requires there. Switchyard ignores them."),
  ],
};

const CODEX_FIELDS: readonly Field[] = [
  both("id", { type: "string" }, "The id that environment_id of a server names.", { needed: "always" }),
  both("skills", { type: "struct", struct: SKILLS }, "Codex's rules for the skills that are found there."),
  both("url", { type: "string" }, "Where an executor listens: ws://HOST:PORT, or wss:// through a proxy.", {
    needed: "by_position",
  }),
  both(
    "auth_bearer_token",
    { type: "string" },
    "The token that the executor requires. A secret in a file: use auth_bearer_token_env_var instead.",
    { needed: "by_position" },
  ),
  both(
    "program",
    { type: "string" },
    "A program that is an executor on its stdin and stdout, such as ssh to one; found in PATH.",
    { needed: "by_position" },
  ),
  both("args", { type: "strings" }, "The arguments of the program.", { needed: "by_position" }),
  both("env", { type: "string_map" }, "Variables the program is given on top of ours, as written.", {
    needed: "by_position",
  }),
  both(
    "cwd",
    { type: "string", expects: "path string" },
    "The folder the program starts in, ours if unset; a relative one starts at the folder of the file.",
    { needed: "by_position" },
  ),
  both(
    "connect_timeout_sec",
    { type: "seconds", convert: true },
    "How long connecting may take, in seconds; 10 if unset.",
  ),
  both(
    "initialize_timeout_sec",
    { type: "seconds", convert: true },
    "How long the executor may take to answer the first message, in seconds; 10 if unset.",
  ),
];

/** An entry of `[[environments]]` in Codex's file. */
export const CODEX_ENVIRONMENT: Struct = { name: "EnvironmentToml", closed: true, fields: CODEX_FIELDS };

/** The keys of Codex's entry that do not say where it is. */
export const ONLY_CODEX: readonly string[] = ["id", "skills"];

/** `[environments.<id>]` in ours. An unknown key is an error here too: a misspelt token must not be ignored. */
export const ENVIRONMENT: Struct = {
  name: "EnvironmentToml",
  closed: true,
  fields: [
    ...CODEX_FIELDS.filter(({ name }) => !ONLY_CODEX.includes(name)),
    both(
      "auth_bearer_token_env_var",
      { type: "string" },
      "The name of the variable that holds the token; in one file it wins over auth_bearer_token.",
      { own: true },
    ),
  ],
};

/** The keys that go with `url`, and with `program`, alone. */
export const ONLY_WITH_URL: readonly string[] = [
  "auth_bearer_token",
  "auth_bearer_token_env_var",
  "connect_timeout_sec",
];
export const ONLY_WITH_PROGRAM: readonly string[] = ["args", "env", "cwd"];
