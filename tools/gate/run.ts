/**
 * One run of the gate: the environment of what it starts, and what of that is left at the end.
 *
 * Every job gets a tag (SWITCHYARD_CHECK), a TMPDIR and a HOME. So no test depends on the files or the shell settings of the
 * account, and what is left behind, in its home too, names the job that left it.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { rootCertificates } from "node:tls";
import { killQuietly } from "./job.ts";

const leakGraceMs = 2_000;
/** What all jobs together may have on disk at a time, with much to spare. */
const roomBytes = 4 * 2 ** 30;

interface Left {
  readonly pid: number;
  readonly text: string;
}

export interface RunOptions {
  /** Holds the commands of the development tools. */
  readonly binaries: string;
  /** Added to every environment. */
  readonly variables: Readonly<Record<string, string>>;
}

export class Run {
  readonly id: string = randomUUID();
  readonly #folder: string = mkdtempSync(join(temporaryFolder(), "switchyard-"));
  /** By the name of their folder, which is short: a socket's path must not exceed 100 characters. */
  readonly #jobs = new Map<string, string>();
  readonly #stop = new AbortController();
  readonly #options: RunOptions;
  /** The `switchyard` command that tests start, once it is built. */
  builtCommand: string | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    mkdirSync(join(this.#folder, "jobs"));
    mkdirSync(this.#authorities);
    writeFileSync(`${this.#authorities}.pem`, `${rootCertificates[0]}\n`);
    mkdirSync(this.#programs);
    writeFileSync(join(this.#programs, "lsb_release"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  }

  /** Before the account's own: Codex asks `lsb_release` twice in every start, which is a script that starts ten programs. */
  get #programs(): string {
    return join(this.#folder, "programs");
  }

  /**
   * An empty folder, and beside it a file with one certificate authority. Codex parses all that the machine has, 290 here, two or
   * three times in every turn, and what tests reach is on loopback, with certificates of its own. Without a folder, it takes
   * that of the machine.
   */
  get #authorities(): string {
    return join(this.#folder, "authorities");
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** @param keepsHome for what needs the account's own, such as the cache of npm */
  environment(job: string, keepsHome: boolean): NodeJS.ProcessEnv {
    const folder = `${this.#jobs.size + 1}`;
    this.#jobs.set(folder, job);
    const temporary = join(this.#folder, "jobs", folder);
    const home = join(temporary, "home");
    mkdirSync(home, { recursive: true });
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      PATH: [this.#options.binaries, this.#programs, process.env["PATH"] ?? ""].join(delimiter),
      SWITCHYARD_CHECK: this.id,
      TMPDIR: temporary,
      NO_COLOR: "1",
      // Not in a TMPDIR, where it would read as something a job forgot.
      NODE_COMPILE_CACHE: join(this.#folder, "compiled"),
      SWITCHYARD_TEST_CACHE: join(this.#folder, "made"),
      ...(keepsHome
        ? {}
        : { HOME: home, SSL_CERT_FILE: `${this.#authorities}.pem`, SSL_CERT_DIR: this.#authorities }),
      ...this.#options.variables,
      ...(this.builtCommand === undefined ? {} : { SWITCHYARD_MAIN: this.builtCommand }),
    };
    for (const name of ["FORCE_COLOR", "NODE_DISABLE_COMPILE_CACHE", "XDG_CACHE_HOME"])
      delete environment[name];
    // Set when the gate itself was started by a test; it makes `node --test` skip every file.
    delete environment["NODE_TEST_CONTEXT"];
    return environment;
  }

  /** Names what the jobs left behind, one line each, and removes it. */
  async removeLeft(): Promise<string[]> {
    // A process that was told to end may still be on its way out.
    const deadlineMs = performance.now() + (this.signal.aborted ? 0 : leakGraceMs);
    let left = this.#leftProcesses();
    while (left.length > 0 && performance.now() < deadlineMs) {
      await sleep(50);
      left = this.#leftProcesses();
    }
    const lines = left.map(({ text }) => text);
    // Killing one may reveal what it was about to start, hence the rounds.
    for (let round = 0; round < 8 && left.length > 0; round++) {
      for (const { pid } of left) killQuietly(pid);
      await sleep(20);
      left = this.#leftProcesses();
    }
    for (const folder of readdirSync(join(this.#folder, "jobs"))) {
      const temporary = join(this.#folder, "jobs", folder);
      const names = readdirSync(temporary).filter((name) => name !== "home");
      // A test may have removed it.
      if (existsSync(join(temporary, "home")))
        names.push(...readdirSync(join(temporary, "home")).map((name) => `~/${name}`));
      for (const name of names)
        lines.push(`temporary file or folder, made by ${this.#jobs.get(folder)}: ${name}`);
    }
    rmSync(this.#folder, { recursive: true, force: true });
    return lines;
  }

  /** Living processes that carry our tag. Elsewhere than on Linux there is no /proc to ask. */
  #leftProcesses(): Left[] {
    if (process.platform !== "linux") return [];
    const found: Left[] = [];
    for (const entry of readdirSync("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      const environment = readProcFile(entry, "environ");
      if (!environment.includes(`SWITCHYARD_CHECK=${this.id}`)) continue;
      const prefix = `TMPDIR=${join(this.#folder, "jobs")}/`;
      const folder = environment.find((line) => line.startsWith(prefix))?.slice(prefix.length);
      const job = this.#jobs.get(folder?.split("/")[0] ?? "") ?? "an unknown job";
      const command = readProcFile(entry, "cmdline").join(" ").trim();
      found.push({ pid: Number(entry), text: `process ${entry}, started by ${job}: ${command}` });
    }
    return found;
  }
}

function readProcFile(pid: string, name: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8").split("\0");
  } catch {
    // Ended since the listing, or another user's.
    return [];
  }
}

/**
 * In memory where Linux has room for it: what makes and removes thousands of small files and databases takes a tenth less
 * processor time there, and does not wait for a disk. A TMPDIR of the account's counts.
 */
function temporaryFolder(): string {
  const inMemory = "/dev/shm";
  if (process.env["TMPDIR"] !== undefined || process.availableMemory() < roomBytes) return tmpdir();
  const [, , type, options] = mountOf(inMemory) ?? [];
  // Tests write programs there, and start them.
  if (type !== "tmpfs" || options === undefined || options.split(",").includes("noexec")) return tmpdir();
  const { bavail, bsize } = statfsSync(inMemory);
  return bavail * bsize < roomBytes ? tmpdir() : inMemory;
}

/** The fields of the line of /proc/mounts: device, folder, type, options. */
function mountOf(folder: string): string[] | undefined {
  const path = "/proc/mounts";
  if (!existsSync(path)) return undefined;
  const mounts = readFileSync(path, "utf8").split("\n");
  // The last one hides those before it.
  return mounts.map((line) => line.split(" ")).findLast((fields) => fields[1] === folder);
}
