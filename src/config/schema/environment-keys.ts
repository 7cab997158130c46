/**
 * Every key of an environment, as data: those of an entry of Codex's `environments.toml`, in the order in which Codex
 * 0.169 reads an array by position, and those of `[environments.<id>]` in `switchyard.toml`.
 */
import type { Field, Struct } from "./server-keys.ts";

const SKILLS: Struct = {
  name: "ScopedSkillsConfig",
  closed: true,
  fields: [
    {
      name: "required",
      value: { type: "strings" },
      transport: "both",
      about: "Skills that Codex insists on there. They are nothing to us.",
    },
  ],
};

const CODEX_FIELDS: readonly Field[] = [
  {
    name: "id",
    value: { type: "string" },
    transport: "both",
    needed: "always",
    about: "What environment_id of a server names.",
  },
  {
    name: "skills",
    value: { type: "struct", struct: SKILLS },
    transport: "both",
    about: "Codex's rules for the skills that are found there.",
  },
  {
    name: "url",
    value: { type: "string" },
    transport: "both",
    needed: "by_position",
    about: "Where an executor listens: ws://HOST:PORT, or wss:// through a proxy.",
  },
  {
    name: "auth_bearer_token",
    value: { type: "string" },
    transport: "both",
    needed: "by_position",
    about: "The token it wants. A secret in a file: use auth_bearer_token_env_var instead.",
  },
  {
    name: "program",
    value: { type: "string" },
    transport: "both",
    needed: "by_position",
    about: "A program that is an executor on its stdin and stdout, such as ssh to one; found in PATH.",
  },
  {
    name: "args",
    value: { type: "strings" },
    transport: "both",
    needed: "by_position",
    about: "The arguments of the program.",
  },
  {
    name: "env",
    value: { type: "string_map" },
    transport: "both",
    needed: "by_position",
    about: "Variables the program is given on top of ours, as written.",
  },
  {
    name: "cwd",
    value: { type: "string", expects: "path string" },
    transport: "both",
    needed: "by_position",
    about:
      "The folder the program starts in, ours if unset; a relative one starts at the folder of the file.",
  },
  {
    name: "connect_timeout_sec",
    value: { type: "seconds", convert: true },
    transport: "both",
    about: "How long connecting may take, in seconds; 10 if unset.",
  },
  {
    name: "initialize_timeout_sec",
    value: { type: "seconds", convert: true },
    transport: "both",
    about: "How long the executor may take to answer the first message, in seconds; 10 if unset.",
  },
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
    {
      name: "auth_bearer_token_env_var",
      value: { type: "string" },
      transport: "both",
      own: true,
      about: "The name of the variable that holds the token; in one file it wins over auth_bearer_token.",
    },
  ],
};

/** The keys that go with `url`, and with `program`, alone. */
export const ONLY_WITH_URL: readonly string[] = [
  "auth_bearer_token",
  "auth_bearer_token_env_var",
  "connect_timeout_sec",
];
export const ONLY_WITH_PROGRAM: readonly string[] = ["args", "env", "cwd"];
