/** The servers that scenarios run with: ours in this process, and the real one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  ExecutorServer,
  listen,
  openAuthenticator,
  parseListenAddress,
} from "../../../src/executor/index.ts";
import { findCodex } from "../../../src/codex/app-server/binary.ts";
import type { Workspace } from "./workspace.ts";

export interface Server extends AsyncDisposable {
  readonly url: string;
}

/** Our server. */
export async function serve(workspace: Workspace): Promise<Server> {
  const server = new ExecutorServer({ env: workspace.env, graces: { stdinMs: 60, termMs: 150 } });
  const address = parseListenAddress("ws://127.0.0.1:0");
  assert.ok(address.kind === "websocket");
  const listener = await listen({ server, address, authenticator: openAuthenticator });
  return {
    url: listener.url,
    [Symbol.asyncDispose]: async () => {
      // A listener ends when its connections have; the server ends those.
      await Promise.all([listener[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
    },
  };
}

/** The real `codex exec-server`, in the environment of a workspace. */
export async function serveOriginal(workspace: Workspace): Promise<Server> {
  const { path } = findCodex(undefined, process.env);
  const child = spawn(path, ["exec-server", "--listen", "ws://127.0.0.1:0"], {
    env: workspace.env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return {
    url: line.toString().trim(),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, "exit");
    },
  };
}
