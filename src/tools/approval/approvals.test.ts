import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Redactor } from "../../base/redact.ts";
import { fromPlain, readMcpServers } from "../../config/index.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import {
  type ApprovalAnswer,
  type ApprovalOutcome,
  type ApprovalQuestion,
  type ApprovalRequest,
  Approvals,
  type ApprovalsOptions,
} from "./approvals.ts";

/** As a thread has them. */
function thread(servers: object): ApprovalsOptions["thread"] {
  const read = readMcpServers(fromPlain(servers));
  return { servers: [...read.servers].map(([name, config]) => ({ name, config })) as never };
}

const SERVERS = {
  s: { command: "x", tools: { p: { approval_mode: "prompt" }, free: { approval_mode: "approve" } } },
  "a b": { command: "x" },
};

function request(more: Partial<ApprovalRequest> & { readonly name?: string } = {}): ApprovalRequest {
  const { name = "t", ...rest } = more;
  return {
    server: "s",
    tool: { tool: { name, title: "T", description: "d" }, annotations: undefined },
    callId: "c",
    args: {},
    signal: undefined,
    ...rest,
  };
}

interface Bench {
  readonly approvals: Approvals;
  readonly asked: {
    readonly question: ApprovalQuestion;
    readonly signal: AbortSignal;
    answer(decision: string): void;
  }[];
  readonly clock: ManualClock;
  readonly log: string[];
}

/** The questions wait until the test answers them. */
function bench(options: Partial<ApprovalsOptions> = {}): Bench {
  const clock = new ManualClock();
  const asked: Bench["asked"] = [];
  const log: string[] = [];
  const approvals = new Approvals({
    thread: thread(SERVERS),
    clock,
    log: (level, message) => void log.push(`${level} ${message}`),
    onAsk: (question, { signal }) => {
      const { promise, resolve } = Promise.withResolvers<ApprovalAnswer>();
      asked.push({ question, signal, answer: (decision) => resolve({ decision } as ApprovalAnswer) });
      return promise;
    },
    ...options,
  });
  return { approvals, asked, clock, log };
}

const ALLOWED: ApprovalOutcome = { allowed: true };

suite("a call that needs an approval", () => {
  test("is asked about, with all that a person wants to know, and no secret (A5)", async () => {
    const redactor = new Redactor();
    redactor.add("known-secret");
    const { approvals, asked } = bench({ redactor });
    const args = {
      q: "say known-secret",
      password: "hunter2",
      list: [{ api_key: 7, url: "https://u:pass@x.y/?token=abc" }],
      header: "Authorization: Bearer abcdef123456",
      n: 1,
    };
    const check = approvals.check(request({ args }));
    const [open] = asked;
    assert.deepEqual(open?.question, {
      callId: "c",
      server: "s",
      tool: "t",
      title: "T",
      description: "d",
      arguments: {
        q: "say ***",
        password: "*****",
        list: [{ api_key: "*****", url: "https://*****@x.y/?token=*****" }],
        header: "Authorization: ***** *****",
        n: 1,
      },
      message: 'Allow the s MCP server to run tool "t"?',
      why: { mode: "auto", from: "default", effect: "risky" },
      canRemember: ["session"],
    });
    open.answer("accept");
    assert.deepEqual(await check, ALLOWED);
    assert.equal(open.signal.aborted, true);
  });

  for (const [decision, text] of [
    ["decline", "user rejected MCP tool call"],
    ["cancel", "user cancelled MCP tool call"],
    ["nonsense", "user rejected MCP tool call"],
  ] as const) {
    test(`is not made when the answer is ${decision}`, async () => {
      const { approvals, asked } = bench();
      const check = approvals.check(request());
      asked[0]?.answer(decision);
      assert.deepEqual(await check, { allowed: false, text });
    });
  }

  test("is refused where nobody can answer, with the key that would allow it (A1)", async () => {
    const approvals = new Approvals({ thread: thread(SERVERS) });
    assert.deepEqual(await approvals.check(request({ server: "a b", name: "t.x" })), {
      allowed: false,
      text: 'MCP tool call requires approval, and nobody is here to give it. To allow it, set mcp_servers."a b".tools."t.x".approval_mode = "approve".',
    });
    assert.deepEqual(await approvals.check(request({ name: "free" })), ALLOWED);
  });

  test("is refused under the policy never, and made with full access, unasked (A1)", async () => {
    const never = bench({ policy: "never" });
    const text =
      'MCP tool call requires approval, but approval policy is never. To allow it, set mcp_servers.s.tools.t.approval_mode = "approve".';
    assert.deepEqual(await never.approvals.check(request()), { allowed: false, text });
    const full = bench({ policy: "full_access" });
    assert.deepEqual(await full.approvals.check(request({ name: "p" })), ALLOWED);
    assert.deepEqual([...never.asked, ...full.asked], []);
  });

  test("of a server that is gone is not made", async () => {
    const { approvals } = bench();
    const outcome = await approvals.check(request({ server: "gone" }));
    assert.deepEqual(outcome, {
      allowed: false,
      text: 'MCP server "gone" is not a part of this thread any more.',
    });
  });
});

