/** The executors for tests, each with its server, and a check for leftover processes. */
import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import {
  ExecutorServer,
  type ExecutorServerOptions,
  listen,
  LocalExecutor,
  openAuthenticator,
  parseListenAddress,
  RemoteExecutor,
  websocketOpener,
} from "../../../src/executor/index.ts";
import { descendants, waitUntilGone } from "../../../src/testing/index.ts";
import type { Subject } from "./compliance.ts";
import { listenExecServer, type RealExecServer } from "./real-exec-server.ts";

/** A variable that only executors under test have in their environment. */
export const OWN_VARIABLE = "SWITCHYARD_TEST_OWN";

const env = { ...process.env, [OWN_VARIABLE]: "yes" };

/** Calls `dispose` and then checks that no new process is left. */
export function leakChecked<T extends object>(subject: T, dispose: () => Promise<void>): T & AsyncDisposable {
  const before = new Set(descendants(process.pid));
  return {
    ...subject,
    [Symbol.asyncDispose]: async () => {
      const started = descendants(process.pid).filter((pid) => !before.has(pid));
      await dispose();
      assert.deepEqual(await waitUntilGone(started), [], "processes left behind");
    },
  };
}

export async function localSubject(): Promise<Subject> {
  const executor = new LocalExecutor({ env });
  return leakChecked({ executor }, () => executor[Symbol.asyncDispose]());
}

export interface ServerSubject extends AsyncDisposable {
  readonly server: ExecutorServer;
  readonly url: string;
}

/** Our server in this process, on a port of its own. */
export async function startServer(options: ExecutorServerOptions = {}): Promise<ServerSubject> {
  const server = new ExecutorServer({ env, ...options });
  const address = parseListenAddress("ws://127.0.0.1:0");
  assert.ok(address.kind === "websocket");
  const listener = await listen({ server, address, authenticator: openAuthenticator });
  return leakChecked({ server, url: listener.url }, async () => {
    await listener[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
}

export function connectTo(url: string, more: { readonly recoveryMs?: number } = {}): RemoteExecutor {
  return new RemoteExecutor({ name: "box", opener: websocketOpener({ url, clock: systemClock }), ...more });
}

/** Our client to our server. */
export async function ownSubject(): Promise<Subject> {
  const server = await startServer();
  const executor = connectTo(server.url);
  return {
    executor,
    [Symbol.asyncDispose]: async () => {
      await executor[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The real `codex exec-server`. */
export async function startCodexExecServer(args: readonly string[] = []): Promise<RealExecServer> {
  const server = await listenExecServer(args, env);
  return leakChecked(server, async () => await server[Symbol.asyncDispose]());
}

/** Our client to the real `codex exec-server`. */
export async function codexSubject(args: readonly string[] = []): Promise<Subject> {
  const server = await startCodexExecServer(args);
  const executor = connectTo(server.url);
  return {
    executor,
    [Symbol.asyncDispose]: async () => {
      await executor[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
