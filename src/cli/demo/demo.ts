/**
 * `switchyard demo`: what Switchyard does, on any machine, without a key and without the internet.
 *
 * The model is scripted. Everything else is real: Codex, the MCP servers over HTTP and stdio (one of them by another
 * author, from npm), the processes and the sockets. Every claim is checked; one that does not hold fails the demo.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { McpManager } from "../../mcp/index.ts";
import { descendants, RecordingMcpServer, ScriptedModel, waitUntilGone } from "../../testing/index.ts";
import type { ThreadEvent } from "../../thread/events.ts";
import type { Command } from "../command.ts";
import { openAgent, openEngine } from "../engine.ts";
import { count, OutputError, stopWhenOutputFails, tell } from "../output.ts";
import { table } from "../table.ts";
import { TurnRenderer } from "../turn-renderer.ts";
import { foreignRequests, meetTool, type PlayTurn, type Seen, stories, type Story } from "./stories.ts";

export const demo: Command = {
  flags: [{ name: "verbose", short: "v", about: "show what happens in each thread, as it happens" }],
  run: async (args, stop) => {
    const { signal } = stop;
    stopWhenOutputFails(stop);
    const home = mkdtempSync(join(tmpdir(), "switchyard-demo-"));
    try {
      return await play(home, { interrupted: signal, verbose: args.has("verbose") });
    } catch (error) {
      if (!signal.aborted) throw error;
      if (signal.reason instanceof OutputError) throw signal.reason;
      tell("interrupted");
      return 130;
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
};

/** What the threads left behind. */
interface Played {
  readonly rows: readonly (readonly string[])[];
  readonly failures: readonly string[];
  /** Codex and the servers, while they ran. */
  readonly processes: readonly number[];
  /** The same in words. */
  readonly running: string;
}

interface Show {
  readonly interrupted: AbortSignal;
  readonly verbose: boolean;
}

/** What it shows, and what would happen without Switchyard. */
function introduction(all: readonly Story[]): string {
  const own = all.filter((story) => story.engine === "responses").length;
  return (
    `${all.length - own} threads on one Codex process and ${own} on Switchyard's own loop, each with MCP servers and credentials of its own. The model is scripted.\n` +
    "The table shows what each server saw, which calls overlapped, what was cancelled or reported, and what is left at the end.\n" +
    "Without Switchyard: a Codex process per turn (the SDK), one config.toml with the same servers and tokens for all, and MCP processes that may stay behind."
  );
}

/** @returns the exit code */
async function play(home: string, show: Show): Promise<number> {
  const startedAt = systemClock.now();
  const { rows, failures, processes, running } = await playThreads(home, show);
  const left = await waitUntilGone(processes, { timeoutMs: 10_000 });
  say(`\n${table(["thread", "server", "identity it saw", "calls", "overlap", "time", "shows"], rows)}`);
  say(`\n${running}\nprocesses left: ${left.length}`);
  const failed = [...failures, ...(left.length > 0 ? [`Processes are left: ${left.join(", ")}`] : [])];
  for (const failure of failed) say(`FALSE  ${failure}`);
  const seconds = ((systemClock.now() - startedAt) / 1000).toFixed(1);
  say(
    failed.length === 0
      ? `All ${rows.length} claims hold (${seconds} s)`
      : `${count(failed.length, "claim")} false (${seconds} s)`,
  );
  return failed.length === 0 ? 0 : 1;
}

async function playThreads(home: string, { interrupted, verbose }: Show): Promise<Played> {
  await using model = await ScriptedModel.start();
  await using http = await RecordingMcpServer.start({
    identityHeaders: ["x-user"],
    extraTools: [meetTool()],
  });
  const engine = openEngine({ baseUrl: model.baseUrl, apiKey: "sk-demo-not-a-key", home: { path: home } });
  await using manager = new McpManager({ publish: false, catalogFolder: false });
  const agent = await openAgent({
    baseUrl: model.baseUrl,
    apiKey: "sk-demo-not-a-key",
    model: "scripted",
    home,
    manager,
  });
  const close = (): void => void Promise.all([engine.close(), agent.close()]);
  interrupted.addEventListener("abort", close, { once: true });
  try {
    const all = stories({ engine, http, cwd: home, interrupted });
    say(introduction(all));
    if (verbose) say("");
    const played = await Promise.all(
      all.map(async (story) => {
        const from = systemClock.now();
        const thinks = story.engine === "responses" ? agent : engine;
        const thread = thinks.startThread({ mcpServers: story.servers, workingDirectory: home });
        const seen = await story.play(thread, turnOf(story, verbose));
        return { story, seen, ms: Math.round(systemClock.now() - from) };
      }),
    );
    interrupted.throwIfAborted();
    const processes = descendants(process.pid);
    const running = `${processes.length} processes while it ran: one Codex, and the stdio servers of the threads that are loaded`;
    const failures = played.flatMap(({ story, seen: { failure } }) =>
      failure === undefined ? [] : [`${story.name}: ${failure}`],
    );
    return {
      rows: played.map(({ story, seen, ms }) => rowOf(story, seen, ms)),
      failures: [...failures, ...foreignRequests(http)],
      processes,
      running,
    };
  } finally {
    await Promise.all([engine.close(), agent.close()]);
  }
}

function rowOf(
  { name, server, shows }: Story,
  { identity = "-", calls, overlap = "-" }: Seen,
  ms: number,
): string[] {
  return [name, server, identity, String(calls), overlap, `${ms} ms`, shows];
}

function turnOf({ name }: Story, verbose: boolean): PlayTurn {
  const label = name.padEnd(6);
  return async (thread, prompt, signal) => {
    const renderer = new TurnRenderer({ clock: systemClock, colour: false, width: 110 });
    const events: ThreadEvent[] = [];
    const { events: stream } = await thread.runStreamed(prompt, signal === undefined ? {} : { signal });
    if (verbose) signal?.addEventListener("abort", () => say(`${label} interrupting`), { once: true });
    for await (const event of stream) {
      events.push(event);
      if (!verbose) continue;
      // The notice that Codex brings its own bubblewrap is about the machine, not about the demo.
      if (event.type === "item.completed" && event.item.type === "error" && event.item.code === undefined)
        continue;
      for (const { text } of renderer.render(event)) say(`${label} ${text}`);
    }
    return events;
  };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
