/**
 * The audit log of an executor: one line of JSON for each event.
 *
 *   connected, disconnected          who, from where
 *   connection_refused               who, from where, why
 *   process_started, process_refused who, what, where
 *   process_ended                    how, after how long
 *
 * The caller decides where the lines go.
 *
 * Invariants
 *   U1. No value of a process's environment is written, nor where it occurs in the arguments; except for variables that
 *       hold no secrets by nature (`HOME`, `PATH`, …), and for values too short to be a secret.
 *   U2. Whatever a client sends, a line is one line, is bounded, and does nothing to the terminal it is shown on.
 *   U3. An argument is masked before it is cut, so that no part of a secret is left at the cut.
 */
import { Redactor } from "../../../base/redact.ts";
import { CORE_VARIABLES } from "../../../base/variables.ts";

export interface AuditLogOptions {
  /** Takes a line, without its end. */
  readonly write: (line: string) => void;
  readonly now: () => Date;
}

interface About {
  readonly session: string;
  /** The address of the client, while it is connected. */
  readonly peer?: string | undefined;
  /** The id the client gave it. */
  readonly processId: string;
}

export interface AuditedStart extends About {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly tty: boolean;
  /** The variables that the client sent. */
  readonly env: Readonly<Record<string, string>>;
}

export interface AuditedEnd extends About {
  readonly pid: number;
  readonly exitCode: number | undefined;
  /** `client`: on request. `executor`: with its session, or with the executor. @default not written */
  readonly endedBy?: "itself" | "client" | "executor" | undefined;
}

/** All arguments together; the rest is only counted. */
const ARGV_CHARS_MAX = 4096;
/** A longer text is not searched for secrets, and not shown. */
const MASKED_CHARS_MAX = 64 * 1024;
const ARGUMENTS_MAX = 256;
/** Everything else that a client chooses. */
const TEXT_CHARS_MAX = 1024;

export class AuditLog {
  readonly #options: AuditLogOptions;
  /** When the running processes were started, in milliseconds, by session and id. */
  readonly #startedMs = new Map<string, number>();

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  connected({ peer }: { readonly peer: string }): void {
    this.#write("connected", { peer });
  }

  /** A client that was not let in. */
  refusedConnection({ peer, reason }: { readonly peer: string; readonly reason: string }): void {
    this.#write("connection_refused", { peer, reason: cut(reason, TEXT_CHARS_MAX) });
  }

  disconnected({
    peer,
    session,
    reason,
  }: {
    readonly peer: string;
    /** The session it was attached to, if any. */
    readonly session: string | undefined;
    readonly reason: string;
  }): void {
    this.#write("disconnected", { peer, session, reason: cut(reason, TEXT_CHARS_MAX) });
  }

  started(start: AuditedStart & { readonly pid: number }): void {
    const startedMs = this.#write("process_started", { ...describe(start), pid: start.pid });
    this.#startedMs.set(keyOf(start), startedMs);
  }

  refused(start: AuditedStart & { readonly reason: string }): void {
    this.#write("process_refused", { ...describe(start), reason: mask(start.reason, redactorOf(start)) });
  }

  ended(end: AuditedEnd): void {
    const key = keyOf(end);
    const startedMs = this.#startedMs.get(key);
    this.#startedMs.delete(key);
    const { session, peer, pid, exitCode, endedBy } = end;
    const processId = cut(end.processId, TEXT_CHARS_MAX);
    const atMs = this.#options.now().getTime();
    const durationMs = startedMs === undefined ? undefined : Math.max(0, atMs - startedMs);
    this.#write("process_ended", { session, peer, processId, pid, exitCode, durationMs, endedBy }, atMs);
  }

  /** @returns the time that was written */
  #write(
    event: string,
    fields: Readonly<Record<string, unknown>>,
    atMs: number = this.#options.now().getTime(),
  ): number {
    const line = JSON.stringify({ time: new Date(atMs).toISOString(), event, ...fields });
    this.#options.write(line.replace(UNSAFE, escapeCharacter));
    return atMs;
  }
}

/** Characters that JSON does not escape, but terminals or log readers act on: controls above ASCII, line separators. */
const UNSAFE = /[\x7f-\x9f\u2028\u2029]/g;

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function keyOf({ session, processId }: About): string {
  return `${session} ${processId}`;
}

function describe(start: AuditedStart): Readonly<Record<string, unknown>> {
  const { session, peer, tty } = start;
  const redactor = redactorOf(start);
  return {
    session,
    peer,
    processId: cut(start.processId, TEXT_CHARS_MAX),
    argv: describeArguments(start.argv, redactor),
    cwd: mask(start.cwd, redactor),
    tty,
  };
}

function redactorOf({ env }: AuditedStart): Redactor {
  const redactor = new Redactor();
  for (const [name, value] of Object.entries(env)) if (!CORE_VARIABLES.includes(name)) redactor.add(value);
  return redactor;
}

function describeArguments(argv: readonly string[], redactor: Redactor): string[] {
  const shown: string[] = [];
  let left = ARGV_CHARS_MAX;
  for (const argument of argv) {
    if (left <= 0 || shown.length >= ARGUMENTS_MAX)
      return [...shown, `…(${argv.length - shown.length} more)`];
    const text = mask(argument, redactor, left);
    shown.push(text);
    left -= text.length;
  }
  return shown;
}

/** In this order, by U3. */
function mask(text: string, redactor: Redactor, charsMax: number = TEXT_CHARS_MAX): string {
  if (text.length > MASKED_CHARS_MAX) return `…(${text.length} characters)`;
  return cut(redactor.redact(text), charsMax);
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax)}…(${text.length} characters)`;
}
