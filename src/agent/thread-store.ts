/**
 * A conversation on disk: one SQLite file per thread, so that one thread can be taken away, and one can be locked.
 *
 * Invariants
 *   S1. What was added is there when `add` returns, also if the process is killed then.
 *   S2. One opener works on a thread: others are refused until it has closed the thread, or its process has ended.
 *   S3. The file and its folder are the user's alone (0600, 0700).
 *   S4. Every call in the history has an output once the thread is open: the one that is known, or one that says that nobody
 *       knows what became of the call.
 */
import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import type * as Sqlite from "node:sqlite";
import { messageOf } from "../base/errors.ts";
import { makeFolder } from "../base/make-folder.ts";
import { EngineError } from "../thread/errors.ts";
import type { Usage } from "../thread/events.ts";
import type { ConversationItem } from "./model-client.ts";

/** Where the items of a thread are kept. */
export interface ThreadStore {
  readonly items: readonly ConversationItem[];
  /** Tokens of the thread so far. */
  readonly usage: Usage;
  /** Adds to the end, all or nothing. */
  add(items: readonly ConversationItem[], usage?: Usage): void;
  /** Keeps an output until it is added, with those of the other calls of its step. */
  keep(output: ConversationItem): void;
  /** Takes back what was added after the first `length` items. */
  rewind(length: number): void;
  close(): void;
}

export const NO_USAGE: Usage = {
  input_tokens: 0,
  cached_input_tokens: 0,
  cache_write_input_tokens: 0,
  output_tokens: 0,
  reasoning_output_tokens: 0,
};

const UNKNOWN_OUTCOME =
  "Nobody knows what became of this call: it may or may not have been carried out. Find out before you repeat it.";

/** The output item that belongs to a call; `undefined` for an item that is none. */
export function outputTypeOf({ type, call_id: id }: ConversationItem): string | undefined {
  return type.endsWith("_call") && typeof id === "string" ? `${type}_output` : undefined;
}

/** The calls without an output, in their order. */
export function openCalls(items: readonly ConversationItem[]): readonly ConversationItem[] {
  // An id may come again in a later step.
  const open = new Map<unknown, ConversationItem>();
  for (const item of items) {
    if (outputTypeOf(item) !== undefined) open.set(item["call_id"], item);
    else if (item.type.endsWith("_call_output")) open.delete(item["call_id"]);
  }
  return [...open.values()];
}

/** A thread that is gone when it is closed. */
export function memoryStore(items: readonly ConversationItem[] = [], used: Usage = NO_USAGE): ThreadStore {
  const all = [...items];
  let usage = used;
  const store: ThreadStore = {
    items: all,
    get usage() {
      return usage;
    },
    add: (more, tokens = NO_USAGE) => {
      all.push(...more);
      usage = sum(usage, tokens);
    },
    keep: () => {},
    rewind: (length) => void all.splice(length),
    close: () => {},
  };
  answerOpenCalls(store, new Map());
  return store;
}

/** S4 */
function answerOpenCalls(store: ThreadStore, known: ReadonlyMap<unknown, ConversationItem>): void {
  const outputs = openCalls(store.items).map(
    (call): ConversationItem =>
      known.get(call["call_id"]) ?? {
        type: outputTypeOf(call) as string,
        call_id: call["call_id"] as string,
        output: UNKNOWN_OUTCOME,
      },
  );
  if (outputs.length > 0) store.add(outputs);
}

const FORMAT = 1;
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** For a disk that is slow to give a lock back: the opener that is refused lets go at once. */
const BUSY_MS = 2_000;

/**
 * Opens a thread on disk, or makes it.
 *
 * @throws {EngineError} `thread_not_found`, `thread_busy`, `request_failed`
 */
