/**
 * How the stdio servers of a thread are started so that the reason is known when one does not start: Codex tells neither the exit of
 * a program nor what it wrote to stderr.
 *
 * It owns the pipes of the thread's servers until they are read by nobody any more: a pipe ends with its program.
 *
 * Invariants
 *   G1. Only a program of this machine is started through a shell, only one that is there, and only where it gets just the
 *       environment it gets otherwise. All others are started by Codex as they are written.
 */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, resolve } from "node:path";
import { within } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { LOCAL_ENVIRONMENT_ID } from "../../config/server/types.ts";
import { canBeWatched, type StderrPipe, type StderrPipes, watched } from "../../process/stderr-pipe.ts";
import { cannotStart, type StartupFailure } from "./reasons.ts";

interface Launch {
  readonly program: string;
  readonly cwd: string | undefined;
  readonly stderr: StderrPipe | undefined;
}

/** Where a program is looked for. */
export interface Place {
  /** The variable of Codex; a server's own stands above it. */
  readonly path: string;
  /** The thread's working directory. */
  readonly cwd: string;
}

/** The shell has written down the exit before Codex notices it; this is for a busy machine. */
const EXIT_TIMEOUT_MS = 2_000;

export class Launches implements Disposable {
  /** By Codex's name. */
  readonly #launches: ReadonlyMap<string, Launch>;
  readonly #clock: Clock;
  /** The servers as they are sent. */
  readonly config: JsonObject;

  /** @param servers as they would be sent, by Codex's names */
  static async prepare(
    servers: JsonObject,
    place: Place,
    pipes: StderrPipes,
    clock: Clock,
  ): Promise<Launches> {
    const launches = new Map<string, Launch>();
    const config = new Map<string, JsonValue | undefined>();
    for (const [name, server] of Object.entries(servers)) {
      const command = isObject(server) && server["enabled"] !== false ? server["command"] : undefined;
      if (!isObject(server) || typeof command !== "string") {
        config.set(name, server);
        continue;
      }
      const stderr = (await isWatchable(command, server, place)) ? await pipes.take() : undefined;
      const cwd = typeof server["cwd"] === "string" ? server["cwd"] : undefined;
      launches.set(name, { program: command, cwd, stderr });
      const args = (server["args"] ?? []) as string[];
      const changes = stderr === undefined ? {} : watched(stderr, command, args);
      config.set(name, { ...server, ...changes });
    }
    return new Launches(Object.fromEntries(config) as JsonObject, launches, clock);
  }

  private constructor(config: JsonObject, launches: ReadonlyMap<string, Launch>, clock: Clock) {
    this.config = config;
    this.#launches = launches;
    this.#clock = clock;
  }

  /** The reason with what is known about the program: its name, its exit, the last lines of its stderr. */
  async explain({ name, reason, hasEnded }: StartupFailure): Promise<string> {
    const launch = this.#launches.get(name);
    if (launch === undefined) return reason;
    const { program, stderr, cwd } = launch;
    const shown = JSON.stringify(program);
    if (cannotStart(reason)) {
      // The system says of a folder that is absent what it says of a program.
      const isAbsent = cwd !== undefined && !(await isFolder(cwd));
      return isAbsent
        ? `its cwd ${JSON.stringify(cwd)} is not a directory`
        : `cannot start ${shown}: ${reason}`;
    }
    if (stderr === undefined) return `${reason}; its program is ${shown}`;
    if (hasEnded) await within(this.#clock, EXIT_TIMEOUT_MS, stderr.ended);
    const exit = hasEnded && stderr.exit !== undefined ? ` (${stderr.exit})` : "";
    const { lines } = stderr;
    const [line, ...more] = lines;
    if (line === undefined) return `${reason}${exit}; ${shown} wrote nothing to stderr`;
    if (more.length === 0) return `${reason}${exit}; ${shown} wrote to stderr: ${line}`;
    return `${reason}${exit}; the last lines of ${shown} on stderr:\n${lines.join("\n")}`;
  }

  /** No more programs will be started. What runs is read until its end. */
  [Symbol.dispose](): void {
    for (const { stderr } of this.#launches.values()) stderr?.withdraw();
  }
}

async function isWatchable(program: string, server: JsonObject, place: Place): Promise<boolean> {
  const { environment_id: environment, cwd, env } = server;
  if (environment !== undefined && environment !== LOCAL_ENVIRONMENT_ID) return false;
  const own = isObject(env) ? env : {};
  if (!canBeWatched(program, Object.keys(own))) return false;
  const { PATH: path = place.path } = own;
  if (typeof path !== "string") return false;
  return await isThere(program, path, resolve(place.cwd, typeof cwd === "string" ? cwd : "."));
}

/** Whether there is such a program: of one that is absent, Codex's own message says most. */
async function isThere(program: string, path: string, cwd: string): Promise<boolean> {
  const places = program.includes("/")
    ? [program]
    : path.split(delimiter).map((dir) => resolve(cwd, dir, program));
  for (const place of places) {
    const file = resolve(cwd, place);
    try {
      await access(file, constants.X_OK);
      if ((await stat(file)).isFile()) return true;
    } catch {
      // Not here.
    }
  }
  return false;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
