/**
 * The messages about processes: parameters, results and notifications of `process/*`, as both sides write and read them.
 */
import {
  anything,
  boolean,
  integer,
  Issue,
  list,
  map,
  nullish,
  object,
  oneOf,
  type Reader,
  string,
  withDefault,
  wrongType,
} from "../../base/reader.ts";
import type { EnvironmentPolicy, ProcessEvent, ProcessSpec, ReadOptions, ReadResult } from "../executor.ts";
import { fileUri, toFileUri } from "./file-uri.ts";
import { bytes, encodeBase64, u64 } from "./params.ts";

// ---- parameters --------------------------------------------------------------------------------------------------

export interface StartParams {
  readonly processId: string;
  readonly argv: readonly string[];
  /** Of another machine it is a URI too; the start of the process rejects it. */
  readonly cwd: URL;
  readonly envPolicy?: EnvironmentPolicy;
  readonly env: Readonly<Record<string, string>>;
  readonly tty: boolean;
  readonly pipeStdin: boolean;
  readonly arg0?: string;
  // What our executor does not offer, and must not overlook.
  readonly sandbox?: unknown;
  readonly enforceManagedNetwork: boolean;
  readonly managedNetwork?: unknown;
  readonly networkProxy?: unknown;
}

export interface ReadParams {
  readonly processId: string;
  readonly afterSeq?: number;
  readonly maxBytes?: number;
  readonly waitMs?: number;
}

export interface WriteParams {
  readonly processId: string;
  readonly chunk: Buffer;
  readonly writeId: string;
}

export interface SignalParams {
  readonly processId: string;
  readonly signal: "interrupt";
}

export interface TerminateParams {
  readonly processId: string;
}

const environmentPolicy: Reader<EnvironmentPolicy> = object(
  {
    inherit: oneOf("core", "all", "none"),
    ignoreDefaultExcludes: boolean,
    exclude: list(string),
    set: map(string),
    includeOnly: list(string),
  },
  "ignore",
);

export const startParams: Reader<StartParams> = object(
  {
    processId: string,
    argv: list(string),
    cwd: fileUri,
    envPolicy: nullish(environmentPolicy),
    env: map(string),
    tty: boolean,
    pipeStdin: withDefault(boolean, false),
    arg0: nullish(string),
    sandbox: nullish(anything),
    enforceManagedNetwork: withDefault(boolean, false),
    managedNetwork: nullish(anything),
    networkProxy: nullish(anything),
  },
  "ignore",
);

export const readParams: Reader<ReadParams> = object(
  { processId: string, afterSeq: nullish(u64), maxBytes: nullish(u64), waitMs: nullish(u64) },
  "ignore",
);
export const writeParams: Reader<WriteParams> = object(
  { processId: string, chunk: bytes, writeId: string },
  "ignore",
);
export const signalParams: Reader<SignalParams> = object(
  { processId: string, signal: oneOf("interrupt") },
  "ignore",
);
export const terminateParams: Reader<TerminateParams> = object({ processId: string }, "ignore");

export function toStartParams(processId: string, spec: ProcessSpec): unknown {
  return {
    processId,
    argv: spec.argv,
    cwd: toFileUri(spec.cwd),
    ...(spec.envPolicy === undefined ? {} : { envPolicy: spec.envPolicy }),
    env: spec.env,
    tty: spec.tty === true,
    pipeStdin: spec.pipeStdin === true,
    arg0: spec.arg0 ?? null,
    sandbox: null,
    enforceManagedNetwork: false,
    managedNetwork: null,
  };
}

export function toReadParams(
  processId: string,
  { afterSeq = 0, maxBytes, waitMs = 0 }: ReadOptions,
): unknown {
  return { processId, afterSeq, maxBytes: maxBytes ?? null, waitMs };
}

// ---- results -----------------------------------------------------------------------------------------------------

export type WriteStatus = "accepted" | "unknownProcess" | "stdinClosed" | "starting";

export interface WriteResult {
  readonly status: WriteStatus;
}

export interface TerminateResult {
  readonly running: boolean;
}

export const writeResult: Reader<WriteResult> = object(
  { status: oneOf("accepted", "unknownProcess", "stdinClosed", "starting") },
  "ignore",
);
export const terminateResult: Reader<TerminateResult> = object(
  { running: withDefault(boolean, false) },
  "ignore",
);

type Output = ProcessEvent & { readonly type: "output" };

const seqNumber: Reader<number> = integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const exitCode: Reader<number> = integer();
/** Not as strict as `bytes`, and twice as fast: most of what a client reads is this. */
const chunk: Reader<Buffer> = (input) =>
  typeof input === "string" ? Buffer.from(input, "base64") : wrongType("base64", input);

interface WireOutput {
  readonly seq: number;
  readonly stream: Output["stream"];
  readonly chunk: Buffer;
}
const wireOutput: Reader<WireOutput> = object(
  { seq: seqNumber, stream: oneOf("stdout", "stderr", "pty"), chunk },
  "ignore",
);
const output: Reader<Output> = (input) => {
  const read = wireOutput(input);
  return read instanceof Issue ? read : { type: "output", ...read };
};

interface WireReadResult extends Omit<ReadResult, "exitCode"> {
  readonly exitCode?: number;
}
const wireReadResult: Reader<WireReadResult> = object(
  {
    chunks: list(output),
    nextSeq: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    exited: withDefault(boolean, false),
    exitCode: nullish(exitCode),
    closed: withDefault(boolean, false),
  },
  "ignore",
);
export const readResult: Reader<ReadResult> = (input) => {
  const read = wireReadResult(input);
  return read instanceof Issue ? read : { ...read, exitCode: read.exitCode };
};

export function fromReadResult(result: ReadResult): unknown {
  return {
    chunks: result.chunks.map(({ seq, stream, chunk: data }) => ({ seq, stream, chunk: encodeBase64(data) })),
    nextSeq: result.nextSeq,
    exited: result.exited,
    exitCode: result.exitCode ?? null,
    closed: result.closed,
    failure: null,
    sandboxDenied: false,
  };
}

// ---- notifications -----------------------------------------------------------------------------------------------

const exited: Reader<{ readonly seq: number; readonly exitCode: number }> = object(
  { seq: seqNumber, exitCode },
  "ignore",
);
const closed: Reader<{ readonly seq: number }> = object({ seq: seqNumber }, "ignore");

/** @returns `undefined` for a notification that is not an event of a process */
export function readEvent(method: string, params: unknown): ProcessEvent | Issue | undefined {
  switch (method) {
    case "process/output":
      return output(params);
    case "process/exited": {
      const read = exited(params);
      return read instanceof Issue ? read : { type: "exited", ...read };
    }
    case "process/closed": {
      const read = closed(params);
      return read instanceof Issue ? read : { type: "closed", ...read };
    }
    default:
      return undefined;
  }
}

/**
 * By hand: base64 needs no escapes, and an executor spends most of its time here.
 *
 * @param idJson the id of the process, as JSON
 */
export function eventNotification(idJson: string, event: ProcessEvent): string {
  const head = `"params":{"processId":${idJson},"seq":${event.seq}`;
  switch (event.type) {
    case "output":
      return `{"method":"process/output",${head},"stream":"${event.stream}","chunk":"${encodeBase64(event.chunk)}"}}`;
    case "exited":
      return `{"method":"process/exited",${head},"exitCode":${event.exitCode},"sandboxDenied":false}}`;
    case "closed":
      return `{"method":"process/closed",${head}}}`;
  }
}
