import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { eraKey, legacyFirst, memoryOfEras } from "./era.ts";

const LEGACY = { era: "legacy", version: "1.0.0" } as const;

suite("memoryOfEras", () => {
  test("remembers a verdict for a week", () => {
    let now = 0;
    const memory = memoryOfEras(() => now);
    memory.learn("a", LEGACY);
    now = 7 * 24 * 3600 * 1000;
    assert.equal(memory.recall("a")?.era, "legacy");
    now++;
    assert.equal(memory.recall("a"), undefined);
    memory.learn("a", { era: "modern", version: undefined });
    assert.equal(memory.recall("a")?.era, "modern");
    memory.forget("a");
    assert.equal(memory.recall("a"), undefined);
  });

  test("is bounded: the oldest verdict makes room", () => {
    const memory = memoryOfEras(() => 0);
    for (let at = 0; at <= 1000; at++) memory.learn(String(at), LEGACY);
    assert.equal(memory.recall("0"), undefined);
    assert.equal(memory.recall("1")?.era, "legacy");
  });
});

test("legacyFirst takes a server for one of the legacy era until it rejects that", () => {
  const memory = legacyFirst(() => 0);
  assert.equal(memory.recall("a")?.era, "legacy");
  memory.forget("a");
  assert.equal(memory.recall("a")?.era, "modern");
  memory.learn("a", { era: "modern", version: "2" });
  assert.deepEqual([memory.recall("a")?.version, memory.recall("b")?.era], ["2", "legacy"]);
});

test("eraKey tells servers apart and shows nothing of them", () => {
  const key = eraKey(["stdio", "local", "npx", "-y", "some-server"]);
  assert.match(key, /^[0-9a-f]{32}$/);
  assert.notEqual(key, eraKey(["stdio", "local", "npx", "-y", "other-server"]));
});
