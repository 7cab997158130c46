/** The real `codex exec-server`, listening, and plain HTTP requests to it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCodex } from "../../../src/codex/app-server/binary.ts";

export interface RealExecServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
}

/**
 * @param env its whole environment, except for the home it is given
 * @throws its stderr when it does not start
 */
export async function listenExecServer(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = { PATH: process.env["PATH"] },
): Promise<RealExecServer> {
  const home = mkdtempSync(join(tmpdir(), "switchyard-exec-"));
  const { path } = findCodex(undefined, process.env);
  const child = spawn(path, ["exec-server", "--listen", "ws://127.0.0.1:0", ...args], {
    env: { ...env, CODEX_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const closed = once(child, "close");
  const end = async (): Promise<void> => {
    child.kill();
    await closed;
    rmSync(home, { recursive: true, force: true });
  };
  const [line] = (await Promise.race([once(child.stdout, "data"), closed])) as [Buffer | null];
  if (!Buffer.isBuffer(line)) {
    await end();
    throw new Error(`codex exec-server ended: ${stderr}`);
  }
  const url = line.toString().trim();
  return { url, port: Number(new URL(url).port), child, [Symbol.asyncDispose]: end };
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Sends a request as it is. @returns the answer; a 101 has no body */
export async function sendRequest(port: number, lines: readonly string[]): Promise<HttpAnswer> {
  const socket = connect(port, "127.0.0.1");
  socket.write(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));
  let answer = "";
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    answer += chunk.toString("latin1");
    const [head = "", body] = answer.split("\r\n\r\n");
    if (body === undefined) continue;
    const status = Number(head.split(" ")[1]);
    const isBodiless = status === 101 || lines[0]?.startsWith("HEAD ") === true;
    const length = isBodiless ? 0 : Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (body.length >= length) return { status, body: body.slice(0, length) };
  }
  throw new Error(`The connection ended with: ${answer}`);
}

export const UPGRADE_HEADERS: readonly string[] = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
