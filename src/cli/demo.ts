/**
 * `switchyard demo`: the main job on any machine, without a key and without the internet.
 *
 * The model is scripted. Everything else is real: Codex, the MCP servers over HTTP and stdio (one of them published on
 * npm by somebody else), the processes and the sockets. Every line of the result is checked; a false one fails the
 * demo.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import {
  Codex,
  type McpServerInput,
  type McpToolCallItem,
  type Thread,
  type ThreadEvent,
} from "../codex/index.ts";
import {
  descendants,
  maxOverlap,
  promptOf,
  RecordingMcpServer,
  ScriptedModel,
  stdioServer,
  waitUntilGone,
} from "../testing/index.ts";
import { resultText, TurnRenderer } from "./render.ts";
import { table } from "./table.ts";

/** One thread of the demo: what it is given, what it does, and what must be true afterwards. */
interface Story {
  readonly name: string;
  readonly server: string;
  readonly shows: string;
  readonly servers: Readonly<Record<string, McpServerInput>>;
  readonly play: (thread: Thread, tell: Teller) => Promise<Seen>;
}

/** What came of a story. `failed` names a claim that turned out false. */
interface Seen {
  readonly identity: string;
  readonly calls: number;
  readonly overlap: string;
  readonly failed: readonly string[];
}

/** Runs a turn and shows its events under the name of the story. */
type Teller = (thread: Thread, prompt: string, signal?: AbortSignal) => Promise<ThreadEvent[]>;

/** @returns the exit code */
export async function demo(): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), "switchyard-demo-"));
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  try {
    return await playAll(home, interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.stderr.write("interrupted\n");
    return 130;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    rmSync(home, { recursive: true, force: true });
  }
}

async function playAll(home: string, interrupted: AbortSignal): Promise<number> {
  const clock = systemClock;
  const startedAt = clock.now();
  const rows: string[][] = [];
  const failed: string[] = [];
  let processes: number[] = [];
  {
    await using model = await ScriptedModel.start();
    await using http = await RecordingMcpServer.start({ identityHeaders: ["x-user"] });
    await using codex = new Codex({
      baseUrl: model.baseUrl,
      apiKey: "sk-demo-not-a-key",
      home: { path: home },
    });
    const all = stories(codex, http, home, interrupted);
    say(`${all.length} threads, one Codex process, a scripted model; everything else is real\n`);
    const onInterrupt = (): void => void codex.close();
    interrupted.addEventListener("abort", onInterrupt, { once: true });
    await Promise.all(
      all.map(async (story) => {
        const from = clock.now();
        const thread = codex.startThread({ mcpServers: story.servers, workingDirectory: home });
        const seen = await story.play(thread, teller(story.name));
        const time = `${Math.round(clock.now() - from)} ms`;
        rows.push([
          story.name,
          story.server,
          seen.identity,
          String(seen.calls),
          seen.overlap,
          time,
          story.shows,
        ]);
        failed.push(...seen.failed.map((claim) => `${story.name}: ${claim}`));
      }),
    );
    interrupted.throwIfAborted();
    failed.push(...strangers(http));
    processes = descendants(process.pid);
    say(
      `\n${processes.length} processes while it ran: 1 Codex and the stdio servers of the threads that are loaded`,
    );
  }
  const left = await waitUntilGone(processes, { timeoutMs: 10_000 });
  rows.sort((a, b) => String(a[0]).localeCompare(String(b[0])));
  say(`\n${table(["thread", "server", "identity it saw", "calls", "overlap", "time", "shows"], rows)}`);
  if (left.length > 0) failed.push(`${left.length} processes are left: ${left.join(", ")}`);
  say(`\nprocesses left: ${left.length}`);
  for (const claim of failed) say(`NOT TRUE  ${claim}`);
  const seconds = ((clock.now() - startedAt) / 1000).toFixed(1);
  say(
    failed.length === 0
      ? `all of it is true (${rows.length} threads, ${seconds} s)`
      : `${failed.length} claims are not true`,
  );
  return failed.length === 0 ? 0 : 1;
}

