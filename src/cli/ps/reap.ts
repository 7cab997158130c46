/** `switchyard reap`: ends what no living host owns. */
import { switchyardHome } from "../../config/layers/homes.ts";
import { isDead, readHostFiles, removeDead, runFolder } from "../../mcp/run/host-file.ts";
import { processNamespace, readProgram } from "../../process/proc.ts";
import { isOwnerDead, ownerOf, sweepOrphans } from "../../process/process-tree.ts";
import { ancestors, listTagged } from "../../process/tagged.ts";
import type { Args } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { count, printJson, say, tell } from "../output.ts";
import { pidOf } from "./survey.ts";

export const reap: Command = {
  flags: [{ name: "dry-run", about: "end nothing; show what would be ended" }, JSON_FLAG],
  description:
    "Ends the processes that Switchyard hosts have left behind when they died, and removes what they had published. The processes of " +
    "living hosts are left alone. Each new host does the same at its start, with Codex; so this is for machines where none starts.",
  notes:
    "What is left behind is found by its tag, on Linux only. A host whose end is not certain (one in another container, for " +
    "example) counts as living. The shells above this command are left alone, whoever started them.",
  run: endOrphans,
};

interface Ended {
  readonly pid: number;
  readonly program: string | null;
  /** The process id that its host had. */
  readonly host: number;
  /** Of the connection it belonged to, where its host had published that. */
  readonly server: string | null;
}

async function endOrphans(args: Args): Promise<number> {
  const dryRun = args.has("dry-run");
  const folder = runFolder(switchyardHome(process.env));
  const files = await readHostFiles(folder);
  const servers = new Map<string, string>();
  for (const each of files) {
    if (each.kind !== "host" || each.life !== "dead") continue;
    for (const { pid, server } of each.file.connections)
      if (pid !== undefined) servers.set(`${each.file.owner}/${pid}`, server);
  }
  const spare = new Set(ancestors());
  const orphans = (listTagged() ?? []).filter(({ owner }) => isOwnerDead(owner));
  const names = new Map(
    orphans.flatMap(({ pid, owner, tag }) => {
      const server = servers.get(`${owner}/${pid}`);
      return server === undefined ? [] : [[tag, server] as const];
    }),
  );
  const ended: Ended[] = [];
  const note = (pid: number, tag: string): void => {
    const host = pidOf(ownerOf(tag) ?? "");
    ended.push({ pid, program: readProgram(pid) ?? null, host, server: names.get(tag) ?? null });
  };
  if (dryRun) for (const { pid, tag } of orphans) if (!spare.has(pid)) note(pid, tag);
  if (!dryRun) sweepOrphans({ onKill: note, spare });
  const removed = dryRun ? files.filter(isDead).map(({ path }) => path) : await removeDead(folder);
  const spared = orphans.filter(({ pid }) => spare.has(pid)).map(({ pid }) => pid);
  const known = processNamespace() !== undefined;
  if (args.has("json")) {
    printJson({ ok: true, dry_run: dryRun, ended, files: removed, spared, processes_known: known });
    return 0;
  }
  const would = dryRun ? "would end" : "ended";
  for (const { pid, program, host, server } of ended) {
    const what = server === null ? "" : `, of server ${JSON.stringify(server)}`;
    say(`${would} ${pid} ${program ?? "?"}${what}, left behind by host ${host}`);
  }
  if (removed.length > 0)
    say(`${dryRun ? "would remove" : "removed"} ${count(removed.length, "file")} of hosts that died`);
  if (ended.length + removed.length === 0) say("Nothing was left behind.");
  for (const pid of spared) tell(`note: process ${pid} is left alone, because this command runs below it`);
  if (!known) tell("This system does not tell which processes were left behind: only files are removed.");
  return 0;
}
