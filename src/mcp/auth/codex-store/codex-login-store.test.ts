import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { registerHooks } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { StoredLogin } from "../stored-login.ts";
import { codexLoginStore } from "./codex-login-store.ts";

const { signal } = new AbortController();
const LOGIN: StoredLogin = {
  server: "svc",
  url: "http://127.0.0.1:42293/mcp",
  issuer: "http://127.0.0.1:45983",
  clientId: "client",
  accessToken: "access-1",
  refreshToken: "refresh-1",
  expiresAt: 1_796_000_506_682,
  scopes: ["read", "write"],
};
/** SHA-256 of `svc|5ef55f85afa7f3ec`: the name that Codex 0.171 gave this lock. */
const LOCK = "9172296b168505e4e4af8310248fbf20aa75a67a5ca65f9c396914f8855f53a8.lock";

let home = "";
const credentials = (): string => join(home, ".credentials.json");
const locks = (): string => join(home, "mcp-oauth-locks");
beforeEach(() => {
  home = fs.mkdtempSync(join(tmpdir(), "home-"));
});
afterEach(() => fs.rmSync(home, { recursive: true }));

/** Holds a lock as Codex does, until it is disposed. */
async function holdAsCodex(name: string): Promise<AsyncDisposable> {
  fs.mkdirSync(locks(), { recursive: true });
  const holder = spawn("flock", [join(locks(), name), "sh", "-c", "echo; exec cat"], { stdio: "pipe" });
  const closed = once(holder, "close");
  await once(holder.stdout, "data");
  return {
    [Symbol.asyncDispose]: async () => {
      holder.stdin.end();
      await closed;
    },
  };
}

