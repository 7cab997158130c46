import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { switchyardHome, userCodexHome } from "../../config/layers/homes.ts";
import { hasUserLogin, prepareCodexHome } from "./home.ts";

interface Homes {
  readonly top: string;
  /** The user's Codex home, with a login in it. */
  readonly users: string;
  readonly ours: string;
  readonly env: { readonly HOME: string };
}

function homes(t: TestContext, login: string | null = "login 1"): Homes {
  const top = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-home-")));
  t.after(() => rmSync(top, { recursive: true, force: true }));
  const users = join(top, ".codex");
  mkdirSync(users);
  if (login !== null) writeFileSync(join(users, "auth.json"), login);
  return { top, users, ours: join(top, ".switchyard/codex"), env: { HOME: top } };
}

const loginIn = (home: string): string => readFileSync(join(home, "auth.json"), "utf8");

suite("The homes", () => {
  test("are below HOME by default", () => {
    assert.equal(switchyardHome({ HOME: "/u" }), join("/u", ".switchyard"));
    assert.equal(userCodexHome({ HOME: "/u" }), join("/u", ".codex"));
  });

  test("are where the environment says, as absolute paths", () => {
    assert.equal(switchyardHome({ HOME: "/u", SWITCHYARD_HOME: "s" }), resolve("s"));
    assert.equal(userCodexHome({ HOME: "/u", CODEX_HOME: "/c/" }), resolve("/c"));
  });

  test("are below the account's own folder when HOME is missing or empty", () => {
    for (const env of [{}, { HOME: "", SWITCHYARD_HOME: "", CODEX_HOME: "" }]) {
      assert.equal(switchyardHome(env), join(userInfo().homedir, ".switchyard"));
      assert.equal(userCodexHome(env), join(userInfo().homedir, ".codex"));
    }
  });
});

suite("prepareCodexHome", { skip: process.platform === "win32" }, () => {
  test("makes a home that only its owner can read, with the folders above it", (t) => {
    const { top, ours, env } = homes(t, null);
    prepareCodexHome(ours, env, true);
    for (const path of [ours, join(top, ".switchyard")])
      assert.equal(statSync(path).mode & 0o777, 0o700, path);
    assert.deepEqual(readdirSync(ours), []);
  });

  test("does not change an existing home, nor its mode", (t) => {
    const { ours, env } = homes(t);
    mkdirSync(ours, { recursive: true });
    chmodSync(ours, 0o750);
    writeFileSync(join(ours, "config.toml"), "model = 1");
    prepareCodexHome(ours, env, true);
    assert.equal(statSync(ours).mode & 0o777, 0o750);
    assert.deepEqual(
      readdirSync(ours).toSorted((a, b) => a.localeCompare(b)),
      ["auth.json", "config.toml"],
    );
  });

  test("carries the user's login over as a link, so that both stay the same", (t) => {
    const { users, ours, env } = homes(t);
    assert.equal(hasUserLogin(env), true);
    prepareCodexHome(ours, env, true);
    assert.equal(readlinkSync(join(ours, "auth.json")), join(users, "auth.json"));
    writeFileSync(join(ours, "auth.json"), "refreshed by us");
    assert.equal(loginIn(users), "refreshed by us");
    const replacement = join(users, "new");
    writeFileSync(replacement, "replaced by the user");
    renameSync(replacement, join(users, "auth.json"));
    assert.equal(loginIn(ours), "replaced by the user");
  });

  test("changes nothing the second time", (t) => {
    const { ours, env } = homes(t);
    prepareCodexHome(ours, env, true);
    const before = lstatSync(join(ours, "auth.json"));
    prepareCodexHome(ours, env, true);
    assert.equal(lstatSync(join(ours, "auth.json")).ino, before.ino);
    assert.deepEqual(readdirSync(ours), ["auth.json"]);
  });

  test("carries no login over when there is none, or when it is not wanted", (t) => {
    const without = homes(t, null);
    assert.equal(hasUserLogin(without.env), false);
    prepareCodexHome(without.ours, without.env, true);
    assert.equal(existsSync(join(without.ours, "auth.json")), false);
    const unwanted = homes(t);
    prepareCodexHome(unwanted.ours, unwanted.env, false);
    assert.equal(existsSync(join(unwanted.ours, "auth.json")), false);
  });

  test("moves a link to the login of another user home, also one that is broken", (t) => {
    const { top, users, ours, env } = homes(t);
    mkdirSync(ours, { recursive: true });
    for (const old of [join(top, "other.json"), "nowhere"]) {
      rmSync(join(ours, "auth.json"), { force: true });
      symlinkSync(old, join(ours, "auth.json"));
      writeFileSync(join(top, "other.json"), "another login");
      prepareCodexHome(ours, env, true);
      assert.equal(readlinkSync(join(ours, "auth.json")), join(users, "auth.json"));
      assert.equal(readFileSync(join(top, "other.json"), "utf8"), "another login");
    }
    assert.deepEqual(readdirSync(ours), ["auth.json"]);
  });

  test("keeps a login that was created in the home itself", (t) => {
    const { users, ours, env } = homes(t);
    mkdirSync(ours, { recursive: true });
    writeFileSync(join(ours, "auth.json"), "a login of its own");
    prepareCodexHome(ours, env, true);
    assert.deepEqual([loginIn(ours), loginIn(users)], ["a login of its own", "login 1"]);
  });

  test("does not destroy the user's login when it is given the user's home, under any of its names", (t) => {
    const { top, users, env } = homes(t);
    symlinkSync(users, join(top, "alias"));
    for (const home of [users, `${users}/`, join(top, "alias"), join(top, "alias", "..", ".codex")]) {
      prepareCodexHome(home, env, true);
      assert.equal(lstatSync(join(users, "auth.json")).isFile(), true, home);
      assert.equal(loginIn(users), "login 1");
    }
  });

  test("may be called by many processes at once, and each always finds the login", async (t) => {
    const { ours, users, env } = homes(t);
    // Each process begins with a link that has to be moved, and looks whether the login is there all the time.
    const program = `
      import { readFileSync, renameSync, symlinkSync } from "node:fs";
      import { prepareCodexHome } from ${JSON.stringify(new URL("./home.ts", import.meta.url).href)};
      const [home, users] = process.argv.slice(1);
      for (let n = 0; n < 200; n++) {
        if (n % 10 === 0) {
          symlinkSync(users + "/../.codex/auth.json", home + "/" + process.pid);
          renameSync(home + "/" + process.pid, home + "/auth.json");
        }
        prepareCodexHome(home, process.env, true);
        readFileSync(home + "/auth.json");
      }
    `;
    prepareCodexHome(ours, env, true);
    const run = promisify(execFile);
    const args = ["--input-type=module", "-e", program, ours, users];
    await Promise.all(
      [1, 2, 3].map(() => run(process.execPath, args, { env: { ...process.env, ...env, CODEX_HOME: "" } })),
    );
    assert.deepEqual(readdirSync(ours), ["auth.json"]);
    assert.equal(loginIn(ours), "login 1");
  });

  test("reports what prevents the creation of a home", (t) => {
    const { top, env } = homes(t);
    writeFileSync(join(top, "file"), "");
    assert.throws(() => prepareCodexHome(join(top, "file", "home"), env, true), /ENOTDIR|EEXIST/);
  });
});
