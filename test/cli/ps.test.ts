/** `switchyard ps` and `switchyard reap`: hosts of their own, some of them killed, on the machine the tests run on. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { suite, test } from "node:test";
import { descendants, isAlive, waitUntilGone } from "../../src/testing/leaks.ts";
import { promptOf, ScriptedModel, stdioServer } from "../../src/testing/index.ts";
import { scriptedServer } from "../mcp/support/scripted.ts";
import { exhaustive } from "../support/sample.ts";
import { OURS, SECRET, TestHome } from "./support/test-home.ts";

const HOST = join(import.meta.dirname, "support", "ps-host.ts");
const timeout = 120_000;
const linuxOnly = { skip: process.platform !== "linux" && "reads /proc", timeout };

interface Listed {
  readonly pid: number;
  readonly program: string | null;
  readonly parent: number;
  readonly memory_bytes: number | null;
  readonly age_seconds: number;
}

interface Connection {
  readonly server: string;
  readonly environment: string;
  readonly origin?: string;
  readonly state: string;
  readonly reason?: string;
  readonly shared: boolean;
  readonly lease_count: number;
  readonly leases: readonly { readonly thread: string; readonly server: string }[];
  readonly pid: number | null;
  readonly memory_bytes: number;
  readonly processes: readonly Listed[];
}

interface Host {
  readonly pid: number;
  readonly state: string;
  readonly program: string | null;
  readonly published: boolean;
  readonly threads: number | null;
  readonly memory_bytes: number;
  readonly connections: readonly Connection[];
  readonly other_processes: readonly Listed[];
}

interface Found {
  readonly hosts: readonly Host[];
  readonly stale_files: readonly string[];
  readonly unreadable_files: readonly { readonly path: string; readonly reason: string }[];
}

const found = async (home: TestHome): Promise<Found> => (await home.json(["ps", "--json"])) as Found;
const runFolder = (home: TestHome): string => join(home.home, ".switchyard", "run");

/** What there is to see of a host, once it fits. */
async function hostOf(home: TestHome, pid: number | undefined, fits: (host: Host) => boolean): Promise<Host> {
  for (;;) {
    const host = (await found(home)).hosts.find((each) => each.pid === pid);
    if (host !== undefined && fits(host)) return host;
    // Each look starts the command.
    await sleep(250);
  }
}

class TestHost implements AsyncDisposable {
  readonly child: ChildProcess;

