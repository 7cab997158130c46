import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { bearerOf, Capability } from "./capability.ts";

test("a capability allows its secret and nothing else, and does not keep it (K1)", () => {
  const secret = Capability.random();
  const capability = new Capability(secret);
  assert.equal(Buffer.from(secret, "base64url").length, 32);
  assert.notEqual(secret, Capability.random());
  assert.ok(capability.allows(secret));
  for (const given of [
    undefined,
    "",
    secret.slice(1),
    `${secret}A`,
    secret.toLowerCase(),
    Capability.random(),
  ])
    assert.ok(!capability.allows(given), given);
  assert.ok(!new Capability("").allows(undefined));
  assert.ok(!inspect(capability, { depth: 9, showHidden: true }).includes(secret));
});

test("a bearer is read as RFC 6750 writes it, and from nothing else", () => {
  assert.equal(bearerOf("Bearer abc"), "abc");
  assert.equal(bearerOf("bearer  abc "), "abc");
  for (const other of [undefined, "", "Bearer", "Bearer ", "Basic abc", "Bearer a b"])
    assert.equal(bearerOf(other), undefined, other);
});
