import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Redactor } from "../base/redact.ts";
import { ProcessStderr } from "./stderr.ts";

suite("ProcessStderr", () => {
  test("passes on every line once, in order, for any chunks", () => {
    const word = fc.stringMatching(/^[a-zé]{1,8}$/);
    fc.assert(
      fc.property(fc.array(word), fc.integer({ min: 1, max: 7 }), (words, size) => {
        const lines: string[] = [];
        const stderr = new ProcessStderr({ onLine: (line) => lines.push(line) });
        const bytes = Buffer.from(words.join("\n"));
        for (let at = 0; at < bytes.length; at += size) stderr.push(bytes.subarray(at, at + size));
        stderr.end();
        assert.deepEqual(lines, words);
        assert.equal(stderr.lastWords, words.at(-1));
      }),
    );
  });

  test("hides a secret that was cut in two, in lines and in the last words", () => {
    const redactor = new Redactor();
    redactor.add("s3cret-value");
    const lines: string[] = [];
    const stderr = new ProcessStderr({ redactor, onLine: (line) => lines.push(line) });
    stderr.push(Buffer.from("my s3cret-"));
    stderr.push(Buffer.from("value\n"));
    assert.deepEqual(lines, ["my ***"]);
    assert.equal(stderr.lastWords, "my ***");
  });

  test("is bounded: lines, what is kept, and the last words", () => {
    const lines: string[] = [];
    const stderr = new ProcessStderr({ onLine: (line) => lines.push(line) });
    stderr.push(Buffer.from(`Error: early\n${"x".repeat(9_000)}\n${"y".repeat(100_000)}\nend`));
    assert.deepEqual(
      lines.map((line) => line.length),
      [12, 2_001, 257],
    );
    stderr.push(Buffer.from(`\n${"z".repeat(60_000)}\n`));
    assert.equal(stderr.lastWords?.length, 501);
  });

  test("takes no notice for last words, wherever it stands", () => {
    const lines: string[] = [];
    const stderr = new ProcessStderr({
      onLine: (line) => lines.push(line),
      isNotice: (line) => line.startsWith("note: "),
    });
    stderr.push(Buffer.from("note: a\nError: no license\nnote: b\nnote: c"));
    stderr.end();
    assert.equal(stderr.lastWords, "Error: no license");
    assert.deepEqual(lines, ["note: a", "Error: no license", "note: b", "note: c"]);
  });

  test("takes out the lines that are meant for its owner", () => {
    const lines: string[] = [];
    const takeOut = (line: string): boolean => line.startsWith("ours: ");
    const stderr = new ProcessStderr({ onLine: (line) => lines.push(line), takeOut });
    stderr.push(Buffer.from("Error: no license\nours: a\n"));
    assert.equal(stderr.lastWords, "Error: no license");
    assert.deepEqual(lines, ["Error: no license"]);
  });

  test("keeps its last lines, at most 20, without secrets and empty ones", () => {
    const redactor = new Redactor();
    redactor.add("hunter2-hunter2");
    const stderr = new ProcessStderr({ redactor });
    stderr.push(Buffer.from(Array.from({ length: 30 }, (_, n) => `line ${n}\n\n`).join("")));
    stderr.push(Buffer.from("with hunter2-hunter2\n"));
    assert.equal(stderr.lines.length, 20);
    assert.deepEqual([stderr.lines[0], stderr.lines.at(-1)], ["line 11", "with ***"]);
  });

  test("has no last words when nothing was written", () => {
    const stderr = new ProcessStderr();
    stderr.push(Buffer.from("\n \n"));
    stderr.end();
    assert.equal(stderr.lastWords, undefined);
  });
});
