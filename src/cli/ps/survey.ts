/**
 * Everything that Switchyard hosts run on this machine: what they publish of themselves, put together with the processes that carry
 * their tags.
 *
 * Invariants
 *   V1. A process is shown once: with the connection it belongs to, or else with its host.
 *   V2. Nothing is taken from arguments and variables of processes, except for a tag and the word that names a command of ours.
 */
import {
  type HostFile,
  type Life,
  type PublishedConnection,
  type ReadHostFile,
  readHostFiles,
} from "../../mcp/run/host-file.ts";
import { readArguments, readProgram } from "../../process/proc.ts";
import { isOwnerDead } from "../../process/process-tree.ts";
import { ageOf, listTagged, type TaggedProcess } from "../../process/tagged.ts";

/** As `--json` prints it, here and below. */
export interface ProcessView {
  readonly pid: number;
  readonly parent: number;
  readonly program: string | null;
  readonly memory_bytes: number | null;
  readonly age_seconds: number | null;
}

export interface ConnectionView extends Omit<PublishedConnection, "since" | "pid"> {
  readonly age_seconds: number;
  /** Of the process on this machine that speaks with the host. */
  readonly pid: number | null;
  readonly memory_bytes: number | null;
  /** Parents first. */
  readonly processes: readonly ProcessView[];
}

export interface HostView {
  readonly pid: number;
  /** `dead`: it has left processes behind. `elsewhere`: on another machine or in another container. */
  readonly state: Life;
  readonly program: string | null;
  /** Whether it tells of its threads and servers. */
  readonly published: boolean;
  /** The version. */
  readonly switchyard: string | null;
  readonly threads: number | null;
  readonly age_seconds: number | null;
  /** Of all it has started. */
  readonly memory_bytes: number | null;
  readonly connections: readonly ConnectionView[];
  /** Connections that it does not list. */
  readonly omitted: number;
  /** What it has started besides: Codex, the servers that Codex starts, what outlived its server. */
  readonly other_processes: readonly ProcessView[];
}

export interface Survey {
  readonly hosts: readonly HostView[];
  /** Whether this system tells about processes; if not, there are only published facts. */
  readonly processes_known: boolean;
  /** Files of hosts that have died, and files that are not a host's. */
  readonly stale_files: readonly string[];
  readonly unreadable_files: readonly { readonly path: string; readonly reason: string }[];
}

export async function survey(folder: string, nowMs: number): Promise<Survey> {
  const files = await readHostFiles(folder);
  const tagged = listTagged();
  const published = files.filter((each) => each.kind === "host");
  const unreadable = files.filter((each) => each.kind === "unreadable");
  return {
    hosts: hostsOf(published, tagged ?? [], nowMs),
    processes_known: tagged !== undefined,
    stale_files: [
      ...published.filter(({ life }) => life === "dead"),
      ...unreadable.filter(({ dead }) => dead),
    ].map(({ path }) => path),
    unreadable_files: unreadable.filter(({ dead }) => !dead).map(({ path, why }) => ({ path, reason: why })),
  };
}

interface Host {
  readonly pid: number;
  readonly state: Life;
  readonly files: HostFile[];
  readonly tagged: TaggedProcess[];
}

type Published = ReadHostFile & { readonly kind: "host" };

function hostsOf(
  published: readonly Published[],
  tagged: readonly TaggedProcess[],
  nowMs: number,
): readonly HostView[] {
  const hosts = new Map<string, Host>();
  const hostOf = (key: string, pid: number, state: Life): Host => {
    const host = hosts.get(key) ?? { pid, state, files: [], tagged: [] };
    hosts.set(key, host);
    return host;
  };
  for (const { file, life } of published)
    hostOf(file.owner ?? `${file.hostname}:${file.pid}`, file.pid, life).files.push(file);
  for (const process of tagged) {
    const { owner } = process;
    hostOf(owner, pidOf(owner), lifeOf(owner)).tagged.push(process);
  }
  return [...hosts.values()]
    .filter(({ state, tagged: own }) => state !== "dead" || own.length > 0)
    .toSorted((one, other) => one.pid - other.pid)
    .map((host) => viewOf(host, nowMs));
}

