import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, suite, test } from "node:test";
import fc from "fast-check";
import { CredentialsFile, entryName } from "./credentials-file.ts";
import { folderLoginStores } from "./folder-login-store.ts";
import type { StoredLogin } from "./stored-login.ts";

const { signal } = new AbortController();
const LOGIN: StoredLogin = {
  server: "svc",
  url: "http://127.0.0.1:42293/mcp",
  issuer: "http://127.0.0.1:45983",
  clientId: "client",
  accessToken: "access-1",
  refreshToken: "refresh-1",
  expiresAt: 1_796_000_506_682,
  scopes: ["read"],
};

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

suite("a file of logins", () => {
  let folder = "";
  let path = "";
  let file = new CredentialsFile("");
  beforeEach((t) => {
    folder = fs.mkdtempSync(join(tmpdir(), "logins-"));
    path = join(folder, ".credentials.json");
    file = new CredentialsFile(path);
    if ("after" in t) t.after(() => fs.rmSync(folder, { recursive: true }));
  });

  test("names an entry as Codex does", () => {
    assert.equal(entryName(LOGIN), "svc|5ef55f85afa7f3ec");
  });

  test("writes Codex's text, for its owner alone, and removes the file with the last entry (C2)", async () => {
    await file.write(LOGIN, signal);
    assert.equal(
      fs.readFileSync(path, "utf8"),
      '{"svc|5ef55f85afa7f3ec":{"server_name":"svc","server_url":"http://127.0.0.1:42293/mcp","issuer":"http://127.0.0.1:45983",' +
        '"client_id":"client","access_token":"access-1","expires_at":1796000506682,"refresh_token":"refresh-1","scopes":["read"]}}',
    );
    assert.equal(fs.statSync(path).mode & 0o777, 0o600);
    fs.chmodSync(path, 0o644);
    await file.write({ ...LOGIN, accessToken: "access-2" }, signal);
    assert.equal(fs.statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(plain(await file.read(LOGIN)), plain({ ...LOGIN, accessToken: "access-2" }));
    assert.equal(await file.remove({ ...LOGIN, url: "http://other/" }, signal), false);
    assert.equal(await file.remove(LOGIN, signal), true);
    assert.deepEqual(fs.readdirSync(folder), []);
    assert.equal(await file.read(LOGIN), undefined);
    assert.equal(await file.remove(LOGIN, signal), false);
  });

  test("stays one file under several names, longer or shorter (C4)", async () => {
    await file.write(LOGIN, signal);
    const other = join(folder, "other-home.json");
    fs.linkSync(path, other);
    for (const accessToken of ["a-longer-access-token", "short"]) {
      await file.write({ ...LOGIN, accessToken }, signal);
      assert.equal((await new CredentialsFile(other).read(LOGIN))?.accessToken, accessToken);
      assert.equal(fs.statSync(path).mode & 0o777, 0o600);
    }
    assert.equal(fs.statSync(path).ino, fs.statSync(other).ino);
  });

  test("keeps what only we have, where it says something", async () => {
    const own = {
      clientSecret: "s",
      clientAuthMethod: "client_secret_post",
      resource: "http://127.0.0.1/",
    } as const;
    await file.write({ ...LOGIN, ...own }, signal);
    assert.deepEqual(plain(await file.read(LOGIN)), plain({ ...LOGIN, ...own }));
    await file.write({ ...LOGIN, clientAuthMethod: "none", resource: LOGIN.url }, signal);
    assert.doesNotMatch(fs.readFileSync(path, "utf8"), /secret|resource|auth_method/);
  });

  test("keeps other entries and unknown fields, whatever they are (C1)", async () => {
    await file.write(LOGIN, signal);
    const [fields = {}] = Object.values(JSON.parse(fs.readFileSync(path, "utf8")) as Record<string, object>);
    const entry = fc.dictionary(fc.string(), fc.jsonValue());
    const name = entryName(LOGIN);
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), entry), entry, async (others, unknown) => {
        const before = { ...others, [name]: { ...unknown, ...fields, access_token: "another" } };
        fs.writeFileSync(path, JSON.stringify(before));
        await file.write(LOGIN, signal);
        const after = JSON.parse(fs.readFileSync(path, "utf8")) as unknown;
        assert.deepEqual(after, plain({ ...before, [name]: { ...unknown, ...fields } }));
      }),
      { numRuns: 20 },
    );
  });

  test("keeps the digits of numbers that JavaScript would round (C1)", async () => {
    const other = '"b":{"expires_at":18446744073709551615,"x":[1.10,1e400]}';
    fs.writeFileSync(path, `{${other}}`);
    await file.write(LOGIN, signal);
    assert.ok(fs.readFileSync(path, "utf8").startsWith(`{${other},"svc|`));
  });

  test("leaves a file alone that it does not understand, and shows nothing of it (C3)", async () => {
    for (const text of ["", '{"a":{"access_token":"SECRET"', "[]", '{"a":"SECRET"}']) {
      fs.writeFileSync(path, text);
      const uses = [
        () => file.read(LOGIN),
        () => file.write(LOGIN, signal),
        () => file.remove(LOGIN, signal),
      ];
      for (const use of uses) {
        await assert.rejects(use, (error: Error) => {
          assert.equal((error as { code?: string }).code, "unreadable");
          assert.doesNotMatch(`${error.stack}${String(error.cause)}`, /SECRET/);
          return true;
        });
      }
      assert.equal(fs.readFileSync(path, "utf8"), text);
    }
    fs.writeFileSync(
      path,
      JSON.stringify({ a: { server_name: "svc", server_url: LOGIN.url, client_id: 1 } }),
    );
    await assert.rejects(file.read(LOGIN), { code: "unreadable" });
  });
});

