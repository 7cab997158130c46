/** Why a server that Codex runs is absent, in our words. The texts that are recognised are those of Codex 0.169. */
import { LOCAL_ENVIRONMENT_ID } from "../../config/server/types.ts";
import { findEnvironment } from "../../config/environments/find-environment.ts";
import { loadEnvironments } from "../../config/environments/load-environments.ts";
import { ConfigError } from "../../config/problem.ts";
import type { WireItem } from "../app-server/protocol.ts";

export interface StartupFailure {
  /** Codex's name of the server. */
  readonly name: string;
  /** The host's name of it. */
  readonly server: string;
  readonly reason: string;
  /** Whether its process has ended, or its connection: not what was ended because it failed. */
  readonly hasEnded: boolean;
}

/**
 * Why the environment of a server does not exist: Codex leaves out such a server without a message.
 *
 * @param id the server's `environment_id`, if it has one
 * @param codexHome where this Codex has its `environments.toml`
 * @param added ids of the environments that were announced to it
 * @param programs ids of those that it cannot be given
 * @returns a sentence, or `undefined` when the environment exists
 */
export function missingEnvironment(
  id: unknown,
  codexHome: string,
  added: readonly string[],
  programs: readonly string[],
): string | undefined {
  if (typeof id !== "string" || id === LOCAL_ENVIRONMENT_ID || added.includes(id)) return undefined;
  try {
    // Codex does not read our own files.
    const loaded = loadEnvironments({ codexHome, switchyardHome: "/dev/null", cwd: codexHome, env: {} });
    const found = findEnvironment(loaded, id);
    if (found.ok) return undefined;
    if (programs.includes(id))
      return `environment ${JSON.stringify(id)} is a program: Codex starts those only from environments.toml in its home, and we where the servers are managed (mcp: "managed")`;
    const more =
      added.length === 0 ? "" : `, and of this Codex ${added.map((each) => `"${each}"`).join(", ")}`;
    return `${found.message} (${found.hint} in environments.toml${more})`;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

/** A text of Codex about a server, with the name that the host knows it by. */
export function inHostsWords(text: string, name: string, hostName: string): string {
  return name === hostName ? text : text.replaceAll(name, hostName);
}

const NEEDS_LOGIN =
  "it needs a login: give it an Authorization header that it accepts, or add a server with this name and url to your own " +
  '("switchyard mcp add") and log in there ("switchyard mcp login")';

const UNREADABLE_TOOLS =
  "Codex cannot read its list of tools: each tool needs a name and an inputSchema that is an object";

/** Whether Codex found that a process had ended: while writing to it or while reading. */
export function isEnd(error: string): boolean {
  return /Broken pipe|connection closed: initialize response/.test(error);
}

/** Whether a reason in our words says that the system did not start a program. */
export function cannotStart(reason: string): boolean {
  return /\(os error \d+\)$/.test(reason);
}

/** Codex's message about a server that failed, without its module names and repetitions. */
export function plainReason(error: string): string {
  const text = error
    .replace(/^MCP client for `[^`]*` failed to start: (MCP startup failed: )?/, "")
    .replaceAll(/ ?\[[a-z_]+::[^\]]*\]/g, "");
  // Codex names the server as it is called inside, and a command that would log in to another one.
  if (/MCP server is not logged in|Transport error: Auth required/.test(text)) return NEEDS_LOGIN;
  // It stands for any answer to tools/list that Codex cannot read, mostly because of one tool. Which one, it does not say.
  if (text === "Unexpected response type") return UNREADABLE_TOOLS;
  const seconds = /timed out after (\d+) seconds/.exec(text)?.[1];
  if (seconds !== undefined) return `timed out after ${seconds} s; startup_timeout_sec sets the limit`;
  return isEnd(text) ? "the process ended before it answered the handshake" : text;
}

/**
 * The required servers because of which Codex rejects an open.
 *
 * @param names Codex's name of each server, and the host's
 * @returns `undefined` when Codex says something else
 */
export function requiredServersFailures(
  message: string,
  names: ReadonlyMap<string, string>,
): StartupFailure[] | undefined {
  const required = /required MCP servers failed to initialize: (.*)$/s.exec(message)?.[1];
  if (required === undefined) return undefined;
  // "name: reason; name: reason"
  return required.split(/; (?=[a-zA-Z0-9_:@/.-]+: )/).map((failure) => {
    const at = failure.indexOf(": ");
    const name = failure.slice(0, at);
    const server = names.get(name) ?? name;
    const error = failure.slice(at + 2);
    const reason = inHostsWords(plainReason(error), name, server);
    return { name, server, reason, hasEnded: isEnd(error) };
  });
}

/** The name for the model of a tool whose schema its provider rejects. The text is OpenAI's. */
export function rejectedSchema(message: string | undefined): string | undefined {
  return /Invalid schema for function '([^']+)'/.exec(message ?? "")?.[1];
}

/** The server whose connection broke during a call. Codex never restarts a stdio server that died. */
export function brokenServer(item: WireItem): string | undefined {
  if (item.type !== "mcpToolCall") return undefined;
  return item.error?.message.includes("Transport closed") === true ? item.server : undefined;
}

/**
 * Whether a call failed without an answer of its server: a broken connection, a lost session, a time-out. Every error of
 * a call counts, whatever its words, but the server's own, which Codex 0.171 introduces with "Mcp error".
 */
export function gotNoAnswer(item: WireItem): boolean {
  if (item.type !== "mcpToolCall") return false;
  const cause = /tool call failed for .*?Caused by:\s*(.*)/s.exec(item.error?.message ?? "")?.[1];
  return cause !== undefined && !cause.startsWith("Mcp error:");
}
