/** `switchyard environments`: where MCP servers can run, and whether it works. */
import { systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { Redactor } from "../base/redact.ts";
import { type EnvironmentDefinition, toEnvironmentDefinition } from "../config/environments/definition.ts";
import { environmentOriginText, type LoadedEnvironment } from "../config/environments/environment.ts";
import { maskEnvironment } from "../config/environments/environment-config.ts";
import { type LoadedEnvironments, loadEnvironments } from "../config/environments/load-environments.ts";
import { type Args, type CommandSpec, helpOfGroup, UsageError } from "./flags.ts";
import { runCommand } from "./mcp.ts";
import type { McpCommand } from "./mcp/command.ts";
import { shownName, tellProblems } from "./mcp/list.ts";
import { CD, folderOf, JSON_FLAG } from "./mcp/target.ts";
import { print, printable, printJson, say, shortPaths } from "./output.ts";

const LIST: CommandSpec = {
  name: "environments list",
  operands: "",
  about: "list the environments, where they are written, and what cannot be used",
  count: [0, 0],
  flags: [CD, JSON_FLAG],
};

const CHECK: CommandSpec = {
  name: "environments check",
  operands: "[ID…]",
  about: "connect to the environments, and say of each what is there, or why it does not work",
  count: [0, 1000],
  flags: [
    CD,
    { name: "timeout", value: "SECONDS", about: "how long to wait for each (default: 10)" },
    JSON_FLAG,
  ],
  notes: "The exit code is 1 when one of them does not work.",
};

const COMMANDS: Readonly<Record<string, McpCommand>> = {
  list: { spec: LIST, run: list },
  check: { spec: CHECK, run: check },
};

export async function environments([name, ...rest]: readonly string[]): Promise<number> {
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return await runCommand(command, rest);
  const wantsHelp = name === "--help" || name === "-h" || name === "help";
  if (name !== undefined && !wantsHelp) {
    const known = Object.keys(COMMANDS).join(" or ");
    process.stderr.write(`switchyard: there is no command "environments ${name}" (there is ${known})\n`);
    return 2;
  }
  const text = helpOfGroup(
    "switchyard environments COMMAND",
    "Where MCP servers can run (environment_id): on this machine, and on executors.",
    Object.entries(COMMANDS).map(([each, { spec }]) => [each, spec.about]),
  );
  if (wantsHelp) print(text);
  else process.stderr.write(text);
  return wantsHelp ? 0 : 2;
}

/** What is known of an environment without asking it. */
interface Listed {
  readonly id: string;
  readonly kind: string;
  /** The URL, the program with its arguments, or nothing. Without secrets. */
  readonly target: string;
  readonly default: boolean;
  readonly status: LoadedEnvironment["status"];
  readonly reason: string | undefined;
  readonly origin: string | undefined;
}

/** What it said, or why it did not. */
interface Checked extends Listed {
  readonly works: boolean;
  readonly version: string | undefined;
  readonly platform: string | undefined;
  readonly shell: string | undefined;
  readonly round_trip_ms: number | undefined;
  readonly error: string | undefined;
}

async function list(args: Args): Promise<number> {
  const loaded = loadEnvironments({ cwd: folderOf(args) });
  const all = [...loaded.environments.values()].map((each) => listed(each, loaded));
  if (args.has("json")) printJson(all);
  else {
    const { table } = await import("./table.ts");
    const rows = all.map((each) => [
      `${shownName(each.id)}${each.default ? " (default)" : ""}`,
      each.kind,
      each.target,
      each.status,
      each.origin ?? "-",
    ]);
    const header = ["Id", "Kind", "Target", "Status", "Origin"];
    say(table(header, clean(rows), { width: process.stdout.columns || undefined, shrink: [2, 4, 0] }));
    // What is wrong with an invalid one is told below, with its place.
    sayReasons(all.map(({ id, status, reason }) => [id, status === "invalid" ? undefined : reason]));
  }
  return tellFound(loaded, args);
}

async function check(args: Args, signal: AbortSignal): Promise<number> {
  const loaded = loadEnvironments({ cwd: folderOf(args) });
  const timeoutMs = secondsOf(args.one("timeout") ?? "10") * 1000;
  const wanted = args.operands.length === 0 ? [...loaded.environments.keys()] : args.operands;
  const unknown = wanted.filter((id) => !loaded.environments.has(id));
  if (unknown.length > 0) {
    const there = [...loaded.environments.keys()].join(", ");
    throw new UsageError(`there is no environment "${unknown.join('", "')}"; there are: ${there}`);
  }
  const { Environments } = await import("../mcp/environments.ts");
  const { RemoteExecutor } = await import("../executor/client/remote-executor.ts");
  const all = await Promise.all(
    wanted.map(async (id): Promise<Checked> => {
      const environment = loaded.environments.get(id) as LoadedEnvironment;
      const known = listed(environment, loaded);
      const nothing = { version: undefined, platform: undefined, shell: undefined, round_trip_ms: undefined };
      if (environment.status !== "usable")
        return { ...known, ...nothing, works: false, error: environment.reason };
      const redactor = new Redactor();
      let target = "";
      try {
        const definition = hurried(toEnvironmentDefinition(environment), timeoutMs);
        if (definition.kind === "url") redactor.add(definition.bearerToken ?? "");
        if (definition.kind === "program") target = [definition.program, ...definition.args].join(" ");
        await using made = new Environments([definition]);
        const wait = { signal: AbortSignal.any([signal, deadline(timeoutMs)]) };
        const executor = made.get(id);
        const info = await executor.info(wait);
        const roundTripMs = executor instanceof RemoteExecutor ? await executor.ping(wait) : 0;
        return {
          ...known,
          works: true,
          version: info.executorVersion,
          platform: info.platformOs,
          shell: info.shell.path,
          round_trip_ms: Math.round(roundTripMs * 100) / 100,
          error: undefined,
        };
      } catch (error) {
        signal.throwIfAborted();
        const why = messageOf(error);
        return {
          ...known,
          ...nothing,
          works: false,
          error: redactor.redact(why).replaceAll(target || known.target, known.target),
        };
      }
    }),
  );
  // Who names one wants it to work; of all of them, those count that somebody means to be there.
  const isMeant = (status: string): boolean =>
    args.operands.length > 0 || (status !== "disabled" && status !== "inactive");
  const broken = all.filter(({ works, status }) => !works && isMeant(status));
  if (args.has("json")) printJson(all);
  else {
    const { table } = await import("./table.ts");
    const rows = all.map((each) => [
      shownName(each.id),
      each.target === "" ? each.kind : each.target,
      each.works ? "works" : each.status === "usable" ? "does not work" : each.status,
      each.version ?? "-",
      each.platform ?? "-",
      each.round_trip_ms === undefined ? "-" : `${each.round_trip_ms.toFixed(1)} ms`,
    ]);
    const header = ["Id", "Target", "State", "Version", "Platform", "Round trip"];
    say(table(header, clean(rows), { width: process.stdout.columns || undefined, shrink: [1, 0] }));
    sayReasons(all.map(({ id, error }) => [id, error]));
  }
  if (args.operands.length > 0) return broken.length > 0 ? 1 : 0;
  const exitCode = tellFound(loaded, args);
  return broken.length > 0 ? 1 : exitCode;
}

/** With time-outs that end within the time there is. */
function hurried(definition: EnvironmentDefinition, timeoutMs: number): EnvironmentDefinition {
  if (definition.kind === "local") return definition;
  const initializeTimeoutMs = Math.min(definition.initializeTimeoutMs ?? timeoutMs, timeoutMs);
  if (definition.kind === "program") return { ...definition, initializeTimeoutMs };
  const connectTimeoutMs = Math.min(definition.connectTimeoutMs ?? timeoutMs, timeoutMs);
  return { ...definition, connectTimeoutMs, initializeTimeoutMs };
}

/** Later than the time-outs of the connection itself, which say more. */
function deadline(timeoutMs: number): AbortSignal {
  const over = new AbortController();
  const words = `no answer within ${timeoutMs / 1000} s`;
  systemClock.schedule(timeoutMs + 500, () => over.abort(new Error(words)), { background: true });
  return over.signal;
}

function listed(environment: LoadedEnvironment, { defaultId }: LoadedEnvironments): Listed {
  const { id, status, definedIn } = environment;
  const config = environment.status === "usable" ? maskEnvironment(environment.config) : undefined;
  return {
    id,
    kind: config?.kind ?? "-",
    target: config === undefined ? "" : targetOf(config),
    default: id === defaultId,
    status,
    reason: environment.status === "usable" ? undefined : environment.reason,
    origin: definedIn === undefined ? undefined : environmentOriginText(definedIn),
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

function sayReasons(reasons: readonly (readonly [id: string, reason: string | undefined])[]): void {
  const lines = reasons.flatMap(([id, reason]) =>
    reason === undefined ? [] : [`  ${shownName(id)}: ${reason}`],
  );
  if (lines.length > 0) say(shortPaths(["\nCannot be used:", ...lines].join("\n")));
}

/** @returns the exit code */
function tellFound({ errors, warnings }: LoadedEnvironments, args: Args): number {
  if (!args.has("json") && errors.length + warnings.length > 0) say("");
  tellProblems("warning", warnings, false);
  tellProblems("error", errors, false);
  return errors.length === 0 ? 0 : 1;
}

function clean(rows: readonly (readonly string[])[]): string[][] {
  return rows.map((row) => row.map((cell) => printable(shortPaths(cell))));
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== "" && seconds > 0 && seconds <= 3600) return seconds;
  throw new UsageError(`--timeout takes a number of seconds, more than 0 and up to 3600`);
}
