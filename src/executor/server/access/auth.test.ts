import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { suite, test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { ExecutorError } from "../../errors.ts";
import { bearerAuthenticator, jwtAuthenticator, openAuthenticator } from "./auth.ts";

/** As the unit "binary", for which fast-check makes a table of a million characters first, most of a second. */
const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff })
  .map((code) => String.fromCodePoint(code).toWellFormed());

const secret = "0123456789abcdef0123456789abcdef";
const START_S = 1_000_000;

function sign(
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${base64({ alg: "HS256", ...header })}.${base64(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ExecutorError);
    assert.equal(error.code, "invalid_request");
    return inspect(error);
  }
  assert.fail("nothing was thrown");
}

suite("openAuthenticator", () => {
  test("lets everybody in, whatever they send", async () => {
    for (const header of [undefined, "", "Basic x", "Bearer x"]) {
      assert.deepEqual(await openAuthenticator.check(header), { ok: true });
    }
  });
});

suite("bearerAuthenticator", () => {
  test("distinguishes a missing, a malformed and a wrong token", async () => {
    const authenticator = bearerAuthenticator({ token: "right" });
    const reasonOf = async (header?: string): Promise<string> => {
      const verdict = await authenticator.check(header);
      return verdict.ok ? "allowed" : verdict.reason;
    };
    assert.equal(await reasonOf("Bearer right"), "allowed");
    assert.equal(await reasonOf(), "missing websocket bearer token");
    assert.equal(await reasonOf("right"), "invalid authorization header");
    assert.equal(await reasonOf("Bearer wrong"), "invalid websocket bearer token");
  });

  test("rejects a token that cannot be sent, without quoting it (H2)", () => {
    assert.match(
      messageOf(() => bearerAuthenticator({ token: " \n" })),
      /empty/,
    );
    for (const token of ["pass\u00e9-secret", "two\nlines-secret"]) {
      const message = messageOf(() => bearerAuthenticator({ token }));
      assert.match(message, /a header cannot hold/);
      assert.doesNotMatch(message, /secret/);
    }
    assert.doesNotMatch(
      messageOf(() => bearerAuthenticator({ sha256: "not-a-digest" })),
      /not-a-digest/,
    );
  });

  test("holds only a digest of the token (H1)", () => {
    const shown = inspect(bearerAuthenticator({ token: "t0p-secret" }), { depth: 9, showHidden: true });
    assert.doesNotMatch(shown, /t0p-secret/);
  });
});

suite("jwtAuthenticator", () => {
  let nowMs = 0;
  const authenticator = jwtAuthenticator({ secret, now: () => new Date(nowMs), maxClockSkewSeconds: 5 });
  const reasonAt = async (seconds: number, token: string): Promise<string> => {
    nowMs = seconds * 1000;
    const verdict = await authenticator.check(`Bearer ${token}`);
    return verdict.ok ? "allowed" : verdict.reason;
  };

  test("lets a token in up to its end and the skew, to the second", async () => {
    const token = sign({ exp: START_S });
    assert.equal(await reasonAt(START_S + 5.999, token), "allowed");
    assert.equal(await reasonAt(START_S + 6, token), "expired websocket jwt");
  });

  test("lets a token in from its beginning less the skew, to the second", async () => {
    const token = sign({ exp: START_S + 1000, nbf: START_S });
    assert.equal(await reasonAt(START_S - 5.001, token), "websocket jwt is not valid yet");
    assert.equal(await reasonAt(START_S - 5, token), "allowed");
  });

  test("rejects a token with a critical header that it does not know (H3)", async () => {
    for (const header of [{ crit: ["exp2"], exp2: 1 }, { crit: ["b64"], b64: false }, { crit: [] }]) {
      assert.equal(await reasonAt(START_S, sign({ exp: START_S }, header)), "invalid websocket jwt");
    }
  });

  test("survives a token of megabytes", async () => {
    for (const token of [
      "a".repeat(4_000_000),
      ".".repeat(100_000),
      `${sign({ exp: START_S })}${".x".repeat(99)}`,
    ]) {
      assert.equal(await reasonAt(START_S, token), "invalid websocket jwt");
    }
  });

  test("has an answer to anything, and lets nothing in that is not signed", async () => {
    nowMs = START_S * 1000;
    const json = fc.json({ maxDepth: 1 });
    const part = fc.oneof(
      fc.base64String(),
      json.map((text) => Buffer.from(text).toString("base64url")),
      fc.constantFrom(...sign({ exp: START_S }).split(".")),
    );
    const header = fc.oneof(
      fc.string({ unit: anyCharacter }),
      fc.array(part, { maxLength: 5 }).map((parts) => `Bearer ${parts.join(".")}`),
    );
    const whole = `Bearer ${sign({ exp: START_S })}`;
    await fc.assert(
      fc.asyncProperty(header, async (sent) => {
        assert.equal((await authenticator.check(sent)).ok, sent === whole);
      }),
      { numRuns: 100 },
    );
    // Signed, and nonsense.
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue({ maxDepth: 2 }),
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 })),
        async (claims, more) => {
          const verdict = await authenticator.check(
            `Bearer ${sign(claims as Record<string, unknown>, more)}`,
          );
          assert.equal(verdict.ok, false);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("rejects a secret that is too short, without quoting it (H2)", () => {
    const message = messageOf(() => jwtAuthenticator({ secret: " tiny-secret ", now: () => new Date() }));
    assert.match(message, /11 bytes and must have at least 32/);
    assert.doesNotMatch(message, /tiny/);
  });

  test("rejects a skew that is not a number of seconds", () => {
    for (const maxClockSkewSeconds of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const message = messageOf(() =>
        jwtAuthenticator({ secret, now: () => new Date(), maxClockSkewSeconds }),
      );
      assert.match(message, /clock skew/);
    }
  });
});
