/**
 * What a failure or a crash at any call of an edit leaves of the file.
 *
 * The edit is run again and again: the first call fails, then the second, and so on, until one run meets no fault; then
 * the same with a process that is killed there, at a third of the calls in each run of the tests.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, suite, test } from "node:test";
import { processNamespace } from "../../src/process/proc.ts";
import { applyEdits } from "../../src/config/edit/apply-edits.ts";
import { ConfigEditor } from "../../src/config/edit/config-editor.ts";
import { ConfigError } from "../../src/config/problem.ts";
import { sample } from "../support/sample.ts";
import { steppedFileSystem } from "./support/stepped-file-system.ts";

const root = mkdtempSync(join(tmpdir(), "switchyard-faults-"));
after(() => rmSync(root, { recursive: true, force: true }));

const OLD = `# comment\n${'[mcp_servers.old]\ncommand = "x" # kept\n'}\n${"# old\n".repeat(2_000)}`;
const STEPS_MAX = 150;
/** A process for each step is dear. */
const ONE_STEP_IN = 6;
const gone = spawnSync(process.execPath, ["-e", ""]).pid;
const staleToken = "0123456789abcdef0123456789abcdef";

function deadHolder(token: string): string {
  return JSON.stringify({
    pid: gone,
    startTime: 1,
    host: hostname(),
    namespace: processNamespace() ?? null,
    token,
  });
}

interface Scene {
  readonly name: string;
  readonly old: string | undefined;
  readonly prepare: (target: string) => void;
}

const writeOld = (target: string): void => {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, OLD);
  chmodSync(target, 0o640);
};

const scenes: readonly Scene[] = [
  { name: "a file", old: OLD, prepare: writeOld },
  { name: "a new file in a new folder", old: undefined, prepare: () => {} },
  {
    name: "a file with a dead process's lock, marker, claim and temporary file",
    old: OLD,
    prepare(target) {
      writeOld(target);
      const beside = (end: string): string => join(dirname(target), `.config.toml.switchyard-${end}`);
      writeFileSync(beside("lock"), deadHolder(staleToken));
      writeFileSync(beside(`${staleToken}.break-1`), deadHolder("1".repeat(32)));
      writeFileSync(beside(`${"2".repeat(32)}.claim`), "{");
      writeFileSync(beside(`${"3".repeat(16)}.tmp`), "# half");
    },
  },
];

/** The text with one more server. */
function withServer(text: string, name: string): string {
  return applyEdits({ name: "config.toml", text }, [{ kind: "add", name, server: { command: "x" } }]);
}

function read(target: string): string | undefined {
  try {
    return readFileSync(target, "utf8");
  } catch {
    return undefined;
  }
}

function names(target: string): string[] {
  try {
    return readdirSync(dirname(target));
  } catch {
    return [];
  }
}

/** @returns whether it is the new one */
function checkOldOrNew(target: string, scene: Scene, at: string): boolean {
  const text = read(target);
  const isNew = text === withServer(scene.old ?? "", "new");
  assert.ok(text === scene.old || isNew, `${at}: neither the old nor the new file`);
  if (text !== undefined) {
    assert.equal(statSync(target).mode & 0o777, scene.old === undefined ? 0o600 : 0o640, `${at}: the mode`);
  }
  return isNew;
}

async function checkNextEdit(target: string, at: string): Promise<void> {
  const wanted = withServer(read(target) ?? "", "next");
  await new ConfigEditor(target, { lockTimeoutMs: 3_000 }).add("next", { command: "x" }).apply();
  assert.equal(read(target), wanted, at);
  assert.deepEqual(names(target), ["config.toml"], `${at}: what is left behind after the next edit`);
}

for (const [index, scene] of scenes.entries()) {
  suite(`An edit of ${scene.name}`, () => {
    for (const code of ["EIO", "ENOSPC", "EACCES"]) {
      test(`is made or is not made when any one call fails with ${code}, and leaves nothing behind (W1, W2, W5)`, async () => {
        let failures = 0;
        for (let step = 1; ; step++) {
          assert.ok(step < STEPS_MAX, "it never ends");
          const target = join(root, `${index}-${code}-${step}`, "home", "config.toml");
          scene.prepare(target);
          const before = names(target);
          let failed: string | undefined;
          const fs = steppedFileSystem((at, name) => {
            if (at !== step) return;
            failed = `${name} (call ${at})`;
            throw Object.assign(new Error(`${code}: injected`), { code });
          });
          const editor = new ConfigEditor(target, { fs, lockTimeoutMs: 3_000 });
          const error = await editor
            .add("new", { command: "x" })
            .apply()
            .then(
              () => undefined,
              (thrown: unknown) => thrown,
            );
          const at = `${failed} fails`;
          const isNew = checkOldOrNew(target, scene, at);
          const left = names(target).filter((name) => name !== "config.toml" && !before.includes(name));
          assert.deepEqual(left, [], `${at}: what is left behind`);
          if (error === undefined) {
            assert.ok(isNew, `${at}: no error, and no new file`);
          } else {
            failures++;
            assert.ok(error instanceof ConfigError, `${at}: ${String(error)}`);
            assert.match(error.message, /config\.toml/, at);
            assert.ok(error.cause !== undefined, at);
            assert.ok(!isNew, `${at}: an error, and the new file`);
          }
          await checkNextEdit(target, at);
          if (failed === undefined) break;
        }
        assert.ok(failures > 10, `only ${failures} calls matter`);
      });
    }

    test("is made or is not made when its process is killed before any one call, and the next edit succeeds", async () => {
      const program = join(import.meta.dirname, "support", "crashing-editor.ts");
      const outcomes = { old: 0, new: 0 };
      let finished = false;
      const steps = sample(
        Array.from({ length: STEPS_MAX }, (_, index) => index + 1),
        ONE_STEP_IN,
      );
      const crashAt = async (step: number): Promise<void> => {
        const target = join(root, `${index}-killed-${step}`, "home", "config.toml");
        scene.prepare(target);
        const before = names(target);
        const killed = await new Promise<boolean>((resolve, reject) =>
          execFile(process.execPath, [program, target, "new", String(step)], (error, _out, stderr) => {
            if (error !== null && error.signal !== "SIGKILL") reject(new Error(stderr));
            else resolve(error !== null);
          }),
        );
        const at = `killed before call ${step}`;
        outcomes[checkOldOrNew(target, scene, at) ? "new" : "old"]++;
        const added = names(target).filter((name) => name.endsWith(".tmp") && !before.includes(name));
        assert.ok(added.length <= 1, `${at}: ${added.join()}`);
        await checkNextEdit(target, at);
        if (!killed) finished = true;
      };
      while (!finished) {
        assert.ok(steps.length > 0, "it never ends");
        await Promise.all(steps.splice(0, 4).map(crashAt));
      }
      assert.ok(outcomes.old > 1 && outcomes.new > 0, JSON.stringify(outcomes));
    });
  });
}
