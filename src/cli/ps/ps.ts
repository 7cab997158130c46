/** `switchyard ps`: what Switchyard hosts run on this machine. */
import { switchyardHome } from "../../config/layers/homes.ts";
import { runFolder } from "../../mcp/run/host-file.ts";
import type { Args } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { table } from "../table.ts";
import { count, printable, printJson, say, shortPath, tell } from "../output.ts";
import { type ConnectionView, type HostView, type ProcessView, type Survey, survey } from "./survey.ts";

export const ps: Command = {
  flags: [JSON_FLAG],
  description:
    "Lists every Switchyard host of yours on this machine, the connections of its threads to MCP servers, and the processes they " +
    "run, with their memory and age.",
  notes:
    "Hosts that use McpManager say which thread holds which server. Of others (switchyard run, switchyard runner, the Codex " +
    "class) the processes are shown: there, Codex starts the servers.\n\n" +
    "Memory is the proportional share (Pss) of a server with all its processes. Processes and memory are known on Linux only.",
  run: list,
};

async function list(args: Args): Promise<number> {
  const found = await survey(runFolder(switchyardHome(process.env)), Date.now());
  if (args.has("json")) {
    printJson(found);
    return 0;
  }
  say(hostsText(found, process.stdout.columns || undefined));
  for (const note of notesOf(found)) tell(note);
  return 0;
}

/** @param width of the terminal; without it nothing is cut */
export function hostsText({ hosts }: Survey, width?: number): string {
  if (hosts.length === 0) return "No Switchyard host runs on this machine.";
  const header = ["Host", "Thread", "Server", "Environment", "State", "Leases", "Process", "Memory", "Age"];
  const rows = hosts.flatMap(rowsOf).map((row) => row.map(printable));
  return table(header, rows, { width, shrink: [1, 2, 6, 0] });
}

const STATES = { alive: "alive", dead: "died", elsewhere: "not visible from here" } as const;

function rowsOf(host: HostView): readonly (readonly string[])[] {
  const { pid, program, state, memory_bytes: memory, age_seconds: age, connections, omitted } = host;
  const name = `${pid}${program === null ? "" : ` ${program}`}`;
  return [
    [name, "", "", "", STATES[state], "", "", bytesText(memory), ageText(age)],
    ...connections.flatMap(connectionRows),
    ...(omitted === 0 ? [] : [["", "", `… and ${omitted} more`]]),
    ...processRows(host.other_processes).map((cells) => ["", "", "", "", "", "", ...cells]),
  ];
}

function connectionRows(connection: ConnectionView): readonly (readonly string[])[] {
  const { server, environment, state, reason, leases, lease_count, memory_bytes, age_seconds } = connection;
  const [first = ["-", "", ""], ...below] = processRows(connection.processes);
  const [process] = first;
  const [holder] = leases;
  const more = lease_count - 1;
  const thread =
    holder === undefined
      ? "(idle)"
      : `${holder.thread}${more > 0 ? ` and ${count(more, "more thread")}` : ""}`;
  const what = reason === undefined ? state : `${state} (${reason})`;
  const where = connection.origin ?? process ?? "-";
  return [
    [
      "",
      thread,
      server,
      environment,
      what,
      String(lease_count),
      where,
      bytesText(memory_bytes),
      ageText(age_seconds),
    ],
    ...below.map((cells) => ["", "", "", "", "", "", ...cells]),
  ];
}

/** Process, memory, age; children are further to the right. */
function processRows(processes: readonly ProcessView[]): readonly (readonly string[])[] {
  const depths = new Map<number, number>();
  return processes.map(({ pid, parent, program, memory_bytes, age_seconds }) => {
    const above = depths.get(parent);
    const depth = above === undefined ? 0 : above + 1;
    depths.set(pid, depth);
    const indent = depth === 0 ? "" : `${"  ".repeat(Math.min(depth, 8) - 1)}└ `;
    return [`${indent}${pid} ${program ?? "?"}`, bytesText(memory_bytes), ageText(age_seconds)];
  });
}

/** What there is to say besides. */
export function notesOf({
  hosts,
  processes_known,
  stale_files,
  unreadable_files,
}: Survey): readonly string[] {
  const left = hosts
    .filter(({ state }) => state === "dead")
    .reduce((sum, host) => sum + host.other_processes.length + processesIn(host), 0);
  const stale = stale_files.length;
  return [
    ...(left > 0 ? [`${leftText(left)} left behind by hosts that died. To end them: switchyard reap`] : []),
    ...(left === 0 && stale > 0
      ? [`${count(stale, "file")} of hosts that died can be removed: switchyard reap`]
      : []),
    ...unreadable_files.map(({ path, reason }) => `note: ${shortPath(path)} is ignored: ${reason}`),
    ...(processes_known
      ? []
      : [
          "This system does not tell which processes belong to a host. Only what hosts publish is shown, without memory and without " +
            "what was left behind.",
        ]),
  ];
}

function processesIn({ connections }: HostView): number {
  return connections.reduce((sum, { processes }) => sum + processes.length, 0);
}

function leftText(left: number): string {
  return left === 1 ? "1 process was" : `${left} processes were`;
}

function bytesText(bytes: number | null): string {
  if (bytes === null) return "-";
  const megabytes = bytes / 1024 / 1024;
  return megabytes < 10 ? `${megabytes.toFixed(1)} MB` : `${Math.round(megabytes)} MB`;
}

function ageText(seconds: number | null): string {
  if (seconds === null) return "-";
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
