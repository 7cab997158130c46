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
import type { CodexError } from "../errors.ts";
import { hasUserLogin, prepareCodexHome, shareMcpLogins } from "./home.ts";

/** A folder that stands where Codex would keep a log of URLs. */
const LOG = "logs_2.sqlite";

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
    assert.deepEqual(readdirSync(ours), [LOG]);
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
      ["auth.json", "config.toml", LOG],
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
    assert.deepEqual(readdirSync(ours).toSorted(), ["auth.json", LOG]);
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
    assert.deepEqual(readdirSync(ours).toSorted(), ["auth.json", LOG]);
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
    assert.deepEqual(readdirSync(ours).toSorted(), ["auth.json", LOG]);
    assert.equal(loginIn(ours), "login 1");
  });

  test("have the user's locks for refreshing logins, and the user's home keeps its own", (t) => {
    const { users, ours, env, top } = homes(t);
    prepareCodexHome(ours, env, true);
    const locks = join(ours, "mcp-oauth-locks");
    mkdirSync(locks);
    shareMcpLogins(ours, env);
    shareMcpLogins(ours, env);
    writeFileSync(join(locks, "a.lock"), "");
    assert.deepEqual(readdirSync(join(users, "mcp-oauth-locks")), ["a.lock"]);
    const again = join(top, "again");
    symlinkSync(users, again);
    for (const home of [users, again]) shareMcpLogins(home, env);
    assert.deepEqual(readdirSync(join(users, "mcp-oauth-locks")), ["a.lock"]);
    // A folder can be made again.
    rmSync(users, { recursive: true });
    shareMcpLogins(ours, env);
    assert.equal(lstatSync(locks, { throwIfNoEntry: false }), undefined);
    assert.ok(!existsSync(users));
  });

  test("reports what prevents the creation of a home", (t) => {
    const { top, env } = homes(t);
    writeFileSync(join(top, "file"), "");
    symlinkSync(join(top, "loop"), join(top, "loop"));
    const paths = ["file", "file/home", "loop/home", "x".repeat(300)].map((name) => join(top, name));
    if (process.platform === "linux") paths.push("/proc/none/home", "/proc/self", "/dev/null");
    for (const home of paths) {
      assert.throws(
        () => prepareCodexHome(home, env, true),
        (error: CodexError) =>
          error.code === "home_unusable" && error.message.startsWith(`Codex's home ${home} cannot be used: `),
        home,
      );
    }
  });

  test("closes what is in a home to others, but not what a link in it leads to, nor the user's own home", (t) => {
    const { top, users, ours, env } = homes(t);
    mkdirSync(join(ours, "sessions"), { recursive: true, mode: 0o755 });
    for (const name of ["state.sqlite", "config.toml"]) writeFileSync(join(ours, name), "", { mode: 0o644 });
    writeFileSync(join(top, "elsewhere"), "", { mode: 0o644 });
    symlinkSync(join(top, "elsewhere"), join(ours, "link"));
    chmodSync(join(users, "auth.json"), 0o640);
    prepareCodexHome(ours, env, true);
    prepareCodexHome(users, env, true);
    const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    assert.deepEqual(
      ["sessions", "state.sqlite", "config.toml", "link", "auth.json"].map((name) => mode(join(ours, name))),
      ["700", "600", "600", "644", "640"],
    );
    assert.deepEqual(readdirSync(users), ["auth.json"]);
  });

  test("removes a log that Codex kept there before", (t) => {
    const { ours, env } = homes(t, null);
    mkdirSync(ours, { recursive: true });
    for (const end of ["", "-wal", "-shm"]) writeFileSync(join(ours, `${LOG}${end}`), "?key=secret");
    prepareCodexHome(ours, env, true);
    prepareCodexHome(ours, env, true);
    assert.deepEqual([readdirSync(ours), readdirSync(join(ours, LOG))], [[LOG], []]);
  });
});
