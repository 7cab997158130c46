/** What a server is doing now, and why. */
import type { Implementation } from "@modelcontextprotocol/client";
import type { LoginWanted } from "../errors.ts";
import type { HttpFailureKind } from "../http/http-failure.ts";
import type { Era } from "../session/era.ts";

/**
 * Why a server does not work.
 *
 * - `invalid_server`: its configuration cannot be used
 * - `start_failed`: its program could not be started
 * - `unreachable`: nothing answers at its URL, or the executor of its environment does not
 * - `exited`: its process ended
 * - `timed_out`: it was not ready within its start-up time-out
 * - `handshake_failed`: it answered, but not as an MCP server has to
 * - `catalog_failed`: its tools could not be listed
 * - `session_lost`: it no longer knows our session
 * - `unauthorized`: it wants a login, or other credentials
 * - `budget`: a bound of this host does not allow another process
 */
export type FailureCode =
  | "invalid_server"
  | "start_failed"
  | "unreachable"
  | "exited"
  | "timed_out"
  | "handshake_failed"
  | "catalog_failed"
  | "session_lost"
  | "unauthorized"
  | "budget";

export interface Reason {
  readonly code: FailureCode;
  /** A sentence that names the server, without secrets; with the last words on its stderr where there are any. */
  readonly message: string;
  /** The same without the last words, for those who show `stderr`. Absent where it has none. */
  readonly brief?: string;
  /** With `unauthorized` of an HTTP server: what `beginLogin` needs to know of it. */
  readonly wanted?: LoginWanted;
  /** The step of the start that failed. Absent where it failed later, or before the first step. */
  readonly step?: StartStep;
  /** The last lines of its process on stderr, without secrets, at most 20. Absent where there are none. */
  readonly stderr?: readonly string[];
  /** What the request failed with, over HTTP. */
  readonly http?: HttpReason;
}

/** `start`: its process, or nothing over HTTP. `initialize`: the handshake, in the modern era `server/discover`. `list`: its tools. */
export type StartStep = "start" | "initialize" | "list";

export interface HttpReason {
  /** E.g. `refused`, `http_status`, `bad_answer`: see `HttpFailure`. */
  readonly kind: HttpFailureKind;
  /** Of the answer, if there was one. */
  readonly status?: number;
  /** Node's code, or the system's, where there was no answer: `ENOTFOUND`, `CERT_HAS_EXPIRED`. */
  readonly cause?: string;
}

export interface ReadyStatus {
  readonly state: "ready";
  /** From the start to the first list of tools, in milliseconds. */
  readonly tookMs: number;
  /**
   * What the steps of the attempt that succeeded took, in milliseconds. A process counts as started when the system has started it: that
   * its program loads is part of `initialize`. What is missing from `tookMs` went into attempts that failed.
   */
  readonly stepsMs: Readonly<Record<StartStep, number>>;
  readonly era: Era;
  readonly protocolVersion: string;
  /** How the server calls itself. */
  readonly serverInfo: Implementation | undefined;
  /** How often it was started so far, 1 for the first time. */
  readonly starts: number;
}

export type ServerStatus =
  | { readonly state: "starting" }
  | ReadyStatus
  | { readonly state: "restarting"; readonly reason: Reason }
  | {
      readonly state: "failed";
      readonly reason: Reason;
      /** Until the next attempt, in milliseconds from the moment of this status. Absent: none before the configuration changes. */
      readonly nextAttemptMs?: number;
      /** Attempts in a row that failed. */
      readonly failures: number;
    }
  | { readonly state: "needs_login"; readonly reason: Reason }
  | { readonly state: "disabled"; readonly reason: string }
  | { readonly state: "ended" };
