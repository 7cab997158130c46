import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { suite, test } from "node:test";
import { CallbackListener } from "./callback-listener.ts";
import type { LoginCallback, PendingLogin } from "./login.ts";
import { LoginError } from "./login-error.ts";
import type { StoredLogin } from "./stored-login.ts";

/** A login whose state is its server's name, and which ends as its code says. */
function pending(server: string): PendingLogin {
  const stateOf = (callback: string | URL | LoginCallback): string | null =>
    new URL(String(callback)).searchParams.get("state");
  return {
    server,
    url: "http://127.0.0.1/authorize",
    issuer: "http://127.0.0.1",
    scopes: [],
    scopesFrom: "none",
    owns: (callback) => stateOf(callback) === server,
    complete: (callback) => {
      const code = new URL(String(callback)).searchParams.get("code");
      if (code === "bad") return Promise.reject(new LoginError("denied", server, `${server} said no`));
      if (code === "bug") return Promise.reject(new Error("with a secret"));
      const login: StoredLogin = { server, url: "u", clientId: "c", accessToken: String(code), scopes: [] };
      return Promise.resolve(login);
    },
  };
}

async function get(url: string, init?: RequestInit): Promise<readonly [status: number, text: string]> {
  const answer = await fetch(url, init);
  return [answer.status, await answer.text()];
}

suite("a listener for the end of a login", () => {
  test("completes the login that a callback belongs to, and says so (C1, C2, C3)", async () => {
    await using listener = await CallbackListener.start();
    const { redirectUrl } = listener;
    assert.equal(redirectUrl, `http://127.0.0.1:${listener.port}/callback`);
    const [one, other] = [listener.complete(pending("one")), listener.complete(pending("other"))];
    assert.deepEqual(await get(`${redirectUrl}?state=nobody&code=1`), [
      400,
      "Nobody waits for this login. It may be over: begin another one.\n",
    ]);
    assert.deepEqual(await get(`${redirectUrl}?state=other&code=2`), [
      200,
      "You are logged in to other. You may close this window.\n",
    ]);
    assert.equal((await other).accessToken, "2");
    assert.equal((await get(`${redirectUrl}?state=other&code=2`))[0], 400);
    assert.equal((await get(`${redirectUrl}?state=one&code=1`))[0], 200);
    assert.equal((await one).accessToken, "1");
  });

  test("shows why a login failed, and nothing of an error that is not meant for people (C3)", async () => {
    await using listener = await CallbackListener.start({ path: "/back/x" });
    const denied = assert.rejects(listener.complete(pending("a")), { code: "denied" });
    const broken = assert.rejects(listener.complete(pending("b")), /secret/);
    const url = listener.redirectUrl;
    assert.match((await get(`${url}?state=a&code=bad`))[1], /^a said no\n/);
    assert.equal(
      (await get(`${url}?state=b&code=bug`))[1],
      "The login failed.\nYou may close this window.\n",
    );
    await Promise.all([denied, broken]);
  });

  test("answers other requests, and goes on waiting (C2)", async () => {
    await using listener = await CallbackListener.start();
    const { origin } = new URL(listener.redirectUrl);
    const login = listener.complete(pending("a"));
    assert.equal((await get(`${origin}/favicon.ico`))[0], 404);
    assert.equal((await get(`${listener.redirectUrl}?state=a&code=1`, { method: "POST" }))[0], 404);
    assert.equal((await get(`${listener.redirectUrl}?state=a&code=1`))[0], 200);
    await login;
  });

  test("is gone after disposal, with what it waited for, and gives up when its signal aborts (C1)", async () => {
    // Below those that the system hands out, so that nobody else takes it.
    const port = randomInt(20_000, 30_000);
    const listener = await CallbackListener.start({ port });
    const { redirectUrl } = listener;
    await assert.rejects(fetch(redirectUrl.replace("127.0.0.1", "127.0.0.2")));
    await assert.rejects(CallbackListener.start({ port }), /another process listens there/);
    const stop = new AbortController();
    const given = assert.rejects(listener.complete(pending("a"), { signal: stop.signal }), /enough/);
    stop.abort(new Error("enough"));
    await given;
    assert.equal((await get(`${redirectUrl}?state=a&code=1`))[0], 400);
    const left = assert.rejects(listener.complete(pending("b")), /Nobody listens/);
    await listener[Symbol.asyncDispose]();
    await left;
    await assert.rejects(fetch(redirectUrl));
    await using again = await CallbackListener.start({ port });
    assert.equal(again.port, port);
  });
});
