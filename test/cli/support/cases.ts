/** A table of command lines, each with what it prints, its exit code, and the files afterwards. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { sample } from "../../support/sample.ts";
import { SECRET, TestHome } from "./test-home.ts";

export interface Case {
  readonly what: string;
  /** By path below the home. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly stdout?: RegExp;
  readonly stderr?: RegExp;
  /** The files afterwards; `undefined` for one that must not exist. */
  readonly after?: Readonly<Record<string, string | RegExp | undefined>>;
}

/**
 * No case may print the secret. One that succeeds and names no stderr prints nothing there.
 *
 * A sixth of them starts the built command, others with the next seed; the rest shares a process.
 */
export function testCases(name: string, cases: readonly Case[]): void {
  const started = sample(cases, 6);
  suite(name, { concurrency: 3 }, () => {
    for (const each of cases) {
      const { what, files = {}, args, input, env, code, stdout, stderr, after = {} } = each;
      test(what, { timeout: 60_000 }, async () => {
        using home = new TestHome(files);
        const finished = started.includes(each)
          ? await home.run(args, input, env)
          : await home.runInOneProcess(args, input, env);
        const output = JSON.stringify(finished, undefined, 2);
        assert.equal(finished.code, code, output);
        if (stdout !== undefined) assert.match(finished.stdout, stdout, output);
        if (stderr !== undefined) assert.match(finished.stderr, stderr, output);
        if (code === 0 && stderr === undefined && !args.includes("--dry-run")) {
          assert.equal(finished.stderr, "", output);
        }
        assert.ok(!output.includes(SECRET), output);
        for (const [path, wanted] of Object.entries(after)) {
          if (wanted === undefined) assert.equal(home.has(path), false, path);
          else if (typeof wanted === "string") assert.equal(home.read(path), wanted);
          else assert.match(home.read(path), wanted);
        }
      });
    }
  });
}
