/**
 * The tools every test server offers, and what a tool of a test server is.
 *
 * A tool sees the HTTP request it was called by and nothing of the transport. Recording calls is the business
 * of `mcp-server.ts`; tools that need a process (`exit`, `spawnChild`) stand in `stdio-tools.ts`.
 */
import type { CallToolResult, ToolAnnotations } from "@modelcontextprotocol/server";
import { ProtocolError } from "@modelcontextprotocol/server";
import { sleep, systemClock } from "../base/clock.ts";

/** What a tool may know and do during one call. */
export interface ToolContext {
  /** Aborts on `notifications/cancelled`, and when the session ends. */
  readonly signal: AbortSignal;
  /** Headers of the HTTP request that carried the call, names in lower case; empty on stdio. */
  readonly headers: Readonly<Record<string, string>>;
  /** `_meta` of the call. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** Sends a progress notification; does nothing when the caller gave no progress token. */
  progress(done: number, total: number): Promise<void>;
  /** Asks the user of the client through a form with one text field, `answer`. `signal` withdraws the question. */
  ask(
    message: string,
    options?: { readonly signal?: AbortSignal },
  ): Promise<{ readonly action: string; readonly content?: unknown }>;
}

/** A tool of a test server. */
export interface TestTool {
  /** Sent to clients as it is, so a test can declare strange names. */
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of the arguments. Declared, not enforced. @default any object */
  readonly inputSchema?: Readonly<Record<string, unknown>>;
  readonly annotations?: ToolAnnotations;
  /** A string becomes one text part. What it throws becomes a JSON-RPC error. */
  run(
    args: Readonly<Record<string, unknown>>,
    context: ToolContext,
  ): string | CallToolResult | Promise<string | CallToolResult>;
}

/** The largest result `big` makes, in bytes. */
const BIG_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The tools all test servers have: `whoami`, `echo`, `sleep`, `fail`, `throw`, `big`, `ask`.
 *
 * @param identify what `whoami` answers, as JSON
 */
export function defaultTools(identify: (context: ToolContext) => unknown): readonly TestTool[] {
  return [
    {
      name: "whoami",
      description: "Tells as JSON what the server knows about its caller",
      run: (_args, context) => JSON.stringify(identify(context)),
    },
    {
      name: "echo",
      description: "Returns `text`",
      inputSchema: object({ text: { type: "string" } }),
      run: (args) => textOf(args["text"]),
    },
    {
      name: "sleep",
      description:
        "Waits `ms` milliseconds, with progress every `progressEveryMs`; ends early when cancelled",
      inputSchema: object({ ms: { type: "number" }, progressEveryMs: { type: "number" } }, ["ms"]),
      run: sleepTool,
    },
    {
      name: "fail",
      description: "Returns a result with isError and `message`",
      inputSchema: object({ message: { type: "string" } }, []),
      run: (args) => ({
        content: [{ type: "text", text: textOf(args["message"], "it failed") }],
        isError: true,
      }),
    },
    {
      name: "throw",
      description: "Answers with a JSON-RPC error carrying `message` and `code`",
      inputSchema: object({ message: { type: "string" }, code: { type: "number" } }, []),
      run: (args) => {
        throw new ProtocolError(Number(args["code"] ?? -32_001), textOf(args["message"], "it threw"));
      },
    },
    {
      name: "big",
      description: "Returns a text of `bytes` bytes",
      inputSchema: object({ bytes: { type: "number" } }),
      run: (args) => "x".repeat(Math.min(Math.max(0, Number(args["bytes"])), BIG_BYTES_MAX)),
    },
    {
      name: "ask",
      description: "Asks the user `message` and returns the reply as JSON",
      inputSchema: object({ message: { type: "string" } }, []),
      run: async (args, context) => JSON.stringify(await context.ask(textOf(args["message"], "Go on?"))),
    },
  ];
}

/** A JSON Schema for an object; all properties are required unless said otherwise. */
export function object(
  properties: Readonly<Record<string, unknown>>,
  required: readonly string[] = Object.keys(properties),
): Readonly<Record<string, unknown>> {
  return { type: "object", properties, required };
}

/** A text argument; anything else counts as missing. */
export function textOf(argument: unknown, fallback = ""): string {
  return typeof argument === "string" ? argument : fallback;
}

async function sleepTool(args: Readonly<Record<string, unknown>>, context: ToolContext): Promise<string> {
  const ms = Number(args["ms"]);
  const everyMs = Number(args["progressEveryMs"] ?? ms);
  for (let slept = 0; slept < ms; ) {
    const stepMs = Math.min(Math.max(1, everyMs), ms - slept);
    await sleep(systemClock, stepMs, context.signal);
    slept += stepMs;
    if (args["progressEveryMs"] !== undefined) await context.progress(slept, ms);
  }
  return `slept ${ms} ms`;
}