function stories(codex: Codex, http: RecordingMcpServer, cwd: string, signal: AbortSignal): Story[] {
  const httpFor = (user: string, more: Partial<McpServerInput> = {}): McpServerInput => ({
    url: `${http.origin}/${user}`,
    headers: { Authorization: `Bearer token-of-${user}`, "X-User": user },
    ...more,
  });
  const whoami = promptOf({ call: { server: "desk", tool: "whoami" } }, { say: "done" });
  const twoSleeps = promptOf(
    [
      { call: { server: "desk", tool: "sleep", arguments: { ms: 400 } } },
      { call: { server: "desk", tool: "sleep", arguments: { ms: 400 } } },
    ],
    { say: "done" },
  );
  const callsOf = (user: string): RecordingMcpServer["calls"] =>
    http.calls.filter((call) => call.path === `/${user}`);

  const identified = (user: string): Story => ({
    name: user,
    server: "HTTP",
    shows: "its own credentials",
    servers: { desk: httpFor(user) },
    play: async (thread, tell) => {
      const said = answerOf(await tell(thread, whoami));
      const failed = said.includes(`token-of-${user}`) ? [] : [`the server saw ${said}`];
      return { identity: identityIn(said), calls: callsOf(user).length, overlap: "-", failed };
    },
  });

  const overlapping = (user: string, parallel: boolean): Story => ({
    name: user,
    server: "HTTP",
    shows: parallel ? "two calls at once: the server allows it" : "one call after the other: the default",
    servers: { desk: httpFor(user, { supports_parallel_tool_calls: parallel }) },
    play: async (thread, tell) => {
      await tell(thread, twoSleeps);
      const calls = callsOf(user);
      const overlap = maxOverlap(calls);
      const wanted = parallel ? 2 : 1;
      const failed =
        overlap === wanted && calls.length === 2 ? [] : [`${calls.length} calls, ${overlap} at once`];
      return { identity: user, calls: calls.length, overlap: `${overlap} at once`, failed };
    },
  });

  return [
    identified("alice"),
    identified("bob"),
    overlapping("carol", true),
    overlapping("dave", false),
    {
      name: "erin",
      server: "stdio",
      shows: "a process of its own, its own environment",
      servers: { desk: stdioServer({ whoamiEnv: ["DEMO_USER"] }, { DEMO_USER: "erin" }) },
      play: async (thread, tell) => {
        const said = answerOf(await tell(thread, whoami));
        const failed = said.includes('"erin"') ? [] : [`the server saw ${said}`];
        return { identity: identityIn(said), calls: 1, overlap: "-", failed };
      },
    },
    {
      name: "frank",
      server: "stdio, from npm",
      shows: "@modelcontextprotocol/server-everything",
      servers: { everything: publishedServer() },
      play: async (thread, tell) => {
        const prompt = promptOf(
          { call: { server: "everything", tool: "echo", arguments: { message: "hello" } } },
          { say: "done" },
        );
        const said = answerOf(await tell(thread, prompt));
        return {
          identity: "-",
          calls: 1,
          overlap: "-",
          failed: said.includes("hello") ? [] : [`it answered ${said}`],
        };
      },
    },
    {
      name: "grace",
      server: "HTTP",
      shows: "closed, then resumed with other credentials",
      servers: { desk: httpFor("grace") },
      play: async (thread, tell) => {
        const before = answerOf(await tell(thread, whoami));
        await thread.close();
        const again = codex.resumeThread(thread.id as string, {
          workingDirectory: cwd,
          mcpServers: {
            desk: httpFor("grace", {
              headers: { Authorization: "Bearer second-token", "X-User": "grace-2" },
            }),
          },
        });
        const after = answerOf(await tell(again, whoami));
        const failed =
          before.includes("token-of-grace") && after.includes("second-token") && again.id === thread.id
            ? []
            : [`the server saw ${before}, then ${after}`];
        return { identity: `${identityIn(before)}, ${identityIn(after)}`, calls: 2, overlap: "-", failed };
      },
    },
    {
      name: "heidi",
      server: "HTTP",
      shows: "interrupted; the call is cancelled at the server",
      servers: { desk: httpFor("heidi") },
      play: async (thread, tell) => {
        const prompt = promptOf({ call: { server: "desk", tool: "sleep", arguments: { ms: 60_000 } } });
        const abort = new AbortController();
        const turn = tell(thread, prompt, abort.signal).then(
          () => "it went on",
          (error: unknown) => (error as Error).name,
        );
        // Whatever goes wrong ends the turn, and then there is nothing more to wait for.
        await Promise.race([http.waitFor(() => callsOf("heidi").length > 0, { signal }), turn]);
        abort.abort();
        const ended = await turn;
        if (callsOf("heidi").length > 0) {
          await http.waitFor(() => callsOf("heidi")[0]?.outcome !== undefined, { signal });
        }
        const outcome = callsOf("heidi")[0]?.outcome;
        const failed = ended === "AbortError" && outcome === "cancelled" ? [] : [`${ended}, call ${outcome}`];
        return { identity: "heidi", calls: 1, overlap: "-", failed };
      },
    },
    {
      name: "ivan",
      server: "stdio, broken",
      shows: "a server that does not start is reported by name",
      servers: { desk: stdioServer({ exitAtStart: { code: 3 } }) },
      play: async (thread, tell) => {
        const events = await tell(thread, promptOf({ say: "I go on without it" }));
        const reported = events.some(
          (event) =>
            event.type === "item.completed" && event.item.type === "error" && event.item.server === "desk",
        );
        const completed = events.some((event) => event.type === "turn.completed");
        return {
          identity: "-",
          calls: 0,
          overlap: "-",
          failed: reported && completed ? [] : ["it was not reported"],
        };
      },
    },
  ];
}

