/** The threads of the demo: what each is given, what it does, and what must be true afterwards. */
import type { McpHttpServerInput, McpServerInput } from "../../servers/written.ts";
import {
  maxOverlap,
  promptOf,
  type RecordingMcpServer,
  stdioServer,
  type TestTool,
} from "../../testing/index.ts";
import type { Engine, EngineThread } from "../../thread/engine.ts";
import type { McpToolCallItem, ThreadEvent } from "../../thread/events.ts";
import { resultText } from "../turn-renderer.ts";

/** One thread. */
export interface Story {
  readonly name: string;
  readonly server: string;
  /** What it shows, in a few words. */
  readonly shows: string;
  readonly servers: Readonly<Record<string, McpServerInput>>;
  /** What thinks. @default Codex */
  readonly engine?: "responses";
  readonly play: (thread: EngineThread, turn: PlayTurn) => Promise<Seen>;
}

/** Runs a turn, and shows its events under the name of the story. */
export type PlayTurn = (
  thread: EngineThread,
  prompt: string,
  signal?: AbortSignal,
) => Promise<readonly ThreadEvent[]>;

/** What came of a story. */
export interface Seen {
  readonly identity?: string;
  readonly calls: number;
  readonly overlap?: string;
  /** Why its claim does not hold; `undefined` when it holds. */
  readonly failure: string | undefined;
}

interface Stage {
  readonly engine: Engine;
  readonly http: RecordingMcpServer;
  /** The working directory of the threads. */
  readonly cwd: string;
  readonly interrupted: AbortSignal;
}

/** A call of `meet` that stays alone ends after this time, and its claim does not hold. */
const MEETING_TIMEOUT_S = 30;

const whoami = promptOf({ call: { server: "desk", tool: "whoami" } }, { say: "done" });

