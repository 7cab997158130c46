/**
 * `counting-editor.ts TARGET GUARD TIMES STEP`: adds 1 to the number in the target, and prints each number it wrote.
 * Before its call STEP of the file system it is killed; before some others it dawdles.
 *
 * In the critical section it holds the abstract socket GUARD, which the system gives to one process at a time and
 * takes back when that process dies. Exit code 3: it was held already, so two were in the section.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { withFileLock } from "../../../src/config/file/file-lock.ts";
import { readVersioned, replaceFile } from "../../../src/config/file/safe-write.ts";
import { steppedFileSystem } from "./stepped-file-system.ts";

const [target = "", guard = "", times = "", step = ""] = process.argv.slice(2);
const fs = steppedFileSystem(async (at) => {
  if (at === Number(step)) process.kill(process.pid, "SIGKILL");
  // Between looking and doing there is time for others.
  if (Math.random() < 0.2) await setTimeout(Math.random() * 8);
});
for (let time = 0; time < Number(times); time++) {
  await withFileLock(
    target,
    async () => {
      const server = createServer();
      server.listen(`\0${guard}`);
      await once(server, "listening").catch(() => process.exit(3));
      const old = await readVersioned(target, fs);
      const next = Number(old?.text ?? "0") + 1;
      await setTimeout(Math.random() * 4);
      await replaceFile(target, String(next), { expectedVersion: old?.version, mode: old?.mode, fs });
      process.stdout.write(`${next}\n`);
      server.close();
      await once(server, "close");
    },
    { timeoutMs: 60_000, fs },
  );
}
