/** The real Codex behind a pipe that misbehaves on request. */
import { randomUUID } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCodex } from "../../src/codex/app-server/binary.ts";

/** What the pipe does. */
export interface Meddling {
  /** Drops the first reply to this method, as a burst of requests makes Codex do. */
  readonly loseReplyTo?: string;
  /** Writes an incomplete item before every item that completes. */
  readonly oddItems?: boolean;
  /** Rejects the first `thread/resume` because the thread is still closing, as Codex does. */
  readonly stillClosing?: boolean;
  /** Refuses the first request of this method. */
  readonly refuse?: string;
  /** Dies at the first request of this method. */
  readonly dieAt?: string;
  /** Appends every message to Codex to this file. */
  readonly recordTo?: string;
}

/**
 * Writes an executable into `directory` that is Codex in every other way.
 *
 * @returns its path, to be used as `codexPathOverride`
 */
export function meddledCodex(directory: string, meddling: Meddling): string {
  const path = join(directory, `codex-${Object.keys(meddling).join("-")}-${randomUUID()}`);
  const program = `#!${process.execPath}
const { spawn, spawnSync } = require("node:child_process");
const { appendFileSync, existsSync, writeFileSync } = require("node:fs");
const { loseReplyTo, oddItems, stillClosing, refuse, dieAt, recordTo } = ${JSON.stringify(meddling)};
const codex = ${JSON.stringify(findCodex(undefined, process.env).path)};
const args = process.argv.slice(2);
if (args[0] === "--version") process.exit(spawnSync(codex, args, { stdio: "inherit" }).status);
const child = spawn(codex, args, { stdio: ["pipe", "pipe", "inherit"] });
let lost;
let refused = false;
const lines = (from, take) => {
  let rest = "";
  from.setEncoding("utf8").on("data", (chunk) => {
    const parts = (rest + chunk).split("\\n");
    rest = parts.pop();
    parts.forEach(take);
  });
};
lines(process.stdin, (line) => {
  if (recordTo !== undefined) appendFileSync(recordTo, line + "\\n");
  const message = JSON.parse(line);
  if (stillClosing && !refused && message.method === "thread/resume") {
    refused = true;
    const text = "thread " + message.params.threadId + " is closing; retry thread/resume after the thread is closed";
    process.stdout.write(JSON.stringify({ id: message.id, error: { code: -32600, message: text } }) + "\\n");
    return;
  }
  if (refuse !== undefined && !refused && message.method === refuse) {
    refused = true;
    process.stdout.write(JSON.stringify({ id: message.id, error: { code: -32600, message: "refused" } }) + "\\n");
    return;
  }
  const sign = __filename + ".died";
  if (dieAt !== undefined && message.method === dieAt && !existsSync(sign)) {
    writeFileSync(sign, "");
    return void child.kill("SIGKILL");
  }
  if (lost === undefined && message.method !== undefined && message.method === loseReplyTo) lost = message.id;
  child.stdin.write(line + "\\n");
});
process.stdin.on("end", () => child.stdin.end());
lines(child.stdout, (line) => {
  const message = JSON.parse(line);
  if (lost !== undefined && message.id === lost && message.method === undefined) return void (lost = null);
  if (oddItems && message.method === "item/completed") {
    const { threadId, turnId } = message.params;
    const params = { threadId, turnId, item: { type: "reasoning", id: "odd" } };
    process.stdout.write(JSON.stringify({ method: "item/completed", params }) + "\\n");
  }
  process.stdout.write(line + "\\n");
});
child.on("exit", (code) => process.exit(code ?? 1));
`;
  writeFileSync(path, program);
  chmodSync(path, 0o755);
  return path;
}
