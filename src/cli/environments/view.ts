/** What `list` and `check` show of an environment. */
import { maskEnvironment } from "../../config/environments/read-environment.ts";
import { formatEnvironmentOrigin, type LoadedEnvironment } from "../../config/environments/types.ts";
import type { LoadedEnvironments } from "../../config/environments/load-environments.ts";
import type { Args } from "../args/parse.ts";
import { printFindings, shownName } from "../mcp/findings.ts";
import { printable, say, shortPaths } from "../output.ts";

/** What is known of an environment without asking it. */
export interface EnvironmentView {
  readonly id: string;
  readonly kind: string;
  /** The URL, the program with its arguments, or nothing. Without secrets. */
  readonly target: string;
  readonly default: boolean;
  readonly status: LoadedEnvironment["status"];
  readonly reason: string | undefined;
  readonly origin: string | undefined;
}

export function viewOf(
  environment: LoadedEnvironment,
  { defaultId }: Pick<LoadedEnvironments, "defaultId"> = {},
): EnvironmentView {
  const { id, status, definedIn } = environment;
  const config = environment.status === "usable" ? maskEnvironment(environment.config) : undefined;
  return {
    id,
    kind: config?.kind ?? "-",
    target: config === undefined ? "" : targetOf(config),
    default: id === defaultId,
    status,
    reason: environment.status === "usable" ? undefined : environment.reason,
    origin: definedIn === undefined ? undefined : formatEnvironmentOrigin(definedIn),
  };
}

function targetOf(config: ReturnType<typeof maskEnvironment>): string {
  switch (config.kind) {
    case "local":
      return "";
    case "url":
      return config.url;
    case "program":
      return [config.program, ...config.args].join(" ");
  }
}

export function sayReasons(reasons: readonly (readonly [id: string, reason: string | undefined])[]): void {
  const lines = reasons.flatMap(([id, reason]) =>
    reason === undefined ? [] : [`  ${shownName(id)}: ${reason}`],
  );
  if (lines.length > 0) say(shortPaths(["\nCannot be used:", ...lines].join("\n")));
}

/** Prints what is wrong in the files. @returns the exit code */
export function sayFileProblems({ errors, warnings }: LoadedEnvironments, args: Args): number {
  if (!args.has("json") && errors.length + warnings.length > 0) say("");
  printFindings("warning", warnings, false);
  printFindings("error", errors, false);
  return errors.length === 0 ? 0 : 1;
}

/** Cells that can be lined up: no control characters, short paths. */
export function cleanRows(rows: readonly (readonly string[])[]): string[][] {
  return rows.map((row) => row.map((cell) => printable(shortPaths(cell))));
}
