/**
 * A recorded conversation, had again with our server.
 *
 *   recorded row ──> what we say, translated: files, ports, sessions, PATH, numbers of events
 *   before it    ──> everything that the recorder had heard by then has been heard here too, and its pauses are kept
 *
 * A recording may be a part of a longer one. What it takes for granted is made up for (`made-up.ts`).
 *
 * Invariants
 *   R1. A client says the same in the same order, on the same connections.
 *   R2. Where the recorder waited for something, we wait for it; where that does not come, we go on after a while, and
 *       the comparison shows it.
 *   R3. Pauses of minutes are skipped on the clock of the server.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { serveStdio } from "../../../src/executor/index.ts";
import { isAlive } from "../../../src/testing/index.ts";
import { SkippingClock } from "./clock.ts";
import type { Difference } from "./differences.ts";
import { Expectations } from "./expectations.ts";
import { MADE_UP, MadeUp } from "./made-up.ts";
import { ProcessTable } from "./processes.ts";
import { membersOf, type Recording, type Row, STDIO, textOf } from "./rows.ts";
import { Script } from "./script.ts";
import { accessOf, provocationOf, type Server, serve } from "./servers.ts";
import { summarise } from "./summaries.ts";
import { Tape } from "./tape.ts";
import { Translation } from "./translation.ts";
import type { World } from "./world.ts";

/** The folder of the recorder's files, as its processes named it. */
export const RECORDED_SCRATCH = "/tmp/research-exec";

/** Shorter pauses are the recorder's own slowness. */
const PAUSE_MS_MIN = 15;
/** Longer ones are waited for on the server's clock. */
const PAUSE_MS_MAX = 10_000;
/** How long we wait for what the recorder had heard. */
const PATIENCE_MS = 4_000;
const SKIP_STEP_MS = 1_000;

export interface Replay {
  readonly rows: readonly Row[];
  /** What is no matter of messages. */
  readonly differences: readonly Difference[];
}

export interface ReplayOptions {
  /** Pauses of the recorder that are longer are skipped on the server's clock. @default 10 000 */
  readonly pauseMsMax?: number;
  /** Processes that somebody killed, and no client had asked for it. They say their number. */
  readonly killed?: readonly { readonly case: RegExp; readonly process: string }[];
}

export async function replay(
  recording: Recording,
  world: World,
  options: ReplayOptions = {},
): Promise<Replay> {
  await using conversation = new Conversation(recording, world, options);
  return await conversation.run();
}

class Conversation implements AsyncDisposable {
  readonly #options: ReplayOptions;
  readonly #script: Script;
  readonly #world: World;
  readonly #clock = new SkippingClock();
  readonly #tape = new Tape(() => this.#clock.now());
  readonly #servers = new Map<string, Server>();
  /** What the recorder knows of processes by now, and what we know. */
  readonly #recorded = new ProcessTable();
  readonly #observed = new ProcessTable();
  readonly #translation: Translation;
  readonly #expectations: Expectations;
  readonly #madeUp: MadeUp;
  readonly #unreadable = new Map<string, number>();
  readonly #differences: Difference[] = [];
  /** When connections opened and closed, on the server's clock. */
  readonly #times = new Map<string, number>();

