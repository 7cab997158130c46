/** What docs/runner-protocol.md shows is what happens. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  callTool,
  hang,
  type ModelReply,
  type ModelRequest,
  RecordingMcpServer,
  say,
  ScriptedModel,
  type TestTool,
} from "../../src/testing/index.ts";
import { RunnerProcess } from "./support/runner-process.ts";

const DOCUMENT = join(import.meta.dirname, "..", "..", "docs", "runner-protocol.md");
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

interface Step {
  readonly send: string;
  readonly expect: readonly string[];
}

/** One step is a line to send, and what came before the next one. */
function readConversation(): Step[] {
  const [, section = ""] = readFileSync(DOCUMENT, "utf8").split("## An example conversation");
  const steps: { send: string; expect: string[] }[] = [];
  for (const [, block = ""] of section.matchAll(/```text\n(.*?)```/gs)) {
    for (const line of block.trimEnd().split("\n")) {
      const text = line.slice(2);
      if (line.startsWith("> ")) steps.push({ send: text, expect: [] });
      else if (line.startsWith("< ")) steps.at(-1)?.expect.push(text);
      else assert.fail(`neither sent nor received: ${line}`);
    }
  }
  return steps;
}

function play({ prompt, step }: ModelRequest): ModelReply {
  const note = /^Note that (.*)$/.exec(prompt)?.[1];
  if (note !== undefined) {
    const call = callTool({ server: "notes", tool: "add_note", arguments: { text: note } });
    return step === 0 ? call : say("Noted.");
  }
  if (prompt.startsWith("Sort") && step === 0) return callTool({ server: "notes", tool: "sort_notes" });
  return /^(Think|Sort)/.test(prompt) ? hang() : say("Yes.");
}

test("the conversation in docs/runner-protocol.md happens as it is written there", {
  timeout: 60_000,
}, async (t) => {
  const inputSchema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
  const addNote = { name: "add_note", inputSchema, run: () => "added" };
  const asked = Promise.withResolvers<void>();
  const sortNotes: TestTool = {
    name: "sort_notes",
    run: async (_args, context) => {
      void context.ask("By date or by name?").catch(() => {});
      await asked.promise;
      return "sorted by date";
    },
  };
  const extraTools = [addNote, sortNotes];
  await using server = await RecordingMcpServer.start({ onlyTools: [], extraTools });
  await using model = await ScriptedModel.start({ script: play });
  await using runner = await RunnerProcess.start({ model });
  /** Id in the document to id of this time, and back. */
  const ours = new Map<string, string>();
  const theirs = new Map<string, string>();

  const steps = readConversation();
  assert.ok(steps.length >= 8, `${steps.length} steps`);
  let read = 0;
  // The document leaves out what becomes of servers.
  const shown = () =>
    runner.messages.filter((each) => !(each.type === "event" && each.event.type === "mcp.server"));
  for (const { send, expect } of steps) {
    const text = send
      .replaceAll("https://notes.example/mcp", server.url)
      .replaceAll("/srv/project", runner.cwd)
      .replaceAll(UUID, (id) => ours.get(id) ?? id);
    runner.write(`${text}\n`);
    if (text.includes("Sort my notes")) {
      await runner.ask("5", t.signal);
      asked.resolve();
    }
    await runner.waitFor(() => shown().length >= read + expect.length, t.signal);
    const got = shown().slice(read);
    read += expect.length;
    const wanted = expect.map((line) => JSON.parse(line) as { readonly type: string });
    // An ask and its end do not wait for events that are on their way.
    const inOrder = <T extends { readonly type: string }>(all: readonly T[]): T[] => [
      ...all.filter(({ type }) => !type.startsWith("ask")),
      ...all.filter(({ type }) => type.startsWith("ask")),
    ];
    const gotText = inOrder(got).map((each) =>
      JSON.stringify(each)
        .replaceAll(server.url, "https://notes.example/mcp")
        .replaceAll(runner.cwd, "/srv/project"),
    );
    const gotIds = gotText.join().match(UUID) ?? [];
    const wantedIds =
      inOrder(wanted)
        .map((each) => JSON.stringify(each))
        .join()
        .match(UUID) ?? [];
    for (const [index, id] of gotIds.entries()) {
      const named = wantedIds[index] ?? id;
      if (!theirs.has(id)) {
        theirs.set(id, named);
        ours.set(named, id);
      }
    }
    const named = gotText.map(
      (line) => JSON.parse(line.replaceAll(UUID, (id) => theirs.get(id) ?? id)) as unknown,
    );
    assert.deepEqual(named, inOrder(wanted), `after ${send}`);
  }
  runner.child.stdin.end();
  assert.equal(await runner.exited, 0);
  assert.equal(shown().length, read);
  const authorizations = new Set(server.requests.map(({ headers }) => headers["authorization"]));
  assert.deepEqual(authorizations, new Set(["Bearer token-of-anna"]));
  assert.ok(runner.diagnostics.every((each) => each.type === "diag" && each.level !== "error"));
});
