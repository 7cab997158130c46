/**
 * The whole report, as `--json` prints it: all keys always, in this order; docs/doctor.md lists them.
 *
 * Invariants
 *   D2. What is printed holds no secret of the configuration, of the variables it names, or of what a server wrote.
 */
import type { Redactor } from "../../base/redact.ts";
import type { Finding } from "./finding.ts";
import type { MachineView } from "./machine.ts";
import type { ServerView } from "./server-view.ts";

export interface Report extends Omit<MachineView, "findings"> {
  readonly ok: boolean;
  readonly errors: number;
  readonly warnings: number;
  /** Errors first, then warnings, then notes. */
  readonly findings: readonly Finding[];
  readonly servers: readonly ServerView[];
}

const RANK = { error: 0, warning: 1, note: 2 } as const;

/** @param lenient whether warnings do not count */
export function reportOf(
  found: readonly Finding[],
  servers: readonly ServerView[],
  { findings: around, ...machine }: MachineView,
  lenient: boolean,
): Report {
  const findings = [...found, ...around].toSorted((one, other) => RANK[one.severity] - RANK[other.severity]);
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.filter(({ severity }) => severity === "warning").length;
  const ok = errors === 0 && (lenient || warnings === 0);
  // In a keyring, only a server that was started shows its login.
  const loggedIn = servers.filter((server) => server.auth_status === "o_auth").map(({ name }) => name);
  const mcp = [...new Set([...machine.logins.mcp, ...loggedIn])].toSorted();
  const logins = { ...machine.logins, mcp };
  return { ok, errors, warnings, findings, servers, ...machine, logins };
}

/** In every text that a server, a message or a person's own words are in (D2). */
export function withoutSecrets(report: Report, redactor: Redactor): Report {
  const clean = (text: string): string => redactor.redact(text);
  const orNull = (text: string | null): string | null => (text === null ? null : clean(text));
  return {
    ...report,
    findings: report.findings.map((each) => ({
      ...each,
      problem: clean(each.problem),
      cause: orNull(each.cause),
      // A command without the secret would do something else.
      fix: each.fix === orNull(each.fix) ? each.fix : null,
      stderr: each.stderr.map(clean),
    })),
    servers: report.servers.map((each) => ({
      ...each,
      where: orNull(each.where),
      server_info:
        each.server_info === null
          ? null
          : { name: clean(each.server_info.name), version: clean(each.server_info.version) },
    })),
  };
}
