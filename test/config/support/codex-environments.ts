/** What the real Codex makes of an `environments.toml`: whether its app-server starts, and which environments it has. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findCodex } from "../../../src/codex/app-server/binary.ts";

export type EnvironmentsVerdict =
  /** Those of the ids that were asked for which there are. */
  | { readonly ok: true; readonly ids: readonly string[] }
  /** `path` is what Codex writes as ``in `path` ``. */
  | { readonly ok: false; readonly message: string; readonly path: string | undefined };

interface Asked {
  /** The file, if there is one. */
  readonly toml?: string;
  /** CODEX_EXEC_SERVER_URL. */
  readonly url?: string;
  readonly ids: readonly string[];
}

/** Starts a Codex of its own, which has ended when this returns. */
export async function codexEnvironments({ toml, url, ids }: Asked): Promise<EnvironmentsVerdict> {
  const home = mkdtempSync(join(tmpdir(), "switchyard-environments-"));
  try {
    if (toml !== undefined) writeFileSync(join(home, "environments.toml"), toml);
    const child = spawn(findCodex(undefined, process.env).path, ["app-server", "--stdio"], {
      env: {
        PATH: process.env["PATH"],
        HOME: home,
        CODEX_HOME: home,
        RUST_BACKTRACE: "0",
        ...(url === undefined ? {} : { CODEX_EXEC_SERVER_URL: url }),
      },
    });
    const closed = once(child, "close");
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    // It may have refused the file before it reads anything.
    child.stdin.on("error", () => {});
    const send = (message: object): void => void child.stdin.write(`${JSON.stringify(message)}\n`);
    const clientInfo = { name: "switchyard", version: "1" };
    send({ id: -1, method: "initialize", params: { clientInfo, capabilities: { experimentalApi: true } } });
    const found = new Set<string>();
    let left = ids.length;
    for await (const line of createInterface({ input: child.stdout })) {
      const { id, result } = JSON.parse(line) as { id?: number; result?: { status?: string } };
      if (id === undefined) continue;
      if (id === -1) {
        send({ method: "initialized" });
        for (const [index, environmentId] of ids.entries())
          send({ id: index, method: "environment/status", params: { environmentId } });
      } else {
        left--;
        if (result?.status !== "unknown") found.add(ids[id] ?? "");
      }
      if (left === 0) child.stdin.end();
    }
    await closed;
    if (child.exitCode === 0) return { ok: true, ids: ids.filter((id) => found.has(id)) };
    return refusal(errors, home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function refusal(errors: string, home: string): EnvironmentsVerdict {
  const [, text] = /^Error: exec-server protocol error: ([^]*?)\n*$/m.exec(errors) ?? [];
  if (text === undefined) throw new Error(`Codex ended without a word about its environments: ${errors}`);
  const parse = `failed to parse environment config \`${join(home, "environments.toml")}\`: `;
  if (!text.startsWith(parse)) return { ok: false, message: text, path: undefined };
  const [, message, path] = /^([^]*?)(?:\nin `([^`]*)`)?\n*$/.exec(text.slice(parse.length)) ?? [];
  return { ok: false, message: message ?? "", path };
}