/** A tool whose calls return only once two of the same user are in it: they prove their overlap. */
export function meetTool(): TestTool {
  const waiting = new Map<string, () => void>();
  return {
    name: "meet",
    description: "Returns when a second call of the same user has arrived",
    run: async (_args, { headers, signal }) => {
      const user = headers["x-user"] ?? "";
      const other = waiting.get(user);
      if (other !== undefined) {
        waiting.delete(user);
        other();
        return "met";
      }
      await new Promise<void>((resolve) => {
        waiting.set(user, resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      return "met";
    },
  };
}

export function stories({ engine, http, cwd, interrupted }: Stage): readonly Story[] {
  const httpFor = (user: string, more: Partial<McpHttpServerInput> = {}): McpServerInput => ({
    url: `${http.origin}/${user}`,
    headers: { Authorization: `Bearer token-of-${user}`, "X-User": user },
    ...more,
  });
  const callsOf = (user: string): RecordingMcpServer["calls"] =>
    http.calls.filter((call) => call.path === `/${user}`);
  const twice = (tool: string, args: object): string =>
    promptOf(
      [
        { call: { server: "desk", tool, arguments: { ...args } } },
        { call: { server: "desk", tool, arguments: { ...args } } },
      ],
      { say: "done" },
    );

  const identified = (user: string): Story => ({
    name: user,
    server: "HTTP",
    shows: "its own credentials",
    servers: { desk: httpFor(user) },
    play: async (thread, turn) => {
      const answer = answerOf(await turn(thread, whoami));
      return {
        identity: identityIn(answer),
        calls: callsOf(user).length,
        failure: answer.includes(`token-of-${user}`) ? undefined : `the server saw ${answer}`,
      };
    },
  });

  const two = (user: string, wanted: 1 | 2, prompt: string, shows: string, more: object): Story => ({
    name: user,
    server: "HTTP",
    shows,
    servers: { desk: httpFor(user, more) },
    play: async (thread, turn) => {
      await turn(thread, prompt);
      const calls = callsOf(user);
      const overlap = maxOverlap(calls);
      const holds =
        overlap === wanted && calls.length === 2 && calls.every(({ outcome }) => outcome === "completed");
      return {
        identity: user,
        calls: calls.length,
        overlap: `${overlap} at once`,
        failure: holds ? undefined : `${calls.length} calls, ${overlap} at once`,
      };
    },
  });

  return [
    identified("alice"),
    identified("bob"),
    two("carol", 2, twice("meet", {}), "two calls at once: the server allows it", {
      supports_parallel_tool_calls: true,
      tool_timeout_sec: MEETING_TIMEOUT_S,
    }),
    // Long enough that two calls at once would be seen.
    two("dave", 1, twice("sleep", { ms: 400 }), "one call after the other: the default", {}),
    {
      name: "erin",
      server: "stdio",
      shows: "a process of its own, its own environment",
      servers: { desk: stdioServer({ whoamiEnv: ["DEMO_USER"] }, { DEMO_USER: "erin" }) },
      play: async (thread, turn) => {
        const answer = answerOf(await turn(thread, whoami));
        const failure = answer.includes('"erin"') ? undefined : `the server saw ${answer}`;
        return { identity: identityIn(answer), calls: 1, failure };
      },
    },
    {
      name: "frank",
      server: "stdio",
      shows: "two turns, one process of its own",
      servers: { desk: stdioServer({ whoamiEnv: ["DEMO_USER"] }, { DEMO_USER: "frank" }) },
      play: async (thread, turn) => {
        const answers = [answerOf(await turn(thread, whoami)), answerOf(await turn(thread, whoami))];
        const [first, second] = answers.map((answer) => /"pid":\s*(\d+)/.exec(answer)?.[1]);
        const holds =
          first !== undefined && first === second && answers.every((each) => each.includes('"frank"'));
        return {
          identity: identityIn(answers[0] ?? ""),
          calls: 2,
          failure: holds ? undefined : `the server saw ${answers.join(", then ")}`,
        };
      },
    },
    {
      name: "grace",
      server: "HTTP",
      shows: "closed, then resumed with other credentials",
      servers: { desk: httpFor("grace") },
      play: async (thread, turn) => {
        const first = await turn(thread, whoami);
        await thread.close();
        const id = threadIdIn(first) ?? "";
        const headers = { Authorization: "Bearer second-token", "X-User": "grace-2" };
        const mcpServers = { desk: httpFor("grace", { headers }) };
        const second = await turn(engine.resumeThread(id, { workingDirectory: cwd, mcpServers }), whoami);
        const [before, after] = [answerOf(first), answerOf(second)];
        const holds =
          before.includes("token-of-grace") && after.includes("second-token") && threadIdIn(second) === id;
        return {
          identity: `${identityIn(before)}, ${identityIn(after)}`,
          calls: 2,
          failure: holds ? undefined : `the server saw ${before}, then ${after}`,
        };
      },
    },
    {
      name: "heidi",
      server: "HTTP",
      shows: "interrupted; the call is cancelled at the server",
      servers: { desk: httpFor("heidi") },
      play: async (thread, turn) => {
        const prompt = promptOf({ call: { server: "desk", tool: "sleep", arguments: { ms: 60_000 } } });
        const abort = new AbortController();
        const ended = turn(thread, prompt, abort.signal).then(
          () => "the turn was not interrupted",
          (error: unknown) => (error as Error).name,
        );
        // Whatever goes wrong ends the turn; then there is nothing more to wait for.
        const wait = { signal: interrupted };
        await Promise.race([http.waitFor(() => callsOf("heidi").length > 0, wait), ended]);
        abort.abort();
        const how = await ended;
        if (callsOf("heidi").length > 0) {
          await http.waitFor(() => callsOf("heidi")[0]?.outcome !== undefined, wait);
        }
        const outcome = callsOf("heidi")[0]?.outcome;
        const holds = how === "AbortError" && outcome === "cancelled";
        return { identity: "heidi", calls: 1, failure: holds ? undefined : `${how}, call ${outcome}` };
      },
    },
    {
      name: "ivan",
      server: "stdio, broken",
      shows: "a server that does not start is reported by name",
      servers: { desk: stdioServer({ exitAtStart: { code: 3 } }) },
      play: async (thread, turn) => {
        const events = await turn(thread, promptOf({ say: "I continue without it" }));
        const isReported = events.some(
          (event) =>
            event.type === "item.completed" && event.item.type === "error" && event.item.server === "desk",
        );
        const isComplete = events.some((event) => event.type === "turn.completed");
        return { calls: 0, failure: isReported && isComplete ? undefined : "it was not reported" };
      },
    },
    { ...identified("judy"), shows: "without Codex: Switchyard's own loop", engine: "responses" },
  ];
}

/** Requests of a thread that did not carry its own credentials, or carried another's. */
export function foreignRequests(http: RecordingMcpServer): readonly string[] {
  const allowed: Record<string, string[]> = { "/grace": ["Bearer token-of-grace", "Bearer second-token"] };
  return http.requests.flatMap(({ path, headers }) => {
    const expected = allowed[path] ?? [`Bearer token-of-${path.slice(1)}`];
    const { authorization } = headers;
    if (expected.includes(String(authorization))) return [];
    return [`A request to ${path} carried ${String(authorization)}`];
  });
}

function threadIdIn(events: readonly ThreadEvent[]): string | undefined {
  return events.find((event) => event.type === "thread.started")?.thread_id;
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
