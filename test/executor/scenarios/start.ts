/** Scenarios about starting processes. */
import type { Scenario } from "./test-client.ts";

export const STARTS: readonly Scenario[] = [
  {
    name: "processes to their end",
    run: async (client) => {
      await client.run(["sh", "-c", "echo out; sleep 0.05; echo err >&2; exit 3"], { id: "p1" });
      await client.read("p1", { afterSeq: null, maxBytes: null, waitMs: null });
      await client.run(["true"], { id: "p2" });
      await client.run(["false"], { id: "p3" });
      await client.run(["sh", "-c", "exit 255"], { id: "p4" });
      await client.run(["sh", "-c", "kill -KILL $$"], { id: "p5" });
      await client.run(["sh", "-c", "kill -TERM $$"], { id: "p6" });
      await client.run(["sh", "-c", "kill -SEGV $$"], { id: "p7" });
      await client.run(["sh", "-c", "kill -USR1 $$"], { id: "p8" });
      await client.run(["printf", "\\377\\000\\n"], { id: "" });
      await client.read("");
      await client.run(["sh", "-c", "printf '%s' ü"], { id: 'ü "quoted" \n' });
      await client.run(["sh", "-c", "exec >&- 2>&-; sleep 0.1; exit 5"], { id: "p9" });
      await client.read("p9");
    },
  },
  {
    name: "many short processes",
    run: async (client) => {
      const ids = Array.from({ length: 60 }, (_, at) => `s${at}`);
      for (const id of ids)
        client.ask(
          "process/start",
          client.startParams(["sh", "-c", `echo ${id}; exit ${ids.indexOf(id) % 7}`], { id }),
        );
      for (const id of ids) await client.closed(id);
      for (const id of ids.slice(0, 5)) await client.read(id);
    },
  },
  {
    name: "programs that cannot be started",
    run: async (client) => {
      const { scratch } = client.workspace;
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
        await client.start(argv, { id: "e" });
      }
      await client.start(["true"], { id: "e2", arg0: "a\u0000b" });
      await client.start(["true"], { id: "e3", env: { PATH: process.env["PATH"] ?? "", A: "a\u0000b" } });
      await client.start(["true"], { id: "e3b", env: { PATH: process.env["PATH"] ?? "", "A\u0000": "b" } });
      await client.start(["no-such-program"], { id: "e4", tty: true });
      await client.start([""], { id: "e4", tty: true });
      await client.start(["/etc/hostname"], { id: "e4", tty: true });
      await client.start(["/tmp"], { id: "e4", tty: true });
      await client.start(["true"], { id: "e4", tty: true, cwd: "/no/such" });
      await client.start(["true"], { id: "e4", tty: true, cwd: "/etc/hostname" });
      // A failed start frees its id.
      await client.run(["true"], { id: "e" });
      await client.read("e2");
      await client.write("e2", "x", "1");
    },
  },
  {
    name: "where programs are looked for",
    run: async (client) => {
      const { scratch } = client.workspace;
      const core = { inherit: "core", ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
      await client.run(["mytool"], { id: "l1", env: { PATH: `${scratch}/bin:/usr/bin:/bin` } });
      await client.run(["mytool"], { id: "l2", env: { PATH: `/nowhere:${scratch}/fsx:${scratch}/bin` } });
      await client.run(["ls", `${scratch}/bin`], { id: "l3", env: {} });
      await client.run(["./mytool"], { id: "l4", cwd: `${scratch}/bin` });
      await client.run(["bin/mytool"], { id: "l5", cwd: scratch });
      await client.run(["../bin/mytool"], { id: "l6", cwd: `${scratch}/fsx` });
      await client.run(["mytool"], { id: "l7", cwd: `${scratch}/bin`, env: { PATH: "." } });
      await client.run(["mytool"], { id: "l8", cwd: `${scratch}/bin`, env: { PATH: "" } });
      await client.run(["mytool"], { id: "l9", cwd: scratch, env: { PATH: "bin" } });
      await client.run(["mytool"], { id: "l10", cwd: scratch, env: { PATH: ":/usr/bin" } });
      await client.run(["own-tool"], { id: "l11", env: {} });
      await client.run(["own-tool"], { id: "l12", env: { PATH: "/bin" } });
      await client.run(["own-tool"], { id: "l13", env: {}, envPolicy: core });
      await client.run(["own-tool"], { id: "l14", env: { PATH: "/bin" }, envPolicy: core });
      await client.run(["own-tool"], { id: "l15", env: {}, envPolicy: { ...core, set: { PATH: "/bin" } } });
      await client.run(["sh", "-c", "echo x"], { id: "l16", env: { PATH: "" } });
    },
  },
  {
    name: "folders to run in",
    run: async (client) => {
      const { scratch } = client.workspace;
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
        const { error } = await client.call("process/start", {
          ...client.startParams(["pwd"]),
          processId,
          cwd,
        });
        if (error === undefined) await client.closed(processId);
      }
      await client.call("process/start", { cwd: "tmp" });
      await client.call("process/start", { cwd: "file://otherhost/" });
      await client.call("process/start", { ...client.startParams([]), cwd: "file://otherhost/" });
      await client.call("process/start", { ...client.startParams([""]), cwd: "file://otherhost/" });
      await client.call("process/start", {
        ...client.startParams(["true"], { id: "w5" }),
        cwd: "file://otherhost/",
      });
    },
  },
  {
    name: "environments of processes",
    run: async (client) => {
      await client.run(["true"], { id: "no-name", env: { "": "x" } });
      await client.run(["true"], { id: "odd-name", env: { "A=B": "x" } });
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
        await client.run(["/usr/bin/env"], {
          id: `v${at++}`,
          env,
          ...(envPolicy === undefined ? {} : { envPolicy }),
        });
    },
  },
  {
    name: "the name a process sees",
    run: async (client) => {
      const show = ["sh", "-c", 'echo "$0"; tr "\\0" " " < /proc/$$/cmdline'];
      await client.run(show, { id: "a0", arg0: "my-arg0" });
      await client.run(show, { id: "a1", arg0: "" });
      await client.run(show, { id: "a2", arg0: null });
      await client.run(show, { id: "a3", arg0: "ä b" });
      await client.run([...show, "name", "one", ""], { id: "a4" });
      await client.run(show, { id: "a5", arg0: "my-arg0", tty: true });
    },
  },
  {
    name: "ids that are taken",
    run: async (client) => {
      await client.start(["cat"], { id: "cat", pipeStdin: true });
      await client.start(["cat"], { id: "cat", pipeStdin: true });
      await client.start(["no-such"], { id: "cat" });
      await client.start([], { id: "cat" });
      await client.start(["cat"], { id: "cat", cwd: "http://x/" });
      await client.terminate("cat");
      await client.closed("cat");
      await client.start(["true"], { id: "cat" });
      await client.run(["true"], { id: "CAT" });
      await client.connect("c2");
      await client.run(["echo", "mine"], { id: "cat" });
    },
  },
  {
    name: "process groups and sessions of the system",
    run: async (client) => {
      const stat = ["sh", "-c", 'cut -d" " -f1,4,5,6 /proc/$$/stat'];
      await client.run(stat, { id: "g1" });
      await client.run(stat, { id: "g2", tty: true });
      await client.run(stat, { id: "g3", pipeStdin: true });
      await client.run(["sh", "-c", "umask; ulimit -n"], { id: "g4" });
      await client.run(["sh", "-c", "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status"], { id: "g5" });
    },
  },
];
