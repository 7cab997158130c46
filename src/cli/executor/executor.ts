/**
 * `switchyard executor`: lets Codex, and other Switchyards, start processes on this machine.
 *
 * stdout carries one line, the URL (or, with `--listen stdio`, the protocol); diagnostics and the audit go to stderr.
 *
 * Exit codes
 *   0    with `--listen stdio`: the client is gone
 *   1    it cannot listen
 *   2    the command line is wrong, names a file that cannot be read, or would open this machine to everybody
 *   129, 130, 143   SIGHUP, SIGINT, SIGTERM: nothing that was started is left
 */
import { messageOf } from "../../base/errors.ts";
import type { LogLevel } from "../../base/log.ts";
import {
  AuditLog,
  type Authenticator,
  ExecutorError,
  ExecutorServer,
  type Limits,
  listen,
  type ListenAddress,
  openAuthenticator,
  parseListenAddress,
  serveStdio,
  StartPolicy,
} from "../../executor/index.ts";
import { DEFAULT_LIMITS } from "../../executor/server/limits.ts";
import { checkExposure } from "../../executor/server/listen-address.ts";
import { ConfigError } from "../../config/problem.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { Command } from "../command.ts";
import { OutputError, print, writeAside } from "../output.ts";
import type { Stop } from "../signals.ts";
import { chooseAuthenticator, TOKEN_VARIABLE } from "./authenticator.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const MIB = 1024 * 1024;

export const executor: Command = {
  overridable: true,
  description:
    "Lets Codex and other Switchyards start processes on this machine (docs/executor.md).\n\n" +
    "ANYONE WHO CAN CONNECT CAN RUN COMMANDS AS THIS USER.\n\n" +
    `To listen beyond this machine, it needs a token (--token-file, or the variable ${TOKEN_VARIABLE}) ` +
    "and a TLS proxy in front.",
  flags: [
    { name: "listen", value: "ADDRESS", default: "ws://127.0.0.1:0", about: "ws://IP:PORT, or stdio" },
    { name: "token-file", value: "FILE", about: "a file with the bearer token that clients must send" },
    { name: "token-sha256", value: "HEX", about: "the SHA-256 of that token instead" },
    {
      name: "jwt-secret-file",
      value: "FILE",
      about: "clients send a JWT instead; a file with its key (HS256)",
    },
    { name: "jwt-issuer", value: "ISS", about: "the issuer a JWT must name" },
    { name: "jwt-audience", value: "AUD", about: "the audience a JWT must name" },
    {
      name: "jwt-max-clock-skew-seconds",
      value: "N",
      about: "how far clocks may differ when the dates of a JWT are checked (default: 30)",
    },
    {
      name: "allow-command",
      value: "PROGRAM",
      many: true,
      about: "a program that may be started; without this flag, any may",
    },
    {
      name: "allow-cwd",
      value: "FOLDER",
      many: true,
      about: "a folder where processes may run and files be read, with all below; without it, anywhere",
    },
    { name: "no-fs", about: "no access to files" },
    { name: "no-http", about: "no HTTP requests from here" },
    {
      name: "ignore-sandbox",
      about: "run a command without a sandbox when its client asks for one, instead of rejecting it",
    },
    limit("max-processes", "processes at once", DEFAULT_LIMITS.processesMax),
    limit("max-connections", "links at once", DEFAULT_LIMITS.connectionsMax),
    limit("max-sessions", "sessions at once, disconnected ones included", DEFAULT_LIMITS.sessionsMax),
    limit(
      "max-retained-mib",
      "output kept for all processes together",
      DEFAULT_LIMITS.retainedBytesMax / MIB,
    ),
    limit("max-message-mib", "a larger message ends its link", DEFAULT_LIMITS.messageBytesMax / MIB),
    limit(
      "handshake-seconds",
      "time from the start of a link to the end of the handshake",
      DEFAULT_LIMITS.handshakeMs / 1000,
    ),
    limit("retention-seconds", "how long a session outlives its link", 80),
    { name: "no-audit", about: "no line on stderr for every start and end" },
    {
      name: "log-level",
      value: "LEVEL",
      choices: LEVELS,
      default: "info",
      about: "the lowest level of diagnostics that is printed",
    },
  ],
  // Nothing may outlive the last client, e.g. a host that holds on to stdin.
  run: async (args, stop) => process.exit(await serve(args, stop)),
};

