/**
 * The executor protocol of Codex 0.169, as data: names, numbers and shapes. `docs/executor.md` tells it in
 * prose; the fixtures `test/fixtures/exec-server-conversations.jsonl` are recordings of it.
 *
 * JSON-RPC without the `jsonrpc` member, one message per WebSocket frame or line. Paths are `file://` URIs, bytes are
 * base64.
 */
/** The number on the wire for what went wrong. */
export const RpcCode: {
  readonly [Name in
    | "invalidRequest"
    | "methodNotFound"
    | "invalidParams"
    | "failed"
    | "notFound"
    | "sessionAttached"]: number;
} = {
  /** Out of order, a known or unknown id, no JSON, … */
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  /** The operating system said no; the message is its text. */
  failed: -32603,
  notFound: -32004,
  /** The session to resume is attached to another connection. The other side may try again. */
  sessionAttached: -32010,
};

/** The id of answers to what could not be read as a request. */
export const UNREADABLE_ID: number = -1;

/** Output is sent in chunks of at most this many bytes. Codex accepts up to 1 MiB. */
export const CHUNK_BYTES_MAX: number = 64 * 1024;
/** What is retained of a process's output at least, in bytes. */
export const RETAINED_BYTES_MIN: number = 1024 * 1024;
/** How long a session outlives its connection, and a process record its process, in milliseconds. */
export const RETENTION_MS = 80_000;
/** How many ids of writes are remembered per process. */
export const WRITE_IDS_MAX = 4096;
/** A larger frame ends the connection. */
export const FRAME_BYTES_MAX: number = 16 * 1024 * 1024;
/** One fragmented message may be larger than a frame; ours are not fragmented. */
export const MESSAGE_BYTES_MAX: number = 64 * 1024 * 1024;
export const PING_INTERVAL_MS = 30_000;

export type WriteStatus = "accepted" | "unknownProcess" | "stdinClosed" | "starting";

export interface WireChunk {
  readonly seq: number;
  readonly stream: "stdout" | "stderr" | "pty";
  readonly chunk: string;
}

export interface WireReadResult {
  readonly chunks: readonly WireChunk[];
  readonly nextSeq: number;
  readonly exited: boolean;
  readonly exitCode: number | null;
  readonly closed: boolean;
  readonly failure: string | null;
  readonly sandboxDenied: boolean;
}

export interface WireEnvironmentInfo {
  readonly shell: { readonly name: string; readonly path: string };
  readonly executorVersion?: string;
  readonly cwd?: string;
  readonly userHomeDir?: string;
  readonly platformOs?: string;
  readonly tempDir?: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  /** Ours alone: who answers. Codex does not look at it. */
  readonly implementation?: string;
}