  constructor(recording: Recording, world: World, options: ReplayOptions) {
    this.#options = options;
    this.#script = new Script(recording);
    this.#world = world;
    this.#translation = new Translation(world, this.#script, this.#observed);
    this.#expectations = new Expectations({
      tape: this.#tape,
      script: this.#script,
      there: { scratch: RECORDED_SCRATCH },
      here: world,
      observed: this.#observed,
      patienceMs: PATIENCE_MS,
    });
    this.#madeUp = new MadeUp({
      tape: this.#tape,
      script: this.#script,
      translation: this.#translation,
      expectations: this.#expectations,
      recorded: this.#recorded,
      observed: this.#observed,
      serverOf: (row) => this.#serverOf(row),
    });
  }

  async run(): Promise<Replay> {
    const { rows } = this.#script;
    for (const [at, row] of rows.entries()) {
      await this.#pause(rows[at - 1], row);
      this.#tape.case = row.case;
      await this.#play(row);
      this.#recorded.add(row);
    }
    await this.#expectations.settle();
    const heard = this.#tape.rows.filter((row) => row.case !== MADE_UP);
    return { rows: this.#translation.back(heard), differences: this.#differences };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tape[Symbol.dispose]();
    for (const server of this.#servers.values()) await server[Symbol.asyncDispose]();
  }

  async #play(row: Row): Promise<void> {
    if (row.dir === "server->client") return await this.#hear(row);
    await this.#expectations.settle();
    if (row.dir === "event") return await this.#meet(row);
    await this.#ensureOpen(row);
    if (row.dir === "client->server") return await this.#say(row);
    this.#tape.raw(row.conn, textOf(row.msg), { binary: /binary/.test(row.case) });
  }

  async #say(row: Row): Promise<void> {
    const msg = membersOf(row.msg);
    const { id, method } = msg;
    const { resumeSessionId } = membersOf(msg["params"]);
    if (method === "initialize" && typeof resumeSessionId === "string") {
      await this.#madeUp.session(row, resumeSessionId);
    }
    if (textOf(method).startsWith("process/")) await this.#madeUp.process(row);
    this.#expectations.onRequest(row);
    this.#tape.send(row.conn, this.#translation.message(row));
    if (method === "initialize") this.#learnSession(row, id);
  }

  /** The session that is given here is the one that was given there. */
  #learnSession(row: Row, id: unknown): void {
    const { sessionId } = membersOf(this.#script.answerTo(row)["result"]);
    if (typeof sessionId !== "string" || this.#translation.knowsSession(sessionId)) return;
    this.#expectations.expect(() => {
      const answer = membersOf(this.#tape.answered(row.conn, id));
      const own = textOf(membersOf(answer["result"])["sessionId"]);
      if (own !== "") this.#translation.setSession(sessionId, own);
      return own !== "" || answer["error"] !== undefined;
    });
  }

  async #hear(row: Row): Promise<void> {
    const { id } = membersOf(row.msg);
    if (id === -1) this.#hearRefusal(row);
    await this.#kill(row);
    this.#expectations.expectRow(row);
  }

  /** What the recorder said to get such an answer is not in every recording. */
  #hearRefusal(row: Row): void {
    const count = (this.#unreadable.get(row.conn) ?? 0) + 1;
    this.#unreadable.set(row.conn, count);
    const said = this.#script.before(row).filter(({ dir }) => dir === "client->server(raw)").length;
    if (count > said) this.#tape.raw(row.conn, "{not json");
  }

  /** Does what somebody did to a process from outside, where the recorder heard of its end. */
  async #kill({ case: situation, conn, msg }: Row): Promise<void> {
    const { method, params } = membersOf(msg);
    const { processId } = membersOf(params);
    const isKilled = this.#options.killed?.some(
      (each) => each.case.test(situation) && each.process === processId,
    );
    if (method !== "process/exited" || isKilled !== true) return;
    await this.#expectations.settle();
    const pid = Number(/pid (\d+)/.exec(this.#observed.get(conn, processId)?.text("stderr") ?? "")?.[1]);
    if (pid > 1) process.kill(pid, "SIGKILL");
  }

  async #pause(before: Row | undefined, row: Row): Promise<void> {
    const pauseMs = row.t - (before?.t ?? row.t);
    if (row.dir === "server->client" || pauseMs < PAUSE_MS_MIN || expiryMsOf(row) !== undefined) return;
    if (before?.case !== row.case || pauseMs > (this.#options.pauseMsMax ?? PAUSE_MS_MAX)) {
      return await this.#skip(pauseMs);
    }
    await this.#expectations.settle();
    await sleep(pauseMs);
  }

  /** Moves the server's time on, so slowly that pings are answered. */
  async #skip(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= SKIP_STEP_MS) {
      this.#clock.skip(Math.min(left, SKIP_STEP_MS));
      // What has become due fires, and is heard of.
      await sleep(2);
      await this.#tape.ping();
    }
  }

  async #meet(row: Row): Promise<void> {
    const { event, status, body } = membersOf(row.msg);
    if (event === "ws-close") return await this.#meetClose(row);
    if (event !== "ws-open" && event !== "upgrade-refused") return await this.#meetSummary(row);
    const server = await this.#serverOf(row);
    const options = event === "ws-open" ? server.pass() : provocationOf(status, textOf(body));
    await this.#tape.open(row.conn, server.url, await options);
    this.#times.set(`${row.conn} open`, this.#clock.now());
  }

  async #meetClose(row: Row): Promise<void> {
    const { conn } = row;
    await this.#ensureOpen(row);
    if (isServersEnd(row)) await (await this.#serverOf(row))[Symbol.asyncDispose]();
    else if (/clean close/.test(row.case)) this.#tape.close(conn, 1000);
    else if (!this.#script.isAfterFault(row)) this.#tape.drop(conn);
    await this.#tape.until(() => !this.#tape.isOpen(conn), PATIENCE_MS);
    this.#times.set(`${conn} closed`, this.#clock.now());
    this.#madeUp.onClosed(conn);
  }

  async #meetSummary(row: Row): Promise<void> {
    const expiryMs = expiryMsOf(row);
    if (expiryMs !== undefined) return await this.#meetExpiry(row, expiryMs);
    const summary = await summarise(row, this.#tape, (conn) => this.#times.get(`${conn} open`) ?? 0);
    if (summary !== undefined) this.#note(row, "summary", summary.recorded, summary.observed);
  }

  /** A session that nobody came back to ends with its processes. */
  async #meetExpiry(row: Row, afterMs: number): Promise<void> {
    const [conn, pid] = this.#leftBehind() ?? ["", 0];
    const closedAt = this.#times.get(`${conn} closed`) ?? 0;
    await this.#skip(closedAt + afterMs - 2_000 - this.#clock.now());
    const isAliveBefore = isAlive(pid);
    await this.#skip(4_000);
    const isGone = await this.#tape.until(() => !isAlive(pid), PATIENCE_MS);
    this.#note(row, "expiry", { isAliveBefore: true, isGone: true }, { isAliveBefore, isGone });
  }

  /** The first connection that was dropped, and the number of a process on it that said its number. */
  #leftBehind(): readonly [conn: string, pid: number] | undefined {
    for (const { conn, msg } of this.#tape.rows) {
      const { method, params } = membersOf(msg);
      if (method !== "process/output" || !this.#times.has(`${conn} closed`)) continue;
      const pid = Number(Buffer.from(textOf(membersOf(params)["chunk"]), "base64").toString());
      if (pid > 1) return [conn, pid];
    }
    return undefined;
  }

  #note(row: Row, what: string, recorded: unknown, observed: unknown): void {
    const fact = { case: row.case, kind: "event", value: recorded } as const;
    this.#differences.push({ name: `${row.conn} ${what}`, case: row.case, fact, recorded, observed });
  }

  /** Situations about who may connect, or about the end of the server, have one of their own. */
  async #serverOf(row: Row): Promise<Server> {
    const access = accessOf(row.case);
    const key = access !== "open" || isServersEnd(row) ? row.case : "";
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    const server = await serve(this.#world, this.#clock, access);
    this.#servers.set(key, server);
    return server;
  }

  async #ensureOpen(row: Row): Promise<void> {
    if (this.#tape.isOpen(row.conn)) return;
    if (row.conn === STDIO) {
      const { server } = await this.#serverOf(row);
      return this.#tape.openStdio((input, output) => void serveStdio(server, input, output));
    }
    // What was closed in this recording is meant to be.
    if (this.#script.before(row).some(({ dir }) => dir === "event")) return;
    await this.#madeUp.connection(row);
  }
}

/** Whether a situation is about the end of the server itself. */
function isServersEnd({ case: situation }: Row): boolean {
  return /exec-server SIG/.test(situation);
}

/** When a recorder saw a process go with its session; we move the time on as far as that takes. */
function expiryMsOf({ msg }: Row): number | undefined {
  const { processGoneAfterDisconnectMs: ms } = membersOf(msg);
  return typeof ms === "number" ? ms : undefined;
}