export function openStore(folder: string, id: string, mode: "create" | "existing"): ThreadStore {
  const path = join(folder, `${id}.sqlite`);
  if (mode === "existing" && (!ID.test(id) || !existsSync(path)))
    throw new EngineError("thread_not_found", `There is no thread ${id} in ${folder}`);
  let db: Sqlite.DatabaseSync | undefined;
  try {
    makeFolder(folder, 0o700);
    const sqlite = loadSqlite();
    if (sqlite === undefined) throw new Error("it needs node:sqlite, which Node has from 22.13 on");
    db = new sqlite.DatabaseSync(path, { timeout: 0 });
    // The lock is the operating system's: it ends with the process (S2).
    db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;");
    chmodSync(path, 0o600);
    return sqliteStore(db);
  } catch (error) {
    db?.close();
    if (isBusy(error))
      throw new EngineError("thread_busy", `Thread ${id} is open elsewhere; close it there first`, {
        cause: error,
      });
    const why = messageOf(error);
    throw new EngineError("request_failed", `Thread ${id} cannot be kept in ${folder}: ${why}`, {
      cause: error,
    });
  }
}

/** SQLITE_BUSY, with whatever extended code. */
function isBusy(error: unknown): boolean {
  const { errcode } = error as { readonly errcode?: unknown };
  return typeof errcode === "number" && (errcode & 0xff) === 5;
}

function sqliteStore(db: Sqlite.DatabaseSync): ThreadStore {
  // A process that is killed loses nothing (S1). To survive a power failure, each step would wait for the disk, at half the CPU of a turn.
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = ${BUSY_MS};`);
  const { user_version: format } = db.prepare("PRAGMA user_version").get() as {
    readonly user_version: number;
  };
  if (format > FORMAT) throw new Error("a newer version of mcp-switchyard has written it");
  db.exec(
    "BEGIN; CREATE TABLE IF NOT EXISTS items (seq INTEGER PRIMARY KEY, item TEXT NOT NULL);" +
      "CREATE TABLE IF NOT EXISTS outputs (item TEXT NOT NULL);" +
      `CREATE TABLE IF NOT EXISTS usage (usage TEXT NOT NULL); PRAGMA user_version = ${FORMAT}; COMMIT;`,
  );
  const insert = db.prepare("INSERT INTO items (seq, item) VALUES (?, ?)");
  const keep = db.prepare("INSERT INTO outputs (item) VALUES (?)");
  const clear = db.prepare("DELETE FROM outputs");
  const remove = db.prepare("DELETE FROM items WHERE seq >= ?");
  const setUsage = db.prepare(
    "INSERT INTO usage (rowid, usage) VALUES (1, ?) ON CONFLICT (rowid) DO UPDATE SET usage = excluded.usage",
  );
  const read = (sql: string): unknown[] =>
    db
      .prepare(sql)
      .all()
      .map((row) => JSON.parse(Object.values(row)[0] as string) as unknown);
  const [usage = NO_USAGE] = read("SELECT usage FROM usage") as Usage[];
  const items = read("SELECT item FROM items ORDER BY seq") as ConversationItem[];
  const known = read("SELECT item FROM outputs") as ConversationItem[];
  const all = [...items];
  let total = usage;
  const transaction = (work: () => void): void => {
    db.exec("BEGIN");
    try {
      work();
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  };
  const store: ThreadStore = {
    items: all,
    get usage() {
      return total;
    },
    add: (more, tokens = NO_USAGE) => {
      const next = sum(total, tokens);
      transaction(() => {
        more.forEach((item, index) => insert.run(all.length + index, JSON.stringify(item)));
        clear.run();
        setUsage.run(JSON.stringify(next));
      });
      all.push(...more);
      total = next;
    },
    keep: (output) => void keep.run(JSON.stringify(output)),
    rewind: (length) => {
      transaction(() => void remove.run(length));
      all.splice(length);
    },
    close: () => db.close(),
  };
  answerOpenCalls(store, new Map(known.map((output) => [output["call_id"], output])));
  return store;
}

/** Without the notice that some versions of Node print about it; `undefined` where Node hides it behind a flag. */
function loadSqlite(): typeof Sqlite | undefined {
  const emitWarning = Object.getOwnPropertyDescriptor(process, "emitWarning");
  process.emitWarning = (): void => {};
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    if (emitWarning !== undefined) Object.defineProperty(process, "emitWarning", emitWarning);
  }
}

function sum(a: Usage, b: Usage): Usage {
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    cached_input_tokens: a.cached_input_tokens + b.cached_input_tokens,
    cache_write_input_tokens: a.cache_write_input_tokens + b.cache_write_input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    reasoning_output_tokens: a.reasoning_output_tokens + b.reasoning_output_tokens,
  };
}
