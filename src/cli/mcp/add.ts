/** `switchyard mcp add`: a server from flags. */
import { originText } from "../../config/origins.ts";
import { ConfigError } from "../../config/problem.ts";
import type { RawMcpServerConfig } from "../../config/types.ts";
import { type Args, type CommandSpec, UsageError } from "../flags.ts";
import { ADD_FLAGS, flagsOf, serverOf } from "./add-flags.ts";
import { carryOut, EDIT_FLAGS, elsewhere, openScene } from "./apply.ts";
import type { McpCommand } from "./command.ts";

const spec: CommandSpec = {
  name: "mcp add",
  operands: "NAME (--url URL | [--] COMMAND ARGS…)",
  about: "add a server; flags go before the command",
  count: [1, Number.POSITIVE_INFINITY],
  verbatimFrom: 2,
  flags: [...ADD_FLAGS, { name: "replace", about: "a server of that name is written anew" }, ...EDIT_FLAGS],
  notes:
    "Examples:\n" +
    "  switchyard mcp add files -- npx -y @modelcontextprotocol/server-filesystem .\n" +
    "  switchyard mcp add --env-var GITHUB_TOKEN github -- github-mcp-server stdio\n" +
    "  switchyard mcp add docs --url https://example.com/mcp --header-env Authorization=DOCS_AUTH",
};

export const add: McpCommand = { spec, run };

async function run(args: Args, signal: AbortSignal): Promise<number> {
  const [name = "", ...words] = args.operands;
  checkTransport(args, words);
  const scene = openScene(args);
  const server: RawMcpServerConfig = {
    ...(words[0] === undefined ? {} : { command: words[0] }),
    ...(words.length > 1 ? { args: words.slice(1) } : {}),
    ...serverOf(args, scene.target.own),
  };
  const replace = args.has("replace");
  if (!replace) {
    const other = elsewhere(scene, name).at(-1);
    const at = scene.names.has(name)
      ? scene.target.file
      : other === undefined
        ? undefined
        : originText(other);
    if (at !== undefined) {
      const how = scene.names.has(name)
        ? "--replace writes it anew, switchyard mcp set changes one key"
        : "the two would be merged key by key. switchyard mcp set changes one key, --replace adds it all the same";
      throw new ConfigError("invalid_edit", `MCP server ${JSON.stringify(name)} is already in ${at}; ${how}`);
    }
  }
  const isNew = !scene.names.has(name);
  return await carryOut(
    scene,
    {
      edits: [{ kind: isNew ? "add" : "replace", name, server }],
      done: `${isNew ? "Added" : "Replaced"} MCP server ${JSON.stringify(name)} ${isNew ? "to" : "in"}`,
      names: [name],
    },
    signal,
  );
}

/** @throws {UsageError} naming the two that do not go together */
function checkTransport(args: Args, words: readonly string[]): void {
  if (args.has("url") && words.length > 0) {
    throw new UsageError("--url and a command cannot be given together: a server has one of them");
  }
  if (!args.has("url") && words.length === 0) {
    throw new UsageError("a server needs --url URL or a command: switchyard mcp add NAME -- COMMAND ARGS…");
  }
  const wrong = flagsOf(args.has("url") ? "stdio" : "streamable_http").find((flag) => args.has(flag));
  if (wrong !== undefined) {
    throw new UsageError(
      args.has("url")
        ? `--${wrong} and --url cannot be given together: it is for a command`
        : `--${wrong} and a command cannot be given together: it is for servers with --url`,
    );
  }
  args.atMostOne("no-tools", "enabled-tool");
}
