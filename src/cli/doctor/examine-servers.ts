/**
 * Starts the configured servers, looks at each, and ends them.
 *
 * Invariants
 *   D1. All servers are started at the same time, each within its own start-up time-out.
 */
import type { Redactor } from "../../base/redact.ts";
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import { maskArgs, maskText } from "../../config/show/mask-text.ts";
import { resolve } from "../../servers/resolve.ts";
import type { Args } from "../args/parse.ts";
import { shownName } from "../mcp/findings.ts";
import { type ConfiguredServers, serverNamed } from "../mcp/configured.ts";
import { startEach } from "../mcp/snapshot.ts";
import { catalogViews } from "./catalog.ts";
import { type Finding, finding } from "./finding.ts";
import { Fixes } from "./fixes.ts";
import { programOf } from "./program.ts";
import { risksOf, sameServers } from "./risks.ts";
import { type ServerView, serverView } from "./server-view.ts";
import type { Patient } from "./patient.ts";
import { whyNot } from "./why.ts";

export interface ExaminedServers {
  readonly views: readonly ServerView[];
  readonly findings: readonly Finding[];
}

/**
 * @param name of one server. @default all
 * @param redactor gets to know what is secret in their configuration
 * @throws {UsageError} when there is no such server
 */
export async function examineServers(
  args: Args,
  configured: ConfiguredServers,
  name: string | undefined,
  redactor: Redactor,
  signal: AbortSignal,
): Promise<ExaminedServers> {
  const servers = name === undefined ? configured.servers : [serverNamed(configured, name)];
  for (const server of servers) keepSecrets(server, redactor);
  const lines = new Map(servers.map((server) => [server.name, new WrittenLines()]));
  const started = await startEach(configured, servers, {
    lists: [],
    log: (_level, _message, about) =>
      lines.get(String(about?.["server"]))?.add(about?.["stderr"], about?.["stdout"]),
    signal,
  });
  const fixes = new Fixes(args);
  const patients = servers.map((server): Patient => {
    const { name: each, config } = server;
    return {
      server,
      startProblem: configured.startProblems.get(each),
      program: config === undefined ? undefined : programOf(config, configured.cwd, process.env),
      snapshot: started.get(each)?.snapshot,
      stderr: lines.get(each)?.stderr ?? [],
      stdout: lines.get(each)?.stdout ?? [],
      env: process.env,
      fixes,
    };
  });
  const catalogs = catalogViews(patients);
  const findings: Finding[] = [];
  const views = patients.map((patient) => {
    const { name: each } = patient.server;
    const clockAheadMs = started.get(each)?.clockAheadMs;
    const why = whyNot(patient, name !== undefined);
    const catalog = catalogs.get(each);
    const risks = risksOf(patient, why, clockAheadMs);
    findings.push(...(why === undefined ? [] : [why]), ...risks, ...(catalog?.findings ?? []));
    return serverView(patient, { tokens: catalog?.tokens, clockAheadMs });
  });
  return {
    views,
    findings: [
      ...findings,
      ...sameServers(patients),
      ...(name === undefined ? ofProject(servers, fixes) : []),
    ],
  };
}

/** Servers that do not count, and what lets them. */
function ofProject(servers: readonly EffectiveMcpServer[], fixes: Fixes): Finding[] {
  const inactive = servers.filter(({ status }) => status === "inactive").map(({ name }) => shownName(name));
  if (inactive.length === 0) return [];
  const problem = `the project is not trusted, so that its servers do not count: ${inactive.join(", ")}`;
  return [finding("project_untrusted", problem, { fix: fixes.trust() })];
}

/** Lines that are kept of what a server wrote. */
const LINES_MAX = 100;

/** What a server wrote beside MCP, each line once. */
class WrittenLines {
  readonly #stderr = new Set<string>();
  readonly #stdout = new Set<string>();

  /** The last ones, without secrets. */
  get stderr(): readonly string[] {
    return [...this.#stderr];
  }

  /** The first ones. */
  get stdout(): readonly string[] {
    return [...this.#stdout];
  }

  add(stderr: unknown, stdout: unknown): void {
    if (typeof stderr === "string" && stderr.trim() !== "") this.#stderr.add(maskText(stderr));
    const [oldest] = this.#stderr;
    if (this.#stderr.size > LINES_MAX && oldest !== undefined) this.#stderr.delete(oldest);
    if (typeof stdout === "string" && this.#stdout.size < LINES_MAX) this.#stdout.add(maskText(stdout));
  }
}

/** A server that asks for one of these in env_vars makes its value no secret: paths would be asterisks. */
const PLAIN_VARIABLES = ["HOME", "PATH", "PWD", "TMPDIR", "USER", "LOGNAME", "SHELL", "LANG", "TERM", "TZ"];

/** What must not be shown, wherever it turns up. */
function keepSecrets({ config }: EffectiveMcpServer, redactor: Redactor): void {
  if (config === undefined) return;
  const { transport } = config;
  // One whose URL is none has no secrets that could be found; the mask hides them.
  const resolved =
    transport.type === "stdio" || URL.canParse(transport.url) ? resolve(config, process.env, []) : undefined;
  const plain = PLAIN_VARIABLES.map((name) => process.env[name]);
  if (resolved?.ok === true)
    for (const secret of resolved.value.secrets) if (!plain.includes(secret)) redactor.add(secret);
  if (transport.type !== "stdio") {
    for (const value of transport.http_headers?.values() ?? []) redactor.add(value);
    return;
  }
  const words = [transport.command, ...transport.args];
  for (const [at, masked] of maskArgs(words).entries()) {
    const word = words[at] ?? "";
    if (word === masked) continue;
    // What the mask hides, whole, or behind its `=` or `:`.
    for (const part of new Set([word, ...word.split(/[=:@]/)]))
      if (!masked.includes(part)) redactor.add(part);
  }
}
