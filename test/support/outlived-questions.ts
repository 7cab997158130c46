/** Calls that end while a question of their server is open, each in another way. */
import { ProtocolError } from "@modelcontextprotocol/server";
import type { TestTool, ToolContext } from "../../src/testing/mcp-tools.ts";

export interface WayToEnd {
  readonly what: string;
  /** How the call ends. */
  readonly status: "completed" | "failed";
  /** `asked` resolves when the host has the question. */
  readonly run: (context: ToolContext, asked: Promise<void>) => Promise<string>;
  /** More keys of the server. */
  readonly keys?: { readonly tool_timeout_sec: number };
}

export const WAYS_TO_END: readonly WayToEnd[] = [
  {
    what: "the server answers the call",
    status: "completed",
    run: async (context, asked) => {
      void context.ask("Which one?").catch(() => {});
      await asked;
      return "done without it";
    },
  },
  {
    what: "the server withdraws it and answers the call",
    status: "completed",
    run: async (context, asked) => {
      await withdrawn(context, asked);
      return "done without it";
    },
  },
  {
    what: "the server asks twice and answers the call",
    status: "completed",
    run: async (context, asked) => {
      void context.ask("Which one?").catch(() => {});
      await withdrawn(context, asked);
      return "done without it";
    },
  },
  {
    what: "the call fails",
    status: "failed",
    run: async (context, asked) => {
      void context.ask("Which one?").catch(() => {});
      await asked;
      throw new ProtocolError(-32_001, "cannot go on");
    },
  },
  {
    what: "the server withdraws it and the call times out",
    status: "failed",
    keys: { tool_timeout_sec: 1 },
    run: async (context, asked) => {
      await withdrawn(context, asked);
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      return "";
    },
  },
];

/** The tool `outlive`, whose call ends in this way. */
export function outlive({ run }: WayToEnd, asked: Promise<void>): TestTool {
  return { name: "outlive", run: (_args, context) => run(context, asked) };
}

async function withdrawn(context: ToolContext, asked: Promise<void>): Promise<void> {
  const withdraw = new AbortController();
  const question = context.ask("Which colour?", { signal: withdraw.signal }).catch(() => {});
  await asked;
  withdraw.abort();
  await question;
}
