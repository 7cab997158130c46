/** What conversations are about: a folder of files, a web server, and the environment that an executor runs in. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Row } from "./rows.ts";
import { serveWeb } from "./web.ts";

export interface World extends AsyncDisposable {
  /** An absolute path without links in it. */
  readonly scratch: string;
  readonly webPort: number;
  /** What an executor under test has in its environment, and nothing else. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * @param rows what was recorded of a web server that is not here
 * @param env what the executor has in its environment beside the usual
 */
export async function makeWorld(
  rows: readonly Row[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<World> {
  const scratch = makeScratch();
  const web = await serveWeb(rows);
  return {
    scratch,
    webPort: web.port,
    env: {
      CODEX_HOME: `${scratch}/home`,
      HOME: "/root",
      LANG: "C.UTF-8",
      SHELL: "/bin/bash",
      PATH: `${scratch}/own-path:${process.env["PATH"] ?? ""}`,
      EXEC_SIDE: "yes",
      EXEC_HDR: "hdr-from-executor-env",
      FOO_TOKEN: "t",
      MY_SECRET_KEY: "k",
      ...env,
    },
    [Symbol.asyncDispose]: async () => {
      await web[Symbol.asyncDispose]();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

function makeScratch(): string {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-replay-")));
  const at = (path: string): string => join(scratch, path);
  for (const folder of ["bin", "a b", "fsx", "own-path", "home"]) mkdirSync(at(folder));
  writeProgram(at("bin/mytool"), "echo mytool");
  // What only the executor's own PATH has.
  writeProgram(at("own-path/rg"), "echo ripgrep");
  writeProgram(at("own-path/own-tool"), "echo own-tool");
  writeFileSync(at("fsx/a.txt"), "A");
  symlinkSync("a.txt", at("fsx/ln"));
  symlinkSync("nowhere", at("fsx/dangling"));
  return scratch;
}

function writeProgram(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}
