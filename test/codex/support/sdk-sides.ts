/**
 * The two sides that a parity test compares: the real `@openai/codex-sdk` and ours, set up as alike as possible.
 *
 * Both run the same Codex binary with the same settings against the same model and the same MCP server; each has a
 * home of its own, and a bearer token of its own that marks its model requests.
 *
 * Invariants
 *   S1. A scenario gets a directory of its own on each side, so no other scenario sees what it writes.
 *   S2. What must differ between the sides (thread ids, directories, ids the model makes up) is numbered by first
 *       appearance in `normalise`; everything else stays unchanged.
 */
import { mkdtemp, mkdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as sdk from "@openai/codex-sdk";
import { Codex, type McpServers, Thread, type ThreadOptions, type TurnOptions } from "../../../src/index.ts";
import { findCodex } from "../../../src/codex/app-server/binary.ts";
import { pick, type RecordedModelRequest, type ScriptedModel } from "../../../src/testing/index.ts";

/** What a user of the SDK sees of a thread. Both sides are used through this. */
export type AnyThread = Pick<sdk.Thread, "id" | "run" | "runStreamed">;

export type SharedThreadOptions = sdk.ThreadOptions & {
  readonly mcpServers?: McpServers;
  /** Settings of the `Codex` object, in addition to those that both sides have. */
  readonly config?: NonNullable<sdk.CodexOptions["config"]>;
};

/** One side in one scenario. */
export interface Side {
  readonly name: "sdk" | "ours";
  /** Working directory of the scenario's threads. */
  readonly cwd: string;
  startThread(options?: SharedThreadOptions): AnyThread;
  /** The same thread by another `Codex` object than the one that started it. */
  resumeThread(thread: AnyThread, options?: SharedThreadOptions): Promise<AnyThread>;
  /** Any thread, by its id. */
  openThread(id: string, options?: SharedThreadOptions): AnyThread;
  /** The model requests of this side in this scenario, oldest first. */
  requests(): readonly RecordedModelRequest[];
}

/** Retries of a stream that fails, on both sides. */
const STREAM_RETRIES = 2;

type Config = NonNullable<sdk.CodexOptions["config"]>;

const PROVIDER = "switchyard";
const MODEL = "mock-model";

export class Sides implements AsyncDisposable {
  readonly #root: string;
  readonly #model: ScriptedModel;
  readonly #binary: string;
  readonly #ours: Codex;
  readonly #opened: Codex[] = [];

  private constructor(root: string, model: ScriptedModel) {
    this.#root = root;
    this.#model = model;
    this.#binary = findCodex(undefined, process.env).path;
    this.#ours = this.#createOurs();
  }

  static async create(model: ScriptedModel): Promise<Sides> {
    const root = await realpath(await mkdtemp(join(tmpdir(), "switchyard-parity-")));
    await mkdir(join(root, "sdk-home"));
    return new Sides(root, model);
  }

  /** The directory of everything below. */
  get root(): string {
    return this.#root;
  }

  /** Both sides of one scenario, with their directories. */
  async scenario(name: string): Promise<{ readonly sdk: Side; readonly ours: Side }> {
    const place = name.replaceAll(/[^a-z0-9]+/gi, "-");
    const cwd = { sdk: join(this.#root, "sdk", place), ours: join(this.#root, "ours", place) };
    await mkdir(cwd.sdk, { recursive: true });
    await mkdir(cwd.ours, { recursive: true });
    return { sdk: this.#sdkSide(cwd.sdk), ours: this.#oursSide(cwd.ours) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((codex) => codex.close()));
    await rm(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }

  #sdkSide(cwd: string): Side {
    const from = this.#model.received;
    const create = (given: SharedThreadOptions): [sdk.Codex, sdk.ThreadOptions] => {
      const { mcpServers, config, ...options } = given;
      const provider = {
        name: "Switchyard",
        base_url: this.#model.baseUrl,
        wire_api: "responses",
        supports_websockets: false,
        experimental_bearer_token: "sdk",
      };
      const codex = new sdk.Codex({
        codexPathOverride: this.#binary,
        env: { ...this.#env(), CODEX_HOME: join(this.#root, "sdk-home") },
        config: {
          ...this.#config(provider, config),
          model_provider: PROVIDER,
          // Ours tells Codex all of this by itself.
          features: {
            shell_snapshot: false,
            plugins: false,
            apps: false,
            unbounded_connection_retries: false,
          },
          mcp_optional_startup_grace_ms: 0,
          mcp_servers: withApproval(mcpServers),
        },
      });
      return [codex, { ...this.#common(cwd), skipGitRepoCheck: true, ...options }];
    };
    const openThread = (id: string, options: SharedThreadOptions = {}): AnyThread => {
      const [codex, threadOptions] = create(options);
      return codex.resumeThread(id, threadOptions);
    };
    return {
      name: "sdk",
      cwd,
      startThread: (options = {}) => {
        const [codex, threadOptions] = create(options);
        return codex.startThread(threadOptions);
      },
      openThread,
      resumeThread: (thread, options) => Promise.resolve(openThread(thread.id ?? "", options)),
      requests: () => this.#requests(from, "sdk"),
    };
  }

  #oursSide(cwd: string): Side {
    const from = this.#model.received;
    const create = ({ config, ...options }: SharedThreadOptions): [Codex, ThreadOptions] => {
      const codex = config === undefined ? this.#ours : this.#createOurs(config);
      return [codex, { ...this.#common(cwd), ...options }];
    };
    return {
      name: "ours",
      cwd,
      startThread: (options = {}) => {
        const [codex, threadOptions] = create(options);
        return codex.startThread(threadOptions);
      },
      openThread: (id, options = {}) => {
        const [codex, threadOptions] = create(options);
        return codex.resumeThread(id, threadOptions);
      },
      resumeThread: async (thread, options = {}) => {
        // A thread belongs to one process at a time; the SDK's ends with every turn.
        if (thread instanceof Thread) await thread.close();
        const [, threadOptions] = create(options);
        return this.#createOurs().resumeThread(thread.id ?? "", threadOptions);
      },
      requests: () => this.#requests(from, "ours"),
    };
  }

  #createOurs(config: SharedThreadOptions["config"] = {}): Codex {
    const codex = new Codex({
      codexPathOverride: this.#binary,
      env: { ...this.#env(), SWITCHYARD_HOME: join(this.#root, "ours-home") },
      baseUrl: this.#model.baseUrl,
      apiKey: "ours",
      config: this.#config({}, config),
    });
    this.#opened.push(codex);
    return codex;
  }

  #common(workingDirectory: string): ThreadOptions {
    return { model: MODEL, workingDirectory, sandboxMode: "danger-full-access", approvalPolicy: "never" };
  }

  #config(provider: Config, config: Config = {}): Config {
    return {
      ...config,
      model_providers: {
        [PROVIDER]: { ...provider, request_max_retries: 0, stream_max_retries: STREAM_RETRIES },
      },
      // Codex offers the plan only to models that it knows.
      tools: { update_plan: { enabled: true } },
    };
  }

  #env(): Record<string, string> {
    return { PATH: process.env.PATH ?? "", HOME: this.#root, RUST_BACKTRACE: "0" };
  }

  #requests(from: number, token: string): readonly RecordedModelRequest[] {
    return this.#model.requests.filter(
      ({ order, request }) => order >= from && request?.bearerToken === token,
    );
  }
}

/** As ours does when no question can be asked. */
function withApproval(servers: McpServers = {}): Config {
  const approved = Object.entries(servers).map(([name, server]) => [
    name,
    { default_tools_approval_mode: "approve", ...server },
  ]);
  // Without `readonly`, these are the values of Codex's configuration.
  return Object.fromEntries(approved) as Config;
}

/** What the user of one side sees. */
export interface Observation {
  /** Events of each turn. */
  readonly turns: unknown[][];
  /** What `run()` returned, per call. */
  readonly results: unknown[];
  /** What was thrown, per turn or call that threw. */
  readonly thrown: unknown[];
  /** Other facts that a scenario records, by name. */
  readonly facts: Record<string, unknown>;
}

/** Uses one side and records what its user sees. */
export class Recorder {
  readonly side: Side;
  readonly seen: Observation = { turns: [], results: [], thrown: [], facts: {} };

  constructor(side: Side) {
    this.side = side;
  }

  /** Runs a turn to its end. `onEvent` may leave the loop by returning `"leave"`. */
  async stream(
    thread: AnyThread,
    input: sdk.Input,
    options?: TurnOptions,
    onEvent: (event: sdk.ThreadEvent) => unknown = () => undefined,
  ): Promise<void> {
    const events: unknown[] = [];
    this.seen.turns.push(events);
    try {
      for await (const event of (await thread.runStreamed(input, options)).events) {
        events.push(event);
        if (onEvent(event) === "leave") break;
      }
    } catch (error) {
      this.seen.thrown.push(describeError(error));
    }
  }

  async run(thread: AnyThread, input: sdk.Input, options?: TurnOptions): Promise<void> {
    try {
      this.seen.results.push(await thread.run(input, options));
    } catch (error) {
      this.seen.thrown.push(describeError(error));
    }
  }

  note(name: string, fact: unknown): void {
    this.seen.facts[name] = fact;
  }

  /** The user's last message and the form of the answer, as the model got them. */
  lastAsked(): { readonly content: unknown; readonly format: unknown } {
    const body = this.side.requests().at(-1)?.body;
    const input = pick(body, "input") as readonly { readonly role?: string; readonly content?: unknown }[];
    return {
      content: input.findLast(({ role }) => role === "user")?.content,
      format: pick(body, "text", "format"),
    };
  }
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { thrown: error };
  const { name, message, cause } = error;
  const code = "code" in error ? { code: error.code } : {};
  return { name, message, ...code, ...(cause === undefined ? {} : { cause: describeError(cause) }) };
}

/** Ids that are made up anew on every run. */
const MADE_UP = /\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\bws_[0-9a-f]+_\d+_\d+\b/g;

/** See S2. Through JSON, because that is what a reader of events gets. */
export function normalise(side: Side, root: string, seen: Observation): Observation {
  const ids = new Map<string, string>();
  const text = JSON.stringify(seen)
    .replaceAll(side.cwd, "<cwd>")
    .replaceAll(root, "<root>")
    .replaceAll(MADE_UP, (id) => {
      const known = ids.get(id) ?? `<id ${ids.size + 1}>`;
      ids.set(id, known);
      return known;
    });
  return JSON.parse(text) as Observation;
}

/** A value, or an expression that its JSON must match. */
export type Match = RegExp | string | number | boolean | object | null;

/**
 * A difference with a reason, which docs/sdk-differences.md explains under the title `why`.
 *
 * - `adds`, `lacks`: events that only ours, only the SDK yields; they are removed before the rest is compared
 * - `at`: a place where the two differ; a side without a value there is omitted
 */
export type Expected = { readonly why: string } & (
  | { readonly adds: readonly Match[] }
  | { readonly lacks: readonly Match[] }
  | { readonly at: string; readonly sdk?: Match; readonly ours?: Match }
);

/**
 * Compares what two sides did.
 *
 * @returns a line for every difference that is not expected, and for every expected one that is not there
 */
export function compare(theirs: Observation, ours: Observation, expected: readonly Expected[]): string[] {
  const wrong: string[] = [];
  const [left, right] = [structuredClone(theirs), structuredClone(ours)];
  const take = (from: Observation, whose: string, matches: readonly Match[]): void => {
    for (const match of matches) {
      if (!takeOut(from.turns, match)) wrong.push(`${whose} no longer yields ${show(match)}`);
    }
  };
  for (const each of expected) {
    if ("adds" in each) take(right, "ours", each.adds);
    if ("lacks" in each) take(left, "the SDK", each.lacks);
  }
  const places = expected.filter((each) => "at" in each);
  const found = differences(left, right);
  for (const place of places) {
    const difference = found.find(({ at }) => at === place.at);
    if (difference === undefined) wrong.push(`they no longer differ at ${place.at}`);
    else if (!matches(difference, "sdk", place) || !matches(difference, "ours", place)) {
      wrong.push(`they differ otherwise at ${place.at}: ${show(difference)}`);
    }
  }
  const explained = new Set(places.map(({ at }) => at));
  for (const difference of found) {
    if (!explained.has(difference.at)) wrong.push(`they differ at ${difference.at}: ${show(difference)}`);
  }
  return wrong;
}

/** One place where two observations differ. A side may have no value there. */
interface Difference {
  readonly at: string;
  readonly sdk?: unknown;
  readonly ours?: unknown;
}

/** Every innermost place where the two differ. Lists are compared by position. */
function differences(theirs: unknown, ours: unknown, at = ""): Difference[] {
  if (Object.is(theirs, ours)) return [];
  if (!isContainer(theirs) || !isContainer(ours) || Array.isArray(theirs) !== Array.isArray(ours)) {
    const sides = {
      ...(theirs === undefined ? {} : { sdk: theirs }),
      ...(ours === undefined ? {} : { ours }),
    };
    return [{ at, ...sides }];
  }
  const keys = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
  return [...keys].flatMap((key) => differences(theirs[key], ours[key], at === "" ? key : `${at}.${key}`));
}

function matches(
  found: Difference,
  side: "sdk" | "ours",
  place: Partial<Record<typeof side, Match>>,
): boolean {
  if (!(side in found) || !(side in place)) return side in found === side in place;
  return isMatch(found[side], place[side]);
}

function isMatch(value: unknown, match: Match | undefined): boolean {
  return match instanceof RegExp ? match.test(JSON.stringify(value)) : isDeepStrictEqual(value, match);
}

/** Takes the first event that matches out of its turn; later items move up by the number it had used. */
function takeOut(turns: unknown[][], match: Match): boolean {
  for (const [index, events] of turns.entries()) {
    const at = events.findIndex((event) => isMatch(event, match));
    if (at === -1) continue;
    const spent = /^item_(\d+)$/.exec(String(pick(events.splice(at, 1)[0], "item", "id")))?.[1];
    const still = events.some((event) => pick(event, "item", "id") === `item_${spent}`);
    if (spent === undefined || still) return true;
    const text = JSON.stringify(events).replaceAll(/"item_(\d+)"/g, (id, number: string) =>
      Number(number) > Number(spent) ? `"item_${Number(number) - 1}"` : id,
    );
    turns[index] = JSON.parse(text) as unknown[];
    return true;
  }
  return false;
}

/** Puts items that were started one right after the other in the order of their arguments. */
export function orderStarts(seen: Observation): Observation {
  const argumentsOf = (event: unknown): string => JSON.stringify(pick(event, "item", "arguments"));
  const turns = seen.turns.map((events) => {
    const starts = events.filter((event) => pick(event, "type") === "item.started");
    const sorted = starts.toSorted((a, b) => (argumentsOf(a) < argumentsOf(b) ? -1 : 1));
    const ids = new Map(
      starts.map((start, n) => [String(pick(sorted[n], "item", "id")), String(pick(start, "item", "id"))]),
    );
    const queue = [...sorted];
    const ordered = events.map((event) => (pick(event, "type") === "item.started" ? queue.shift() : event));
    const text = JSON.stringify(ordered).replaceAll(/"(item_\d+)"/g, (whole, id: string) =>
      ids.has(id) ? `"${ids.get(id)}"` : whole,
    );
    return JSON.parse(text) as unknown[];
  });
  return { ...seen, turns };
}

function show(value: unknown): string {
  const text = value instanceof RegExp ? String(value) : JSON.stringify(value);
  return text.length > 1_000 ? `${text.slice(0, 1_000)}…` : text;
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
