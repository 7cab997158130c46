/**
 * `http_headers_helper`: a shell command on this machine that prints the headers of a server, for example a fresh token.
 *
 * What Codex 0.171 does with it (measured): it runs `sh -c` for each connection, at its first request, and once more after
 * each 401, which sends that request again; the headers are kept until then, and not shared between connections. The
 * command starts in the folder of the thread, with the variables of a stdio server and an empty stdin. The texts of
 * errors are Codex's.
 *
 * Invariants
 *   P1. The command has `HELPER_MS` and may print `OUTPUT_BYTES_MAX`. However it went, nothing of it survives.
 *   P2. It prints one JSON object of strings, without names that belong to the protocol or the connection, or that are
 *       the same but for their case.
 *   P3. Its headers win over configured ones of the same name, but not over a bearer token.
 *   P4. What it printed is secret: its values are registered with the redactor before anybody gets them, and nothing
 *       else of its output appears anywhere.
 *
 * One difference: Codex waits for the end of stdout, which a background process of the command may hold open for the
 * whole time; here that ends with the command.
 */
import { constants } from "node:os";
import { sleep, type Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { headerNameProblem, headerValueProblem } from "../../base/http-header.ts";
import { isObject } from "../../base/json.ts";
import type { Redactor } from "../../base/redact.ts";
import { SERVER_VARIABLES } from "../../base/variables.ts";
import { ExecutorError } from "../../executor/errors.ts";
import type { Executor, ExecutorProcess } from "../../executor/executor.ts";
import { variable, type Variables } from "../../servers/resolve.ts";
import { TransportError } from "../errors.ts";
import type { HeaderSource } from "./server-requests.ts";

export interface HeadersHelperOptions {
  /** The name of the server. */
  readonly server: string;
  /** Handed to `sh -c`. */
  readonly command: string;
  /** Where it starts: the folder of the thread. */
  readonly cwd: string;
  /** The one of this machine. */
  readonly executor: Executor;
  /** Where its variables are looked up. */
  readonly env: Variables;
  readonly redactor: Redactor;
  readonly clock: Clock;
}

/** As Codex 0.171 has them. */
export const HELPER_MS = 10_000;
const OUTPUT_BYTES_MAX: number = 64 * 1024;
/** How long what it printed may still be on its way when it has exited. */
const FLUSH_MS = 500;
const RESERVED: ReadonlySet<string> = new Set([
  "accept",
  "connection",
  "content-length",
  "content-type",
  "host",
  "keep-alive",
  "last-event-id",
  "mcp-protocol-version",
  "mcp-session-id",
  "origin",
  "referer",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The configured headers, with those of the helper over them (P3). @param hasBearer whether a bearer token is configured */
export function withHelper(
  configured: HeaderSource,
  helper: HeadersHelperOptions,
  hasBearer: boolean,
): HeaderSource {
  return async (why, signal) => {
    const [before, printed] = await Promise.all([configured(why, signal), runHeadersHelper(helper, signal)]);
    const headers = new Map([...before].map(([name, value]) => [name.toLowerCase(), value]));
    for (const [name, value] of printed) {
      if (name !== "authorization" || !hasBearer) headers.set(name, value);
    }
    return headers;
  };
}

/**
 * Runs the command. @returns its headers, names in lower case
 *
 * @throws {TransportError} `start_failed`
 * @throws the signal's reason when it aborts first
 */
export async function runHeadersHelper(
  options: HeadersHelperOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { executor, command, cwd, env, clock } = options;
  const variables = SERVER_VARIABLES.flatMap((name) => {
    const value = variable(env, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const late = new AbortController();
  const timer = clock.schedule(HELPER_MS, () =>
    late.abort(failure(options, `timed out after ${HELPER_MS / 1000} seconds`)),
  );
  const stop = AbortSignal.any([signal, late.signal]);
  try {
    const spec = { argv: ["sh", "-c", command], cwd, env: Object.fromEntries(variables) } as const;
    const process = await executor.start(spec, { signal: stop });
    try {
      return readHeaders(options, await readOutput(options, process, stop));
    } finally {
      // Not waited for: what does not end by itself takes its executor seconds.
      process[Symbol.asyncDispose]().catch(() => undefined);
    }
  } catch (error) {
    if (!(error instanceof ExecutorError)) throw error;
    throw failure(options, `failed to start: ${messageOf(error)}`, error);
  } finally {
    timer.clear();
  }
}

async function readOutput(
  options: HeadersHelperOptions,
  process: ExecutorProcess,
  signal: AbortSignal,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let exitCode: number | undefined;
  const flushed = new AbortController();
  const stop = AbortSignal.any([signal, flushed.signal]);
  try {
    for await (const event of process.events({ signal: stop })) {
      if (event.type === "exited") {
        exitCode = event.exitCode;
        sleep(options.clock, FLUSH_MS, stop).then(
          () => flushed.abort(),
          () => undefined,
        );
      } else if (event.type === "output" && event.stream === "stdout") {
        bytes += event.chunk.length;
        if (bytes > OUTPUT_BYTES_MAX) throw failure(options, `output exceeds ${OUTPUT_BYTES_MAX / 1024} KiB`);
        chunks.push(event.chunk);
      }
    }
  } catch (error) {
    if (!flushed.signal.aborted) throw error;
  } finally {
    flushed.abort();
  }
  if (exitCode !== 0) throw failure(options, `exited with status ${statusOf(exitCode)}`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw failure(options, "wrote non-UTF-8 data", cause);
  }
}

/** In the words of Rust. */
function statusOf(exitCode: number | undefined): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === (exitCode ?? 0) - 128);
  return signal === undefined ? `exit status: ${exitCode}` : `signal: ${signal[1]} (${signal[0]})`;
}

function readHeaders(options: HeadersHelperOptions, output: string): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(parse(options, output))) {
    if (typeof value !== "string") throw failure(options, "must output a JSON object of strings");
    const lower = name.toLowerCase();
    if (headerNameProblem(name) !== undefined) throw failure(options, "returned an invalid header name");
    if (RESERVED.has(lower)) throw failure(options, "returned a reserved header");
    if (headers.has(lower)) throw failure(options, "returned duplicate header names");
    if (headerValueProblem(value) !== undefined) throw failure(options, "returned an invalid header value");
    headers.set(lower, value);
  }
  for (const value of headers.values()) {
    options.redactor.add(value);
    // Also without a scheme such as `Bearer`.
    options.redactor.add(value.replace(/^\S+ /, ""));
  }
  return headers;
}

function parse(options: HeadersHelperOptions, output: string): object {
  try {
    const value: unknown = JSON.parse(output);
    if (isObject(value)) return value;
  } catch {
    // The message of the error would quote the output (P4).
  }
  throw failure(options, "must output a JSON object of strings");
}

function failure({ server }: HeadersHelperOptions, what: string, cause?: unknown): TransportError {
  const sentence = `cannot be sent its headers: MCP HTTP headers helper ${what}`;
  return new TransportError("start_failed", server, sentence, cause === undefined ? undefined : { cause });
}
