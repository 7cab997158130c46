/** Where the servers of a suite run, and what is known to be different there. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { StdioServerLauncher } from "../../../src/mcp/index.ts";

export interface Placement {
  /** The name of the environment. */
  readonly environment: string;
  /** The differences between executors, as data: each is asserted. */
  readonly expects: {
    /** A server sees the end of its stdin, and may say good bye. */
    readonly gracefulEnd: boolean;
    /** What a server started in a session of its own ends with it. */
    readonly detachedEnds: boolean;
    /** What a server left behind when it exited by itself is ended. */
    readonly orphansEnd: boolean;
    /** Variables besides those of the server's own environment. */
    readonly extraVariables: readonly string[];
    /** The executor puts folders of its own in front of PATH. */
    readonly prependsPath: boolean;
  };
  start(machine: Machine): Promise<Place>;
}

export interface Place extends AsyncDisposable {
  readonly launcher: StdioServerLauncher;
  /** Kills the executor, where there is one besides us. */
  readonly kill?: () => Promise<void>;
}

/** The environment of the machine servers run on, and that of the host that wants them. */
export interface Machine extends Disposable {
  /** A folder for this suite alone. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where the host's own variables are looked up. */
  readonly host: Readonly<Record<string, string>>;
}

export const root: string = join(import.meta.dirname, "..", "..", "..");

/** @param isHost whether the servers run on the host itself */
export function createMachine({ isHost }: { readonly isHost: boolean }): Machine {
  const dir = mkdtempSync(join(tmpdir(), "switchyard-test-"));
  // The published servers are found in PATH, and so is the Node they name in their first line.
  const path = [join(root, "node_modules", ".bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(":");
  const env = {
    PATH: path,
    HOME: dir,
    LANG: "C.UTF-8",
    ON_MACHINE: "of the machine",
    MACHINE_SECRET_KEY: "m-secret",
  };
  const own = { HOST_SECRET_KEY: "h-secret", ON_HOST: "of the host" };
  const host = isHost ? { ...env, ...own } : { PATH: "/host/bin", HOME: "/host/home", LANG: "host", ...own };
  return { dir, env, host, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}
