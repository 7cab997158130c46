/**
 * Publishes a host in a file while it lives.
 *
 * Invariants
 *   W1. It is written at most once a second, whole or not at all, however much changes, and only when something did.
 *   W2. Nothing of the host waits for it or fails with it: a home that cannot be written to is a line in the log.
 *   W3. When `end` returns, the file is gone. What a host that died left here, the next one removes.
 *   W4. Other accounts can read neither the file nor the names in its folder.
 */
import { randomUUID } from "node:crypto";
import { chmod, lstat, rename, rm, writeFile } from "node:fs/promises";
import { within } from "../../base/abort.ts";
import { type Clock, type Timer, wallTime } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { packageVersion } from "../../base/package-version.ts";
import {
  type HostFile,
  hostFileName,
  ownIdentity,
  type PublishedConnection,
  removeDead,
} from "./host-file.ts";

/** What a host is doing now. */
export interface HostSnapshot {
  readonly threads: number;
  readonly connections: readonly PublishedConnection[];
}

export interface HostPublisherOptions {
  /** Yields the folder of all hosts; it is made when there is something to write. */
  readonly folder: () => string;
  readonly snapshot: () => HostSnapshot;
  readonly clock: Clock;
  readonly log: Log;
}

/** The first change is soon followed by others. */
const FIRST_MS = 50;
const EVERY_MS = 1_000;
const CONNECTIONS_MAX = 1_000;
/** How long the end of a host waits for a disk that does not answer. */
const END_MS = 2_000;

export class HostPublisher {
  readonly #options: HostPublisherOptions;
  readonly #identity = ownIdentity();
  readonly #since = wallTime();
  readonly #version = packageVersion();
  readonly #name = hostFileName(this.#identity, randomUUID());
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** Known once something was written. */
  #path: string | undefined;
  #wroteAt: number | undefined;
  #written = "";
  #ended = false;

  constructor(options: HostPublisherOptions) {
    this.#options = options;
  }

  /** Something changed: it is published soon. */
  changed(): void {
    if (this.#ended || this.#timer !== undefined) return;
    const { clock } = this.#options;
    const due = this.#wroteAt === undefined ? FIRST_MS : this.#wroteAt + EVERY_MS - clock.now();
    this.#timer = clock.schedule(
      Math.max(FIRST_MS, due),
      () => {
        this.#writing = this.#writing.then(() => this.#write());
      },
      { background: true },
    );
  }

  /** Removes the file (W3). Never rejects. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#timer?.clear();
    const removed = this.#writing
      .then(async () => {
        const path = this.#path;
        if (path === undefined) return;
        await rm(path, { force: true });
        // Of a write that failed.
        await rm(`${path}.new`, { force: true });
      })
      .catch((error: unknown) => this.#note(error));
    await within(this.#options.clock, END_MS, removed);
  }

  async #write(): Promise<void> {
    this.#timer = undefined;
    if (this.#ended) return;
    const { clock, folder, snapshot } = this.#options;
    this.#wroteAt = clock.now();
    try {
      const { threads, connections } = snapshot();
      const file: HostFile = {
        version: 1,
        ...this.#identity,
        switchyard: this.#version,
        since: this.#since,
        threads,
        connections: connections.slice(0, CONNECTIONS_MAX),
        omitted: Math.max(0, connections.length - CONNECTIONS_MAX),
      };
      const text = `${JSON.stringify(file)}\n`;
      if (text === this.#written) return;
      const path = this.#path ?? (await prepare(folder(), this.#name));
      this.#path = path;
      await writeFile(`${path}.new`, text, { mode: 0o600 });
      await rename(`${path}.new`, path);
      this.#written = text;
    } catch (error) {
      this.#note(error);
    }
  }

  #note(error: unknown): void {
    this.#options.log("debug", `\`switchyard ps\` does not show this host: ${messageOf(error)}`);
  }
}

/** @returns where to write */
async function prepare(folder: string, name: string): Promise<string> {
  makeFolder(folder, 0o700);
  const stat = await lstat(folder);
  if (!stat.isDirectory() || stat.uid !== (process.getuid?.() ?? stat.uid))
    throw new Error(`${folder} is not a folder of this user`);
  if ((stat.mode & 0o077) !== 0 && process.platform !== "win32") await chmod(folder, 0o700);
  await removeDead(folder);
  return `${folder}/${name}`;
}
