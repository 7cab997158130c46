/** `switchyard environments list`: where MCP servers can run, as far as the files say. */
import { loadEnvironments } from "../../config/environments/load-environments.ts";
import type { Args } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { shownName } from "../mcp/findings.ts";
import { CD, folderOf } from "../mcp/target.ts";
import { printJson, say } from "../output.ts";
import { cleanRows, sayFileProblems, sayReasons, viewOf } from "./view.ts";

export const list: Command = { flags: [CD, JSON_FLAG], run: listEnvironments };

async function listEnvironments(args: Args): Promise<number> {
  const loaded = loadEnvironments({ cwd: folderOf(args) });
  const all = [...loaded.environments.values()].map((each) => viewOf(each, loaded));
  if (args.has("json")) printJson(all);
  else {
    const { table } = await import("../table.ts");
    const rows = all.map((each) => [
      `${shownName(each.id)}${each.default ? " (default)" : ""}`,
      each.kind,
      each.target,
      each.status,
      each.origin ?? "-",
    ]);
    const header = ["Id", "Kind", "Target", "Status", "Origin"];
    say(table(header, cleanRows(rows), { width: process.stdout.columns || undefined, shrink: [2, 4, 0] }));
    // What is wrong with an invalid one follows below, with its place.
    sayReasons(all.map(({ id, status, reason }) => [id, status === "invalid" ? undefined : reason]));
  }
  return sayFileProblems(loaded, args);
}
