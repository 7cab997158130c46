/**
 * `switchyard executor`: lets Codex, and other Switchyards, start processes on this machine.
 *
 * stdout carries one line, the URL (or, with `--listen stdio`, the protocol); diagnostics and the audit go to stderr.
 *
 * Exit codes
 *   0    with `--listen stdio`: the client is gone
 *   1    it cannot listen
 *   2    the command line makes no sense, names a file that cannot be read, or would open this machine to everybody
 *   129, 130, 143   SIGHUP, SIGINT, SIGTERM: nothing that was started is left
 */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import { messageOf } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import {
  AuditLog,
  type Authenticator,
  bearerAuthenticator,
  checkExposure,
  ExecutorError,
  ExecutorServer,
  jwtAuthenticator,
  listen,
  type ListenAddress,
  openAuthenticator,
  parseListenAddress,
  serveStdio,
  StartPolicy,
} from "../executor/index.ts";
import { systemErrorText } from "../executor/local/system-error.ts";

interface ExecutorFlags {
  readonly listen?: ListenAddress;
  readonly tokenFile?: string;
  readonly tokenSha256?: string;
  readonly jwtSecretFile?: string;
  readonly jwtIssuer?: string;
  readonly jwtAudience?: string;
  readonly jwtMaxClockSkewSeconds?: number;
  readonly allowCommand?: readonly string[];
  readonly allowCwd?: readonly string[];
  readonly fs: boolean;
  readonly http: boolean;
  readonly ignoreSandbox?: true;
  readonly maxProcesses?: number;
  readonly maxConnections?: number;
  readonly maxSessions?: number;
  readonly maxRetainedMib?: number;
  readonly maxMessageMib?: number;
  readonly handshakeSeconds?: number;
  readonly retentionSeconds?: number;
  readonly audit: boolean;
  readonly logLevel: LogLevel;
}

/** The variable that may hold the token. It is not handed on to what is started. */
export const TOKEN_VARIABLE = "SWITCHYARD_EXECUTOR_TOKEN";

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const MIB = 1024 * 1024;

export function defineExecutor(command: Command): void {
  command
    .showHelpAfterError("(switchyard executor --help lists the options)")
    .description(
      "Lets Codex, and other Switchyards, start processes on this machine (docs/executor.md).\n\n" +
        "WHOEVER MAY CONNECT MAY RUN COMMANDS AS THIS USER.\n\n" +
        `Beyond this machine it wants a token (--token-file, or the variable ${TOKEN_VARIABLE}), ` +
        "and a TLS proxy in front.",
    )
    .option("--listen <address>", 'ws://IP:PORT, or "stdio" (default: ws://127.0.0.1:0)', address)
    .option("--token-file <file>", "the bearer token that clients must send")
    .option("--token-sha256 <hex>", "the SHA-256 of that token instead")
    .option("--jwt-secret-file <file>", "the key of signed tokens (HS256) instead")
    .option("--jwt-issuer <iss>", "who must have issued a signed token")
    .option("--jwt-audience <aud>", "for whom it must have been issued")
    .option("--jwt-max-clock-skew-seconds <n>", "how wrong clocks may be (default: 30)", number)
    .option(
      "--allow-command <program>",
      "a program that may be started; the others may not (repeatable)",
      many,
    )
    .option(
      "--allow-cwd <folder>",
      "where processes may run and files be read, with what is below (repeatable)",
      many,
    )
    .option("--no-fs", "no access to files")
    .option("--no-http", "no HTTP requests from here")
    .option(
      "--ignore-sandbox",
      "run what a client wants to have sandboxed without a sandbox, instead of refusing it",
    )
    .option("--max-processes <n>", "processes at once (default: 1024)", count)
    .option("--max-connections <n>", "connections at once (default: 256)", count)
    .option("--max-sessions <n>", "sessions, waiting ones too (default: 1024)", count)
    .option("--max-retained-mib <n>", "output kept of all processes (default: 1024)", count)
    .option("--max-message-mib <n>", "a larger message ends its connection (default: 16)", count)
    .option(
      "--handshake-seconds <n>",
      "time from the connection to the end of the handshake (default: 10)",
      count,
    )
    .option("--retention-seconds <n>", "time a session outlives its connection (default: 80)", count)
    .option("--no-audit", "no line on stderr for every start and end")
    .option("--log-level <level>", "least level of diagnostics: debug, info, warn or error", level, "info")
    .action(async (flags: ExecutorFlags) => {
      // Nothing may outlive the last client, e.g. a host that holds on to stdin.
      process.exit(await run(flags));
    });
}

