/**
 * `counting-editor.ts FILE GUARD NAME TIMES STEP`: adds the servers NAME-1, NAME-2 and so on, one edit each, and prints
 * each name when it is in the file. Before its call STEP of the file system it is killed; before some others it dawdles.
 *
 * From opening the file that is to replace the other until it has, it holds the abstract socket GUARD, which the system
 * gives to one process at a time and takes back when that process dies. Exit code 3: it was held already, so two were
 * writing; 4: it was not held once for every edit, so it guards nothing.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { setTimeout } from "node:timers/promises";
import { ConfigEditor } from "../../../src/config/edit/config-editor.ts";
import { steppedFileSystem } from "./stepped-file-system.ts";

const [file = "", guard = "", name = "", times = "", step = ""] = process.argv.slice(2);
let held: Server | undefined;
let isReplaced = false;
let sections = 0;

async function enter(): Promise<void> {
  held = createServer().listen(`\0${guard}`);
  await once(held, "listening").catch(() => process.exit(3));
  sections++;
}

async function leave(server: Server): Promise<void> {
  held = undefined;
  isReplaced = false;
  server.close();
  await once(server, "close");
}

const fs = steppedFileSystem(async (at, call, path) => {
  if (held !== undefined && isReplaced) await leave(held);
  if (held === undefined && call === "open" && String(path).endsWith(".tmp")) await enter();
  if (call === "rename") isReplaced = true;
  if (at === Number(step)) process.kill(process.pid, "SIGKILL");
  // Between looking and doing there is time for others.
  if (Math.random() < 0.2) await setTimeout(Math.random() * 8);
});
for (let time = 1; time <= Number(times); time++) {
  await new ConfigEditor(file, { fs, lockTimeoutMs: 60_000 })
    .add(`${name}-${time}`, { command: "x" })
    .apply();
  if (sections !== time) process.exit(4);
  process.stdout.write(`${name}-${time}\n`);
}
