/** How long a client waits for an answer while another one gives the executor a lot to do at once. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { WebSocket } from "ws";
import { type Peer, rssMb, startCodexExecServer, startOurExecutor } from "./executor-peers.ts";
import { OFFENCES } from "./executor-offences.ts";

const ALONE_MS = 1_000;
const OFFENCE_MS = 5_000;

export async function neighbours(): Promise<string> {
  const rows = new Map<string, string[]>();
  for (const start of [startOurExecutor, startCodexExecServer]) {
    await using peer = await start();
    const neighbour = await connect(peer.url);
    const alone = await neighbour.longestWhile(new Promise((resolve) => setTimeout(resolve, ALONE_MS)));
    add(rows, "nothing", [alone, 0]);
    for (const name of Object.keys(OFFENCES)) add(rows, name, await offend(peer, name, neighbour));
    neighbour.close();
  }
  return [
    "The longest wait of a client that asks one thing after the other, while another client of the same executor sends at once:",
    "",
    "| sent | our executor, ms | it keeps, MB | codex exec-server, ms | it keeps, MB |",
    "|---|--:|--:|--:|--:|",
    ...[...rows].map(([name, cells]) => `| ${name} | ${cells.join(" | ")} |`),
  ].join("\n");
}

function add(rows: Map<string, string[]>, name: string, [ms, mb]: readonly [number, number]): void {
  const cells = [ms < 10 ? ms.toFixed(1) : ms.toFixed(0), mb.toFixed(0)];
  rows.set(name, [...(rows.get(name) ?? []), ...cells]);
}

async function offend(peer: Peer, name: string, neighbour: Neighbour): Promise<readonly [number, number]> {
  const script = join(import.meta.dirname, "executor-offender.ts");
  const offender = spawn(process.execPath, [script, peer.url, name], { stdio: ["pipe", "pipe", "inherit"] });
  await once(offender.stdout, "data");
  const pid = peer.child.pid ?? 0;
  const before = rssMb(pid);
  const over = once(offender, "exit");
  // The original takes minutes for some.
  const timer = setTimeout(() => offender.kill(), OFFENCE_MS);
  offender.stdin.write("go\n");
  const longest = await neighbour.longestWhile(over);
  clearTimeout(timer);
  return [longest, Math.max(0, rssMb(pid) - before)];
}

interface Neighbour {
  longestWhile(over: Promise<unknown>): Promise<number>;
  close(): void;
}

async function connect(url: string): Promise<Neighbour> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, "open");
  const ask = async (method: string, params: object): Promise<void> => {
    socket.send(JSON.stringify({ id: 1, method, params }));
    await once(socket, "message");
  };
  await ask("initialize", { clientName: "neighbour" });
  socket.send(JSON.stringify({ method: "initialized", params: {} }));
  return {
    close: () => socket.terminate(),
    longestWhile: async (over) => {
      let isOver = false;
      void over.finally(() => {
        isOver = true;
      });
      let longest = 0;
      while (!isOver) {
        const start = performance.now();
        await ask("environment/status", {});
        longest = Math.max(longest, performance.now() - start);
      }
      return longest;
    },
  };
}