async function run(flags: ExecutorFlags): Promise<number> {
  const where = flags.listen ?? parseListenAddress("ws://127.0.0.1:0");
  let authenticator: Authenticator;
  let policy: StartPolicy;
  try {
    const token = process.env[TOKEN_VARIABLE];
    authenticator = chooseAuthenticator(flags, where, token);
    checkExposure(where, { authenticated: authenticator !== openAuthenticator });
    policy = new StartPolicy({
      ...(flags.allowCommand === undefined ? {} : { allowCommands: flags.allowCommand }),
      ...(flags.allowCwd === undefined ? {} : { allowCwds: flags.allowCwd }),
    });
  } catch (error) {
    tell(messageOf(error));
    return error instanceof ExecutorError ? 2 : 1;
  }
  const { [TOKEN_VARIABLE]: _token, ...env } = process.env;
  await using server = new ExecutorServer({
    env,
    policy,
    limits: limitsOf(flags),
    fs: flags.fs,
    http: flags.http,
    ignoreSandbox: flags.ignoreSandbox === true,
    log: (severity, message) => {
      if (LEVELS.indexOf(severity) >= LEVELS.indexOf(flags.logLevel)) tell(message);
    },
    ...(flags.retentionSeconds === undefined ? {} : { retentionMs: flags.retentionSeconds * 1000 }),
    ...(flags.audit ? { audit: new AuditLog({ write: writeAudit, now: () => new Date() }) } : {}),
  });
  // Nobody reads what is told; that is no reason to end what runs.
  process.stderr.on("error", () => {});
  const stopped = stopSignal(server);
  if (where.kind === "stdio") {
    const over = serveStdio(server, process.stdin, process.stdout).then(() => 0);
    return await Promise.race([over, stopped]);
  }
  try {
    await using listener = await listen({ server, address: where, authenticator });
    process.stdout.write(`${listener.url}\n`);
    if (flags.logLevel === "info" || flags.logLevel === "debug") {
      const open = authenticator === openAuthenticator;
      tell(
        `listening on ${listener.url}; ${open ? "whoever is on this machine may connect" : "clients need a token"}`,
      );
    }
    return await stopped;
  } catch (error) {
    tell(messageOf(error));
    return 1;
  }
}

function chooseAuthenticator(
  flags: ExecutorFlags,
  where: ListenAddress,
  token: string | undefined,
): Authenticator {
  const given = [
    flags.tokenFile === undefined ? undefined : "--token-file",
    flags.tokenSha256 === undefined ? undefined : "--token-sha256",
    flags.jwtSecretFile === undefined ? undefined : "--jwt-secret-file",
    token === undefined ? undefined : TOKEN_VARIABLE,
  ].filter((name) => name !== undefined);
  if (given.length > 1) throw invalid(`${given.join(" and ")} cannot be given together`);
  const [way] = given;
  if (way !== undefined && way !== TOKEN_VARIABLE && where.kind === "stdio") {
    throw invalid(`${way} means nothing with --listen stdio: whoever holds the pipes is in`);
  }
  if (flags.jwtSecretFile === undefined) {
    const stray = [
      flags.jwtIssuer === undefined ? undefined : "--jwt-issuer",
      flags.jwtAudience === undefined ? undefined : "--jwt-audience",
      flags.jwtMaxClockSkewSeconds === undefined ? undefined : "--jwt-max-clock-skew-seconds",
    ].find((name) => name !== undefined);
    if (stray !== undefined) throw invalid(`${stray} needs --jwt-secret-file`);
  }
  if (flags.jwtSecretFile !== undefined) {
    return jwtAuthenticator({
      secret: readSecret("--jwt-secret-file", flags.jwtSecretFile),
      now: () => new Date(),
      ...(flags.jwtIssuer === undefined ? {} : { issuer: flags.jwtIssuer }),
      ...(flags.jwtAudience === undefined ? {} : { audience: flags.jwtAudience }),
      ...(flags.jwtMaxClockSkewSeconds === undefined
        ? {}
        : { maxClockSkewSeconds: flags.jwtMaxClockSkewSeconds }),
    });
  }
  if (flags.tokenFile !== undefined)
    return bearerAuthenticator({ token: readSecret("--token-file", flags.tokenFile) });
  if (flags.tokenSha256 !== undefined) return bearerAuthenticator({ sha256: flags.tokenSha256 });
  if (token !== undefined) {
    if (token.trim() === "") throw invalid(`${TOKEN_VARIABLE} is set, and empty`);
    return bearerAuthenticator({ token });
  }
  return openAuthenticator;
}

/** @throws {ExecutorError} naming the flag and the file */
function readSecret(flag: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw invalid(`${flag}: cannot read ${file}: ${systemErrorText(error) ?? String(error)}`, error);
  }
  if (text.trim() === "") throw invalid(`${flag}: ${file} is empty`);
  return text;
}

function invalid(message: string, cause?: unknown): ExecutorError {
  return new ExecutorError("invalid_request", message, { cause });
}

function limitsOf(flags: ExecutorFlags): Record<string, number> {
  const given = {
    processesMax: flags.maxProcesses,
    connectionsMax: flags.maxConnections,
    sessionsMax: flags.maxSessions,
    retainedBytesMax: flags.maxRetainedMib === undefined ? undefined : flags.maxRetainedMib * MIB,
    messageBytesMax: flags.maxMessageMib === undefined ? undefined : flags.maxMessageMib * MIB,
    handshakeMs: flags.handshakeSeconds === undefined ? undefined : flags.handshakeSeconds * 1000,
  };
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

/** The first signal ends everything with its graces, the second one at once. @returns the exit code */
function stopSignal(server: ExecutorServer): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false;
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        const exitCode = 128 + constants.signals[signal];
        if (stopping) {
          server.killAll();
          process.exit(exitCode);
        }
        stopping = true;
        resolve(exitCode);
      });
    }
  });
}

function tell(message: string): void {
  process.stderr.write(`switchyard: ${message}\n`);
}

function writeAudit(line: string): void {
  process.stderr.write(`${line}\n`);
}

function address(text: string): ListenAddress {
  try {
    return parseListenAddress(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

function many(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function number(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function count(text: string): number {
  const value = number(text);
  if (value < 1) throw new InvalidArgumentError("It must be a whole number, 1 or more.");
  return value;
}

function level(text: string): LogLevel {
  const known = LEVELS.find((each) => each === text);
  if (known === undefined) throw new InvalidArgumentError("It must be debug, info, warn or error.");
  return known;
}
