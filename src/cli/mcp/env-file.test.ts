import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseEnvFile } from "./env-file.ts";

suite("files of variables", () => {
  const read: readonly (readonly [text: string, variables: Readonly<Record<string, string>>])[] = [
    ["", {}],
    ["A=1", { A: "1" }],
    ["# about\n\n  export A = 1 # one\r\nB=\n", { A: "1", B: "" }],
    ["A=' a # b '\nB=\"x\\ny\" # c\nC=`'\"`", { A: " a # b ", B: "x\ny", C: "'\"" }],
    ['A="line 1\nline 2"\nB=2', { A: "line 1\nline 2", B: "2" }],
    ["A=it's\nB=a=b", { A: "it's", B: "a=b" }],
    ["\ufeffA=1", { A: "1" }],
  ];
  for (const [text, variables] of read) {
    test(JSON.stringify(text), () => {
      const file = parseEnvFile(text);
      assert.deepEqual(file.ok && { ...file.variables }, variables);
    });
  }

  const rejected: readonly (readonly [text: string, line: number])[] = [
    ["A=1\nbad\nB=2", 2],
    ["=1", 1],
    ["A B=1", 1],
    ['A="1\n2"\nB="open\nC=3\n', 3],
    ['A="1" 2', 1],
    ["A: 1", 1],
  ];
  for (const [text, line] of rejected) {
    test(`${JSON.stringify(text)} is wrong in line ${line}`, () => {
      assert.deepEqual(parseEnvFile(text), { ok: false, line });
    });
  }
});
