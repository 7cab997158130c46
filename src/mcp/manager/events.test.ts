import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { EventHub, type McpEvent } from "./events.ts";

function updated(uri: string): McpEvent {
  return { type: "resource_updated", server: "a", uri };
}

suite("EventHub", () => {
  test("gives every reader every event from its start on, in order, until the end", async () => {
    const hub = new EventHub();
    const readers = [hub.read(), hub.read()];
    const firsts = readers.map((reader) => reader.next());
    hub.push(updated("1"));
    hub.push(updated("2"));
    hub.end();
    for (const [at, reader] of readers.entries()) {
      const events = [(await firsts[at])?.value];
      for await (const event of reader) events.push(event);
      assert.deepEqual(events, [updated("1"), updated("2")]);
    }
    assert.deepEqual(await hub.read().next(), { done: true, value: undefined });
  });

  test("drops the oldest events of a reader that does not keep up, and says how many", async () => {
    const hub = new EventHub();
    const reader = hub.read();
    const first = reader.next();
    for (let at = 0; at < 1003; at++) hub.push(updated(String(at)));
    assert.deepEqual((await first).value, { type: "dropped", count: 3 });
    assert.deepEqual((await reader.next()).value, updated("3"));
    await reader.return(undefined);
  });

  test("ends a reader whose signal aborts, also while it waits", async () => {
    const stop = new AbortController();
    const reader = new EventHub().read(stop.signal);
    const waiting = reader.next();
    stop.abort();
    assert.deepEqual(await waiting, { done: true, value: undefined });
  });
});
