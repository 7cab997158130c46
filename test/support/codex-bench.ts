/**
 * A real Codex, a scripted model and a folder of its own for one test.
 *
 * Disposing it ends all of them and then checks that no process below this one is left, and removes the folder.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Codex, type CodexOptions, type ThreadEvent, type ThreadItem } from "../../src/index.ts";
import { descendants, processesWithEnv, ScriptedModel, waitUntilGone } from "../../src/testing/index.ts";
import { fillHome } from "./codex-home.ts";

// The login shells that Codex starts would take as long as the account's own files take.
const ownHome = mkdtempSync(join(tmpdir(), "switchyard-home-"));
process.env["HOME"] = ownHome;
process.on("exit", () => rmSync(ownHome, { recursive: true, force: true }));

/** Who runs the servers in these tests: SWITCHYARD_TEST_MCP, or else the default. */
export const mcpMode: "managed" | "direct" =
  process.env["SWITCHYARD_TEST_MCP"] === "direct" ? "direct" : "managed";

export interface CodexBench extends AsyncDisposable {
  readonly model: ScriptedModel;
  readonly codex: Codex;
  /** Working directory of the threads; empty at first. */
  readonly cwd: string;
  /** The Codex home. */
  readonly home: string;
  /** Log entries, one line each. */
  readonly log: string[];
  /** A second `Codex` on the same home and model. It is disposed with the bench. */
  another(options?: CodexOptions): Codex;
}

export async function startBench(options: CodexOptions = {}, model?: ScriptedModel): Promise<CodexBench> {
  const root = mkdtempSync(join(tmpdir(), "switchyard-test-"));
  const home = join(root, "home");
  const cwd = join(root, "work");
  mkdirSync(cwd);
  await fillHome(home);
  const ownModel = model ?? (await ScriptedModel.start());
  const log: string[] = [];
  const all: Codex[] = [];
  // What already runs, and what that starts, does not belong to the bench.
  const others = descendants(process.pid);
  const another = (more: CodexOptions = {}): Codex => {
    const codex = new Codex({
      baseUrl: ownModel.baseUrl,
      apiKey: "sk-test-key-of-the-bench",
      home: { path: home },
      log: (level, message) => void log.push(`${level} ${message}`),
      mcp: mcpMode,
      ...options,
      ...more,
    });
    all.push(codex);
    return codex;
  };
  return {
    model: ownModel,
    codex: another(),
    cwd,
    home,
    log,
    another,
    [Symbol.asyncDispose]: async () => {
      const beside = new Set(others.flatMap((pid) => [pid, ...descendants(pid)]));
      const started = descendants(process.pid).filter((pid) => !beside.has(pid));
      await Promise.all(all.map((codex) => codex.close()));
      if (model === undefined) await ownModel[Symbol.asyncDispose]();
      // A Codex that another process started on this home may still be ending, and writing.
      const guests = processesWithEnv("CODEX_HOME", home);
      const left = await waitUntilGone([...started, ...guests]);
      rmSync(root, { recursive: true, force: true });
      assert.deepEqual(left, [], "processes left behind");
    },
  };
}

/** The scripted stdio servers that run below this process, whoever started them. */
export function serverProcesses(): number[] {
  return descendants(process.pid).filter((pid) => commandLine(pid).includes("stdio-server"));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It has ended since.
    return "";
  }
}

/** Reads a stream of events to its end. */
export async function collect(turn: Promise<{ events: AsyncIterable<ThreadEvent> }>): Promise<ThreadEvent[]> {
  const events: ThreadEvent[] = [];
  for await (const event of (await turn).events) events.push(event);
  return events;
}

/** The items that completed. */
export function itemsOf(events: readonly ThreadEvent[]): ThreadItem[] {
  return events.flatMap((event) => (event.type === "item.completed" ? [event.item] : []));
}

/** The items of one kind that completed. */
export function itemsOfType<Type extends ThreadItem["type"]>(
  events: readonly ThreadEvent[],
  type: Type,
): Extract<ThreadItem, { type: Type }>[] {
  return itemsOf(events).filter((item): item is Extract<ThreadItem, { type: Type }> => item.type === type);
}

/** What a tool call answered, as text. */
export function textOf(item: Extract<ThreadItem, { type: "mcp_tool_call" }> | undefined): string {
  return (item?.result?.content ?? []).map((block) => (block.type === "text" ? block.text : "")).join("");
}
