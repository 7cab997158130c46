/**
 * Whether each call of a thread is made, and the questions about it.
 *
 *   check ──> remembered? ──> decide ──> run | refuse
 *                                └────> onAsk ──> accept (once, for the session, always) | decline | cancel
 *
 * Invariants
 *   A1. What `decide` says is done; only a question's answer allows more, and without somebody to ask nothing does.
 *   A2. Every check ends: with its answer, its time, or its signal. It does not reject.
 *   A3. Questions are independent: none waits for another one. One answer for the session answers all that ask the same.
 *   A4. In the mode `prompt` nothing is remembered.
 *   A5. A question has no secret in it that is known or looks like one.
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Log } from "../../base/log.ts";
import type { Redactor } from "../../base/redact.ts";
import type { McpConnectionManager } from "../../mcp/index.ts";
import {
  type ApprovalPolicy,
  approvalModeOf,
  decide,
  effectOf,
  type ModeOfTool,
  type ToolEffect,
  type ToolHints,
} from "./decide.ts";
import { maskArguments } from "./mask-arguments.ts";

/** A tool of an MCP server wants to be called. */
export interface ApprovalQuestion {
  readonly callId: string;
  readonly server: string;
  /** As the server declares it. */
  readonly tool: string;
  readonly title: string | undefined;
  readonly description: string | undefined;
  /** With secrets masked. */
  readonly arguments: JsonObject;
  /** The question in one sentence, in Codex's words. */
  readonly message: string;
  /** Why it is asked: the mode of the tool, the key that sets it, and what the tool does by its own word. */
  readonly why: ModeOfTool & { readonly effect: ToolEffect };
  /** Which answers beyond this call are possible. */
  readonly canRemember: readonly ("session" | "always")[];
}

/**
 * - `accept`: this call. `accept_for_session`: this tool, as long as the thread lives. `accept_always`: also later
 * - `decline`: not this call. `cancel`: the same, and the model is told that the user cancelled
 *
 * What cannot be remembered counts as the next smaller answer.
 */
export interface ApprovalAnswer {
  readonly decision: "accept" | "accept_for_session" | "accept_always" | "decline" | "cancel";
}

/** `signal` aborts when no answer is needed any more. What the handler returns or throws after that is ignored. */
export type AskHandler = (
  question: ApprovalQuestion,
  options: { readonly signal: AbortSignal },
) => Promise<ApprovalAnswer> | ApprovalAnswer;

export interface ApprovalsOptions {
  /** Its configuration has the modes: `tools.<tool>.approval_mode`, `default_tools_approval_mode`. */
  readonly thread: Pick<McpConnectionManager, "servers">;
  /** Who decides about calls that need it. @default "ask" */
  readonly policy?: ApprovalPolicy;
  /** Answers questions. @default nobody does, so such calls are refused */
  readonly onAsk?: AskHandler;
  /** Writes down that a tool may always be called; `rememberIn` does it in a file. @default "always" is not offered */
  readonly remember?: (server: string, tool: string) => Promise<void>;
  /** How long a question stays open, in milliseconds; then it counts as declined. @default 600_000 */
  readonly timeoutMs?: number;
  /** Masks what it knows in the arguments of questions. */
  readonly redactor?: Redactor;
  /** Told of handlers that throw, and of what could not be written down. */
  readonly log?: Log;
  /** Time, for tests. */
  readonly clock?: Clock;
}

export interface ApprovalRequest {
  readonly server: string;
  readonly tool: {
    /** As the server declares it. */
    readonly tool: {
      readonly name: string;
      readonly title?: string | undefined;
      readonly description?: string | undefined;
    };
    /** Of the running server; `undefined` while only an older catalog is known. */
    readonly annotations: ToolHints | undefined;
  };
  readonly callId: string;
  readonly args: JsonObject;
  readonly signal: AbortSignal | undefined;
}

export type ApprovalOutcome =
  | { readonly allowed: true }
  /** With what the model is told. */
  | { readonly allowed: false; readonly text: string };

const ACCEPTING: ReadonlySet<string> = new Set(["accept", "accept_for_session", "accept_always"]);
const DECLINED = "user rejected MCP tool call";
const CANCELLED = "user cancelled MCP tool call";

/** The approvals of one thread: the `approver` of its `ToolRouter`. */
export class Approvals {
  readonly #options: ApprovalsOptions;
  /** Tools that may be called without a question, as long as this lives. */
  readonly #session = new Set<string>();
  /** The open questions of each tool, and how to end them without an answer. */
  readonly #open = new Map<string, Set<() => void>>();

  constructor(options: ApprovalsOptions) {
    this.#options = options;
  }

