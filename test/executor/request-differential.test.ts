/**
 * The answer to an HTTP request, from its head alone: ours, and that of `codex exec-server`.
 *
 * Only statuses are compared: our refusals have a reason, the original's do not. And we check `Host`, which it does not.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { checkRequest } from "../../src/executor/server/listen-address.ts";
import { listenExecServer, sendRequest, UPGRADE_HEADERS } from "./support/real-exec-server.ts";

interface Head {
  readonly method: string;
  readonly url: string;
  readonly isUpgrade: boolean;
  readonly origin: string | undefined;
}

const heads: readonly Head[] = ["GET", "HEAD", "POST", "OPTIONS"].flatMap((method) =>
  ["/", "/?a=/readyz", "/readyz", "/readyz?x", "/readyz/", "/other", "//", "//readyz", "/%72eadyz"].flatMap(
    (url) =>
      [true, false].flatMap((isUpgrade) =>
        [undefined, "", "null", "http://127.0.0.1"].map((origin) => ({ method, url, isUpgrade, origin })),
      ),
  ),
);

suite("checkRequest agrees with codex exec-server", () => {
  test("about method, path, upgrade and Origin", async () => {
    await using real = await listenExecServer([]);
    const seen = new Set<number>();
    for (const { method, url, isUpgrade, origin } of heads) {
      const { status } = await sendRequest(real.port, [
        `${method} ${url} HTTP/1.1`,
        "Host: localhost",
        ...(isUpgrade ? UPGRADE_HEADERS : ["Connection: close"]),
        ...(origin === undefined ? [] : [`Origin: ${origin}`]),
      ]);
      const address = { kind: "websocket", host: "127.0.0.1", port: 1 } as const;
      const ours = checkRequest({ method, url, headers: { origin, host: "localhost" } }, address, {
        isUpgrade,
      });
      assert.equal(ours.status, status, `${method} ${url} ${isUpgrade ? "upgrade" : ""} origin ${origin}`);
      seen.add(status);
    }
    assert.deepEqual(seen, new Set([101, 200, 400, 403, 404, 405]));
  });
});
