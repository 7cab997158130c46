/**
 * Which tools Codex leaves out because it cannot read their schemas. It says so nowhere but in its log (0.169 and 0.171): in one line for
 * each, and in the span that names the thread. Of a span the log also has its begin and its end, about seven lines in a turn.
 *
 * Invariants
 *   L2. The lines are taken out: they show in no log and count for no last words.
 */
import { stripVTControlCharacters } from "node:util";

export interface RejectedTool {
  readonly threadId: string;
  /** The server's name with a prefix, and the tool's: as the model would see them, joined. */
  readonly name: string;
  readonly why: string;
}

const OTHER_SPANS = ["handlers", "mcp", "mcp_refresh", "mcp_runtime", "session", "turn", "world_state"];

/** The part of `RUST_LOG` that brings the lines. */
export const TOOL_LOG: string = [
  "codex_core::mcp_tool_exposure=warn",
  "codex_core::session=info",
  ...OTHER_SPANS.map((name) => `codex_core::session::${name}=error`),
].join(",");

const REJECTED = "Skipping MCP tool `";
/** From its beginning: what a tool or a user wrote stands further behind. */
const REJECTED_LINE =
  /^\S+Z +WARN session_loop\{thread_id=([0-9a-f-]{36})\}\S* codex_core::mcp_tool_exposure: Skipping MCP tool `([^`]*)`: failed to build tool spec: (.*)/;
const SPAN = "codex_core::session";
const SPAN_LINE = /^\S+Z +INFO .*codex_core::session(?:::\w+)*: (?:new|close time\.busy=.*)$/;

/** Takes a line of stderr, which may be in colour. @returns whether it was one of these lines (L2) */
export function takeToolLine(raw: string, onRejectedTool: (tool: RejectedTool) => void): boolean {
  const mayReject = raw.includes(REJECTED);
  if (!mayReject && !raw.includes(SPAN)) return false;
  const line = stripVTControlCharacters(raw);
  const [, threadId, name, why] = mayReject ? (REJECTED_LINE.exec(line) ?? []) : [];
  if (threadId === undefined || name === undefined || why === undefined) return SPAN_LINE.test(line);
  onRejectedTool({ threadId, name, why });
  return true;
}
