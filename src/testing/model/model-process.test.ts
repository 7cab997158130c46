import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("./model-process.ts", import.meta.url));

suite("model process", () => {
  for (const [how, end] of [
    ["stdin ends", (child: ReturnType<typeof start>) => child.stdin.end()],
    ["SIGTERM comes", (child: ReturnType<typeof start>) => child.kill("SIGTERM")],
  ] as const) {
    test(`prints its base URL, serves, and ends when ${how}`, async () => {
      const child = start();
      const closed = once(child, "close");
      const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
      const { baseUrl } = JSON.parse(line) as { baseUrl: string };
      assert.equal((await fetch(`${baseUrl}/models`)).status, 200);
      end(child);
      assert.deepEqual(await closed, [0, null]);
    });
  }
});

function start() {
  return spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
}