suite("a folder of logins", () => {
  test("keeps the logins of principals apart, whatever they are called (F1)", async (t) => {
    const parent = fs.mkdtempSync(join(tmpdir(), "logins-"));
    t.after(() => fs.rmSync(parent, { recursive: true }));
    const folder = join(parent, "logins");
    const stores = folderLoginStores(folder);
    const principals = [
      undefined,
      "",
      "null",
      "undefined",
      "alice",
      "../alice",
      "a/b",
      "alice\0",
      "é".repeat(400),
    ];
    for (const [index, principal] of principals.entries()) {
      await stores(principal).write({ ...LOGIN, accessToken: `access-${index}` }, signal);
    }
    for (const [index, principal] of principals.entries()) {
      assert.equal((await stores(principal).read(LOGIN, signal))?.accessToken, `access-${index}`);
    }
    assert.deepEqual(fs.readdirSync(parent), ["logins"]);
    const names = fs.readdirSync(folder);
    assert.equal(names.length, principals.length);
    assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
    for (const name of names) {
      assert.match(name, /^[0-9a-f]{64}\.json$/);
      assert.equal(fs.statSync(join(folder, name)).mode & 0o777, 0o600);
    }
    assert.equal(await stores("alice").remove(LOGIN, signal), true);
    assert.equal(await stores("alice").read(LOGIN, signal), undefined);
    assert.ok(await stores("../alice").read(LOGIN, signal));
  });

  test("loses no change of many at once (F2)", async (t) => {
    const folder = fs.mkdtempSync(join(tmpdir(), "logins-"));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const stores = Array.from({ length: 10 }, () => folderLoginStores(folder)("alice"));
    await Promise.all(stores.map((store, index) => store.write({ ...LOGIN, server: `s${index}` }, signal)));
    for (const index of stores.keys()) {
      assert.ok(await stores[0]?.read({ server: `s${index}`, url: LOGIN.url }, signal));
    }
    let inside = 0;
    await Promise.all(
      stores.map((store) =>
        store.exclusively(
          LOGIN,
          async () => {
            assert.equal(++inside, 1);
            await store.write(LOGIN, signal);
            inside--;
          },
          signal,
        ),
      ),
    );
  });
});