function limit(name: string, about: string, value: number): Required<Command>["flags"][number] {
  return { name, value: "N", about, default: String(value) };
}

async function serve(args: Args, stop: Stop): Promise<number> {
  const { where, authenticator, policy } = await accessOf(args, stop.signal);
  const { [TOKEN_VARIABLE]: _token, ...env } = process.env;
  const level = LEVELS.indexOf(args.one("log-level") as LogLevel);
  await using server = new ExecutorServer({
    env,
    policy,
    limits: limitsOf(args),
    fs: !args.has("no-fs"),
    http: !args.has("no-http"),
    ignoreSandbox: args.has("ignore-sandbox"),
    log: (severity, message) => {
      if (LEVELS.indexOf(severity) >= level) log(message);
    },
    retentionMs: wanted(args, "retention-seconds") * 1000,
    ...(args.has("no-audit")
      ? {}
      : {
          audit: new AuditLog({ write: (line) => writeAside(`${line}\n`), now: () => new Date() }),
        }),
  });
  stop.beforeExit = () => server.killAll();
  const stopped = new Promise<number>((resolve) => {
    stop.signal.addEventListener("abort", () => resolve(stop.exitCode), { once: true });
  });
  if (where.kind === "stdio") {
    const over = serveStdio(server, process.stdin, process.stdout).then(() => 0);
    return await Promise.race([over, stopped]);
  }
  try {
    await using listener = await listen({ server, address: where, authenticator });
    print(`${listener.url}\n`);
    if (level <= LEVELS.indexOf("info")) {
      const open = authenticator === openAuthenticator;
      const who = open ? "anyone on this machine may connect" : "clients need a token";
      log(`Listening on ${listener.url}; ${who}`);
    }
    return await stopped;
  } catch (error) {
    if (error instanceof OutputError) throw error;
    log(messageOf(error));
    return 1;
  }
}

interface Access {
  readonly where: ListenAddress;
  readonly authenticator: Authenticator;
  readonly policy: StartPolicy;
}

/** @throws {UsageError} also for what would open this machine to everybody */
async function accessOf(args: Args, signal: AbortSignal): Promise<Access> {
  try {
    const where = parseListenAddress(args.one("listen") ?? "");
    const authenticator = await chooseAuthenticator(args, where, process.env[TOKEN_VARIABLE], signal);
    checkExposure(where, { authenticated: authenticator !== openAuthenticator });
    const policy = new StartPolicy({
      ...(args.has("allow-command") ? { allowCommands: args.all("allow-command") } : {}),
      ...(args.has("allow-cwd") ? { allowCwds: args.all("allow-cwd") } : {}),
    });
    return { where, authenticator, policy };
  } catch (error) {
    if (!(error instanceof ExecutorError || error instanceof ConfigError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

function limitsOf(args: Args): Partial<Limits> {
  return {
    processesMax: wanted(args, "max-processes"),
    connectionsMax: wanted(args, "max-connections"),
    sessionsMax: wanted(args, "max-sessions"),
    retainedBytesMax: wanted(args, "max-retained-mib") * MIB,
    messageBytesMax: wanted(args, "max-message-mib") * MIB,
    handshakeMs: wanted(args, "handshake-seconds") * 1000,
  };
}

/** For a flag with a default. @throws {UsageError} */
function wanted(args: Args, flag: string): number {
  return args.wholeNumber(flag, 1) as number;
}

function log(message: string): void {
  writeAside(`switchyard: ${message}\n`);
}
