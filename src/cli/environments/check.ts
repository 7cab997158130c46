/** `switchyard environments check`: whether MCP servers can run where the files say. */
import { systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { Redactor } from "../../base/redact.ts";
import { toEnvironmentDefinition } from "../../config/environments/resolve-environment.ts";
import type { EnvironmentDefinition, LoadedEnvironment } from "../../config/environments/types.ts";
import { type LoadedEnvironments, loadEnvironments } from "../../config/environments/load-environments.ts";
import { type Args, UsageError } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { shownName } from "../mcp/findings.ts";
import { CD, folderOf } from "../mcp/target.ts";
import { printJson, say } from "../output.ts";
import { cleanRows, type EnvironmentView, sayFileProblems, sayReasons, viewOf } from "./view.ts";

export const check: Command = {
  operands: [
    {
      name: "ID",
      optional: true,
      many: true,
      completes: "environment",
      about: "an environment; without it, all of them",
    },
  ],
  flags: [
    CD,
    { name: "timeout", value: "SECONDS", default: "10", about: "how long to wait for each" },
    JSON_FLAG,
  ],
  notes: "The exit code is 1 when one of them does not work.",
  run: checkEnvironments,
};

/** What an environment answered, or why it did not. */
interface CheckedEnvironment extends EnvironmentView {
  readonly works: boolean;
  readonly version: string | undefined;
  readonly platform: string | undefined;
  readonly shell: string | undefined;
  readonly round_trip_ms: number | undefined;
  readonly error: string | undefined;
}

async function checkEnvironments(args: Args, { signal }: { readonly signal: AbortSignal }): Promise<number> {
  const loaded = loadEnvironments({ cwd: folderOf(args) });
  const timeoutMs = secondsOf(args.one("timeout") ?? "") * 1000;
  const wanted = args.operands.length === 0 ? [...loaded.environments.keys()] : args.operands;
  const unknown = wanted.filter((id) => !loaded.environments.has(id));
  if (unknown.length > 0) {
    const known = [...loaded.environments.keys()].join(", ");
    throw new UsageError(`There is no environment "${unknown.join('", "')}"; there are: ${known}`);
  }
  const all = await Promise.all(
    wanted.map((id) => checkOne(loaded.environments.get(id) as LoadedEnvironment, loaded, timeoutMs, signal)),
  );
  if (args.has("json")) printJson(all);
  else await sayChecked(all);
  // A named environment has to work; of all of them, those that are switched on and count.
  const isMeant = (status: string): boolean =>
    args.operands.length > 0 || (status !== "disabled" && status !== "inactive");
  const isBroken = all.some(({ works, status }) => !works && isMeant(status));
  const problemCode = args.operands.length > 0 ? 0 : sayFileProblems(loaded, args);
  return isBroken ? 1 : problemCode;
}

async function checkOne(
  environment: LoadedEnvironment,
  loaded: LoadedEnvironments,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CheckedEnvironment> {
  const view = viewOf(environment, loaded);
  const failed = (error: string): CheckedEnvironment => {
    const nothing = { version: undefined, platform: undefined, shell: undefined, round_trip_ms: undefined };
    return { ...view, works: false, ...nothing, error };
  };
  if (environment.status !== "usable") return failed(environment.reason);
  const { executorOf } = await import("../../mcp/environments.ts");
  const { RemoteExecutor } = await import("../../executor/client/remote-executor.ts");
  const redactor = new Redactor();
  let target = "";
  try {
    const definition = withTimeouts(toEnvironmentDefinition(environment), timeoutMs);
    if (definition.kind === "url") redactor.add(definition.bearerToken ?? "");
    if (definition.kind === "program") target = [definition.program, ...definition.args].join(" ");
    await using executor = executorOf(definition);
    const wait = { signal: AbortSignal.any([signal, deadline(timeoutMs)]) };
    const info = await executor.info(wait);
    const roundTripMs = executor instanceof RemoteExecutor ? await executor.ping(wait) : 0;
    return {
      ...view,
      works: true,
      version: info.executorVersion,
      platform: info.platformOs,
      shell: info.shell.path,
      round_trip_ms: Math.round(roundTripMs * 100) / 100,
      error: undefined,
    };
  } catch (error) {
    signal.throwIfAborted();
    return failed(redactor.redact(messageOf(error)).replaceAll(target || view.target, view.target));
  }
}

async function sayChecked(all: readonly CheckedEnvironment[]): Promise<void> {
  const { table } = await import("../table.ts");
  const rows = all.map((each) => [
    shownName(each.id),
    each.target === "" ? each.kind : each.target,
    each.works ? "works" : each.status === "usable" ? "does not work" : each.status,
    each.version ?? "-",
    each.platform ?? "-",
    each.round_trip_ms === undefined ? "-" : `${each.round_trip_ms.toFixed(1)} ms`,
  ]);
  const header = ["Id", "Target", "State", "Version", "Platform", "Round trip"];
  say(table(header, cleanRows(rows), { width: process.stdout.columns || undefined, shrink: [1, 0] }));
  sayReasons(all.map(({ id, error }) => [id, error]));
}

/** With time-outs of its own that end within the time there is. */
function withTimeouts(definition: EnvironmentDefinition, timeoutMs: number): EnvironmentDefinition {
  if (definition.kind === "local") return definition;
  const initializeTimeoutMs = Math.min(definition.initializeTimeoutMs ?? timeoutMs, timeoutMs);
  if (definition.kind === "program") return { ...definition, initializeTimeoutMs };
  const connectTimeoutMs = Math.min(definition.connectTimeoutMs ?? timeoutMs, timeoutMs);
  return { ...definition, connectTimeoutMs, initializeTimeoutMs };
}

/** Later than the time-outs of the connection itself, whose errors say more. */
function deadline(timeoutMs: number): AbortSignal {
  const over = new AbortController();
  const words = `no answer within ${timeoutMs / 1000} s`;
  systemClock.schedule(timeoutMs + 500, () => over.abort(new Error(words)), { background: true });
  return over.signal;
}

/** @throws {UsageError} */
function secondsOf(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== "" && seconds > 0 && seconds <= 3600) return seconds;
  throw new UsageError("--timeout takes a number of seconds, more than 0 and up to 3600");
}
