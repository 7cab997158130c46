/**
 * What a host publishes of itself: a small file in `$SWITCHYARD_HOME/run`, which `switchyard ps` reads.
 *
 * It has the names of servers and the ids of threads, and nothing that could be a secret: no arguments, no values, no principals, of
 * a URL its origin.
 *
 * Invariants
 *   F1. Reading survives every file: one that is not a host's is reported, and nothing of it is believed.
 *   F2. A host is dead only if that is certain: one of another machine or process namespace is `elsewhere`.
 */
import fs from "node:fs";
import os from "node:os";
import { codeOf, messageOf } from "../../base/errors.ts";
import {
  boolean,
  integer,
  Issue,
  list,
  object,
  optional,
  oneOf,
  type Reader,
  string,
} from "../../base/reader.ts";
import { processNamespace, readBootId } from "../../process/proc.ts";
import { hostMark, isOwnerDead } from "../../process/process-tree.ts";

/** Whose file it is. Every version of the file has these fields. */
export interface HostIdentity {
  readonly pid: number;
  /** As in the tags of its processes; absent where the system does not tell. */
  readonly owner?: string;
  /** Of the machine, since when it runs; absent where the system does not tell. */
  readonly boot?: string;
  readonly hostname: string;
}

/** A thread's server that holds a connection. */
export interface PublishedLease {
  readonly thread: string;
  /** As the thread calls it. */
  readonly server: string;
}

export interface PublishedConnection {
  readonly server: string;
  readonly environment: string;
  readonly transport: "stdio" | "streamable_http";
  /** Of the URL, over HTTP. */
  readonly origin?: string;
  /** As in `ServerStatus`. */
  readonly state: string;
  /** The code of the reason, where the state has one. */
  readonly reason?: string;
  /** Whether several threads may hold it. */
  readonly shared: boolean;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Of its process on this machine. */
  readonly pid?: number;
  /** The first ones; empty for one that is idle. */
  readonly leases: readonly PublishedLease[];
  readonly lease_count: number;
}

export interface HostFile extends HostIdentity {
  readonly version: 1;
  /** Of Switchyard. */
  readonly switchyard: string;
  /** When it opened its first thread, in milliseconds since 1970. */
  readonly since: number;
  /** Threads that are open. */
  readonly threads: number;
  readonly connections: readonly PublishedConnection[];
  /** Connections there is no room for here. */
  readonly omitted: number;
}

export type Life = "alive" | "dead" | "elsewhere";

export type ReadHostFile =
  | { readonly kind: "host"; readonly path: string; readonly life: Life; readonly file: HostFile }
  /** Nothing of it can be believed but, where it is known, that its host has died. */
  | { readonly kind: "unreadable"; readonly path: string; readonly dead: boolean; readonly why: string };

/** No host writes a file this long. */
const BYTES_MAX = 4 * 1024 * 1024;

const readIdentity: Reader<HostIdentity> = object<HostIdentity>(
  { pid: integer({ min: 1 }), owner: optional(string), boot: optional(string), hostname: string },
  "ignore",
);

const readLease: Reader<PublishedLease> = object<PublishedLease>(
  { thread: string, server: string },
  "ignore",
);

const readConnection: Reader<PublishedConnection> = object<PublishedConnection>(
  {
    server: string,
    environment: string,
    transport: oneOf("stdio", "streamable_http"),
    origin: optional(string),
    state: string,
    reason: optional(string),
    shared: boolean,
    since: integer({ min: 0 }),
    pid: optional(integer({ min: 1 })),
    leases: list(readLease),
    lease_count: integer({ min: 0 }),
  },
  "ignore",
);

const readFile: Reader<HostFile> = object<HostFile>(
  {
    pid: integer({ min: 1 }),
    owner: optional(string),
    boot: optional(string),
    hostname: string,
    version: (input) => (input === 1 ? 1 : new Issue("invalid_value", "is not one that is known here")),
    switchyard: string,
    since: integer({ min: 0 }),
    threads: integer({ min: 0 }),
    connections: list(readConnection),
    omitted: integer({ min: 0 }),
  },
  "ignore",
);

/** This process. */
export function ownIdentity(): HostIdentity {
  const boot = readBootId();
  const known = processNamespace() !== undefined;
  return {
    pid: process.pid,
    ...(known ? { owner: hostMark() } : {}),
    ...(boot === undefined ? {} : { boot }),
    hostname: os.hostname(),
  };
}

/** Where hosts publish themselves. */
export function runFolder(home: string): string {
  return `${home}/run`;
}

/** The name of a file: it says whose it is, also where its text is broken. */
export function hostFileName({ pid, owner }: HostIdentity, unique: string): string {
  return `${owner?.replaceAll(":", ".") ?? `pid.${pid}`}_${unique}.json`;
}

/** Everything in the folder, dead or alive. Empty when there is no such folder. @throws when it cannot be listed */
export async function readHostFiles(folder: string): Promise<readonly ReadHostFile[]> {
  let names: string[];
  try {
    names = await fs.promises.readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
  const read = await Promise.all(names.toSorted().map((name) => readHostFile(folder, name)));
  return read.filter((each) => each !== undefined);
}

/** Whether a file says nothing any more, because its host has died. */
export function isDead(file: ReadHostFile): boolean {
  return file.kind === "host" ? file.life === "dead" : file.dead;
}

/** Removes what hosts that died have left in the folder. @returns the paths of the files */
export async function removeDead(folder: string): Promise<readonly string[]> {
  const dead = (await readHostFiles(folder)).filter(isDead);
  for (const { path } of dead) await fs.promises.rm(path, { force: true });
  return dead.map(({ path }) => path);
}

/** @returns `undefined` for a file that is gone, and for one that is being written */
async function readHostFile(folder: string, name: string): Promise<ReadHostFile | undefined> {
  const path = `${folder}/${name}`;
  const owner = /^(\d+\.\d+\.\d+)_[\w-]+\.json(?:\.new)?$/.exec(name)?.[1]?.replaceAll(".", ":");
  const dead = owner !== undefined && isOwnerDead(owner);
  if (name.endsWith(".json.new") && !dead) return undefined;
  const unreadable = (why: string): ReadHostFile => ({ kind: "unreadable", path, dead, why });
  try {
    // A pipe would wait for ever, and a link leads elsewhere.
    const stat = await fs.promises.lstat(path);
    if (!stat.isFile()) return unreadable("it is not a regular file");
    if (stat.size > BYTES_MAX) return unreadable(`it is longer than ${BYTES_MAX} bytes`);
    const input: unknown = JSON.parse(await fs.promises.readFile(path, "utf8"));
    const identity = readIdentity(input);
    if (identity instanceof Issue) return unreadable("it is not the file of a host");
    const life = lifeOf(identity);
    const file = readFile(input);
    if (file instanceof Issue)
      return {
        kind: "unreadable",
        path,
        dead: life === "dead",
        why: "another version of Switchyard wrote it",
      };
    return { kind: "host", path, life, file };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    return unreadable(error instanceof SyntaxError ? "it is not JSON" : messageOf(error));
  }
}

function lifeOf({ pid, owner, boot, hostname }: HostIdentity): Life {
  const here = readBootId();
  if (owner !== undefined && boot !== undefined && boot === here) {
    if (!owner.startsWith(`${processNamespace()}:`)) return "elsewhere";
    return isOwnerDead(owner) ? "dead" : "alive";
  }
  if (hostname !== os.hostname()) return "elsewhere";
  // It is this machine, and it was started again since.
  if (boot !== here) return "dead";
  try {
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    return codeOf(error) === "ESRCH" ? "dead" : "alive";
  }
}
