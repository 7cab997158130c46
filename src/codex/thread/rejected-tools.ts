/**
 * The tools of a thread that cannot be used because of their schemas: Codex leaves them out, or the model's provider rejects the request.
 *
 * Both know a tool by its name for the model. Codex is asked whose tool that is; the end of the turn comes after the answer.
 */
import type { Log } from "../../base/log.ts";
import type { Redactor } from "../../base/redact.ts";
import type { RejectedTool } from "../app-server/tool-log.ts";
import type { WireTurn } from "../app-server/protocol.ts";
import { rejectedSchema } from "../direct/reasons.ts";
import type { ServerTool } from "../direct/thread-servers.ts";
import type { OpenThread } from "./open-thread.ts";
import type { ActiveRun } from "./run.ts";

export interface RejectedToolsOptions {
  readonly thread: OpenThread;
  readonly log: Log;
  readonly redactor: Redactor;
}

/** For one run. */
export class RejectedTools {
  readonly #options: RejectedToolsOptions;
  /** Codex says it again in each step of a turn. */
  readonly #told = new Set<string>();
  #naming: Promise<unknown> | undefined;

  constructor(options: RejectedToolsOptions) {
    this.#options = options;
  }

  /** Reports a tool that Codex leaves out, once. */
  tell(run: ActiveRun, { name, why }: RejectedTool): void {
    if (this.#told.has(name)) return;
    this.#told.add(name);
    this.#naming = Promise.all([this.#naming, this.#tell(run, name, why)]);
  }

  /**
   * A turn that has completed, with the tool that is meant where a schema is its error.
   *
   * @returns `undefined` when nothing has to be waited for. Never rejects
   */
  named(turn: WireTurn): Promise<WireTurn> | undefined {
    const name = rejectedSchema(turn.error?.message);
    if (name !== undefined) return this.#named(turn, name);
    return this.#naming?.then(() => turn);
  }

  async #tell(run: ActiveRun, name: string, why: string): Promise<void> {
    const { log, redactor } = this.#options;
    const of = await this.#toolOf(name);
    const from = of === undefined ? "of an MCP server" : `of MCP server "${of.server}"`;
    const reason = redactor.redact(`Codex cannot use its inputSchema: ${why}`);
    const message = `The tool "${of?.tool ?? name}" ${from} is missing in this turn: ${reason}`;
    log("warn", message);
    run.tell({ message, code: "mcp_tool_rejected", ...(of ?? { tool: name }), reason });
  }

  async #named(turn: WireTurn, name: string): Promise<WireTurn> {
    const [of] = await Promise.all([this.#toolOf(name), this.#naming]);
    if (of === undefined || turn.error === null) return turn;
    const note = `This is the tool "${of.tool}" of MCP server "${of.server}". Listed in disabled_tools, it is left out.`;
    this.#options.log("warn", `The model's provider rejects the schema of a tool. ${note}`);
    return { ...turn, error: { ...turn.error, message: `${turn.error.message} (${note})` } };
  }

  async #toolOf(name: string): Promise<ServerTool | undefined> {
    const { loaded } = this.#options.thread;
    try {
      return await loaded?.servers.toolOf(loaded.threadId, name);
    } catch {
      // Then it keeps the name that Codex or the provider gave it.
      return undefined;
    }
  }
}
