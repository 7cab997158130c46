/** `switchyard mcp add`: a server from flags. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { formatOrigin } from "../../config/layers/origins.ts";
import { ConfigError } from "../../config/problem.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { Command } from "../command.ts";
import type { Stop } from "../signals.ts";
import { maskText } from "../../config/show/mask-text.ts";
import type { DraftMcpServer } from "../../config/server/types.ts";
import { ADD_FLAGS, flagsOf, serverOf } from "./add-flags.ts";
import { applyAndReport } from "./apply-edit.ts";
import { EDIT_FLAGS, elsewhere, openEditContext } from "./edit-context.ts";
import { WRITE_FLAGS } from "./target.ts";

const HTTP_URL = /^https?:\/\//i;

export const add: Command = {
  operands: [{ name: "NAME" }, { name: "COMMAND", optional: true, many: true }],
  usage: "NAME (URL | [--] COMMAND ARGS…)",
  verbatimFrom: 2,
  verbatimUnless: HTTP_URL,
  flags: [
    {
      name: "transport",
      short: "t",
      value: "TRANSPORT",
      about: "stdio or http; not needed, because a URL is http and a command is stdio",
    },
    ...ADD_FLAGS,
    { name: "replace", about: "replace a server of that name" },
    ...EDIT_FLAGS,
  ],
  notes:
    "Examples:\n" +
    "  switchyard mcp add files -- npx -y @modelcontextprotocol/server-filesystem .\n" +
    "  switchyard mcp add --env-var GITHUB_TOKEN github -- github-mcp-server stdio\n" +
    "  switchyard mcp add docs https://example.com/mcp --header-env Authorization=DOCS_AUTH",
  run: addServer,
};

async function addServer(args: Args, { signal }: Stop): Promise<number> {
  const [name = "", ...operands] = args.operands;
  const address = operands[0] !== undefined && HTTP_URL.test(operands[0]) ? operands[0] : undefined;
  const words = address === undefined ? operands : operands.slice(1);
  checkTransport(args, words, address);
  const context = openEditContext(args);
  const server: DraftMcpServer = {
    ...(address === undefined ? {} : { url: address }),
    ...(words[0] === undefined ? {} : { command: words[0] }),
    ...(words.length > 1 ? { args: words.slice(1) } : {}),
    ...(await serverOf(args, context.target.own, signal)),
  };
  const notes = [...strayFlags(words), ...urlLike(words)];
  const { url, oauth } = server;
  if (url !== undefined && oauth?.client_id !== undefined && oauth.callback_url === undefined) {
    const callback_url = callbackUrl(url);
    server.oauth = { ...oauth, callback_url };
    notes.push(`the login returns to ${callback_url}: register the client with this address`);
  }
  const replace = args.has("replace");
  if (!replace) {
    const other = elsewhere(context, name).at(-1);
    const at = context.names.has(name)
      ? context.target.file
      : other === undefined
        ? undefined
        : formatOrigin(other);
    if (at !== undefined) {
      const how = context.names.has(name)
        ? "--replace replaces it, switchyard mcp set changes one key"
        : "the two would be merged key by key. switchyard mcp set changes one key, --replace adds it anyway";
      throw new ConfigError("invalid_edit", `MCP server ${JSON.stringify(name)} is already in ${at}; ${how}`);
    }
  }
  const isNew = !context.names.has(name);
  return await applyAndReport(
    context,
    {
      edits: [{ kind: isNew ? "add" : "replace", name, server }],
      done: `${isNew ? "Added" : "Replaced"} MCP server ${JSON.stringify(name)} ${isNew ? "to" : "in"}`,
      names: [name],
      toRun: true,
      notes,
    },
    signal,
  );
}

/** The address that `codex mcp add` writes for a client of your own (measured with 0.169). */
function callbackUrl(url: string): string {
  return `http://127.0.0.1/callback/${createHash("sha256").update(url).digest("base64url").slice(0, 12)}`;
}

/** A flag after the command belongs to the command, which may not be what was meant. */
function strayFlags(words: readonly string[]): string[] {
  const flags = WRITE_FLAGS.map(({ name }) => `--${name}`).concat("--dry-run");
  const stray = words.slice(1).find((word) => flags.includes(word.split("=", 1)[0] ?? ""));
  if (stray === undefined) return [];
  return [`${stray.split("=", 1)[0]} is passed to the command; for switchyard, write it before the command`];
}

/** A URL with a slip in its beginning, or without it, is a command. */
function urlLike([word = "", ...others]: readonly string[]): string[] {
  const isLike = /^(?:https?[:/]|(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?\/)/i.test(word);
  if (others.length > 0 || !isLike || existsSync(word)) return [];
  return [`${JSON.stringify(maskText(word))} is taken for a command; a URL begins with https://`];
}

/** @throws {UsageError} naming the two that do not go together */
function checkTransport(args: Args, words: readonly string[], address: string | undefined): void {
  if (address !== undefined && args.has("url")) throw new UsageError("The URL is given twice");
  if (address !== undefined && words.length > 0) {
    throw new UsageError("A server with a URL takes no arguments: they are for a command");
  }
  if (args.has("url") && words.length > 0) {
    throw new UsageError("--url and a command cannot be given together: a server has one of them");
  }
  const hasUrl = args.has("url") || address !== undefined;
  const transport = args.one("transport")?.toLowerCase().replace(/[-_]/g, "");
  if (transport === "sse") {
    throw new UsageError("The SSE transport is not supported: use the server's streamable HTTP URL");
  }
  if (transport !== undefined && !["stdio", "http", "streamablehttp"].includes(transport)) {
    throw new UsageError("--transport takes stdio or http");
  }
  if (!hasUrl && (words.length === 0 || (transport ?? "stdio") !== "stdio")) {
    throw new UsageError(
      transport === undefined || transport === "stdio"
        ? "A server needs --url URL or a command: switchyard mcp add NAME -- COMMAND ARGS…"
        : "--transport http needs the server's URL in full: switchyard mcp add NAME https://example.com/mcp",
    );
  }
  if (hasUrl && transport === "stdio") {
    throw new UsageError("--transport stdio needs a command, and this is a URL");
  }
  const wrong = flagsOf(hasUrl ? "stdio" : "streamable_http").find((flag) => args.has(flag));
  if (wrong !== undefined) {
    throw new UsageError(
      hasUrl
        ? `--${wrong} and --url cannot be given together: it is for a command`
        : `--${wrong} and a command cannot be given together: it is for servers with --url`,
    );
  }
  if (["user", "local"].includes(args.one("scope") ?? "")) {
    const what = "--scope is who may share a connection to the server (thread, project, principal, host)";
    throw new UsageError(`${what}; your own file is the default, and --project writes the project's`);
  }
  args.atMostOne("no-tools", "enabled-tool");
}