/** Of a mark, `<namespace>:<pid>:<start time>`. */
export function pidOf(owner: string): number {
  return Number(owner.split(":")[1] ?? 0) || 0;
}

function lifeOf(owner: string): Life {
  if (isOwnerDead(owner)) return "dead";
  return readProgram(pidOf(owner)) === undefined ? "elsewhere" : "alive";
}

function viewOf({ pid, state, files, tagged }: Host, nowMs: number): HostView {
  const trees = new Map<string, TaggedProcess[]>();
  for (const each of tagged) trees.set(each.tag, [...(trees.get(each.tag) ?? []), each]);
  const tagsByPid = new Map(tagged.map((each) => [each.pid, each.tag]));
  const connections = files.flatMap((file) =>
    file.connections.map(({ since, pid: root, ...rest }): ConnectionView => {
      const tag = root === undefined || state === "elsewhere" ? undefined : tagsByPid.get(root);
      const tree = tag === undefined ? [] : (trees.get(tag) ?? []);
      if (tag !== undefined) trees.delete(tag);
      return {
        ...rest,
        age_seconds: Math.max(0, Math.round((nowMs - since) / 1000)),
        pid: root ?? null,
        memory_bytes: memoryOf(tree),
        processes: inOrder(tree),
      };
    }),
  );
  const [first] = files;
  const isVisible = state === "alive";
  const started =
    first === undefined ? undefined : (nowMs - Math.min(...files.map(({ since }) => since))) / 1000;
  return {
    pid,
    state,
    program: isVisible ? programOf(pid) : null,
    published: first !== undefined,
    switchyard: first?.switchyard ?? null,
    threads: first === undefined ? null : files.reduce((sum, { threads }) => sum + threads, 0),
    age_seconds: rounded((isVisible ? ageOf(pid) : undefined) ?? started),
    memory_bytes: memoryOf(tagged),
    connections,
    omitted: files.reduce((sum, { omitted }) => sum + omitted, 0),
    other_processes: [...trees.values()].flatMap(inOrder),
  };
}

/** @returns `null` where nothing is known */
function memoryOf(processes: readonly TaggedProcess[]): number | null {
  const known = processes.flatMap(({ memory }) => memory ?? []);
  return known.length === 0 ? null : known.reduce((sum, bytes) => sum + bytes, 0);
}

/** Parents before their children, and those before the next ones. */
function inOrder(tree: readonly TaggedProcess[]): ProcessView[] {
  const known = new Set(tree.map(({ pid }) => pid));
  const below = (parent: number): ProcessView[] =>
    tree.filter((each) => each.parent === parent).flatMap((each) => [shown(each), ...below(each.pid)]);
  return tree.filter(({ parent }) => !known.has(parent)).flatMap((root) => [shown(root), ...below(root.pid)]);
}

function shown({ pid, parent, program, memory, ageSeconds }: TaggedProcess): ProcessView {
  return {
    pid,
    parent,
    program: program ?? null,
    memory_bytes: memory ?? null,
    age_seconds: rounded(ageSeconds),
  };
}

function rounded(seconds: number | undefined): number | null {
  return seconds === undefined ? null : Math.max(0, Math.round(seconds));
}

/** Commands that start servers. */
const COMMANDS = ["run", "runner", "executor", "demo"];

/** `switchyard runner`, or the name of another program. */
function programOf(pid: number): string | null {
  const words = readArguments(pid).slice(0, 8);
  const at = words.findIndex((word) => /(?:^|\/)(?:switchyard|cli\/main\.[jt]s)$/.test(word));
  const command = at === -1 ? undefined : COMMANDS.find((each) => each === words[at + 1]);
  return command === undefined ? (readProgram(pid) ?? null) : `switchyard ${command}`;
}
