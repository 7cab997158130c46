/**
 * An MCP server over stdio that misbehaves on cue, without the SDK: it speaks what its script says, in either era
 * (`scripted-core.mjs`).
 *
 * Its first argument is a JSON object; besides what is said there, it has
 *   record     a file that gets a line for each start (`start PID`) and each message (`in METHOD …`)
 *   delayMs    waits before it reads
 *   dieAtStart exits with this code
 *   stubborn   ignores SIGTERM and the end of stdin
 *   wrapped    starts a child that leaves the process group and stays
 *   forked     starts a grandchild that leaves the process group, loses its parent and stays
 *   flood      writes to stderr without end
 */
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Conversation, World } from "./scripted-core.mjs";

const script = JSON.parse(process.argv[2] ?? "{}");
const { record, delayMs = Number(process.env.SCRIPTED_DELAY_MS ?? 0) } = script;
const note = (line) => record !== undefined && appendFileSync(record, `${line}\n`);
note(`start ${process.pid}`);

if (script.stubborn) for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => {});
if (script.wrapped) {
  const stay = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1e9)";
  spawn(process.execPath, ["-e", stay], { detached: true, stdio: ["ignore", "inherit", "ignore"] }).unref();
}
if (script.forked) spawn("/bin/sh", ["-c", `(trap '' TERM; exec setsid sleep 1000) >/dev/null 2>&1 &`]);
if (script.flood) setInterval(() => process.stderr.write(`${"x".repeat(500)}\n`.repeat(50)), 1);
if (script.dieAtStart !== undefined) {
  process.stderr.write("cannot go on\n");
  process.exit(script.dieAtStart);
}

const world = new World(script, note, (code, words = "") => {
  process.stderr.write(words);
  process.exit(code);
});
const conversation = new Conversation(world, {
  modern: false,
  out: (messages) => process.stdout.write(messages.map((each) => `${JSON.stringify(each)}\n`).join("")),
});
world.listeners.add(conversation);

setTimeout(() => {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => conversation.take(JSON.parse(line)));
  lines.on("close", () => {
    if (!script.stubborn) process.exit(0);
    setInterval(() => {}, 1e9);
  });
}, delayMs);
