/** Scenarios about the input and output of processes. */
import type { Scenario } from "./test-client.ts";

export const INPUTS: readonly Scenario[] = [
  {
    name: "writes of all kinds",
    run: async (client) => {
      await client.start(["cat"], { id: "cat", pipeStdin: true });
      await client.write("cat", "again\n", "1");
      await client.output("cat", "again\n");
      await client.write("cat", "again\n", "1");
      await client.write("cat", "other\n", "1");
      const write = (more: Record<string, unknown>): Promise<unknown> =>
        client.call("process/write", { processId: "cat", ...more });
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
      await client.write("cat", "end\n", "4");
      await client.output("cat", "end\n");
      await client.terminate("cat");
      await client.closed("cat");
      await client.write("cat", "x", "5");
      await client.write("cat", "x", "5");
      await client.write("cat", "x", "1");
      await client.write("cat", "", "6");
      await write({ chunk: "***", writeId: "7" });
    },
  },
  {
    name: "writes that are not taken",
    run: async (client) => {
      await client.start(["sh", "-c", "readlink /proc/self/fd/0; sleep 0.3"], { id: "none" });
      await client.write("none", "x", "1");
      await client.write("none", "x", "1");
      await client.write("none", "", "2");
      await client.closed("none");
      await client.write("none", "x", "3");
      await client.write("none", "x", "1");
      await client.write("nobody", "x", "1");
      await client.write("nobody", "x", "");
      await client.start(["sh", "-c", "exec <&-; echo closed; sleep 30"], { id: "shut", pipeStdin: true });
      await client.output("shut", "closed");
      await client.write("shut", "x", "1");
      await client.write("shut", "x", "2");
      await client.terminate("shut");
      await client.closed("shut");
      await client.start(["true"], { id: "gone", pipeStdin: true });
      await client.closed("gone");
      await client.write("gone", "x", "1");
    },
  },
  {
    name: "a write right after its start",
    run: async (client) => {
      client.ask("process/start", client.startParams(["cat"], { id: "imm", pipeStdin: true }));
      client.ask("process/write", { processId: "imm", chunk: "aGkK", writeId: "1" });
      const read = client.ask("process/read", { processId: "imm", waitMs: 2_000 });
      await client.answered(read);
      await client.output("imm", "hi\n");
      client.ask("process/start", client.startParams(["no-such-program"], { id: "never" }));
      client.ask("process/write", { processId: "never", chunk: "aGkK", writeId: "1" });
      client.ask("process/terminate", { processId: "never" });
      await client.answered(client.ask("process/read", { processId: "never" }));
      await client.terminate("imm");
      await client.closed("imm");
    },
  },
  {
    name: "a large write to a process that reads",
    run: async (client) => {
      await client.start(["sh", "-c", "head -c 3000000 | cksum"], { id: "bw", pipeStdin: true });
      await client.write("bw", "a".repeat(3_000_000), "1");
      await client.closed("bw");
    },
  },
  {
    name: "a terminal",
    run: async (client) => {
      await client.start(
        [
          "sh",
          "-c",
          "test -t 0 && echo in; test -t 1 && echo out; test -t 2 && echo err; stty size; echo TERM=$TERM; echo e >&2; read x; echo got:$x; exec cat",
        ],
        { id: "t1", tty: true },
      );
      await client.output("t1", "e\r\n");
      await client.write("t1", "abc\n", "1");
      await client.output("t1", "got:abc\r\n");
      await client.write("t1", "\u0003", "2");
      await client.closed("t1");
      await client.read("t1");
      await client.write("t1", "x", "3");
      await client.start(["cat"], { id: "t2", tty: true });
      await client.write("t2", "\u0004", "1");
      await client.closed("t2");
      await client.run(["sh", "-c", "exit 7"], { id: "t3", tty: true });
      await client.run(["sh", "-c", "kill -KILL $$"], { id: "t4", tty: true });
      await client.run(["sh", "-c", "kill -TERM $$"], { id: "t5", tty: true });
      await client.run(["sh", "-c", "stty -a | head -1 | cut -d';' -f2,3; tput lines 2>/dev/null; true"], {
        id: "t6",
        tty: true,
      });
      await client.start(["cat"], { id: "t7", tty: true, pipeStdin: true });
      await client.write("t7", "x\n", "1");
      await client.output("t7", "x\r\nx\r\n");
      await client.call("process/signal", { processId: "t7", signal: "interrupt" });
      await client.closed("t7");
    },
  },
];

export const READS: readonly Scenario[] = [
  {
    name: "reads of output",
    run: async (client) => {
      await client.run(
        ["sh", "-c", "echo one; sleep 0.05; echo two >&2; sleep 0.05; echo three; sleep 0.05"],
        {
          id: "r",
        },
      );
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
        await client.read("r", more);
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
        await client.read("r", more);
      await client.read("nobody");
      await client.read("nobody", { waitMs: 5_000 });
    },
  },
  {
    name: "long polls",
    run: async (client) => {
      await client.start(["sh", "-c", "read x; echo first; read x; echo second; read x"], {
        id: "lp",
        pipeStdin: true,
      });
      await client.read("lp", { afterSeq: 0, waitMs: 50 });
      await client.write("lp", "\n", "1");
      await client.read("lp", { afterSeq: 0, waitMs: 5_000 });
      await client.output("lp", "first");
      await client.write("lp", "\n", "2");
      await client.read("lp", { afterSeq: 1, waitMs: 5_000 });
      await client.output("lp", "second");
      await client.write("lp", "\n", "3");
      await client.exited("lp");
      await client.closed("lp");
      await client.read("lp", { afterSeq: 2, waitMs: 5_000 });
      await client.read("lp", { afterSeq: 3, waitMs: 5_000 });
      await client.read("lp", { afterSeq: 4, waitMs: 5_000 });
    },
  },
  {
    name: "a poll that an exit ends before the pipes close",
    run: async (client) => {
      await client.start(["sh", "-c", "sleep 2 & exit 4"], { id: "x" });
      await client.exited("x");
      await client.read("x", { afterSeq: 0, waitMs: 5_000 });
      await client.read("x", { afterSeq: 1, waitMs: 100 });
      await client.terminate("x");
      await client.closed("x");
      await client.read("x", { afterSeq: 0, waitMs: 5_000 });
    },
  },
  {
    name: "3 MiB of output while somebody listens",
    run: async (client) => {
      await client.run(["sh", "-c", "yes 0123456789abcde | head -c 3145728; echo end >&2"], { id: "big" });
    },
  },
  {
    name: "output through the names in /proc",
    run: async (client) => {
      await client.run(["sh", "-c", "echo out > /proc/self/fd/1; echo err >&2; exit 2"], { id: "named" });
    },
  },
  {
    name: "3 MiB of output while nobody listens",
    bare: true,
    run: async (client) => {
      const session = await client.connect("c1");
      await client.start(
        [
          "sh",
          "-c",
          `sleep 0.1; yes 0123456789abcde | head -c 3145728; echo end; : > ${client.workspace.scratch}/big`,
        ],
        {
          id: "big",
        },
      );
      await client.drop("c1");
      await client.file("big");
      await client.pause(300);
      await client.connect("c2", session);
      await client.page("big", 100_000);
      await client.page("big", 1);
    },
  },
];