suite("the store of a Codex home", () => {
  test("waits for Codex, which holds the lock of the login or of the file (Y1)", async () => {
    const store = codexLoginStore({ codexHome: home, kept: "file" });
    const log: string[] = [];
    const codex = [await holdAsCodex(LOCK), await holdAsCodex("file-store.lock")];
    const waiting = [
      store.exclusively(LOGIN, async () => void log.push("exclusively"), signal),
      store.write(LOGIN, signal).then(() => log.push("written")),
    ];
    // It waits as soon as the lock of our own is there, and cannot go on.
    while (!fs.existsSync(join(locks(), `.${LOCK}.switchyard-lock`)))
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(log, []);
    assert.equal(fs.existsSync(credentials()), false);
    for (const each of codex) await each[Symbol.asyncDispose]();
    await Promise.all(waiting);
    assert.deepEqual(
      log.toSorted((a, b) => (a < b ? -1 : 1)),
      ["exclusively", "written"],
    );
  });

  test("gives up waiting with its signal, and leaves no process and no lock (Y3)", async () => {
    const store = codexLoginStore({ codexHome: home, kept: "file" });
    await using codex = await holdAsCodex(LOCK);
    const stop = new AbortController();
    const reason = new Error("enough");
    const waiting = store.exclusively(LOGIN, async () => assert.fail("held"), stop.signal);
    const given = assert.rejects(waiting, (error) => error === reason);
    while (!fs.existsSync(join(locks(), `.${LOCK}.switchyard-lock`)))
      await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort(reason);
    await given;
    assert.deepEqual(fs.readdirSync(locks()), [LOCK]);
    await codex[Symbol.asyncDispose]();
    let ran = false;
    await store.exclusively(LOGIN, async () => void (ran = true), signal);
    assert.ok(ran);
  });

  test("is free again when its holder is killed (Y2)", async (t) => {
    const module = pathToFileURL(join(import.meta.dirname, "codex-login-store.ts")).href;
    const script = `
      const { codexLoginStore } = await import(${JSON.stringify(module)});
      const store = codexLoginStore({ codexHome: ${JSON.stringify(home)}, kept: "file" });
      await store.exclusively(${JSON.stringify(LOGIN)}, async () => {
        console.log("held");
        await new Promise((resolve) => setTimeout(resolve, 600_000));
      }, new AbortController().signal);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "close");
    let ran = false;
    const store = codexLoginStore({ codexHome: home, kept: "file" });
    await store.exclusively(LOGIN, async () => void (ran = true), t.signal);
    assert.ok(ran);
  });

  test("works without the program flock, for Switchyards", async () => {
    const path = process.env["PATH"];
    process.env["PATH"] = home;
    try {
      const store = codexLoginStore({ codexHome: home, kept: "file" });
      await store.exclusively(LOGIN, () => store.write(LOGIN, signal), signal);
      assert.equal((await store.read(LOGIN, signal))?.accessToken, "access-1");
    } finally {
      process.env["PATH"] = path;
    }
  });

  test("reads a file that Codex is writing when Codex has written it (K3)", async () => {
    const store = codexLoginStore({ codexHome: home, kept: "file" });
    await store.write(LOGIN, signal);
    const text = fs.readFileSync(credentials(), "utf8");
    const codex = await holdAsCodex("file-store.lock");
    fs.writeFileSync(credentials(), text.slice(0, 50));
    const reading = store.read(LOGIN, signal);
    while (!fs.existsSync(join(locks(), ".file-store.lock.switchyard-lock")))
      await new Promise((resolve) => setTimeout(resolve, 5));
    fs.writeFileSync(credentials(), text);
    await codex[Symbol.asyncDispose]();
    assert.equal((await reading)?.accessToken, "access-1");
  });

  test("says which package is missing (K2)", async () => {
    // Before the tests of the keyring: a package that was found once stays.
    const keyring = codexLoginStore({ codexHome: home, kept: "keyring" });
    await assert.rejects(keyring.read(LOGIN, signal), /npm install @napi-rs\/keyring/);
    const auto = codexLoginStore({ codexHome: home });
    await auto.write(LOGIN, signal);
    assert.ok(fs.existsSync(credentials()));
  });
});

suite("the keyring of a Codex home", () => {
  /** Stands in for the package, and is found by the real `require`. */
  const standIn = `
    const kept = (globalThis.keyringOfTest ??= { entries: new Map() });
    exports.AsyncEntry = class {
      constructor(service, account) { this.key = service + "/" + account; }
      async #open() { if (kept.error) throw new Error(kept.error); }
      async getPassword() { await this.#open(); return kept.entries.get(this.key) ?? null; }
      async setPassword(text) { await this.#open(); if (kept.full) throw new Error("full"); kept.entries.set(this.key, text); }
      async deletePassword() { await this.#open(); return kept.entries.delete(this.key); }
    };`;
  const kept: { entries: Map<string, string>; error?: string | undefined; full?: boolean } = {
    entries: new Map(),
  };
  const ENTRY = "Codex MCP Credentials/svc|5ef55f85afa7f3ec";
  let hooks: { deregister(): void } | undefined;

  beforeEach(() => {
    kept.entries.clear();
    kept.error = undefined;
    kept.full = false;
    Object.assign(globalThis, { keyringOfTest: kept });
    fs.writeFileSync(join(home, "keyring.cjs"), standIn);
    const url = pathToFileURL(join(home, "keyring.cjs")).href;
    hooks = registerHooks({
      resolve: (name, context, next) =>
        name === "@napi-rs/keyring" ? { url, shortCircuit: true, format: "commonjs" } : next(name, context),
    });
  });
  afterEach(() => hooks?.deregister());

  test("has a login as Codex writes it there, and keeps what it does not know", async () => {
    const store = codexLoginStore({ codexHome: home, kept: "keyring" });
    const token_response = {
      access_token: "a",
      token_type: "bearer",
      refresh_token: "r",
      scope: "read write",
      id_token: "i",
    };
    const entry = {
      server_name: "svc",
      url: LOGIN.url,
      client_id: "client",
      token_response,
      expires_at: 5,
      new: [1],
    };
    kept.entries.set(ENTRY, JSON.stringify(entry));
    const read = await store.read(LOGIN, signal);
    const { accessToken, refreshToken, expiresAt, scopes, clientId } = read ?? LOGIN;
    assert.deepEqual([accessToken, refreshToken, expiresAt, clientId], ["a", "r", 5, "client"]);
    assert.deepEqual(scopes, ["read", "write"]);
    await store.write(LOGIN, signal);
    assert.deepEqual(JSON.parse(kept.entries.get(ENTRY) ?? ""), {
      ...entry,
      issuer: LOGIN.issuer,
      expires_at: LOGIN.expiresAt,
      token_response: { ...token_response, access_token: "access-1", refresh_token: "refresh-1" },
    });
    assert.equal(fs.existsSync(credentials()), false);
  });

  test("comes first with auto; what is written there leaves the file, and a logout clears both", async () => {
    const [file, auto] = [
      codexLoginStore({ codexHome: home, kept: "file" }),
      codexLoginStore({ codexHome: home }),
    ];
    await file.write(LOGIN, signal);
    assert.equal((await auto.read(LOGIN, signal))?.accessToken, "access-1");
    await auto.write({ ...LOGIN, accessToken: "access-2" }, signal);
    assert.equal(fs.existsSync(credentials()), false);
    assert.equal((await auto.read(LOGIN, signal))?.accessToken, "access-2");
    await file.write(LOGIN, signal);
    assert.equal((await auto.read(LOGIN, signal))?.accessToken, "access-2");
    assert.equal(await auto.remove(LOGIN, signal), true);
    assert.equal(await auto.read(LOGIN, signal), undefined);
    assert.equal(await file.read(LOGIN, signal), undefined);
  });

  test("that is locked is no error with auto, and one with keyring (K2)", async () => {
    kept.error = "no keyring here";
    const [auto, keyring] = [
      codexLoginStore({ codexHome: home }),
      codexLoginStore({ codexHome: home, kept: "keyring" }),
    ];
    await auto.write(LOGIN, signal);
    assert.equal((await auto.read(LOGIN, signal))?.accessToken, "access-1");
    await assert.rejects(keyring.read(LOGIN, signal), {
      code: "unreadable",
      message: /"svc": no keyring here/,
    });
    await assert.rejects(keyring.write(LOGIN, signal), { code: "write_failed" });
  });

  test("that keeps an old login and takes no new one is an error: the old one would count", async () => {
    const auto = codexLoginStore({ codexHome: home });
    await auto.write(LOGIN, signal);
    kept.full = true;
    await assert.rejects(
      auto.write({ ...LOGIN, accessToken: "access-2" }, signal),
      /does not take another one/,
    );
    assert.equal(fs.existsSync(credentials()), false);
  });
});
