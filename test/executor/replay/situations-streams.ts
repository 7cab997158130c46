/** Situations about what goes into processes and comes out of them. */
import { moment, type Situation } from "./talk.ts";

export const INPUTS: readonly Situation[] = [
  {
    name: "writes of all kinds",
    meet: async (talk) => {
      await talk.start(["cat"], { id: "cat", pipeStdin: true });
      await talk.write("cat", "again\n", "1");
      await talk.output("cat", "again\n");
      await talk.write("cat", "again\n", "1");
      await talk.write("cat", "other\n", "1");
      const write = (more: Record<string, unknown>): Promise<unknown> =>
        talk.call("process/write", { processId: "cat", ...more });
      for (const fault of [
        { chunk: "eAo=" },
        { chunk: "eAo=", writeId: "" },
        { chunk: "eAo=", writeId: 5 },
        { chunk: "eAo=", writeId: null },
        { chunk: "***", writeId: "2" },
        { chunk: "aGk", writeId: "2b" },
        { chunk: "aGk=a", writeId: "2c" },
        { chunk: "aG=k", writeId: "2d" },
        { chunk: "a", writeId: "2e" },
        { chunk: "a===", writeId: "2f" },
        { chunk: "aGl=", writeId: "2g" },
        { chunk: "aGk=\n", writeId: "2h" },
        { chunk: "a Gk=", writeId: "2i" },
        { chunk: "-_8=", writeId: "2j" },
        { chunk: null, writeId: "2k" },
        { writeId: "2l" },
        { chunk: 5, writeId: "2m" },
        { chunk: "====", writeId: "2n" },
        { chunk: "=", writeId: "2o" },
        { chunk: "aGkä", writeId: "2p" },
        { chunk: "YWE", writeId: "2q" },
        { chunk: "YWFh!", writeId: "2r" },
      ])
        await write(fault);
      await write({ chunk: "", writeId: "3" });
      await write({ chunk: "", writeId: "3" });
      await talk.write("cat", "end\n", "4");
      await talk.output("cat", "end\n");
      await talk.terminate("cat");
      await talk.closed("cat");
      await talk.write("cat", "x", "5");
      await talk.write("cat", "x", "5");
      await talk.write("cat", "x", "1");
      await talk.write("cat", "", "6");
      await write({ chunk: "***", writeId: "7" });
    },
  },
  {
    name: "writes to what does not take them",
    meet: async (talk) => {
      await talk.start(["sh", "-c", "readlink /proc/self/fd/0; sleep 0.3"], { id: "none" });
      await talk.write("none", "x", "1");
      await talk.write("none", "x", "1");
      await talk.write("none", "", "2");
      await talk.closed("none");
      await talk.write("none", "x", "3");
      await talk.write("none", "x", "1");
      await talk.write("nobody", "x", "1");
      await talk.write("nobody", "x", "");
      await talk.start(["sh", "-c", "exec <&-; echo closed; sleep 30"], { id: "shut", pipeStdin: true });
      await talk.output("shut", "closed");
      await talk.write("shut", "x", "1");
      await talk.write("shut", "x", "2");
      await talk.terminate("shut");
      await talk.closed("shut");
      await talk.start(["true"], { id: "gone", pipeStdin: true });
      await talk.closed("gone");
      await talk.write("gone", "x", "1");
    },
  },
  {
    name: "a write together with its start",
    meet: async (talk) => {
      talk.ask("process/start", talk.startParams(["cat"], { id: "imm", pipeStdin: true }));
      talk.ask("process/write", { processId: "imm", chunk: "aGkK", writeId: "1" });
      const read = talk.ask("process/read", { processId: "imm", waitMs: 2_000 });
      await talk.answered(read);
      await talk.output("imm", "hi\n");
      talk.ask("process/start", talk.startParams(["no-such-program"], { id: "never" }));
      talk.ask("process/write", { processId: "never", chunk: "aGkK", writeId: "1" });
      talk.ask("process/terminate", { processId: "never" });
      await talk.answered(talk.ask("process/read", { processId: "never" }));
      await talk.terminate("imm");
      await talk.closed("imm");
    },
  },
  {
    name: "a large write to a process that reads",
    meet: async (talk) => {
      await talk.start(["sh", "-c", "head -c 3000000 | cksum"], { id: "bw", pipeStdin: true });
      await talk.write("bw", "a".repeat(3_000_000), "1");
      await talk.closed("bw");
    },
  },
  {
    name: "a terminal",
    meet: async (talk) => {
      await talk.start(
        [
          "sh",
          "-c",
          "test -t 0 && echo in; test -t 1 && echo out; test -t 2 && echo err; stty size; echo TERM=$TERM; echo e >&2; read x; echo got:$x; exec cat",
        ],
        { id: "t1", tty: true },
      );
      await talk.output("t1", "e\r\n");
      await talk.write("t1", "abc\n", "1");
      await talk.output("t1", "got:abc\r\n");
      await talk.write("t1", "\u0003", "2");
      await talk.closed("t1");
      await talk.read("t1");
      await talk.write("t1", "x", "3");
      await talk.start(["cat"], { id: "t2", tty: true });
      await talk.write("t2", "\u0004", "1");
      await talk.closed("t2");
      await talk.run(["sh", "-c", "exit 7"], { id: "t3", tty: true });
      await talk.run(["sh", "-c", "kill -KILL $$"], { id: "t4", tty: true });
      await talk.run(["sh", "-c", "kill -TERM $$"], { id: "t5", tty: true });
      await talk.run(["sh", "-c", "stty -a | head -1 | cut -d';' -f2,3; tput lines 2>/dev/null; true"], {
        id: "t6",
        tty: true,
      });
      await talk.start(["cat"], { id: "t7", tty: true, pipeStdin: true });
      await talk.write("t7", "x\n", "1");
      await talk.output("t7", "x\r\nx\r\n");
      await talk.call("process/signal", { processId: "t7", signal: "interrupt" });
      await talk.closed("t7");
    },
  },
];

