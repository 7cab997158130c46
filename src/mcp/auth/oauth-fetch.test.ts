import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { type RawAnswer, RawPeer } from "../../testing/http-server/raw-peer.ts";
import { NodeFetch } from "../http/node-fetch.ts";
import { ANSWER_BYTES_MAX, oauthFetch, OAuthRequestError } from "./oauth-fetch.ts";

async function ask(answer: RawAnswer, init: RequestInit = {}, timeoutMs = 5_000): Promise<Response> {
  using fetches = new NodeFetch();
  await using peer = await RawPeer.start(answer);
  const { signal } = new AbortController();
  const fetch = oauthFetch({ fetch: fetches.fetch, clock: systemClock, signal, timeoutMs });
  return await fetch(new URL("/token?code=c0de", peer.url), init);
}

suite("a request of a login", () => {
  test("sends a form, and has the whole answer", async () => {
    const answer = await ask(
      ({ method, headers, body }, response) =>
        void response
          .writeHead(201, { "content-type": "application/json" })
          .end(JSON.stringify([method, headers["content-type"], body])),
      {
        method: "POST",
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ a: "b c" }),
      },
    );
    assert.equal(answer.status, 201);
    assert.deepEqual(await answer.json(), ["POST", "application/x-www-form-urlencoded", "a=b+c"]);
  });

  test("leaves redirects, and answers without a body, as they are", async () => {
    const moved = await ask((_, response) => void response.writeHead(302, { location: "/elsewhere" }).end());
    assert.deepEqual([moved.status, moved.headers.get("location")], [302, "/elsewhere"]);
    assert.equal((await ask((_, response) => void response.writeHead(204).end())).status, 204);
  });

  const failures: [string, RawAnswer, RegExp][] = [
    [
      "too large",
      (_, response) => void response.end("x".repeat(ANSWER_BYTES_MAX + 1)),
      /answered with more than 262144 bytes/,
    ],
    ["late", () => {}, /did not answer within 0.1 s/],
    [
      "late with its body",
      (_, response) => void response.writeHead(200).write("{"),
      /did not answer within 0.1 s/,
    ],
    ["broken off", (_, response) => void response.destroy(), /broke the connection/],
  ];
  for (const [what, answer, message] of failures)
    test(`fails with an answer that is ${what}, and names no more than the origin (U1, U2)`, async () => {
      const error = await ask(answer, {}, what.startsWith("late") ? 100 : 5_000).catch(
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof OAuthRequestError, String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /token|c0de/);
    });
});
