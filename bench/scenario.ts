/** What a turn of the bench is: the words that its model, its MCP servers and its hosts must agree on. */

/** Every prompt contains it, and nothing else of a model request does. */
export const PROMPT_MARK = "BENCH-TURN";
/** What the model says at the end of a turn. */
export const FINAL_ANSWER = "That was all.";
/** The name of a thread's MCP server, and of the tool the model calls. */
export const SERVER = "svc";
export const TOOL = "whoami";
/** A name Codex has no special treatment for: the MCP tool is offered as a plain function. */
export const MODEL = "gpt-5";

/** The header that tells one thread from another. */
export const IDENTITY_HEADER = "x-bench-thread";

export function identityOf(thread: string): string {
  return `secret-of-${thread}`;
}
