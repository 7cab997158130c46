/**
 * Which file is started, or why none is: our answer, and that of `codex exec-server`.
 *
 * Every program here prints which one it is, so that both sides are compared by what ran. Errors are compared by number;
 * `system-error.ts` has their texts.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { checkArguments, lookUpProgram } from "../../src/executor/local/find-program.ts";
import { type Ran, type RealSide, type StartParams, startRealSide } from "./support/exec-server-peer.ts";

const top = mkdtempSync(join(tmpdir(), "switchyard-find-"));
const folder = (name: string): string => join(top, name);

function write(path: string, text: string | Uint8Array, mode = 0o755): void {
  mkdirSync(join(top, path, ".."), { recursive: true });
  writeFileSync(join(top, path), text);
  chmodSync(join(top, path), mode);
}

const elf = readFileSync("/bin/pwd");

write("good/tool", "#!/bin/sh\necho good $0\n");
write("good/spaced", "#!  /bin/sh -e \necho spaced\n");
write("good/unended", "#!/bin/sh");
write("good/carriage", "#!/bin/sh\r\n");
write("good/nul", "#!/bin/sh\0\necho nul\n");
write("here/tool", "#!/bin/sh\necho here $0\n");
write("here/sub/empty.txt", "", 0o644);
write("plain/tool", "#!/bin/sh\necho plain\n", 0o644);
write("text/tool", "echo text\n");
write("text/empty", "");
write("text/no-interpreter", "#!\n");
write("text/blanks", "#! \t \n");
write("text/endless", `#!/${"x".repeat(300)}\n`);
write("text/garbage", Buffer.from(Array.from({ length: 600 }, (_, at) => (at * 151 + 7) & 0xff)));
write("text/elf-cut", elf.subarray(0, 40));
elf.writeUInt16LE(0x1234, 18);
write("text/elf-foreign", elf);
write("orphan/tool", "#!/no/such/interpreter\n");
write("orphan/relative", "#!sh\necho relative\n");
write("barred/tool", `#!${folder("plain/tool")}\n`);
write("folder/tool/inside", "", 0o644);
write("file", "", 0o644);
write("chain/1", `#!${folder("good/tool")}\n`);
for (const step of [2, 3, 4, 5, 6]) write(`chain/${step}`, `#!${folder(`chain/${step - 1}`)}\n`);
write("chain/self", `#!${folder("chain/self")}\n`);
mkdirSync(folder("links"));
symlinkSync("loop", folder("links/loop"));
symlinkSync("/no/such/file", folder("links/dangling"));
symlinkSync(folder("good/tool"), folder("links/tool"));
symlinkSync(folder("here/sub"), folder("links/sub"));
copyFileSync("/bin/pwd", folder("good/binary"));

const pathOf = (...entries: readonly string[]): Readonly<Record<string, string>> => ({
  PATH: entries.map((entry) => (/^[a-z]/.test(entry) ? folder(entry) : entry)).join(":"),
});

type Case = readonly [what: string, program: string, env: Readonly<Record<string, string>>, cwd?: string];

const cases: readonly Case[] = [
  // A file
  ["an absolute path", folder("good/tool"), {}],
  ["a path from the folder", "./tool", {}, "here"],
  ["a path from the folder, through a link and out again", "../links/sub/../tool", {}, "good"],
  ["a link to a program", folder("links/tool"), {}],
  ["a file with a slash behind it", "./tool/", {}, "here"],
  ["nothing", "/no/such/program", {}],
  ["nothing, below a file", folder("file/tool"), {}],
  ["a folder", top, {}],
  ["a file that may not be executed", folder("plain/tool"), {}],
  ["a device", "/dev/null", {}],
  ["a link in circles", folder("links/loop"), {}],
  ["a link to nothing", folder("links/dangling"), {}],
  ["a name of 256 bytes in a path", `/${"x".repeat(256)}`, {}],
  // Its first bytes
  ["a binary", folder("good/binary"), {}],
  ["a script with blanks around its interpreter", folder("good/spaced"), {}],
  ["a script that ends in its first line", folder("good/unended"), {}],
  ["a script with a carriage return in its first line", folder("good/carriage"), {}],
  ["a script with a NUL in its first line", folder("good/nul"), {}],
  ["a text", folder("text/tool"), {}],
  ["an empty file", folder("text/empty"), {}],
  ["garbage", folder("text/garbage"), {}],
  ["a program that was cut off", folder("text/elf-cut"), {}],
  ["a program of another machine", folder("text/elf-foreign"), {}],
  ["a script whose interpreter is missing", folder("orphan/tool"), {}],
  ["a script whose interpreter may not be executed", folder("barred/tool"), {}],
  ["a script whose interpreter is in the folder of the process", folder("orphan/relative"), {}, "/bin"],
  ["a script whose interpreter is in another folder", folder("orphan/relative"), {}],
  ["a script of a script", folder("chain/1"), {}],
  ["five scripts in a row", folder("chain/4"), {}],
  ["six scripts in a row", folder("chain/5"), {}],
  ["seven scripts in a row", folder("chain/6"), {}],
  ["a script that is its own interpreter", folder("chain/self"), {}],
  // The search
  ["a name in PATH", "tool", pathOf("good")],
  ["a name that is nowhere", "no-such-tool", pathOf("good", "here")],
  ["the first of two", "tool", pathOf("here", "good")],
  ["a name after one that may not be executed", "tool", pathOf("plain", "good")],
  ["only one that may not be executed", "tool", pathOf("/nowhere", "plain", "/nowhere")],
  ["a name after a folder of that name", "tool", pathOf("folder", "good")],
  ["only a folder of that name", "tool", pathOf("folder")],
  ["a name after a text", "tool", pathOf("text", "good")],
  ["only a script without its interpreter", "tool", pathOf("orphan")],
  ["only a script whose interpreter may not be executed", "tool", pathOf("barred")],
  ["a name after a file in PATH", "tool", pathOf("file", "good")],
  ["a name after a link in circles", "loop", pathOf("links", "good")],
  ["an empty PATH", "tool", { PATH: "" }, "here"],
  ["an empty entry at the start", "tool", { PATH: ":/nowhere" }, "here"],
  ["an empty entry at the end", "tool", { PATH: "/nowhere:" }, "here"],
  ["an empty entry before one that has it", "tool", pathOf("/nowhere", "", "good"), "here"],
  ["a folder in PATH from the folder of the process", "tool", { PATH: "../good" }, "here"],
  ["no PATH", "true", {}],
  ["no PATH, and the name in the folder", "tool", {}, "here"],
  ["a name that the server has in its own PATH", "tool", pathOf("/nowhere")],
  ["a name of 255 bytes", "x".repeat(255), pathOf("good")],
  ["a name of 256 bytes", "x".repeat(256), pathOf("good")],
  ["a name of 256 bytes, and a PATH that leads nowhere", "x".repeat(256), pathOf("/nowhere")],
  ["a name after an entry that is too long for a file name", "tool", pathOf(`/${"x".repeat(300)}`, "good")],
  ["a name after an entry that is too long for a path", "tool", pathOf(`/${"x/".repeat(2500)}`, "good")],
  ["a name beyond 4 KiB of PATH", "tool", pathOf(...Array<string>(500).fill("/nowhere"), "good")],
  [".", ".", pathOf("good")],
  ["..", "..", pathOf("good")],
  ["no name", "", pathOf("good")],
  // The folder, and which of two faults is reported
  ["a missing folder", "true", {}, "/no/such/folder"],
  ["a folder that is a file", "true", {}, "file"],
  ["a folder below a file", "true", {}, "file/below"],
  ["a folder that is a file, and a missing program", "/no/such/program", {}, "file"],
  ["a missing folder, and a file that may not be executed", folder("plain/tool"), {}, "/no/such/folder"],
];

type Refusal = readonly [what: string, start: Partial<StartParams>];

const refusals: readonly Refusal[] = [
  ["no name", { argv: [""] }],
  ["no name, before a NUL", { argv: ["", "a\0"], env: { A: "\0" } }],
  ["no name, before a missing folder", { argv: [""], cwd: "/no/such/folder" }],
  ["no name for a terminal", { argv: [""], tty: true }],
  ["a NUL in the name", { argv: ["tr\0ue"] }],
  ["a NUL in an argument", { argv: ["true", "a\0b"] }],
  ["a NUL in another name for itself", { argv: ["true"], arg0: "\0" }],
  ["a NUL in a value", { argv: ["true"], env: { A: "a\0" } }],
  ["a NUL in the name of a variable", { argv: ["true"], env: { "A\0": "a" } }],
  ["a NUL in an argument, before one in a value", { argv: ["true", "\0"], env: { A: "\0" } }],
  ["a NUL in an argument, before a missing folder", { argv: ["true", "\0"], cwd: "/no/such/folder" }],
  ["a NUL in a value, before a missing folder", { argv: ["true"], env: { A: "\0" }, cwd: "/no/such/folder" }],
];

let real: RealSide;
before(async () => {
  real = await startRealSide({ PATH: folder("good") });
});
after(async () => {
  await real[Symbol.asyncDispose]();
  rmSync(top, { recursive: true, force: true });
});

suite("findProgram agrees with codex exec-server (F1, F2)", () => {
  for (const [what, program, env, cwd = "here"] of cases) {
    test(`about ${what}`, async () => {
      const start = { argv: [program], env, cwd: cwd.startsWith("/") ? cwd : folder(cwd) };
      assert.deepEqual(await runHere(start), byNumber(await real.run(start)));
    });
  }
});

suite("checkArguments agrees with codex exec-server (F3)", () => {
  for (const [what, given] of refusals) {
    test(`about ${what}`, async () => {
      const start = { argv: ["true"], env: {}, cwd: "/", ...given };
      const expected = await real.run(start);
      assert.ok("error" in expected);
      assert.throws(() => checkArguments(start), { code: "start_failed", message: expected.error });
    });
  }
});

/** As the executor starts it. */
async function runHere({ argv, env, cwd }: StartParams): Promise<Ran> {
  try {
    const [program = ""] = argv;
    const found = await lookUpProgram({ program, cwd, path: env["PATH"] }, new AbortController().signal);
    const { stdout, status, error } = spawnSync(found, { cwd, env, argv0: program, encoding: "utf8" });
    if (error !== undefined) throw error;
    // A file must have a slash not to be searched for again, so a script from an empty entry of PATH sees one more.
    return { output: stdout.replace(" ./", " "), exitCode: status ?? -1 };
  } catch (error) {
    const { errno, message } = error as NodeJS.ErrnoException;
    return { error: errno === undefined ? message : `os error ${-errno}` };
  }
}

function byNumber(ran: Ran): Ran {
  if ("error" in ran) return { error: /os error \d+/.exec(ran.error)?.[0] ?? ran.error };
  return { ...ran, output: ran.output.replace(" ./", " ") };
}
