/**
 * The tools that a server had when a command last saw it: what `mcp tools` shows without starting anything, and what the shell
 * completes.
 *
 *   status · tools · call · read · prompts ──keep──> $SWITCHYARD_HOME/cache/catalogs ──kept──> tools, completion
 *
 * Invariants
 *   Q1. A list counts for a day, and only while the files that configure the server, its program, and the files among its arguments
 *       are older than the list. A change elsewhere is not noticed, so a list is shown with its age.
 *   Q2. A server that does not work has no list any more, nor one whose login a command has changed.
 *   Q3. The name of a file comes from nothing that may be a secret, and the file has nothing but tools.
 */
import fs from "node:fs";
import { join, resolve } from "node:path";
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import { switchyardHome } from "../../config/layers/homes.ts";
import { LOCAL_ENVIRONMENT_ID, type McpServerConfig } from "../../config/server/types.ts";
import { maskServer } from "../../config/show/mask-server.ts";
import { findProgram } from "../../executor/local/find-program.ts";
import { CatalogFolder, catalogKey, type KeptCatalog } from "../../mcp/cache/catalog-folder.ts";
import type { McpConnectionManager } from "../../mcp/index.ts";
import { resolveVariables } from "../../servers/resolve.ts";
import { count } from "../output.ts";

const COUNTS_MS = 24 * 60 * 60 * 1000;

function folder(): CatalogFolder {
  return new CatalogFolder(() => join(switchyardHome(process.env), "cache", "catalogs"));
}

/**
 * The list of a server, if it counts (Q1).
 *
 * @param cwd where servers start
 */
export function keptTools(
  server: EffectiveMcpServer,
  cwd: string,
  now: number = Date.now(),
): KeptCatalog | undefined {
  const kept = lastTools(server, cwd);
  if (kept === undefined || server.config === undefined) return undefined;
  const isNew = kept.at <= now && now - kept.at < COUNTS_MS;
  return isNew && changedAt(server, server.config, cwd) < kept.at ? kept : undefined;
}

/** How old a list is. */
export function ageText(at: number, now: number = Date.now()): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return "a moment ago";
  return minutes < 60 ? `${count(minutes, "minute")} ago` : `${count(Math.floor(minutes / 60), "hour")} ago`;
}

/** The list of a server, whatever has changed since. */
export function lastTools(
  { name, config, status }: EffectiveMcpServer,
  cwd: string,
): KeptCatalog | undefined {
  return config === undefined || status !== "enabled" ? undefined : folder().read(keyOf(name, config, cwd));
}

/**
 * Keeps what a thread knows of the tools of its servers; forgets those of a server that does not work (Q2). That it cannot be
 * written is no error.
 *
 * @param at when the thread was opened, in milliseconds since 1970
 */
export async function keepTools(thread: McpConnectionManager, cwd: string, at: number): Promise<void> {
  const kept = folder();
  const keep = async ({
    name,
    config,
    status,
    tools: all,
  }: McpConnectionManager["servers"][number]): Promise<void> => {
    const key = keyOf(name, config, cwd);
    if (status.state === "failed" || status.state === "needs_login") await kept.remove(key);
    if (status.state !== "ready") return;
    const tools = thread.listTools(name).map(({ tool }) => tool);
    await kept.write(key, { at, tools, hiddenTools: all - tools.length });
  };
  await Promise.all(thread.servers.map((server) => keep(server).catch(() => {})));
}

/** Forgets the list of a server: it may have been another account's. */
export async function forgetTools({ name, config }: EffectiveMcpServer, cwd: string): Promise<void> {
  // As with keeping it.
  if (config !== undefined)
    await folder()
      .remove(keyOf(name, config, cwd))
      .catch(() => {});
}

/** What makes it another list (Q3). */
function keyOf(name: string, config: McpServerConfig, cwd: string): string {
  const { transport, environment_id, enabled_tools, disabled_tools } = maskServer(config);
  const program =
    transport.type === "stdio"
      ? [
          ...[transport.command, transport.args, resolve(cwd, transport.cwd ?? ".")],
          ...[[...(transport.env?.keys() ?? [])], transport.env_vars],
        ]
      : [
          ...[transport.url, transport.bearer_token_env_var],
          ...[[...(transport.http_headers?.keys() ?? [])], [...(transport.env_http_headers ?? [])]],
        ];
  return catalogKey(["shown", name, environment_id, program, enabled_tools, disabled_tools]);
}

/** When that changed of which it is known that it makes the list; in milliseconds since 1970. */
function changedAt({ origins }: EffectiveMcpServer, config: McpServerConfig, cwd: string): number {
  const written = [...new Set([...origins.values()].map(({ file }) => file))];
  const files = [...written.filter((file) => file !== undefined), ...programFiles(config, cwd)];
  return Math.max(0, ...files.map(ctimeOf));
}

function programFiles({ transport, environment_id }: McpServerConfig, cwd: string): readonly string[] {
  if (transport.type !== "stdio" || environment_id !== LOCAL_ENVIRONMENT_ID) return [];
  const there = resolve(cwd, transport.cwd ?? ".");
  const path = resolveVariables(transport, process.env).variables.get("PATH") ?? process.env["PATH"];
  try {
    const program = findProgram({ program: transport.command, cwd: there, path });
    return [program, ...transport.args.map((word) => resolve(there, word))];
  } catch {
    // It cannot start: whoever asks has said so.
    return [];
  }
}

/** Of a file, not of a folder: those change with everything that is put into them. */
function ctimeOf(file: string): number {
  try {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    // The time of the content may be set to anything, as package managers do.
    return stat?.isFile() === true ? stat.ctimeMs : 0;
  } catch {
    return 0;
  }
}
