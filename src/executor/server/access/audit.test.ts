import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type AuditedStart, AuditLog } from "./audit.ts";

/** As the unit "binary", for which fast-check makes a table of a million characters first, most of a second. */
const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff })
  .map((code) => String.fromCodePoint(code).toWellFormed());

const start: AuditedStart = {
  session: "s1",
  peer: "127.0.0.1:5000",
  processId: "mcp-1",
  argv: ["node", "server.mjs"],
  cwd: "/srv",
  tty: false,
  env: {},
};

/** A log that starts at noon and keeps its lines. */
function auditLog(): { log: AuditLog; lines: string[]; pass: (ms: number) => void } {
  const lines: string[] = [];
  let nowMs = Date.parse("2026-01-02T12:00:00Z");
  const log = new AuditLog({ write: (line) => lines.push(line), now: () => new Date(nowMs) });
  return { log, lines, pass: (ms) => (nowMs += ms) };
}

function startedLine(given: Partial<AuditedStart>): string {
  const { log, lines } = auditLog();
  log.started({ ...start, ...given, pid: 7 });
  assert.equal(lines.length, 1);
  return lines[0] ?? "";
}

const argvOf = (line: string): string[] => (JSON.parse(line) as { argv: string[] }).argv;

suite("AuditLog", () => {
  test("records a link and a process from beginning to end", () => {
    const { log, lines, pass } = auditLog();
    log.connected({ peer: "127.0.0.1:5000" });
    log.started({ ...start, pid: 4711 });
    pass(1_500);
    log.ended({ session: "s1", processId: "mcp-1", pid: 4711, exitCode: 137, endedBy: "client" });
    log.refused({ ...start, processId: "mcp-2", reason: "not allowed" });
    log.disconnected({ peer: "127.0.0.1:5000", session: "s1", reason: "closed" });
    const about = { session: "s1", peer: "127.0.0.1:5000" };
    const what = { argv: ["node", "server.mjs"], cwd: "/srv", tty: false };
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      [
        { time: "2026-01-02T12:00:00.000Z", event: "connected", peer: "127.0.0.1:5000" },
        {
          time: "2026-01-02T12:00:00.000Z",
          event: "process_started",
          ...about,
          processId: "mcp-1",
          ...what,
          pid: 4711,
        },
        {
          time: "2026-01-02T12:00:01.500Z",
          event: "process_ended",
          session: "s1",
          processId: "mcp-1",
          pid: 4711,
          exitCode: 137,
          durationMs: 1_500,
          endedBy: "client",
        },
        {
          time: "2026-01-02T12:00:01.500Z",
          event: "process_refused",
          ...about,
          processId: "mcp-2",
          ...what,
          reason: "not allowed",
        },
        { time: "2026-01-02T12:00:01.500Z", event: "disconnected", ...about, reason: "closed" },
      ],
    );
  });

  test("measures processes with the same id in two sessions separately, and a reused id anew", () => {
    const { log, lines, pass } = auditLog();
    const end = (session: string): void => log.ended({ session, processId: "p", pid: 1, exitCode: 0 });
    log.started({ ...start, session: "a", processId: "p", pid: 1 });
    pass(10);
    log.started({ ...start, session: "b", processId: "p", pid: 2 });
    pass(10);
    end("a");
    end("b");
    log.started({ ...start, session: "a", processId: "p", pid: 3 });
    // A clock that was set back.
    pass(-5_000);
    end("a");
    end("a");
    const ends = lines.map((line) => JSON.parse(line) as { event: string; durationMs?: number });
    assert.deepEqual(
      ends.filter(({ event }) => event === "process_ended").map(({ durationMs }) => durationMs),
      [20, 10, 0, undefined],
    );
  });

  test("masks the values of a process's environment everywhere in the line (U1)", () => {
    const { log, lines } = auditLog();
    const secrets = { API_KEY: "sk-123456", MULTI: 'a "quoted"\nsecret' };
    const given = {
      ...start,
      env: secrets,
      argv: ["curl", "-H", "Authorization: sk-123456", 'a "quoted"\nsecret'],
      cwd: "/srv/sk-123456",
    };
    log.started({ ...given, pid: 1 });
    log.refused({ ...given, reason: 'cannot start "sk-123456"' });
    for (const line of lines) assert.doesNotMatch(line, /sk-123456|quoted/);
    const [started, refused] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(started?.["argv"], ["curl", "-H", "Authorization: ***", "***"]);
    assert.equal(started?.["cwd"], "/srv/***");
    assert.equal(refused?.["reason"], 'cannot start "***"');
  });

  test("does not mask paths from variables like HOME and PATH (U1)", () => {
    const env = { HOME: "/home/user", PATH: "/usr/bin" };
    const line = startedLine({ env, argv: ["/usr/bin/node", "/home/user/server.mjs"] });
    assert.deepEqual(argvOf(line), ["/usr/bin/node", "/home/user/server.mjs"]);
  });

  test("leaves no part of a secret at the cut (U3)", () => {
    const secret = "S".repeat(5_000);
    const line = startedLine({ env: { KEY: secret }, argv: ["x".repeat(4_000), secret, "tail"] });
    assert.doesNotMatch(line, /SSS/);
    assert.equal(argvOf(line).at(1), "***");
    const huge = startedLine({ env: { KEY: secret }, argv: ["sh", `${"x".repeat(65_000)}${secret}`] });
    assert.deepEqual(argvOf(huge), ["sh", "…(70000 characters)"]);
  });

  test("reports how many arguments it left out", () => {
    const argv = argvOf(startedLine({ argv: ["sh", "-c", "y".repeat(5_000), "a", "b"] }));
    assert.deepEqual([argv.length, argv[1], argv[3]], [4, "-c", "…(2 more)"]);
    assert.match(argv[2] ?? "", /^y{4092}…\(5000 characters\)$/);
    const many = argvOf(startedLine({ argv: Array<string>(10_000).fill("") }));
    assert.deepEqual([many.length, many.at(-1)], [257, "…(9744 more)"]);
  });

  test("writes one bounded line of JSON, without anything that a terminal acts on (U2)", () => {
    const text = fc.oneof(
      fc.string({ unit: anyCharacter }),
      fc.constantFrom(
        "\n",
        "\r\n",
        "\x1b[2J",
        "\x9b2J",
        "\u2028",
        "\ud800",
        "x".repeat(100_000),
        "\x07".repeat(5_000),
      ),
    );
    fc.assert(
      fc.property(text, fc.array(text), text, text, (processId, argv, cwd, reason) => {
        const { log, lines } = auditLog();
        log.started({ ...start, processId, argv, cwd, pid: 1 });
        log.refused({ ...start, processId, argv, cwd, reason });
        log.ended({ ...start, pid: 1, processId, exitCode: undefined });
        log.disconnected({ peer: "p", session: undefined, reason });
        assert.equal(lines.length, 4);
        for (const line of lines) {
          assert.ok(line.length < 64 * 1024, String(line.length));
          assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029]/u);
          JSON.parse(line);
        }
      }),
    );
  });
});
