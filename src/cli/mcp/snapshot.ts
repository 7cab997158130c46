/** What the configured servers are and offer now, for `status`, `tools` and `prompts`. */
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import { maskText } from "../../config/show/mask-text.ts";
import type { KeptCatalog } from "../../mcp/cache/catalog-folder.ts";
import type { ListKind, McpManagerOptions, ServerSnapshot } from "../../mcp/index.ts";
import type { Args } from "../args/parse.ts";
import { count, shortPaths, tell } from "../output.ts";
import {
  type ConfiguredServers,
  configuredServersOf,
  openManager,
  openThread,
  serverNamed,
} from "./configured.ts";
import { printFindings, shownName } from "./findings.ts";
import { keptTools } from "./kept-tools.ts";
import { showWaiting } from "./waiting.ts";

/** A configured server, and what was seen of it if it was started. */
export interface SeenServer {
  readonly server: EffectiveMcpServer;
  readonly snapshot: ServerSnapshot | undefined;
  /** What it had before; then it was not started. */
  readonly kept?: KeptCatalog | undefined;
}

export interface Seen {
  readonly servers: readonly SeenServer[];
  readonly errors: ConfiguredServers["errors"];
}

export interface SeeOptions {
  /** @default all */
  readonly name?: string | undefined;
  /** What is asked for beside tools. */
  readonly lists: readonly Exclude<ListKind, "tools">[];
  /** Whether a server whose tools are kept is left alone. @default false */
  readonly kept?: boolean;
  /** Whether servers are asked what they say of logins. */
  readonly askAuth?: boolean;
  readonly signal: AbortSignal;
}

/** @throws {UsageError} when there is no server of that name */
export async function seeServers(
  args: Args,
  { name, lists, kept: takesKept = false, askAuth = false, signal }: SeeOptions,
): Promise<Seen> {
  const configured = configuredServersOf(args);
  const all = name === undefined ? configured.servers : [serverNamed(configured, name)];
  const { errors, cwd } = configured;
  const kept = new Map(takesKept ? all.map((server) => [server.name, keptTools(server, cwd)]) : []);
  const servers = all.filter((server) => kept.get(server.name) === undefined);
  const seenOf = (seen: ReadonlyMap<string, ServerSnapshot>): Seen => {
    return {
      servers: all.map((server) => {
        return { server, snapshot: seen.get(server.name), kept: kept.get(server.name) };
      }),
      errors,
    };
  };
  const started = await startEach(configured, servers, { lists, askAuth, signal });
  return seenOf(new Map([...started].map(([each, { snapshot }]) => [each, snapshot])));
}

export interface StartedServer {
  readonly snapshot: ServerSnapshot;
  /** Over HTTP: how far its clock is ahead of ours, in milliseconds. */
  readonly clockAheadMs: number | undefined;
}

/**
 * Starts those of the servers that are enabled, looks at each, and ends it. Each has a thread of its own: one that fails ends at once,
 * where it would be started again and again while others are waited for.
 */
export async function startEach(
  configured: ConfiguredServers,
  servers: readonly EffectiveMcpServer[],
  {
    lists,
    askAuth = true,
    log,
    signal,
  }: Pick<SeeOptions, "lists" | "askAuth" | "signal"> & Pick<McpManagerOptions, "log">,
): Promise<ReadonlyMap<string, StartedServer>> {
  const started = servers.filter(({ status }) => status === "enabled");
  if (started.length === 0) return new Map();
  await using opened = await openManager(configured, started, log === undefined ? {} : { log });
  const { collectMcpSnapshot } = await import("../../mcp/index.ts");
  const waiting = new Set(started.map(({ name }) => name));
  using _line = showWaiting(waiting);
  const look = async (server: EffectiveMcpServer): Promise<(readonly [string, StartedServer])[]> => {
    const { name, definedIn } = server;
    await using open = openThread(opened.manager, configured, [server]);
    const origins = new Map(definedIn === undefined ? [] : [[name, definedIn]]);
    const { servers: seen } = await collectMcpSnapshot(open.thread, { lists, askAuth, origins, signal });
    const { clockAheadMs } = open.thread.server(name);
    waiting.delete(name);
    return seen.map((snapshot) => [name, { snapshot, clockAheadMs }]);
  };
  return new Map((await Promise.all(started.map(look))).flat());
}

/** What became of it: the state of the server if it was started, or why it was not. */
export function stateOf({ server, snapshot }: SeenServer): string {
  return snapshot?.status.state ?? server.status;
}

/** In a sentence, if it does not work. */
export function reasonOf({ server, snapshot }: SeenServer): string | undefined {
  if (snapshot === undefined) return server.reason;
  const { status } = snapshot;
  if (!("reason" in status)) return undefined;
  // A server may write a secret that nobody configured.
  return maskText(typeof status.reason === "string" ? status.reason : status.reason.message);
}

/** As far as it is known. */
export function works({ snapshot, kept }: SeenServer): boolean {
  return snapshot?.status.state === "ready" || kept !== undefined;
}

/**
 * Whether it is there to work: one that is switched off, or only asked for by a project that does not count, is not, and neither is
 * what a plugin gets wrong.
 */
function isMeant({ server: { status, plugin } }: SeenServer): boolean {
  return status === "invalid" ? plugin === undefined : status !== "disabled" && status !== "inactive";
}

/**
 * Says on stderr which servers do not work, and what is wrong with the files.
 *
 * @param named whether the user named the server: then it has to work
 * @param withReasons where the output has not given them
 * @returns the exit code
 */
export function reportBroken({ servers, errors }: Seen, named: boolean, withReasons: boolean): number {
  const meant = servers.filter((each) => named || isMeant(each));
  const broken = meant.filter((each) => !works(each));
  if (broken.length > 0) {
    const names = broken.map(({ server }) => shownName(server.name)).join(", ");
    const number = `${broken.length} of ${count(meant.length, "enabled server")} ${broken.length === 1 ? "does" : "do"} not work`;
    const doctor = `switchyard doctor${named ? ` ${names}` : ""} says what to do`;
    tell(named ? `${names} does not work; ${doctor}` : `${number}: ${names} (${doctor})`);
    if (withReasons) for (const each of broken) tell(reasonLine(each));
  }
  for (const { snapshot } of servers) {
    for (const { message } of snapshot?.failures ?? []) tell(shortPaths(`warning: ${message}`));
  }
  printFindings("error", errors, false);
  return broken.length + errors.length === 0 ? 0 : 1;
}

/** The name of a server and why it does not work; more lines of the reason are indented. */
export function reasonLine(seen: SeenServer): string {
  const reason = reasonOf(seen) ?? "no reason is known";
  return shortPaths(`  ${shownName(seen.server.name)}: ${reason.replaceAll("\n", "\n    ")}`);
}
