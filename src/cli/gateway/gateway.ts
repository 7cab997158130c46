/**
 * `switchyard gateway`: lets any MCP client on this machine use the configured servers.
 *
 * Every client has a thread of its own, with servers of its own where their `scope` says so. stdout carries one line, the URL of all
 * servers together (or, with `--stdio`, the protocol); what else there is to say goes to stderr.
 *
 * Exit codes
 *   0    with `--stdio`: the client is gone
 *   1    it cannot listen
 *   2    the command line is wrong, names a file that cannot be read, or would open the servers to everybody
 *   129, 130, 143   SIGHUP, SIGINT, SIGTERM: nothing that was started is left
 */
import { randomUUID } from "node:crypto";
import type { McpServerConfig } from "../../config/server/types.ts";
import type { Log } from "../../base/log.ts";
import type { ClientThreads, GatewayOptions } from "../../gateway/index.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { Command } from "../command.ts";
import { readSecret } from "../input.ts";
import { count, OutputError, print, shortPaths, tell } from "../output.ts";
import type { Stop } from "../signals.ts";
import {
  configsOf,
  configuredServersOf,
  notStartedText,
  openManager,
  provenanceOf,
  serverNamed,
} from "../mcp/configured.ts";
import { READ_FLAGS } from "../mcp/target.ts";

const SERVERS = "servers";
const DEFAULT_ADDRESS = "127.0.0.1:0";

export const gateway: Command = {
  overridable: true,
  operands: [
    {
      name: "NAME",
      optional: true,
      completes: "server",
      about: "this server alone, with its own names of tools; without it, all of them, as mcp__SERVER__TOOL",
    },
  ],
  description:
    "Lets any MCP client on this machine use the configured servers (docs/gateway.md): it listens for clients, or, with --stdio, " +
    "serves the one that started it. Each client has servers of its own, except those whose scope says that they are shared.",
  flags: [
    {
      name: "listen",
      value: "ADDRESS",
      default: DEFAULT_ADDRESS,
      about: "PORT or IP:PORT; 0 is any free port",
    },
    {
      name: "token-file",
      value: "FILE",
      about: "a file with the bearer token that clients must send; needed beyond this machine",
    },
    { name: "stdio", about: "serve one client on stdin and stdout" },
    {
      name: SERVERS,
      value: "FILE",
      about: "the servers of this file alone; switchyard.toml is Switchyard's, any other name is Codex's",
    },
    ...READ_FLAGS.filter(({ name }) => name !== "file"),
    { name: "verbose", short: "v", about: "print diagnostics, and what the servers write to stderr" },
  ],
  notes:
    "Without --token-file, everybody who is logged in on this machine may use the servers.\n\nExamples:\n" +
    "  switchyard gateway --listen 7766\n" +
    "  claude mcp add --transport http files http://127.0.0.1:7766/mcp/files\n" +
    "  claude mcp add files -- switchyard gateway --stdio files",
  // Nothing may outlive the last client, e.g. an idle connection of a server.
  run: async (args, stop) => process.exit(await serve(args, stop)),
};

async function serve(args: Args, stop: Stop): Promise<number> {
  for (const other of ["listen", "token-file"]) args.atMostOne("stdio", other);
  const configured = configuredServersOf(args, SERVERS);
  const [name] = args.operands;
  const chosen = name === undefined ? configured.servers : [serverNamed(configured, name)];
  const log = logOf(args);
  for (const each of chosen)
    if (each.status !== "enabled" && (name !== undefined || each.status !== "disabled"))
      tell(shortPaths(`switchyard: ${notStartedText(each)}`));
  const configs = new Map(configsOf(chosen));
  for (const [each, config] of configs) {
    if (!isGateway(config)) continue;
    tell(`switchyard: MCP server ${JSON.stringify(each)} is a gateway itself, and is left out`);
    configs.delete(each);
  }
  if (configs.size === 0) {
    tell("switchyard: There is no MCP server to serve: see switchyard mcp list");
    return 1;
  }
  const { cwd } = configured;
  const provenance = provenanceOf(chosen);
  await using opened = await openManager(configured, chosen, { log, publish: true });
  const threads: ClientThreads = {
    names: () => [...configs.keys()],
    open: ({ name: client, offers }, only) => {
      const servers = only === undefined ? configs : new Map([...configs].filter(([each]) => each === only));
      return opened.manager.openThread({ id: idFor(client), servers, provenance, workspace: cwd, offers });
    },
  };
  if (args.has("stdio")) {
    const { serveStdio } = await import("../../gateway/index.ts");
    await serveStdio({ threads, server: name, signal: stop.signal });
    return stop.exitCode;
  }
  return await listen(args, stop, { threads, log, name });
}

/** A thread of this client, as `switchyard ps` shows it. @param client what it calls itself: any text */
function idFor(client: string): string {
  const name = client.replaceAll(/[^\w.]+/g, "-").slice(0, 40);
  return `${name === "" ? "client" : name}-${randomUUID().slice(0, 8)}`;
}

/** It may be the line of a client that starts this very gateway: it would start itself without end. */
function isGateway({ transport }: McpServerConfig): boolean {
  return transport.type === "stdio" && ["gateway", "--stdio"].every((word) => transport.args?.includes(word));
}

interface Listening {
  readonly threads: ClientThreads;
  readonly log: Log;
  readonly name: string | undefined;
}

/** Until it is told to stop. @returns the exit code */
async function listen(args: Args, stop: Stop, { threads, log, name }: Listening): Promise<number> {
  const { Gateway, GatewayError, parseAddress } = await import("../../gateway/index.ts");
  const options = await optionsOf(args, stop.signal, parseAddress).catch((error: unknown) => {
    throw error instanceof GatewayError ? new UsageError(error.message, { cause: error }) : error;
  });
  try {
    await using running = await Gateway.start({ ...options, threads, log });
    const url = `${running.origin}/mcp`;
    print(`${name === undefined ? url : `${url}/${encodeURIComponent(name)}`}\n`);
    const names = threads.names();
    const who = options.token === undefined ? "anyone on this machine may use it" : "clients need the token";
    tell(`switchyard: ${count(names.length, "server")}; ${who}. Each by itself:`);
    for (const each of names) tell(`  ${url}/${encodeURIComponent(each)}`);
    await new Promise<void>((resolve) => {
      if (stop.signal.aborted) resolve();
      stop.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    return stop.exitCode;
  } catch (error) {
    if (error instanceof OutputError || !(error instanceof GatewayError)) throw error;
    if (error.code === "exposed") throw new UsageError(error.message, { cause: error });
    tell(`switchyard: ${error.message}`);
    return 1;
  }
}

async function optionsOf(
  args: Args,
  signal: AbortSignal,
  parseAddress: (text: string) => NonNullable<GatewayOptions["address"]>,
): Promise<GatewayOptions> {
  const address = parseAddress(args.one("listen") ?? DEFAULT_ADDRESS);
  const file = args.one("token-file");
  if (file === undefined) return { address };
  const token = (await readSecret("token-file", file, signal)).trim();
  if (token === "") throw new UsageError("--token-file: the file is empty");
  return { address, token };
}

function logOf(args: Args): Log {
  const isVerbose = args.has("verbose");
  return (level, message) => {
    if (isVerbose || level === "error" || level === "warn") tell(shortPaths(`${level}: ${message}`));
  };
}
