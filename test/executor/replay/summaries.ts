/** What a recorder noted instead of rows, where there were too many: the same, as we see it. */
import { membersOf, type Row, textOf } from "./rows.ts";
import type { Tape } from "./tape.ts";

export interface Summary {
  readonly recorded: unknown;
  readonly observed: unknown;
}

/** How far from the recorded time a ping may be, in milliseconds. */
const PING_TOLERANCE_MS = 2_000;

/** @returns `undefined` where there is nothing to compare: times depend on the machine */
export async function summarise(
  row: Row,
  tape: Tape,
  openedAt: (conn: string) => number,
): Promise<Summary | undefined> {
  const msg = membersOf(row.msg);
  const summary = membersOf(msg["summary"]);
  if (Array.isArray(msg["pings"])) {
    const expected = msg["pings"].map(Number);
    const seen = (tape.pings.get(row.conn) ?? []).map((at) => at - openedAt(row.conn));
    const isClose = expected.every((ms, at) => Math.abs(ms - (seen[at] ?? 0)) < PING_TOLERANCE_MS);
    return { recorded: "pings in time", observed: isClose ? "pings in time" : seen };
  }
  if ("deltas" in summary) {
    const { requestId } = membersOf(summary["last"]);
    return await streamed(tape, row.conn, textOf(requestId), summary);
  }
  if ("writesInOrder" in summary) return await inOrder(tape, row.conn, Number(summary["n"]));
  if ("retainedChunks" in summary) return await retained(tape, row.conn);
  if ("blocked" in summary) {
    const asked = tape.rows.filter(({ conn, dir }) => conn === row.conn && dir === "client->server");
    const isBlocked = asked.some(({ msg: said }) => {
      const { id, method } = membersOf(said);
      return method === "process/write" && !tape.hasAnswer(row.conn, id);
    });
    return { recorded: { blocked: summary["blocked"] }, observed: { blocked: isBlocked } };
  }
  return undefined;
}

async function streamed(
  tape: Tape,
  conn: string,
  requestId: string,
  { total, last }: Readonly<Record<string, unknown>>,
): Promise<Summary> {
  const deltas = (): readonly Readonly<Record<string, unknown>>[] =>
    tape.rows
      .filter((row) => row.conn === conn && membersOf(row.msg)["method"] === "http/request/bodyDelta")
      .map((row) => membersOf(membersOf(row.msg)["params"]))
      .filter((params) => params["requestId"] === requestId);
  await tape.until(() => deltas().at(-1)?.["done"] === true);
  const bytes = deltas().reduce(
    (sum, { deltaBase64 }) => sum + Buffer.byteLength(textOf(deltaBase64), "base64"),
    0,
  );
  const { done, error } = membersOf(deltas().at(-1));
  const { done: doneThere, error: errorThere } = membersOf(last);
  return { recorded: { total, done: doneThere, error: errorThere }, observed: { total: bytes, done, error } };
}

/** Numbers were written to a process that says what it reads. */
async function inOrder(tape: Tape, conn: string, count: number): Promise<Summary> {
  const wanted = Array.from({ length: count }, (_, at) => `${at}\n`).join("");
  const said = (): string =>
    Buffer.concat(
      tape.rows
        .filter((row) => row.conn === conn && membersOf(row.msg)["method"] === "process/output")
        .map((row) => Buffer.from(textOf(membersOf(membersOf(row.msg)["params"])["chunk"]), "base64")),
    ).toString("latin1");
  await tape.until(() => said().length >= wanted.length);
  return { recorded: { writesInOrder: false }, observed: { writesInOrder: said().endsWith(wanted) } };
}

/** The last read of a connection, beside what was notified until it was answered. */
async function retained(tape: Tape, conn: string): Promise<Summary> {
  const asked = tape.rows.findLast(
    (row) => row.conn === conn && membersOf(row.msg)["method"] === "process/read",
  );
  const { id } = membersOf(asked?.msg);
  const answer = membersOf(await tape.answer(conn, id));
  const { chunks } = membersOf(answer["result"]);
  const seqs = (Array.isArray(chunks) ? chunks : []).map((chunk) => Number(membersOf(chunk)["seq"]));
  const answeredAt = tape.rows.findIndex(
    ({ msg }) => membersOf(msg)["id"] === id && membersOf(msg)["result"] === answer["result"],
  );
  const notified = tape.rows
    .slice(0, answeredAt)
    .filter((row) => row.conn === conn && membersOf(row.msg)["method"] === "process/output").length;
  const areAllRetained = seqs.length >= notified && seqs.every((seq, at) => seq === at + 1);
  return {
    recorded: { firstRetained: 1, areAllRetained: true },
    observed: { firstRetained: seqs[0], areAllRetained },
  };
}
