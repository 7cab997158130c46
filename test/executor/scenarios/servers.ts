/** The servers that scenarios run with: ours in this process, and the real one. */
import assert from "node:assert/strict";
import {
  ExecutorServer,
  listen,
  openAuthenticator,
  parseListenAddress,
} from "../../../src/executor/index.ts";
import { listenExecServer } from "../support/real-exec-server.ts";
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
export function serveOriginal(workspace: Workspace): Promise<Server> {
  return listenExecServer([], workspace.env);
}