/** Every request of every thread must have carried that thread's credentials, and only those. */
function strangers(http: RecordingMcpServer): string[] {
  const allowed: Record<string, string[]> = { "/grace": ["Bearer token-of-grace", "Bearer second-token"] };
  return http.requests.flatMap(({ path, headers }) => {
    const expected = allowed[path] ?? [`Bearer token-of-${path.slice(1)}`];
    const { authorization } = headers;
    return expected.includes(String(authorization))
      ? []
      : [`${path} was asked with ${String(authorization)}`];
  });
}

function teller(name: string): Teller {
  return async (thread, prompt, signal) => {
    const renderer = new TurnRenderer({ clock: systemClock, colour: false, width: 110 });
    const events: ThreadEvent[] = [];
    const { events: stream } = await thread.runStreamed(prompt, signal === undefined ? {} : { signal });
    signal?.addEventListener("abort", () => say(`${name.padEnd(6)} interrupting`), { once: true });
    for await (const event of stream) {
      events.push(event);
      // The notice that Codex brings its own bubblewrap is about the machine, not about the demo.
      if (event.type === "item.completed" && event.item.type === "error" && event.item.code === undefined)
        continue;
      for (const { text } of renderer.render(event)) say(`${name.padEnd(6)} ${text}`);
    }
    return events;
  };
}

function answerOf(events: readonly ThreadEvent[]): string {
  const calls = events.flatMap((event): McpToolCallItem[] =>
    event.type === "item.completed" && event.item.type === "mcp_tool_call" ? [event.item] : [],
  );
  return calls.map(resultText).join(" ");
}

function identityIn(answer: string): string {
  return /"(?:x-user|DEMO_USER)":\s*"([^"]+)"/.exec(answer)?.[1] ?? "-";
}

/** A server that somebody else wrote: from node_modules where it is installed, else through npx. */
function publishedServer(): McpServerInput {
  const name = "@modelcontextprotocol/server-everything";
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return { command: process.execPath, args: [join(manifest, "..", "dist", "index.js"), "stdio"] };
  } catch {
    return { command: "npx", args: ["-y", name, "stdio"], startup_timeout_sec: 120 };
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
