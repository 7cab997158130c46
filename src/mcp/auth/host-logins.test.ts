import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { codexLoginStore, type CredentialSource } from "../index.ts";
import { check } from "../../servers/check.ts";
import { HostLogins } from "./host-logins.ts";

const url = "http://127.0.0.1:4712/mcp";
const { signal } = new AbortController();

function homeOf(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), "host-logins-"));
  t.after(() => rmSync(home, { recursive: true }));
  return home;
}

function ask(logins: CredentialSource, principal?: string): ReturnType<CredentialSource["token"]> {
  const checked = check({ svc: { url } }, []);
  const config = checked.ok ? checked.value.configs.get("svc") : undefined;
  assert.ok(config);
  return logins.token({ server: "svc", config, principal, why: "open", signal });
}

suite("the logins of a host", () => {
  test("are the user's, where Codex keeps them, and no principal's (L1)", async (t) => {
    const codexHome = homeOf(t);
    const login = { server: "svc", url, clientId: "c", accessToken: "the-access-token", scopes: [] };
    await codexLoginStore({ codexHome, kept: "file" }).write(login, signal);
    const parts = { credentials: undefined, log: silentLog, clock: systemClock, hide: () => () => {} };
    const env = { CODEX_HOME: codexHome };
    await using logins = new HostLogins({ ...parts, env });
    const given = await ask(logins);
    assert.ok(typeof given === "object" && given.token === "the-access-token");
    assert.equal(await ask(logins, "alice"), undefined);
    // Its configuration says where: this login is in the file, and does not count there.
    writeFileSync(join(codexHome, "config.toml"), 'mcp_oauth_credentials_store = "keyring"\n');
    await using others = new HostLogins({ ...parts, env });
    assert.equal(await ask(others).catch(() => undefined), undefined);
  });

  test("or those that the host gives; the last ones in use are hidden (L2)", async () => {
    let count = 0;
    const hidden = new Set<string>();
    await using logins = new HostLogins({
      credentials: { token: () => Promise.resolve(`token-${count}`) },
      env: {},
      log: silentLog,
      clock: systemClock,
      hide: (token) => {
        assert.ok(!hidden.has(token));
        hidden.add(token);
        return () => void hidden.delete(token);
      },
    });
    assert.equal(await ask(logins, "alice"), "token-0");
    for (count = 0; count <= 1_000; count++) for (let times = 0; times < 2; times++) await ask(logins);
    assert.equal(hidden.size, 1_000);
    assert.ok(!hidden.has("token-0") && hidden.has("token-1") && hidden.has("token-1000"));
  });
});