  async check(request: ApprovalRequest): Promise<ApprovalOutcome> {
    const { thread, policy = "ask", onAsk } = this.#options;
    const { server, tool } = request;
    const { name } = tool.tool;
    const config = thread.servers.find((view) => view.name === server)?.config;
    if (config === undefined)
      return {
        allowed: false,
        text: `MCP server ${JSON.stringify(server)} is not a part of this thread any more.`,
      };
    const found = approvalModeOf(config, name);
    const decision = decide({ mode: found.mode, annotations: tool.annotations, policy });
    if (decision === "run") return { allowed: true };
    if (decision === "refuse") {
      const why = "MCP tool call requires approval, but approval policy is never";
      return { allowed: false, text: `${why}. ${howToAllow(server, name)}` };
    }
    if (found.mode !== "prompt" && this.#session.has(keyOf(server, name))) return { allowed: true };
    if (onAsk === undefined) {
      const why = "MCP tool call requires approval, and nobody is here to give it";
      return { allowed: false, text: `${why}. ${howToAllow(server, name)}` };
    }
    return this.#ask(request, found, onAsk);
  }

  async #ask(request: ApprovalRequest, found: ModeOfTool, onAsk: AskHandler): Promise<ApprovalOutcome> {
    const { clock = systemClock, timeoutMs = 600_000, log } = this.#options;
    const key = keyOf(request.server, request.tool.tool.name);
    const question = this.#question(request, found);
    const over = new AbortController();
    const answered = Promise.withResolvers<ApprovalOutcome>();
    const settle = (outcome: ApprovalOutcome): void => answered.resolve(outcome);
    const allow = (): void => settle({ allowed: true });
    const timer = clock.schedule(timeoutMs, () =>
      settle({ allowed: false, text: `${DECLINED}: nobody answered within ${timeoutMs / 1000} s` }),
    );
    const onAbort = (): void => settle({ allowed: false, text: "aborted by user" });
    request.signal?.addEventListener("abort", onAbort, { once: true });
    if (request.signal?.aborted === true) onAbort();
    // In the mode `prompt`, each call is a question of its own.
    const open = this.#open.get(key) ?? new Set();
    if (question.canRemember.length > 0) this.#open.set(key, open.add(allow));
    const asked = async (): Promise<void> => {
      const { decision } = await onAsk(question, { signal: over.signal });
      if (!over.signal.aborted) settle(await this.#answer(decision, question));
    };
    asked().catch((error: unknown) => {
      if (over.signal.aborted) return;
      log?.(
        "warn",
        `Nobody could be asked about t${what(question.server, question.tool)}: ${messageOf(error)}`,
      );
      settle({ allowed: false, text: DECLINED });
    });
    try {
      return await answered.promise;
    } finally {
      timer.clear();
      request.signal?.removeEventListener("abort", onAbort);
      open.delete(allow);
      if (open.size === 0) this.#open.delete(key);
      over.abort(new Error("No answer is needed any more"));
    }
  }

  async #answer(
    decision: ApprovalAnswer["decision"],
    { server, tool, canRemember }: ApprovalQuestion,
  ): Promise<ApprovalOutcome> {
    if (decision === "cancel") return { allowed: false, text: CANCELLED };
    // An answer comes from the host's code, which may be JavaScript: an unknown decision counts as "decline".
    if (!ACCEPTING.has(decision)) return { allowed: false, text: DECLINED };
    if (decision !== "accept" && canRemember.length > 0) {
      const key = keyOf(server, tool);
      this.#session.add(key);
      if (decision === "accept_always" && canRemember.includes("always")) await this.#remember(server, tool);
      for (const allow of this.#open.get(key) ?? []) allow();
    }
    return { allowed: true };
  }

  /** As in Codex, what cannot be written down holds for the session. */
  async #remember(server: string, tool: string): Promise<void> {
    const { remember, log } = this.#options;
    try {
      await remember?.(server, tool);
    } catch (error) {
      log?.("warn", `T${what(server, tool)} may be called in this session only: ${messageOf(error)}`);
    }
  }

  #question({ server, tool, callId, args }: ApprovalRequest, found: ModeOfTool): ApprovalQuestion {
    const { remember, redactor } = this.#options;
    const { name, title, description } = tool.tool;
    const scopes = remember === undefined ? (["session"] as const) : (["session", "always"] as const);
    return {
      callId,
      server,
      tool: name,
      title,
      description,
      arguments: maskArguments(args, redactor),
      message: `Allow the ${server} MCP server to run tool "${name}"?`,
      why: { ...found, effect: effectOf(tool.annotations) },
      canRemember: found.mode === "prompt" ? [] : scopes,
    };
  }
}

function keyOf(server: string, tool: string): string {
  return JSON.stringify([server, tool]);
}

function what(server: string, tool: string): string {
  return `ool ${JSON.stringify(tool)} of MCP server ${JSON.stringify(server)}`;
}

function howToAllow(server: string, tool: string): string {
  return `To allow it, set mcp_servers.${tomlKey(server)}.tools.${tomlKey(tool)}.approval_mode = "approve".`;
}

function tomlKey(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name);
}
