/** docs/executor.md is true: its examples are carried out. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket } from "ws";
import { executor } from "../../src/cli/executor/executor.ts";
import { DEFAULT_LIMITS } from "../../src/executor/server/limits.ts";
import { startServer } from "./support/subjects.ts";

const document = readFileSync(join(import.meta.dirname, "../../docs/executor.md"), "utf8");
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

test("the session in docs/executor.md happens as written", { timeout: 30_000 }, async () => {
  await using server = await startServer();
  const socket = new WebSocket(server.url);
  await once(socket, "open");
  const received: string[] = [];
  let wake: () => void = () => {};
  socket.on("message", (data: Buffer) => {
    received.push(data.toString());
    wake();
  });
  try {
    for (const { send, expect } of readSession()) {
      for (const line of send) socket.send(line);
      while (received.length < expect.length) await new Promise<void>((resolve) => (wake = resolve));
      // The answer to a write may arrive before or after the output of the process.
      assert.deepEqual(received.splice(0).map(plain).toSorted(), expect.map(plain).toSorted());
    }
  } finally {
    socket.terminate();
  }
});

interface Step {
  readonly send: string[];
  readonly expect: string[];
}

/** A step is a message, and everything received before the next one. */
function readSession(): Step[] {
  const [, block = ""] = /### An example session[^]*?```text\n([^]*?)```/.exec(document) ?? [];
  const steps: Step[] = [];
  for (const line of block.trimEnd().split("\n")) {
    const last = steps.at(-1);
    if (line.startsWith("> ")) {
      if (last === undefined || last.expect.length > 0) steps.push({ send: [line.slice(2)], expect: [] });
      else last.send.push(line.slice(2));
    } else last?.expect.push(line.slice(2));
  }
  assert.ok(steps.length > 5);
  return steps;
}

/** Without the parts that differ from run to run, or that the document leaves out. */
function plain(line: string): string {
  return line.replace(/"environmentInfo":\{.*\}\}\}$/, '"environmentInfo":{…}}}').replace(UUID, "UUID");
}

test("docs/executor.md has every option of the command, with its default", () => {
  const known = (executor.flags ?? []).map(({ name }) => `--${name}`);
  const table = document.slice(document.indexOf("| option |"), document.indexOf("A token is compared"));
  for (const flag of known) assert.ok(table.includes(flag), `${flag} is not in the table`);
  const named = [...table.matchAll(/--[a-z][a-z0-9-]+/g)].map(([name]) => name);
  for (const name of named) assert.ok(known.includes(name), `${name} is no option`);
  const { processesMax, connectionsMax, sessionsMax, retainedBytesMax, messageBytesMax, handshakeMs } =
    DEFAULT_LIMITS;
  assert.ok(table.includes(`| ${processesMax}, ${connectionsMax}, ${sessionsMax} |`));
  assert.ok(table.includes(`| ${retainedBytesMax / 2 ** 20} |`));
  assert.ok(table.includes(`| ${messageBytesMax / 2 ** 20} |`));
  assert.ok(table.includes(`| ${handshakeMs / 1000} |`));
});
