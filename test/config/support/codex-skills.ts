/** What the real Codex's `skills/list` says of a folder. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { findCodex } from "../../../src/codex/app-server/binary.ts";

export interface CodexSkill {
  readonly name: string;
  readonly description: string;
  readonly path: string;
  readonly scope: string;
  readonly enabled: boolean;
  readonly pluginId?: string | null;
  readonly dependencies?: {
    readonly tools: readonly {
      readonly type: string;
      readonly value: string;
      readonly description?: string | null;
      readonly transport?: string | null;
      readonly command?: string | null;
      readonly url?: string | null;
    }[];
  } | null;
}

export interface CodexSkills {
  readonly skills: readonly CodexSkill[];
  readonly errors: readonly { readonly path: string; readonly message: string }[];
}

/** Starts a Codex of its own, which has ended when this returns. */
export async function codexSkills(places: {
  readonly cwd: string;
  readonly codexHome: string;
  readonly home: string;
}): Promise<CodexSkills> {
  const { cwd, codexHome, home } = places;
  const child = spawn(findCodex(undefined, process.env).path, ["app-server", "--stdio"], {
    cwd,
    env: { PATH: process.env["PATH"], HOME: home, CODEX_HOME: codexHome },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const closed = once(child, "close");
  const send = (message: object): void => void child.stdin.write(`${JSON.stringify(message)}\n`);
  const clientInfo = { name: "switchyard", version: "1" };
  send({ id: 0, method: "initialize", params: { clientInfo, capabilities: { experimentalApi: true } } });
  let answer: CodexSkills | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const { id, result } = JSON.parse(line) as { id?: number; result?: { data: CodexSkills[] } };
    if (id === 0) {
      send({ method: "initialized" });
      send({ id: 1, method: "skills/list", params: { cwds: [cwd], forceReload: true } });
    } else if (id === 1) {
      answer = result?.data[0];
      child.stdin.end();
    }
  }
  await closed;
  if (answer === undefined) throw new Error("Codex did not list its skills");
  return answer;
}
