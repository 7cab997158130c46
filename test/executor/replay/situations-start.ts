/** Situations about starting processes. */
import type { Situation } from "./talk.ts";

export const STARTS: readonly Situation[] = [
  {
    name: "processes to their end",
    meet: async (talk) => {
      await talk.run(["sh", "-c", "echo out; sleep 0.05; echo err >&2; exit 3"], { id: "p1" });
      await talk.read("p1", { afterSeq: null, maxBytes: null, waitMs: null });
      await talk.run(["true"], { id: "p2" });
      await talk.run(["false"], { id: "p3" });
      await talk.run(["sh", "-c", "exit 255"], { id: "p4" });
      await talk.run(["sh", "-c", "kill -KILL $$"], { id: "p5" });
      await talk.run(["sh", "-c", "kill -TERM $$"], { id: "p6" });
      await talk.run(["sh", "-c", "kill -SEGV $$"], { id: "p7" });
      await talk.run(["sh", "-c", "kill -USR1 $$"], { id: "p8" });
      await talk.run(["printf", "\\377\\000\\n"], { id: "" });
      await talk.read("");
      await talk.run(["sh", "-c", "printf '%s' ü"], { id: 'ü "quoted" \n' });
      await talk.run(["sh", "-c", "exec >&- 2>&-; sleep 0.1; exit 5"], { id: "p9" });
      await talk.read("p9");
    },
  },
  {
    name: "many short processes",
    meet: async (talk) => {
      const ids = Array.from({ length: 60 }, (_, at) => `s${at}`);
      for (const id of ids)
        talk.ask(
          "process/start",
          talk.startParams(["sh", "-c", `echo ${id}; exit ${ids.indexOf(id) % 7}`], { id }),
        );
      for (const id of ids) await talk.closed(id);
      for (const id of ids.slice(0, 5)) await talk.read(id);
    },
  },
  {
    name: "programs that cannot be started",
    meet: async (talk) => {
      const { scratch } = talk.world;
      for (const argv of [
        [""],
        ["no-such-program"],
        ["/no/such"],
        ["/etc/hostname"],
        ["/tmp"],
        ["./no"],
        ["no/such"],
        ["sh", "-c", "a\u0000b"],
        ["s\u0000h"],
        ["."],
        [".."],
        ["/"],
        [`${scratch}/fsx/a.txt`],
        [`${scratch}/fsx/a.txt/x`],
        [`${scratch}/fsx/dangling`],
        ["a b"],
        [" "],
        ["x".repeat(300)],
        [`/${"x".repeat(5000)}`],
      ]) {
        await talk.start(argv, { id: "e" });
      }
      await talk.start(["true"], { id: "e2", arg0: "a\u0000b" });
      await talk.start(["true"], { id: "e3", env: { PATH: process.env["PATH"] ?? "", A: "a\u0000b" } });
      await talk.start(["true"], { id: "e3b", env: { PATH: process.env["PATH"] ?? "", "A\u0000": "b" } });
      await talk.start(["no-such-program"], { id: "e4", tty: true });
      await talk.start([""], { id: "e4", tty: true });
      await talk.start(["/etc/hostname"], { id: "e4", tty: true });
      await talk.start(["/tmp"], { id: "e4", tty: true });
      await talk.start(["true"], { id: "e4", tty: true, cwd: "/no/such" });
      await talk.start(["true"], { id: "e4", tty: true, cwd: "/etc/hostname" });
      // A failed start frees its id.
      await talk.run(["true"], { id: "e" });
      await talk.read("e2");
      await talk.write("e2", "x", "1");
    },
  },
  {
    name: "where programs are looked for",
    meet: async (talk) => {
      const { scratch } = talk.world;
      const core = { inherit: "core", ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
      await talk.run(["mytool"], { id: "l1", env: { PATH: `${scratch}/bin:/usr/bin:/bin` } });
      await talk.run(["mytool"], { id: "l2", env: { PATH: `/nowhere:${scratch}/fsx:${scratch}/bin` } });
      await talk.run(["ls", `${scratch}/bin`], { id: "l3", env: {} });
      await talk.run(["./mytool"], { id: "l4", cwd: `${scratch}/bin` });
      await talk.run(["bin/mytool"], { id: "l5", cwd: scratch });
      await talk.run(["../bin/mytool"], { id: "l6", cwd: `${scratch}/fsx` });
      await talk.run(["mytool"], { id: "l7", cwd: `${scratch}/bin`, env: { PATH: "." } });
      await talk.run(["mytool"], { id: "l8", cwd: `${scratch}/bin`, env: { PATH: "" } });
      await talk.run(["mytool"], { id: "l9", cwd: scratch, env: { PATH: "bin" } });
      await talk.run(["mytool"], { id: "l10", cwd: scratch, env: { PATH: ":/usr/bin" } });
      await talk.run(["own-tool"], { id: "l11", env: {} });
      await talk.run(["own-tool"], { id: "l12", env: { PATH: "/bin" } });
      await talk.run(["own-tool"], { id: "l13", env: {}, envPolicy: core });
      await talk.run(["own-tool"], { id: "l14", env: { PATH: "/bin" }, envPolicy: core });
      await talk.run(["own-tool"], { id: "l15", env: {}, envPolicy: { ...core, set: { PATH: "/bin" } } });
      await talk.run(["sh", "-c", "echo x"], { id: "l16", env: { PATH: "" } });
    },
  },
  {
    name: "folders to run in",
    meet: async (talk) => {
      const { scratch } = talk.world;
      const uris = [
        "/tmp",
        "tmp",
        "",
        "file:///no/such/dir",
        "file:///etc/hostname",
        "file://localhost/tmp",
        `file://${scratch}/a%20b`,
        `file://${scratch}/a b`,
        "file:///C:/Users",
        "http://x/tmp",
        "file://otherhost/tmp",
        "file:///tmp/../etc",
        "file:///tmp/",
        "file:///",
        "file:/tmp",
        "file:tmp",
        "FILE:///tmp",
        "file:///tmp?x",
        "file:///tmp#x",
        "file:///%00",
        "file:///t%6Dp",
        "file:////tmp",
        "file:///tmp/%2e%2e/etc",
        "file:///tmp/./",
        `file://${scratch}/fsx/ln`,
        `file://${scratch}/fsx/dangling`,
        `file://${scratch}/fsx/a.txt/x`,
        "file:///%ff",
        "file://127.0.0.1/tmp",
        "file://user@localhost/tmp",
        "relative/path",
        "~",
        "file:///~",
      ];
      let at = 0;
      for (const cwd of uris) {
        const processId = `w${at++}`;
        const { error } = await talk.call("process/start", { ...talk.startParams(["pwd"]), processId, cwd });
        if (error === undefined) await talk.closed(processId);
      }
      await talk.call("process/start", { cwd: "tmp" });
      await talk.call("process/start", { cwd: "file://otherhost/" });
      await talk.call("process/start", { ...talk.startParams([]), cwd: "file://otherhost/" });
      await talk.call("process/start", { ...talk.startParams([""]), cwd: "file://otherhost/" });
      await talk.call("process/start", {
        ...talk.startParams(["true"], { id: "w5" }),
        cwd: "file://otherhost/",
      });
    },
  },
  {
    name: "environments of processes",
    meet: async (talk) => {
      const policy = { inherit: "none", ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
      const policies: readonly [Record<string, string>, Record<string, unknown> | undefined][] = [
        [{}, undefined],
        [{ A: "1" }, undefined],
        [{ A: "" }, undefined],
        [{ A: "1" }, { ...policy, set: { S: "1" } }],
        [{}, { ...policy, inherit: "core" }],
        [{}, { ...policy, inherit: "all" }],
        [{}, { ...policy, inherit: "all", ignoreDefaultExcludes: false }],
        [{}, { ...policy, inherit: "all", exclude: ["EXEC_*", "PATH"] }],
        [{ A: "2" }, { ...policy, inherit: "all", set: { S: "9" }, includeOnly: ["EXEC_SIDE", "HOME"] }],
        [{ HOME: "/env" }, { ...policy, inherit: "core", set: { HOME: "/set" } }],
        [{}, { ...policy, inherit: "all", exclude: ["exec_?ide", "*token*"] }],
        [{}, { ...policy, inherit: "all", includeOnly: ["EXEC*", "home"] }],
        [{}, { ...policy, set: { MY_SECRET_KEY: "s", A: "1" }, ignoreDefaultExcludes: false }],
        [{ MY_TOKEN: "e" }, { ...policy, ignoreDefaultExcludes: false }],
        [{}, { ...policy, set: { B: "2", A: "1" }, exclude: ["A"] }],
        [{}, { ...policy, set: { B: "2", A: "1" }, includeOnly: ["A"] }],
        [{}, { ...policy, inherit: "all", exclude: ["[EH]*"] }],
        [{}, { ...policy, inherit: "all", exclude: [""] }],
        [{}, { ...policy, inherit: "all", includeOnly: [""] }],
        [{}, { ...policy, inherit: "all", exclude: ["*"] }],
      ];
      let at = 0;
      for (const [env, envPolicy] of policies)
        await talk.run(["/usr/bin/env"], {
          id: `v${at++}`,
          env,
          ...(envPolicy === undefined ? {} : { envPolicy }),
        });
    },
  },
  {
    name: "the name a process sees",
    meet: async (talk) => {
      const show = ["sh", "-c", 'echo "$0"; tr "\\0" " " < /proc/$$/cmdline'];
      await talk.run(show, { id: "a0", arg0: "my-arg0" });
      await talk.run(show, { id: "a1", arg0: "" });
      await talk.run(show, { id: "a2", arg0: null });
      await talk.run(show, { id: "a3", arg0: "ä b" });
      await talk.run([...show, "name", "one", ""], { id: "a4" });
      await talk.run(show, { id: "a5", arg0: "my-arg0", tty: true });
    },
  },
  {
    name: "ids that are taken",
    meet: async (talk) => {
      await talk.start(["cat"], { id: "cat", pipeStdin: true });
      await talk.start(["cat"], { id: "cat", pipeStdin: true });
      await talk.start(["no-such"], { id: "cat" });
      await talk.start([], { id: "cat" });
      await talk.start(["cat"], { id: "cat", cwd: "http://x/" });
      await talk.terminate("cat");
      await talk.closed("cat");
      await talk.start(["true"], { id: "cat" });
      await talk.run(["true"], { id: "CAT" });
      await talk.connect("c2");
      await talk.run(["echo", "mine"], { id: "cat" });
    },
  },
  {
    name: "what a process is in the system",
    meet: async (talk) => {
      const stat = ["sh", "-c", 'cut -d" " -f1,4,5,6 /proc/$$/stat'];
      await talk.run(stat, { id: "g1" });
      await talk.run(stat, { id: "g2", tty: true });
      await talk.run(stat, { id: "g3", pipeStdin: true });
      await talk.run(["sh", "-c", "umask; ulimit -n"], { id: "g4" });
      await talk.run(["sh", "-c", "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status"], { id: "g5" });
    },
  },
];
