/** One login and many processes, at an authorization server that revokes it when a refresh token is used twice. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { wallTime } from "../../src/base/clock.ts";
import { codexLoginStore } from "../../src/mcp/auth/codex-store/codex-login-store.ts";
import { folderLoginStores } from "../../src/mcp/auth/folder-login-store.ts";
import type { LoginStore, StoredLogin } from "../../src/mcp/auth/stored-login.ts";
import { AuthorizationServer } from "../../src/testing/authorization-server/authorization-server.ts";
import { NODE_VARIABLES } from "../support/command.ts";
import { exhaustive } from "../support/sample.ts";
import type { Answered, Asked } from "./support/refreshing-process.ts";

const PROGRAM = join(import.meta.dirname, "support", "refreshing-process.ts");
const PROCESSES = exhaustive ? 50 : 5;
const url = "http://127.0.0.1:4712/mcp";
const { signal } = new AbortController();

class Refreshing implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(folder: string) {
    this.#child = spawn(process.execPath, [PROGRAM, folder, url], {
      stdio: ["pipe", "pipe", "inherit"],
      env: NODE_VARIABLES,
    });
    this.#child.stdin?.on("error", () => {});
    const lines = createInterface({ input: this.#child.stdout ?? assert.fail() });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  async answer(): Promise<Answered> {
    const { value, done } = await this.#lines.next();
    return done === true ? { error: "the process has ended" } : (JSON.parse(value) as Answered);
  }

  ask(asked: Asked): Promise<Answered> {
    this.#child.stdin?.write(`${JSON.stringify(asked)}\n`);
    return this.answer();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}

test(`${PROCESSES} processes refresh at once, one of them is killed, and nobody loses the login`, {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "shared-login-"));
  await using server = await AuthorizationServer.start();
  await using started = new AsyncDisposableStack();
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  const processes = Array.from({ length: PROCESSES }, () => started.use(new Refreshing(folder)));
  await Promise.all(processes.map((each) => each.answer()));
  const stores: Readonly<Record<Asked["store"], LoginStore>> = {
    codex: codexLoginStore({ codexHome: join(folder, "codex"), kept: "file" }),
    folder: folderLoginStores(join(folder, "tenants"))("folder"),
  };
  let refreshes = 0;
  const living = [...processes];
  for (const [name, store] of Object.entries(stores) as [Asked["store"], LoginStore][]) {
    const tokens = server.issue({ clientId: "c", scopes: ["read"], resource: url });
    let login: StoredLogin = {
      server: "svc",
      url,
      issuer: server.issuer,
      clientId: "c",
      accessToken: tokens.access_token,
      refreshToken: tokens.refresh_token,
      expiresAt: wallTime() + 3_600_000,
      scopes: ["read"],
    };
    await store.write(login, signal);
    for (const killed of [false, true]) {
      const asked = { store: name, last: login.accessToken };
      server.expireAccessTokens();
      if (killed) {
        // It has the lock, and has sent nothing that counts.
        const holder = living.pop() ?? assert.fail();
        const before = server.requests.length;
        server.behaviour.delayMs = () => Infinity;
        void holder.ask(asked);
        await server.waitFor(({ requests }) => requests.length > before);
        delete server.behaviour.delayMs;
        await holder[Symbol.asyncDispose]();
      }
      const answers = await Promise.all(living.map((each) => each.ask(asked)));
      login = (await store.read(login, signal)) ?? assert.fail("the login is gone");
      assert.deepEqual(
        new Set(answers.map((each) => JSON.stringify(each))),
        new Set([JSON.stringify({ token: login.accessToken })]),
      );
      assert.ok(login.accessToken !== asked.last && server.check(login.accessToken));
      assert.deepEqual([server.asked("token").length, server.reuses], [++refreshes, 0]);
    }
  }
});
