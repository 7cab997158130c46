/** What a scenario works with: a folder of files, a web server, and the environment that an executor runs in. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveWeb } from "./web-server.ts";

export interface Workspace extends AsyncDisposable {
  /** An absolute path without links in it, the home of the executor too. */
  readonly scratch: string;
  readonly webPort: number;
  /** The whole environment of an executor under test. */
  readonly env: Readonly<Record<string, string>>;
}

export async function makeWorkspace(): Promise<Workspace> {
  const scratch = makeScratch();
  const web = await serveWeb();
  return {
    scratch,
    webPort: web.port,
    env: {
      CODEX_HOME: `${scratch}/home`,
      HOME: `${scratch}/home`,
      LANG: "C.UTF-8",
      SHELL: "/bin/bash",
      PATH: `${scratch}/own-path:${process.env["PATH"] ?? ""}`,
      EXEC_SIDE: "yes",
      EXEC_HDR: "hdr-from-executor-env",
      FOO_TOKEN: "t",
      MY_SECRET_KEY: "k",
    },
    [Symbol.asyncDispose]: async () => {
      await web[Symbol.asyncDispose]();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

function makeScratch(): string {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-scenario-")));
  const at = (path: string): string => join(scratch, path);
  for (const folder of ["bin", "a b", "fsx", "own-path", "home"]) mkdirSync(at(folder));
  writeProgram(at("bin/mytool"), "echo mytool");
  // Programs that only the executor's own PATH has.
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