  static async start(
    home: TestHome,
    threads: readonly object[],
    { wait = true, env = {} }: { readonly wait?: boolean; readonly env?: Record<string, string> } = {},
  ): Promise<TestHost> {
    const child = home.spawn(process.execPath, [HOST, JSON.stringify({ threads, wait })], env);
    child.stderr.pipe(process.stderr);
    await once(createInterface(child.stdout), "line");
    return new TestHost(child);
  }

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Kills it, and first what would end its processes. */
  async die(): Promise<void> {
    const reapers = descendants(this.pid).filter((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("switchyard-reaper"),
    );
    assert.equal(reapers.length, 1);
    this.child.kill("SIGSTOP");
    for (const pid of reapers) process.kill(pid, "SIGKILL");
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.stdin?.end();
    await once(this.child, "exit");
  }
}

suite("switchyard ps", linuxOnly, () => {
  test("shows two hosts, which thread holds what, and the processes with their memory (V1)", async () => {
    using home = new TestHome();
    const docs = { docs: scriptedServer({}, "sh") };
    const search = { search: { ...scriptedServer({}), scope: "host" } };
    await using one = await TestHost.start(home, [{ id: "t-1", servers: docs }]);
    await using other = await TestHost.start(home, [
      { id: "t-2", servers: search },
      { id: "t-3", servers: search },
    ]);
    const isReady = ({ connections }: Host): boolean => connections.every(({ state }) => state === "ready");
    const host = await hostOf(home, one.pid, (each) => each.connections.length === 1 && isReady(each));
    assert.equal(host.state, "alive");
    assert.equal(host.threads, 1);
    assert.deepEqual(host.other_processes, []);
    const [connection] = host.connections;
    assert.ok(connection !== undefined);
    assert.deepEqual(connection.leases, [{ thread: "t-1", server: "docs" }]);
    assert.deepEqual(
      [connection.server, connection.environment, connection.shared],
      ["docs", "local", false],
    );
    const [shell, server] = connection.processes;
    assert.equal(connection.processes.length, 2);
    assert.deepEqual([shell?.pid, shell?.parent], [connection.pid, one.pid]);
    assert.deepEqual([server?.program, server?.parent], ["node", shell?.pid]);
    assert.equal(connection.memory_bytes, (shell?.memory_bytes ?? 0) + (server?.memory_bytes ?? 0));
    assert.ok(connection.memory_bytes > 1024 * 1024, String(connection.memory_bytes));

    const isShared = ({ connections: [first] }: Host): boolean =>
      first?.lease_count === 2 && first.state === "ready";
    const shared = await hostOf(home, other.pid, isShared);
    assert.equal(shared.connections.length, 1);
    assert.deepEqual(
      shared.connections[0]?.leases.map(({ thread }) => thread),
      ["t-2", "t-3"],
    );
    const { stdout, code } = await home.run(["ps"]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`\\n${one.pid} node .* alive [^\\n]* MB `));
    assert.match(stdout, /\n +t-1 +docs +(local +)?ready +1 +\d+ \S+ +[\d.]+ MB +\d+ s\n +└ \d+ node /);
    assert.match(stdout, /\n +t-2 and 1 more thread +search +(local +)?ready +2 +\d+ node /);

    await one[Symbol.asyncDispose]();
    assert.equal(readdirSync(runFolder(home)).length, 1, "the file is gone with its host");
    assert.ok((await found(home)).hosts.every(({ pid }) => pid !== one.pid));
  });

  test("shows no secret, keeps the file to this account, and shows of a URL its origin (V2, W4)", async () => {
    using home = new TestHome();
    mkdirSync(runFolder(home), { recursive: true });
    chmodSync(runFolder(home), 0o755);
    const { command, args } = scriptedServer({});
    const servers = {
      docs: { command, args: [...args, SECRET], env: { TOKEN: SECRET } },
      web: {
        url: `http://127.0.0.1:1/${SECRET}?key=${SECRET}`,
        http_headers: { authorization: SECRET },
      },
    };
    const thread = { id: "t-1", principal: SECRET, headers: { web: { "x-key": SECRET } }, servers };
    await using host = await TestHost.start(home, [thread]);
    const shown = await hostOf(home, host.pid, ({ connections }) => connections[1]?.state === "failed");
    const [docs, web] = shown.connections;
    assert.equal(docs?.server, "docs");
    assert.deepEqual([web?.origin, web?.reason, web?.pid], ["http://127.0.0.1:1", "unreachable", null]);
    const [name = ""] = readdirSync(runFolder(home));
    assert.equal(lstatSync(runFolder(home)).mode & 0o777, 0o700);
    assert.equal(lstatSync(join(runFolder(home), name)).mode & 0o777, 0o600);
    const texts = [
      readFileSync(join(runFolder(home), name), "utf8"),
      JSON.stringify(shown),
      (await home.run(["ps"])).stdout,
    ];
    for (const text of texts) assert.ok(!text.includes(SECRET), text);
  });

  test("shows a host that publishes in another SWITCHYARD_HOME by its processes", async () => {
    using home = new TestHome();
    using elsewhere = new TestHome();
    const env = { SWITCHYARD_HOME: join(elsewhere.home, "own") };
    await using host = await TestHost.start(home, [{ id: "t", servers: { a: scriptedServer({}) } }], { env });
    const shown = await hostOf(home, host.pid, () => true);
    assert.deepEqual([shown.published, shown.threads, shown.connections], [false, null, []]);
    assert.deepEqual(
      shown.other_processes.map(({ program, parent }) => [program, parent]),
      [["node", host.pid]],
    );
    const own = (await home.run(["ps", "--json"], "", env)).stdout;
    assert.equal((JSON.parse(own) as Found).hosts.find(({ pid }) => pid === host.pid)?.published, true);
  });

  test("shows what Codex runs below `switchyard run`", async () => {
    using home = new TestHome();
    await using model = await ScriptedModel.start();
    const { command, args } = stdioServer();
    home.write(
      OURS,
      `[mcp_servers.svc]\ncommand = ${JSON.stringify(command)}\nargs = ${JSON.stringify(args)}\n`,
    );
    const prompt = promptOf(
      { call: { server: "svc", tool: "sleep", arguments: { ms: 600_000 } } },
      { say: "done" },
    );
    const words = ["run", prompt, "--configured", "--mcp", "direct", "--base-url", model.baseUrl, "--json"];
    const child = home.start(words, { OPENAI_API_KEY: "sk-test" });
    try {
      const isThere = ({ other_processes: all }: Host): boolean =>
        all.some(({ program }) => program === "node");
      const host = await hostOf(home, child.pid, isThere);
      assert.equal(host.program, "switchyard run");
      const [codex] = host.other_processes;
      assert.deepEqual([codex?.program, codex?.parent], ["codex", child.pid]);
      const server = host.other_processes.find(({ program }) => program === "node");
      assert.ok(host.other_processes.some(({ pid }) => pid === server?.parent));
    } finally {
      child.kill("SIGTERM");
      await once(child, "close");
    }
  });

  test("believes no file that is not a host's, and says which it has ignored (F1)", async () => {
    using home = new TestHome();
    const folder = runFolder(home);
    mkdirSync(folder, { recursive: true });
    const at = (name: string): string => join(folder, name);
    writeFileSync(at("1.text.json"), "hello \u001b[31m");
    writeFileSync(at("2.shape.json"), JSON.stringify({ pid: "x" }));
    const head = { pid: process.pid, hostname: "some-other-machine", boot: "b", owner: "1:2:3" };
    writeFileSync(at("3.version.json"), JSON.stringify({ ...head, version: 2 }));
    execFileSync("mkfifo", [at("4.pipe.json")]);
    symlinkSync("/dev/zero", at("5.link.json"));
    mkdirSync(at("6.folder.json"));
    const host = {
      ...head,
      version: 1,
      switchyard: "9.9.9",
      since: 0,
      threads: 2,
      connections: [],
      omitted: 0,
    };
    writeFileSync(at("7.host.json"), JSON.stringify(host));
    const { hosts, unreadable_files: ignored, stale_files: stale } = await found(home);
    assert.deepEqual(
      ignored.map(({ path, reason }) => `${path.slice(folder.length + 1)}: ${reason}`),
      [
        "1.text.json: it is not JSON",
        "2.shape.json: it is not the file of a host",
        "3.version.json: another version of Switchyard wrote it",
        "4.pipe.json: it is not a regular file",
        "5.link.json: it is not a regular file",
        "6.folder.json: it is not a regular file",
      ],
    );
    assert.deepEqual(stale, []);
    const other = hosts.find(({ pid, state }) => pid === process.pid && state === "elsewhere");
    assert.deepEqual([other?.threads, other?.program], [2, null]);
    const { code, stdout, stderr } = await home.run(["ps"]);
    assert.equal(code, 0);
    assert.match(stdout, /not visible from here/);
    assert.match(stderr, /note: ~\/\.switchyard\/run\/1\.text\.json is ignored: it is not JSON\n/);
  });

  const many = exhaustive ? 200 : 60;
  test(`shows ${many} servers of one host, each with its processes`, async (t) => {
    using home = new TestHome();
    const names = Array.from({ length: many }, (_, at) => `s${at}`);
    // They never answer: what starts slowly is to be seen, too.
    const servers = Object.fromEntries(
      names.map((name) => [name, { command: "sleep", args: ["100000"], startup_timeout_sec: 600 }]),
    );
    await using host = await TestHost.start(home, [{ id: "t", servers }], { wait: false });
    const shown = await hostOf(
      home,
      host.pid,
      ({ connections }) =>
        connections.every(({ processes }) => processes.length === 1) && connections.length === many,
    );
    assert.deepEqual(
      shown.connections.map(({ server }) => server),
      names,
    );
    assert.ok(
      shown.connections.every(({ state, processes }) => state === "starting" && processes[0]?.program !== ""),
    );
    assert.deepEqual(shown.other_processes, []);
    const startedAt = performance.now();
    await home.run(["ps"]);
    t.diagnostic(`switchyard ps took ${Math.round(performance.now() - startedAt)} ms`);
  });
});

