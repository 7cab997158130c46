/**
 * A server of the 2025 era that answers each method with what a description says, word for word, and any other one as unknown. Over
 * stdio it is run with the description as its argument; over HTTP a test calls `answer` itself.
 */
import { createInterface } from "node:readline";

export interface Description {
  readonly serverInfo?: object;
  readonly capabilities?: object;
  readonly instructions?: string;
  /** Ends at once with this code. */
  readonly exit?: number;
  /** By method: its result, or its results page by page, or `{ error }`. */
  readonly answers?: Readonly<Record<string, object | readonly object[]>>;
}

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly cursor?: string; readonly protocolVersion?: string };
}

/** @returns `undefined` for a notification */
export function answer(of: Description, { id, method = "", params = {} }: Message): object | undefined {
  if (id === undefined) return undefined;
  return { jsonrpc: "2.0", id, ...outcome(of, method, params) };
}

function outcome(of: Description, method: string, params: NonNullable<Message["params"]>): object {
  const { answers = {}, serverInfo = { name: "described", version: "1" }, capabilities = { tools: {} } } = of;
  const { exit: _, answers: __, ...rest } = of;
  if (method === "initialize")
    return { result: { protocolVersion: params.protocolVersion, ...rest, capabilities, serverInfo } };
  const found = answers[method];
  if (found === undefined) return { error: { code: -32601, message: "Method not found" } };
  if ("error" in found) return found;
  if (!Array.isArray(found)) return { result: found };
  const page = Number(params.cursor ?? 0);
  const next = page + 1 < found.length ? { nextCursor: String(page + 1) } : {};
  return { result: { ...(found[page] as object), ...next } };
}

if (process.argv[1] === import.meta.filename) {
  const description = JSON.parse(process.argv[2] ?? "{}") as Description;
  if (description.exit !== undefined) process.exit(description.exit);
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      const message = answer(description, JSON.parse(line) as Message);
      if (message !== undefined) process.stdout.write(`${JSON.stringify(message)}\n`);
    })
    .on("close", () => process.exit(0));
}
