/** Situations about the ends of processes and of connections, and about coming back. */
import { moment, type Situation } from "./talk.ts";

export const ENDINGS: readonly Situation[] = [
  {
    name: "terminate, again and after the end",
    meet: async (talk) => {
      await talk.start(["sleep", "60"], { id: "s" });
      await talk.terminate("s");
      await talk.closed("s");
      await talk.terminate("s");
      await talk.write("s", "x", "1");
      await talk.call("process/signal", { processId: "s", signal: "interrupt" });
      await talk.start(["true"], { id: "s" });
      await talk.read("s");
      await talk.terminate("nobody");
      await talk.start(["sh", "-c", "yes | head -c 200000; echo done >&2; sleep 60"], { id: "t" });
      await talk.output("t", "done\n");
      await talk.terminate("t");
      await talk.closed("t");
      talk.ask("process/start", talk.startParams(["sleep", "60"], { id: "u" }));
      await talk.terminate("u");
      await talk.closed("u");
      await talk.start(["sleep", "60"], { id: "tty", tty: true });
      await talk.terminate("tty");
      await talk.closed("tty");
    },
  },
  {
    name: "signals",
    meet: async (talk) => {
      await talk.start(
        ["sh", "-c", 'trap "echo INT; exit 9" INT; echo ready; while :; do sleep 0.02; done'],
        { id: "sg" },
      );
      await talk.output("sg", "ready");
      for (const signal of ["terminate", "SIGINT", "INTERRUPT", "", 2, null, "kill"])
        await talk.call("process/signal", { processId: "sg", signal });
      await talk.call("process/signal", { processId: "sg" });
      await talk.call("process/signal", { processId: "sg", signal: "interrupt" });
      await talk.closed("sg");
      await talk.call("process/signal", { processId: "sg", signal: "interrupt" });
      await talk.call("process/signal", { processId: "nobody", signal: "interrupt" });
      await talk.call("process/signal", { processId: "nobody", signal: "x" });
      await talk.start(["sleep", "60"], { id: "sl" });
      await talk.call("process/signal", { processId: "sl", signal: "interrupt" });
      await talk.closed("sl");
      await talk.start(
        [
          "sh",
          "-c",
          'trap "echo parent" INT; sh -c \'trap "echo child; exit" INT; echo ready; while :; do sleep 0.02; done\'; exit 3',
        ],
        { id: "group" },
      );
      await talk.output("group", "ready");
      await talk.call("process/signal", { processId: "group", signal: "interrupt" });
      await talk.closed("group");
    },
  },
  {
    name: "a grandchild that keeps the pipes",
    meet: async (talk) => {
      await talk.start(["sh", "-c", "(sleep 0.3; echo late) & echo now; exit 0"], { id: "bg" });
      await talk.closed("bg");
      await talk.start(["sh", "-c", "setsid sleep 0.4 & exit 0"], { id: "sid" });
      await talk.exited("sid");
      await talk.terminate("sid");
      await talk.closed("sid");
    },
  },
];

export const SESSIONS: readonly Situation[] = [
  {
    name: "resume of a session",
    bare: true,
    meet: async (talk) => {
      const session = await talk.connect("c1");
      await talk.start(["sh", "-c", "echo a; read x; echo b:$x; read x; exit 4"], {
        id: "rs",
        pipeStdin: true,
      });
      await talk.output("rs", "a\n");
      await talk.write("rs", "one\n", "1");
      await talk.output("rs", "b:one\n");
      await talk.open("c2");
      await talk.call("initialize", { clientName: "probe", resumeSessionId: session });
      await talk.drop("c1");
      await moment();
      await talk.connect("c3", session);
      await talk.read("rs", { afterSeq: 0 });
      await talk.read("rs", { afterSeq: 2, maxBytes: null, waitMs: 0 });
      await talk.write("rs", "one\n", "1");
      await talk.on("c2").call("initialize", { clientName: "probe", resumeSessionId: session });
      await talk.on("c2").call("initialize", { clientName: "probe" });
      talk.on("c3");
      await talk.write("rs", "two\n", "2");
      await talk.closed("rs");
      await talk.read("rs", { afterSeq: 2 });
      await talk.start(["true"], { id: "rs" });
    },
  },
  {
    name: "a process that ends while nobody is there",
    bare: true,
    meet: async (talk) => {
      const session = await talk.connect("c1");
      await talk.start(["sh", "-c", "sleep 0.2; echo bye; exit 4"], { id: "ex" });
      await talk.drop("c1");
      await moment(500);
      await talk.connect("c2", session);
      await talk.read("ex", { afterSeq: 0 });
      await talk.terminate("ex");
      await talk.drop("c2");
      await moment();
      await talk.connect("c3", session);
      await talk.read("ex", { afterSeq: 0 });
    },
  },
  {
    name: "calls on a resumed session before initialized",
    bare: true,
    meet: async (talk) => {
      const session = await talk.connect("c1");
      await talk.start(["cat"], { id: "k", pipeStdin: true });
      await talk.drop("c1");
      await moment();
      await talk.open("c2");
      await talk.call("initialize", { clientName: "probe", resumeSessionId: session });
      await talk.read("k");
      await talk.write("k", "x", "1");
      await talk.drop("c2");
      await moment();
      await talk.connect("c3", session);
      await talk.write("k", "x\n", "1");
      await talk.output("k", "x\n");
      await talk.terminate("k");
      await talk.closed("k");
    },
  },
  {
    name: "what ends with its connection",
    bare: true,
    meet: async (talk) => {
      const session = await talk.connect("c1");
      await talk.call("fs/open", { handleId: "h1", path: talk.uri("fsx/a.txt") });
      await talk.call("fs/readBlock", { handleId: "h1", offset: 0, len: 100 });
      await talk.call("http/request", {
        method: "GET",
        url: talk.web("/hang"),
        requestId: "s",
        streamResponse: true,
      });
      await talk.bodyPart("s");
      await talk.drop("c1");
      await moment();
      await talk.connect("c2", session);
      await talk.call("fs/readBlock", { handleId: "h1", offset: 0, len: 100 });
      await talk.call("fs/close", { handleId: "h1" });
      await talk.call("http/request", {
        method: "GET",
        url: talk.web("/ok"),
        requestId: "s",
        streamResponse: true,
      });
      await talk.bodyEnd("s");
    },
  },
  {
    name: "a poll that waits when its connection ends",
    bare: true,
    meet: async (talk) => {
      const session = await talk.connect("c1");
      await talk.start(["cat"], { id: "k", pipeStdin: true });
      talk.ask("process/read", { processId: "k", waitMs: 60_000 });
      await talk.drop("c1");
      await moment();
      await talk.connect("c2", session);
      await talk.write("k", "x\n", "1");
      await talk.output("k", "x\n");
      await talk.read("k", { afterSeq: 0, waitMs: 60_000 });
      await talk.terminate("k");
      await talk.closed("k");
    },
  },
];