export const READS: readonly Situation[] = [
  {
    name: "reads of what was said",
    meet: async (talk) => {
      await talk.run(["sh", "-c", "echo one; sleep 0.05; echo two >&2; sleep 0.05; echo three; sleep 0.05"], {
        id: "r",
      });
      for (const more of [
        {},
        { afterSeq: 0 },
        { afterSeq: 1 },
        { afterSeq: 2 },
        { afterSeq: 3 },
        { afterSeq: 4 },
        { afterSeq: 5 },
        { afterSeq: 99 },
        { afterSeq: 99, waitMs: 300 },
        { waitMs: 5_000 },
        { afterSeq: 5, waitMs: 300 },
        { afterSeq: 4, waitMs: 300 },
        { maxBytes: 0 },
        { maxBytes: 1 },
        { maxBytes: 4 },
        { maxBytes: 8 },
        { maxBytes: 1_000_000 },
        { maxBytes: 8, afterSeq: 1 },
        { afterSeq: 18_446_744_073_709_000_000 },
      ])
        await talk.read("r", more);
      for (const more of [
        { afterSeq: -1 },
        { afterSeq: 1.5 },
        { afterSeq: "1" },
        { maxBytes: -1 },
        { maxBytes: 1.5 },
        { waitMs: -1 },
        { waitMs: "x" },
        { waitMs: true },
        { afterSeq: {} },
        { afterSeq: 1e30 },
        { maxBytes: null, waitMs: null, afterSeq: null },
        { afterSeq: 1.0 },
      ])
        await talk.read("r", more);
      await talk.read("nobody");
      await talk.read("nobody", { waitMs: 5_000 });
    },
  },
  {
    name: "long polls",
    meet: async (talk) => {
      await talk.start(["sh", "-c", "read x; echo first; read x; echo second; read x"], {
        id: "lp",
        pipeStdin: true,
      });
      await talk.read("lp", { afterSeq: 0, waitMs: 50 });
      await talk.write("lp", "\n", "1");
      await talk.read("lp", { afterSeq: 0, waitMs: 5_000 });
      await talk.output("lp", "first");
      await talk.write("lp", "\n", "2");
      await talk.read("lp", { afterSeq: 1, waitMs: 5_000 });
      await talk.output("lp", "second");
      await talk.write("lp", "\n", "3");
      await talk.exited("lp");
      await talk.closed("lp");
      await talk.read("lp", { afterSeq: 2, waitMs: 5_000 });
      await talk.read("lp", { afterSeq: 3, waitMs: 5_000 });
      await talk.read("lp", { afterSeq: 4, waitMs: 5_000 });
    },
  },
  {
    name: "a poll that an exit ends before the pipes close",
    meet: async (talk) => {
      await talk.start(["sh", "-c", "sleep 0.5 & exit 4"], { id: "x" });
      await talk.exited("x");
      await talk.read("x", { afterSeq: 0, waitMs: 5_000 });
      await talk.read("x", { afterSeq: 1, waitMs: 100 });
      await talk.terminate("x");
      await talk.closed("x");
      await talk.read("x", { afterSeq: 0, waitMs: 5_000 });
    },
  },
  {
    name: "3 MiB of output while somebody listens",
    meet: async (talk) => {
      await talk.run(["sh", "-c", "yes 0123456789abcde | head -c 3145728; echo end >&2"], { id: "big" });
    },
  },
  {
    name: "output through the names that files have for it",
    meet: async (talk) => {
      await talk.run(["sh", "-c", "echo out > /proc/self/fd/1; echo err >&2; exit 2"], { id: "named" });
    },
  },
  {
    name: "3 MiB of output while nobody listens",
    bare: true,
    meet: async (talk) => {
      const session = await talk.connect("c1");
      await talk.start(["sh", "-c", "sleep 0.1; yes 0123456789abcde | head -c 3145728; echo end"], {
        id: "big",
      });
      await talk.drop("c1");
      await moment(600);
      await talk.connect("c2", session);
      await talk.page("big", 100_000);
      await talk.page("big", 1);
    },
  },
];