suite("switchyard reap", linuxOnly, () => {
  test("ends what a host that was killed has left behind, says what, and leaves the others alone", async () => {
    using home = new TestHome();
    const servers = { docs: scriptedServer({ stubborn: true }) };
    await using living = await TestHost.start(home, [{ id: "living", servers }]);
    const alive = await hostOf(home, living.pid, ({ connections }) => connections[0]?.state === "ready");
    // Any Codex host that starts on this machine meanwhile ends what is left behind, too: then it is nobody's to reap here.
    for (let attempt = 1; ; attempt++) {
      await using host = await TestHost.start(home, [{ id: "dying", servers }]);
      const before = await hostOf(home, host.pid, ({ connections }) => connections[0]?.state === "ready");
      const pid = before.connections[0]?.pid ?? 0;
      await host.die();
      const listed = await home.run(["ps"]);
      const dry = await home.run(["reap", "--dry-run"]);
      const isStillThere = isAlive(pid);
      const reaped = await home.run(["reap", "--json"]);
      assert.equal(reaped.code, 0, reaped.stderr);
      assert.deepEqual(await waitUntilGone([pid]), []);
      const { ended, files } = JSON.parse(reaped.stdout) as {
        readonly ended: Listed[];
        readonly files: string[];
      };
      assert.equal(files.filter((path) => path.includes(`.${host.pid}.`)).length, 1);
      assert.equal(readdirSync(runFolder(home)).length, 1);
      const own = ended.find((each) => each.pid === pid);
      // Its end may have come from there in the middle of ours.
      if ((own === undefined || own.program === null) && attempt < 5) continue;
      assert.ok(isStillThere);
      assert.deepEqual(own, { pid, program: "node", host: host.pid, server: "docs" });
      assert.match(listed.stdout, new RegExp(`\\n${host.pid} +died `));
      assert.match(listed.stderr, /left behind by hosts that died\. To end them: switchyard reap\n/);
      const line = `would end ${pid} node, of server "docs", left behind by host ${host.pid}\n`;
      assert.ok(dry.stdout.includes(line), dry.stdout);
      assert.match(dry.stdout, /would remove 1 file of hosts that died/);
      break;
    }
    assert.ok(isAlive(alive.connections[0]?.pid ?? 0), "a living host's server is left alone");
    assert.match((await home.run(["reap"])).stdout, /^(Nothing was left behind\.|ended )/);
  });

  test("removes what a dead host could not finish writing, and keeps what it does not know", async () => {
    using home = new TestHome();
    const folder = runFolder(home);
    mkdirSync(folder, { recursive: true });
    const here = /\d+/.exec(execFileSync("readlink", ["/proc/self/ns/pid"], { encoding: "utf8" }))?.[0] ?? "";
    const gone = execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }).trim();
    const dead = [`${here}.${gone}.1_u.json`, `${here}.${gone}.1_u.json.new`];
    for (const name of [...dead, "notes.txt", `1.${gone}.1_u.json`]) writeFileSync(join(folder, name), "{");
    assert.equal((await home.run(["reap"])).code, 0);
    assert.deepEqual(readdirSync(folder).toSorted(), [`1.${gone}.1_u.json`, "notes.txt"]);
  });

  test("leaves the shells above itself alone, whoever started them", async () => {
    using home = new TestHome();
    const here = /\d+/.exec(execFileSync("readlink", ["/proc/self/ns/pid"], { encoding: "utf8" }))?.[0] ?? "";
    const gone = execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }).trim();
    const script = `export SWITCHYARD_LEASE=a@${here}:${gone}:1; bash -c '"$0" "$1" reap; echo "it goes on"' "$0" "$1"; true`;
    // Any Codex host that starts on this machine meanwhile ends them, as it has to: they are nobody's.
    for (let attempt = 1; ; attempt++) {
      const { stdout, stderr } = await home.shell(script);
      if (!stdout.includes("it goes on") && attempt < 5) continue;
      assert.match(stdout, /it goes on/);
      assert.match(stderr, /note: process \d+ is left alone, because this command runs below it/);
      break;
    }
  });
});
