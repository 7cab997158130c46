/**
 * What a recording takes for granted, because it is a part of a longer one: connections that were open already, sessions
 * and processes that were there already.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Expectations } from "./expectations.ts";
import type { ProcessTable } from "./processes.ts";
import { membersOf, type Row, textOf } from "./rows.ts";
import type { Script } from "./script.ts";
import type { Server } from "./servers.ts";
import type { Tape } from "./tape.ts";
import type { Translation } from "./translation.ts";

/** What had been written when a situation begins, and is in no row of it. */
const WRITTEN: readonly {
  readonly case: RegExp;
  readonly process: string;
  readonly writeId: string;
  readonly text: string;
}[] = [{ case: /^19 write: duplicate writeId/, process: "cat", writeId: "1", text: "again\n" }];

/** The situation of rows about what a recorder cannot have heard. */
export const MADE_UP = "made up";

/** For a server to hear of the end of a connection. */
const HEARD_MS = 15;

export interface MadeUpOptions {
  readonly tape: Tape;
  readonly script: Script;
  readonly translation: Translation;
  readonly expectations: Expectations;
  /** What the recorder knows of processes by now, and what we know. */
  readonly recorded: ProcessTable;
  readonly observed: ProcessTable;
  readonly serverOf: (row: Row) => Promise<Server>;
}

export class MadeUp {
  readonly #options: MadeUpOptions;
  /** Sessions of connections that were made up, by connection; and of those that were closed since. */
  readonly #sessions = new Map<string, string>();
  readonly #left: string[] = [];
  readonly #started = new Set<string>();
  #holders = 0;

  constructor(options: MadeUpOptions) {
    this.#options = options;
  }

  /** A connection that was open when the recording begins. */
  async connection(row: Row): Promise<void> {
    this.#sessions.set(row.conn, await this.#connect(row.conn, row));
  }

  /** Its session may be come back to. */
  onClosed(conn: string): void {
    const session = this.#sessions.get(conn);
    if (session !== undefined) this.#left.push(session);
    this.#sessions.delete(conn);
  }

  /** Has a session in the state in which the recorder's was when it came back to it. */
  async session(row: Row, resumeSessionId: string): Promise<void> {
    const { script, tape, translation } = this.#options;
    const answer = script.answerTo(row);
    const own = this.#left.pop();
    if (membersOf(answer["result"])["sessionId"] === resumeSessionId) {
      if (own !== undefined) translation.setSession(resumeSessionId, own);
      else if (!translation.knowsSession(resumeSessionId)) {
        const holder = await this.#hold(row, resumeSessionId);
        tape.drop(holder);
        await tape.until(() => !tape.isOpen(holder));
      }
      await sleep(HEARD_MS);
    } else if (membersOf(answer["error"])["code"] === -32010 && !translation.knowsSession(resumeSessionId)) {
      await this.#hold(row, resumeSessionId);
    }
  }

  /** Has a process that ran already when the recording begins. */
  async process(row: Row): Promise<void> {
    const { script, recorded, tape } = this.#options;
    const { method, params } = membersOf(row.msg);
    const { processId } = membersOf(params);
    const key = `${recorded.sessionOf(row.conn)} ${String(processId)}`;
    if (this.#started.has(key)) return;
    const isThere = script.isAboutProcess(row);
    if (isThere || (method === "process/start" && script.answerTo(row)["result"] !== undefined))
      this.#started.add(key);
    if (!isThere) return;
    const situation = tape.case;
    tape.case = MADE_UP;
    await this.#start(row, processId);
    tape.case = situation;
  }

  async #start(row: Row, processId: unknown): Promise<void> {
    const { script, tape, translation } = this.#options;
    await tape.askUnseen(row.conn, "process/start", translation.params(script.startOf(processId)));
    for (const { case: situation, process, writeId, text } of WRITTEN) {
      if (situation.test(row.case) && process === processId)
        await this.#write(row.conn, process, writeId, text);
    }
  }

  async #write(conn: string, processId: string, writeId: string, text: string): Promise<void> {
    const { tape, expectations, observed } = this.#options;
    const chunk = Buffer.from(text).toString("base64");
    await tape.askUnseen(conn, "process/write", { processId, writeId, chunk });
    await tape.until(() => {
      expectations.observe();
      return (observed.get(conn, processId)?.bytes ?? 0) >= text.length;
    });
  }

  /** @returns the name of a connection that has the session */
  async #hold(row: Row, session: string): Promise<string> {
    const holder = `holder ${++this.#holders}`;
    this.#options.translation.setSession(session, await this.#connect(holder, row));
    return holder;
  }

  /** @returns its session */
  async #connect(conn: string, row: Row): Promise<string> {
    const { tape, serverOf } = this.#options;
    const server = await serverOf(row);
    await tape.open(conn, server.url, { ...(await server.pass()), unseen: true });
    const answer = await tape.askUnseen(conn, "initialize", { clientName: "replay" });
    tape.whisper(conn, { method: "initialized" });
    return textOf(membersOf(answer["result"])["sessionId"]);
  }
}
