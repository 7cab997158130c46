/** `switchyard mcp read`: one resource of a server, on stdout. */
import { nearest } from "../../base/suggest.ts";
import type { McpConnectionManager } from "../../mcp/index.ts";
import { McpError } from "../../mcp/errors.ts";
import type { Args } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { print, printJson, tell } from "../output.ts";
import { askServer } from "./configured.ts";
import { printAnswer, resourceText } from "./content.ts";
import { READ_FLAGS } from "./target.ts";

export const read: Command = {
  operands: [
    { name: "SERVER", completes: "server" },
    { name: "URI", about: "of a resource: switchyard mcp status SERVER" },
  ],
  flags: [...READ_FLAGS, JSON_FLAG],
  notes:
    "Text is printed as it is. Binary content is described on a terminal, and written as it is to a file or a pipe.\n\n" +
    "Example:\n" +
    "  switchyard mcp read docs docs://guide/start",
  run: readResource,
};

type Contents = Awaited<ReturnType<McpConnectionManager["readResource"]>>["contents"];

async function readResource(args: Args, { signal }: { readonly signal: AbortSignal }): Promise<number> {
  const [name = "", uri = ""] = args.operands;
  const result = await askServer(args, name, async (thread) => {
    try {
      return await thread.readResource(name, uri, { signal });
    } catch (error) {
      if (error instanceof McpError && error.code === "protocol_error")
        await suggest(thread, name, uri, signal);
      throw error;
    }
  });
  if (args.has("json")) printJson(result);
  else printContents(result.contents);
  return 0;
}

function printContents(contents: Contents): void {
  const [only, ...more] = contents;
  if (only === undefined || more.length > 0) return printAnswer(contents.map(resourceText).join("\n"));
  if ("text" in only) return printAnswer(only.text);
  if (process.stdout.isTTY) return printAnswer(resourceText(only));
  print(Buffer.from(only.blob, "base64"));
}

/** How long the search for what was probably meant may take, in milliseconds. */
const SUGGEST_MS = 5_000;

async function suggest(
  thread: McpConnectionManager,
  server: string,
  uri: string,
  signal: AbortSignal,
): Promise<void> {
  const resources = await thread.listResources(server, { signal, timeoutMs: SUGGEST_MS }).catch(() => []);
  const near = nearest(
    uri,
    resources.map((resource) => resource.uri),
  );
  // A server may offer it under a template, so this is no more than a hint.
  if (near !== undefined && near !== uri) tell(`note: the server has ${near}`);
}
