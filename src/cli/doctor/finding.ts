/** What `switchyard doctor` finds: one thing that is wrong, its likely cause, and the command that mends it. */
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import { formatOrigin } from "../../config/layers/origins.ts";

/** An error keeps something from working; a warning is a risk; a note is good to know. */
export type Severity = "error" | "warning" | "note";

/** Every kind of finding. docs/doctor.md explains each; a test compares. */
export const FINDINGS = {
  config_unreadable: "error",
  config_invalid: "error",
  config_warning: "warning",
  server_invalid: "error",
  server_switched_off: "error",
  server_forbidden: "warning",
  server_unstartable: "error",
  variable_unset: "error",
  folder_unusable: "error",
  program_missing: "error",
  program_not_executable: "error",
  interpreter_missing: "error",
  script_missing: "error",
  environment_unusable: "error",
  start_failed: "error",
  exited: "error",
  variable_wanted: "error",
  package_missing: "error",
  registry_unreachable: "error",
  module_missing: "error",
  docker_unusable: "error",
  container_no_stdin: "error",
  arguments_wrong: "error",
  path_missing: "error",
  port_taken: "error",
  proxy_missing: "error",
  not_permitted: "error",
  disk_full: "error",
  service_unreachable: "error",
  no_answer: "error",
  no_list: "error",
  handshake_failed: "error",
  catalog_failed: "error",
  connection_refused: "error",
  host_not_found: "error",
  unreachable: "error",
  connection_broken: "error",
  tls_untrusted: "error",
  tls_expired: "error",
  tls_not_yet_valid: "error",
  tls_wrong_host: "error",
  tls_not_spoken: "error",
  url_wrong: "error",
  url_moved: "error",
  not_mcp: "error",
  unauthorized: "error",
  forbidden: "error",
  rate_limited: "error",
  http_error: "error",
  session_lost: "error",
  budget: "error",
  package_unpinned: "warning",
  command_relative: "warning",
  value_unfilled: "warning",
  variable_missing: "warning",
  stdout_noise: "warning",
  clock_wrong: "warning",
  same_server: "warning",
  tool_schema_refused: "warning",
  tool_renamed: "note",
  project_untrusted: "note",
  codex_missing: "warning",
  codex_unusable: "error",
  codex_untested: "warning",
  login_missing: "warning",
  login_readable: "warning",
  home_unusable: "error",
  home_open: "warning",
  lock_stuck: "warning",
  left_behind: "warning",
} as const;

export type FindingCode = keyof typeof FINDINGS;

/** As `--json` prints it: all keys are always there. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** The server it concerns. */
  readonly server: string | null;
  /** In a sentence. */
  readonly problem: string;
  /** Why that is probably so, and what to do where no command does it. */
  readonly cause: string | null;
  /** A command that mends it, or that shows what is to be mended. */
  readonly fix: string | null;
  /** `FILE:LINE`, where it is written. */
  readonly origin: string | null;
  /** The lines of the server's stderr that say most. */
  readonly stderr: readonly string[];
}

/** What every finding about a server says. */
export type About = Pick<Finding, "server" | "origin">;

export function aboutOf({ name, definedIn }: EffectiveMcpServer): About {
  return { server: name, origin: definedIn === undefined ? null : formatOrigin(definedIn) };
}

type Details = Partial<Omit<Finding, "code" | "severity" | "problem">>;

export function finding(code: FindingCode, problem: string, details: Details = {}): Finding {
  return {
    code,
    severity: FINDINGS[code],
    server: null,
    problem,
    cause: null,
    fix: null,
    origin: null,
    stderr: [],
    ...details,
  };
}
