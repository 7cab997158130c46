/** `switchyard mcp logout`: the login to a server is removed, ours and Codex's, as they are one. */
import { LoginError, loginKeyOf, userLoginStore } from "../../mcp/index.ts";
import type { Args } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { printJson, say } from "../output.ts";
import { configuredServersOf, notStartedText, serverNamed } from "./configured.ts";
import { shownName } from "./findings.ts";
import { forgetTools } from "./kept-tools.ts";
import { READ_FLAGS } from "./target.ts";

export const logout: Command = {
  operands: [{ name: "NAME", completes: "server" }],
  flags: [...READ_FLAGS, JSON_FLAG],
  notes:
    "The login is removed where it is kept, for Codex too. Its tokens count at the server until they end: revoke them there, if need be.\n" +
    "The exit code is 0 where there was no login as well.",
  run: logOut,
};

async function logOut(args: Args, { signal }: { readonly signal: AbortSignal }): Promise<number> {
  const [name = ""] = args.operands;
  const configured = configuredServersOf(args);
  const server = serverNamed(configured, name);
  if (server.config === undefined) throw new LoginError("invalid_server", name, notStartedText(server));
  const key = loginKeyOf(name, server.config);
  if (key === undefined)
    throw new LoginError("no_http", name, `MCP server ${shownName(name)} is a stdio server: it has no login`);
  const store = userLoginStore({ layers: configured.layers });
  const removed = await store.exclusively(key, () => store.remove(key, signal), signal);
  await forgetTools(server, configured.cwd);
  if (args.has("json")) printJson({ name, url: key.url, removed });
  else say(removed ? `Logged out of ${shownName(name)}` : `There was no login to ${shownName(name)}`);
  return 0;
}
