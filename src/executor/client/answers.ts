/** What an executor says of processes, checked where it comes in. It is another machine's word. */
import { ExecutorError } from "../errors.ts";
import type { ProcessEvent } from "../executor.ts";
import type { WriteStatus } from "../wire/protocol.ts";

type Output = ProcessEvent & { readonly type: "output" };
type Fields = Readonly<Record<string, unknown>>;

/** What `process/read` answers. */
export interface ReadAnswer {
  readonly chunks: readonly Output[];
  readonly nextSeq: number;
  readonly exited: boolean;
  readonly exitCode: number | undefined;
  readonly closed: boolean;
}

/** Of one event, as Codex takes it, in bytes of output. */
const CHUNK_BYTES_MAX: number = 1024 * 1024;
const CHUNK_CHARS_MAX: number = Math.ceil(CHUNK_BYTES_MAX / 3) * 4;

/** @returns `undefined` for what is no event of a process @throws {ExecutorError} `protocol_error` for one that is too large */
export function readEvent(method: string, params: Fields): ProcessEvent | undefined {
  const { seq, exitCode } = params;
  if (!isSeq(seq) || seq < 1) return undefined;
  switch (method) {
    case "process/output":
      return readOutput(params);
    case "process/exited":
      return typeof exitCode === "number" ? { type: "exited", seq, exitCode } : undefined;
    case "process/closed":
      return { type: "closed", seq };
    default:
      return undefined;
  }
}

/** @throws {ExecutorError} `protocol_error` */
export function readReadAnswer(answer: unknown): ReadAnswer {
  const { chunks, nextSeq, exited, exitCode, closed } = fieldsOf(answer);
  if (!Array.isArray(chunks) || !isSeq(nextSeq)) throw malformed("process/read");
  return {
    chunks: chunks.map((chunk) => {
      const event = readOutput(fieldsOf(chunk));
      if (event === undefined) throw malformed("process/read");
      return event;
    }),
    nextSeq,
    exited: exited === true,
    exitCode: typeof exitCode === "number" ? exitCode : undefined,
    closed: closed === true,
  };
}

/** @throws {ExecutorError} `protocol_error` */
export function readWriteStatus(answer: unknown): WriteStatus {
  const { status } = fieldsOf(answer);
  const known = (["accepted", "unknownProcess", "stdinClosed", "starting"] as const).find(
    (each) => each === status,
  );
  if (known === undefined) throw malformed("process/write");
  return known;
}

export function readRunning(answer: unknown): boolean {
  return fieldsOf(answer)["running"] === true;
}

function readOutput({ seq, stream, chunk }: Fields): Output | undefined {
  if (!isSeq(seq) || seq < 1 || typeof chunk !== "string") return undefined;
  if (stream !== "stdout" && stream !== "stderr" && stream !== "pty") return undefined;
  if (chunk.length > CHUNK_CHARS_MAX) {
    throw new ExecutorError(
      "protocol_error",
      `The executor sent an event of more than ${CHUNK_BYTES_MAX} bytes`,
    );
  }
  return { type: "output", seq, stream, chunk: Buffer.from(chunk, "base64") };
}

function isSeq(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function malformed(method: string): ExecutorError {
  return new ExecutorError(
    "protocol_error",
    `The executor answered "${method}" with something that is no answer to it`,
  );
}
