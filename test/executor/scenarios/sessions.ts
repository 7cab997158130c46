/** Scenarios about the ends of processes and of links, and about resumed sessions. */
import type { Scenario } from "./test-client.ts";

export const ENDINGS: readonly Scenario[] = [
  {
    name: "terminate, again and after the end",
    run: async (client) => {
      await client.start(["sleep", "60"], { id: "s" });
      await client.terminate("s");
      await client.closed("s");
      await client.terminate("s");
      await client.write("s", "x", "1");
      await client.call("process/signal", { processId: "s", signal: "interrupt" });
      await client.start(["true"], { id: "s" });
      await client.read("s");
      await client.terminate("nobody");
      await client.start(["sh", "-c", "yes | head -c 200000; echo done >&2; sleep 60"], { id: "t" });
      await client.output("t", "done\n");
      await client.terminate("t");
      await client.closed("t");
      client.ask("process/start", client.startParams(["sleep", "60"], { id: "u" }));
      await client.terminate("u");
      await client.closed("u");
      await client.start(["sleep", "60"], { id: "tty", tty: true });
      await client.terminate("tty");
      await client.closed("tty");
    },
  },
  {
    name: "signals",
    run: async (client) => {
      await client.start(
        ["sh", "-c", 'trap "echo INT; exit 9" INT; echo ready; while :; do sleep 0.02; done'],
        { id: "sg" },
      );
      await client.output("sg", "ready");
      for (const signal of ["terminate", "SIGINT", "INTERRUPT", "", 2, null, "kill"])
        await client.call("process/signal", { processId: "sg", signal });
      await client.call("process/signal", { processId: "sg" });
      await client.call("process/signal", { processId: "sg", signal: "interrupt" });
      await client.closed("sg");
      await client.call("process/signal", { processId: "sg", signal: "interrupt" });
      await client.call("process/signal", { processId: "nobody", signal: "interrupt" });
      await client.call("process/signal", { processId: "nobody", signal: "x" });
      await client.start(["sleep", "60"], { id: "sl" });
      await client.call("process/signal", { processId: "sl", signal: "interrupt" });
      await client.closed("sl");
      await client.start(
        [
          "sh",
          "-c",
          'trap "echo parent" INT; sh -c \'trap "echo child; exit" INT; echo ready; while :; do sleep 0.02; done\'; exit 3',
        ],
        { id: "group" },
      );
      await client.output("group", "ready");
      await client.call("process/signal", { processId: "group", signal: "interrupt" });
      await client.closed("group");
    },
  },
  {
    name: "a grandchild that keeps the pipes",
    run: async (client) => {
      await client.start(["sh", "-c", "(sleep 0.3; echo late) & echo now; exit 0"], { id: "bg" });
      await client.closed("bg");
      await client.start(["sh", "-c", "setsid sleep 0.4 & exit 0"], { id: "sid" });
      await client.exited("sid");
      await client.terminate("sid");
      await client.closed("sid");
    },
  },
];

export const SESSIONS: readonly Scenario[] = [
  {
    name: "resume of a session",
    bare: true,
    run: async (client) => {
      const session = await client.connect("c1");
      await client.start(["sh", "-c", "echo a; read x; echo b:$x; read x; exit 4"], {
        id: "rs",
        pipeStdin: true,
      });
      await client.output("rs", "a\n");
      await client.write("rs", "one\n", "1");
      await client.output("rs", "b:one\n");
      await client.open("c2");
      await client.call("initialize", { clientName: "probe", resumeSessionId: session });
      await client.drop("c1");
      await client.connect("c3", session);
      await client.read("rs", { afterSeq: 0 });
      await client.read("rs", { afterSeq: 2, maxBytes: null, waitMs: 0 });
      await client.write("rs", "one\n", "1");
      await client.on("c2").call("initialize", { clientName: "probe", resumeSessionId: session });
      await client.on("c2").call("initialize", { clientName: "probe" });
      client.on("c3");
      await client.write("rs", "two\n", "2");
      await client.closed("rs");
      await client.read("rs", { afterSeq: 2 });
      await client.start(["true"], { id: "rs" });
    },
  },
  {
    name: "a link that is closed in order",
    bare: true,
    run: async (client) => {
      const session = await client.connect("c1");
      await client.start(["cat"], { id: "k", pipeStdin: true });
      await client.close("c1");
      await client.connect("c2", session);
      await client.write("k", "x\n", "1");
      await client.output("k", "x\n");
      await client.terminate("k");
      await client.closed("k");
    },
  },
  {
    name: "a process that ends without a link",
    bare: true,
    run: async (client) => {
      const session = await client.connect("c1");
      await client.start(["sh", "-c", `sleep 0.2; echo bye; : > ${client.workspace.scratch}/left; exit 4`], {
        id: "ex",
      });
      await client.drop("c1");
      await client.file("left");
      await client.pause(300);
      await client.connect("c2", session);
      await client.read("ex", { afterSeq: 0 });
      await client.terminate("ex");
      await client.drop("c2");
      await client.connect("c3", session);
      await client.read("ex", { afterSeq: 0 });
    },
  },
  {
    name: "calls on a resumed session before initialized",
    bare: true,
    run: async (client) => {
      const session = await client.connect("c1");
      await client.start(["cat"], { id: "k", pipeStdin: true });
      await client.drop("c1");
      await client.open("c2");
      await client.resume("c2", session);
      await client.read("k");
      await client.write("k", "x", "1");
      await client.drop("c2");
      await client.connect("c3", session);
      await client.write("k", "x\n", "1");
      await client.output("k", "x\n");
      await client.terminate("k");
      await client.closed("k");
    },
  },
  {
    name: "what ends with its link",
    bare: true,
    run: async (client) => {
      const session = await client.connect("c1");
      await client.call("fs/open", { handleId: "h1", path: client.uri("fsx/a.txt") });
      await client.call("fs/readBlock", { handleId: "h1", offset: 0, len: 100 });
      await client.call("http/request", {
        method: "GET",
        url: client.web("/hang"),
        requestId: "s",
        streamResponse: true,
      });
      await client.bodyPart("s");
      await client.drop("c1");
      await client.connect("c2", session);
      await client.call("fs/readBlock", { handleId: "h1", offset: 0, len: 100 });
      await client.call("fs/close", { handleId: "h1" });
      await client.call("http/request", {
        method: "GET",
        url: client.web("/ok"),
        requestId: "s",
        streamResponse: true,
      });
      await client.bodyEnd("s");
    },
  },
  {
    name: "a poll that waits when its link ends",
    bare: true,
    run: async (client) => {
      const session = await client.connect("c1");
      await client.start(["cat"], { id: "k", pipeStdin: true });
      client.ask("process/read", { processId: "k", waitMs: 60_000 });
      await client.drop("c1");
      await client.connect("c2", session);
      await client.write("k", "x\n", "1");
      await client.output("k", "x\n");
      await client.read("k", { afterSeq: 0, waitMs: 60_000 });
      await client.terminate("k");
      await client.closed("k");
    },
  },
];
