import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { Redactor } from "../../base/redact.ts";
import { LocalExecutor } from "../../executor/local/local-executor.ts";
import { ManualClock, waitUntilGone } from "../../testing/index.ts";
import { TransportError } from "../errors.ts";
import { HELPER_MS, type HeadersHelperOptions, runHeadersHelper, withHelper } from "./headers-helper.ts";

class Desk implements AsyncDisposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-helper-")));
  readonly executor = new LocalExecutor();
  readonly redactor = new Redactor();

  options(command: string, more: Partial<HeadersHelperOptions> = {}): HeadersHelperOptions {
    const { folder: cwd, executor, redactor } = this;
    const env = { PATH: process.env["PATH"], HOME: "/home/me", OPENAI_API_KEY: "sk-never" };
    return { server: "s", command, cwd, executor, env, redactor, clock: systemClock, ...more };
  }

  run(command: string, more: Partial<HeadersHelperOptions> = {}): Promise<ReadonlyMap<string, string>> {
    return runHeadersHelper(this.options(command, more), new AbortController().signal);
  }

  /** Runs it with what it prints. */
  print(output: string): Promise<ReadonlyMap<string, string>> {
    return this.run(`printf '%s' '${output}'`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.executor[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function failsWith(run: Promise<unknown>, text: string): Promise<void> {
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof TransportError);
    assert.equal(
      error.message,
      `MCP server "s" cannot be sent its headers: MCP HTTP headers helper ${text} [start_failed]`,
    );
    return true;
  });
}

suite("http_headers_helper", () => {
  test("prints headers, in the folder of the thread and with the variables of a server", async () => {
    await using desk = new Desk();
    const headers = await desk.run(
      `printf '{"X-Dir":"%s","X-Vars":"%s"}' "$PWD" "$HOME$OPENAI_API_KEY"; cat >&2`,
    );
    assert.deepEqual(
      [...headers],
      [
        ["x-dir", desk.folder],
        ["x-vars", "/home/me"],
      ],
    );
  });

  test("has ten seconds, and is ended with all it started (P1)", async () => {
    await using desk = new Desk();
    const clock = new ManualClock();
    const run = desk.run("sleep 300 & echo $! > pid; sleep 300", { clock });
    const rejected = failsWith(run, "timed out after 10 seconds");
    const file = join(desk.folder, "pid");
    while (!existsSync(file) || readFileSync(file, "utf8") === "")
      await new Promise((resolve) => setTimeout(resolve, 5));
    await clock.advance(HELPER_MS);
    await rejected;
    assert.deepEqual(await waitUntilGone([Number(readFileSync(file, "utf8"))]), []);
  });

  test("is not waited for when a process in its background holds its output (P1)", async () => {
    await using desk = new Desk();
    const headers = await desk.run(`sleep 300 & echo $! > pid; echo '{"a":"b"}'`);
    assert.deepEqual([...headers], [["a", "b"]]);
    assert.deepEqual(await waitUntilGone([Number(readFileSync(join(desk.folder, "pid"), "utf8"))]), []);
  });

  test("ends with its signal (P1)", async () => {
    await using desk = new Desk();
    const stop = new AbortController();
    const run = runHeadersHelper(desk.options("sleep 300"), stop.signal);
    stop.abort(new Error("enough"));
    await assert.rejects(run, /^Error: enough$/);
  });

  test("fails with Codex's words (P1, P2)", async () => {
    await using desk = new Desk();
    const commands: readonly (readonly [string, string])[] = [
      ["exit 3", "exited with status exit status: 3"],
      ["kill -9 $$", "exited with status signal: 9 (SIGKILL)"],
      [String.raw`printf '\377'`, "wrote non-UTF-8 data"],
      [String.raw`head -c 70000 /dev/zero`, "output exceeds 64 KiB"],
      ["true", "must output a JSON object of strings"],
    ];
    for (const [command, text] of commands) await failsWith(desk.run(command), text);
    const outputs: readonly (readonly [string, string])[] = [
      ["oops", "must output a JSON object of strings"],
      ["[]", "must output a JSON object of strings"],
      ["null", "must output a JSON object of strings"],
      ['{"x-a":1}', "must output a JSON object of strings"],
      ['{"x-a":"1","X-A":"2"}', "returned duplicate header names"],
      ['{"x y":"1"}', "returned an invalid header name"],
      [String.raw`{"x-a":"1\n2"}`, "returned an invalid header value"],
      ['{"Content-Type":"a"}', "returned a reserved header"],
      ['{"mcp-session-id":"a"}', "returned a reserved header"],
    ];
    for (const [output, text] of outputs) await failsWith(desk.print(output), text);
    assert.deepEqual(
      [...(await desk.print('  {"x-a":"", "User-Agent":"me"} '))],
      [
        ["x-a", ""],
        ["user-agent", "me"],
      ],
    );
  });

  test("wins over configured headers, and not over a bearer token (P3)", async () => {
    await using desk = new Desk();
    const configured = (): Promise<ReadonlyMap<string, string>> =>
      Promise.resolve(
        new Map([
          ["Authorization", "Bearer configured"],
          ["X-A", "1"],
          ["X-B", "2"],
        ]),
      );
    const helper = desk.options(`echo '{"authorization":"Bearer printed","x-a":"3"}'`);
    const { signal } = new AbortController();
    const ask = async (hasBearer: boolean): Promise<object> =>
      Object.fromEntries(await withHelper(configured, helper, hasBearer)("open", signal));
    assert.deepEqual(await ask(false), { authorization: "Bearer printed", "x-a": "3", "x-b": "2" });
    assert.deepEqual(await ask(true), { authorization: "Bearer configured", "x-a": "3", "x-b": "2" });
  });

  test("what it prints is a secret (P4)", async () => {
    await using desk = new Desk();
    await desk.print('{"authorization":"Bearer top-secret"}');
    assert.equal(desk.redactor.redact("Bearer top-secret, top-secret"), "***, ***");
    await assert.rejects(desk.print('top-secret {"a"'), (error) => !String(error).includes("top-secret"));
  });
});
