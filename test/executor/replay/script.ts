/** A recording, with what one wants to know of a row from those around it. */
import { type ProcessEvents, ProcessTable } from "./processes.ts";
import { membersOf, type Recording, type Row, textOf } from "./rows.ts";

type Members = Readonly<Record<string, unknown>>;

/** PATH of the recorder's machine begins with it. */
export const RECORDED_PATH = "/usr/local/cargo/bin:";

const FRAME_BYTES_MAX = 16 * 1024 * 1024;

export class Script {
  readonly rows: readonly Row[];
  readonly #places = new Map<Row, number>();
  readonly #processes = new ProcessTable();
  /** The process that a row is about: names of connections are used again. */
  readonly #keys = new Map<Row, string>();

  constructor({ rows }: Recording) {
    this.rows = rows;
    for (const [at, row] of rows.entries()) {
      this.#places.set(row, at);
      this.#processes.add(row);
      const { processId } = membersOf(membersOf(row.msg)["params"]);
      if (processId !== undefined) this.#keys.set(row, this.#processes.keyOf(row.conn, processId));
    }
  }

  /** All that the recorder came to know of the process that a row is about. */
  processOf(row: Row): ProcessEvents | undefined {
    return this.#processes.processes.get(this.#keys.get(row) ?? "");
  }

  /** What was there of its connection when a row was written. */
  before(row: Row): readonly Row[] {
    return this.rows.slice(0, this.#places.get(row)).filter(({ conn }) => conn === row.conn);
  }

  /** What was answered to a request; empty where that is not in the recording. */
  answerTo(row: Row): Members {
    const { id } = membersOf(row.msg);
    const answer = this.rows
      .slice(this.#places.get(row))
      .find(
        ({ conn, dir, msg }) => conn === row.conn && dir === "server->client" && membersOf(msg)["id"] === id,
      );
    return membersOf(answer?.msg);
  }

  /** How a process of that name is started, as far as the recording tells. */
  startOf(processId: unknown): Members {
    const start = this.rows.find(({ msg }) => {
      const { method, params } = membersOf(msg);
      return method === "process/start" && membersOf(params)["processId"] === processId;
    });
    const usual = { argv: ["cat"], cwd: "file:///tmp", env: { PATH: RECORDED_PATH }, tty: false };
    return { ...usual, ...membersOf(membersOf(start?.msg)["params"]), processId, pipeStdin: true };
  }

  /** Whether the last thing said on a connection is what no server takes: then it is the server that leaves. */
  isAfterFault(row: Row): boolean {
    const before = this.before(row);
    const last = before.findLast(({ dir }) => dir !== "server->client");
    if (last?.dir !== "client->server") return false;
    const { id, method, params, result, error } = membersOf(last.msg);
    if (method === undefined) return result !== undefined || error !== undefined;
    if (id === undefined) {
      const isGreeted = before.some(({ msg }) => membersOf(msg)["method"] === "initialize");
      return method !== "initialized" || !isGreeted;
    }
    return textOf(membersOf(params)["chunk"]).length > FRAME_BYTES_MAX;
  }

  /** Whether a request is about a process that there was. */
  isAboutProcess(row: Row): boolean {
    const { method } = membersOf(row.msg);
    const answer = this.answerTo(row);
    const [result, error] = [membersOf(answer["result"]), membersOf(answer["error"])];
    switch (method) {
      case "process/start":
        return textOf(error["message"]).endsWith("already exists");
      case "process/read":
        return Array.isArray(result["chunks"]);
      case "process/write":
        return (
          result["status"] === "accepted" || result["status"] === "stdinClosed" || error["code"] === -32603
        );
      case "process/terminate":
        return result["running"] === true;
      default:
        return false;
    }
  }
}