suite("a question ends (A2)", () => {
  test("with its time, and the handler is told", async () => {
    const { approvals, asked, clock } = bench({ timeoutMs: 5_000 });
    const check = approvals.check(request());
    await clock.advance(5_000);
    assert.deepEqual(await check, {
      allowed: false,
      text: "user rejected MCP tool call: nobody answered within 5 s",
    });
    assert.equal(asked[0]?.signal.aborted, true);
    asked[0].answer("accept_for_session");
    await clock.advance(0);
    void approvals.check(request());
    assert.equal(asked.length, 2);
  });

  test("with its call, and leaves no timer behind", async () => {
    const { approvals, asked, clock } = bench();
    const stop = new AbortController();
    const check = approvals.check(request({ signal: stop.signal }));
    stop.abort();
    assert.deepEqual(await check, { allowed: false, text: "aborted by user" });
    assert.equal(asked[0]?.signal.aborted, true);
    assert.equal(clock.pending, 0);
  });

  test("when the handler throws, at once or later", async () => {
    for (const onAsk of [
      () => {
        throw new Error("no window");
      },
      () => Promise.reject(new Error("no window")),
    ]) {
      const { approvals, log, clock } = bench({ onAsk });
      assert.deepEqual(await approvals.check(request()), {
        allowed: false,
        text: "user rejected MCP tool call",
      });
      assert.deepEqual(log, ['warn Nobody could be asked about tool "t" of MCP server "s": no window']);
      assert.equal(clock.pending, 0);
    }
  });
});

suite("an answer is remembered", () => {
  test("for the session: for its tool and no other one, whatever the arguments", async () => {
    const { approvals, asked } = bench();
    const first = approvals.check(request());
    asked[0]?.answer("accept_for_session");
    assert.deepEqual(await first, ALLOWED);
    assert.deepEqual(await approvals.check(request({ args: { other: 1 } })), ALLOWED);
    assert.equal(asked.length, 1);
    void approvals.check(request({ name: "other" }));
    void approvals.check(request({ server: "a b" }));
    assert.equal(asked.length, 3);
  });

  test("not in the mode prompt (A4)", async () => {
    const { approvals, asked } = bench({ remember: () => Promise.reject(new Error("never called")) });
    for (const decision of ["accept_for_session", "accept_always", "accept"]) {
      const check = approvals.check(request({ name: "p" }));
      const open = asked.at(-1);
      assert.deepEqual(open?.question.canRemember, []);
      open.answer(decision);
      assert.deepEqual(await check, ALLOWED);
    }
    assert.equal(asked.length, 3);
  });

  test("always: written down once, and for the session where that fails", async () => {
    const written: string[] = [];
    const remember = (server: string, tool: string): Promise<void> => {
      written.push(`${server} ${tool}`);
      return tool === "t" ? Promise.resolve() : Promise.reject(new Error("no such server in the file"));
    };
    const { approvals, asked, log } = bench({ remember });
    for (const name of ["t", "u"]) {
      const check = approvals.check(request({ name }));
      const open = asked.at(-1);
      assert.deepEqual(open?.question.canRemember, ["session", "always"]);
      open.answer("accept_always");
      assert.deepEqual(await check, ALLOWED);
      assert.deepEqual(await approvals.check(request({ name })), ALLOWED);
    }
    assert.equal(asked.length, 2);
    assert.deepEqual(written, ["s t", "s u"]);
    assert.deepEqual(log, [
      'warn Tool "u" of MCP server "s" may be called in this session only: no such server in the file',
    ]);
  });

  test("as far as it can be: without a place for always, for the session", async () => {
    const { approvals, asked } = bench();
    const check = approvals.check(request());
    asked[0]?.answer("accept_always");
    await check;
    assert.deepEqual(await approvals.check(request()), ALLOWED);
  });
});

suite("questions of parallel calls (A3)", () => {
  test("do not wait for each other, and are answered in any order", async () => {
    const { approvals, asked } = bench();
    const checks = ["t", "u", "v"].map((name) => approvals.check(request({ name })));
    assert.equal(asked.length, 3);
    asked[2]?.answer("accept");
    assert.deepEqual(await checks[2], ALLOWED);
    asked[0]?.answer("decline");
    assert.deepEqual(await checks[0], { allowed: false, text: "user rejected MCP tool call" });
    asked[1]?.answer("accept");
    assert.deepEqual(await checks[1], ALLOWED);
  });

  test("about one tool are all answered by an answer for the session", async () => {
    const { approvals, asked } = bench();
    const same = [request(), request()].map((each) => approvals.check(each));
    let isOtherOver = false;
    const other = approvals.check(request({ name: "u" })).finally(() => (isOtherOver = true));
    asked[0]?.answer("accept_for_session");
    assert.deepEqual(await Promise.all(same), [ALLOWED, ALLOWED]);
    assert.equal(asked[1]?.signal.aborted, true);
    assert.equal(isOtherOver, false);
    asked[2]?.answer("accept");
    assert.deepEqual(await other, ALLOWED);
  });
});
