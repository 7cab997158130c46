/** A session over links in memory, with the time and the other side in the test's hands. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ManualClock } from "../../testing/index.ts";
import { ExecutorError } from "../errors.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { ExecutorSession } from "./executor-session.ts";
import type { LinkOpener, OpenOutcome } from "./open-link.ts";

interface Sent {
  readonly id?: number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number };
}

class MemoryLink implements Link {
  readonly peer = "memory";
  readonly isFull = false;
  readonly sent: Sent[] = [];
  paused = false;
  pings = 0;
  nudges = 0;
  ended: string | undefined;
  readonly #events: LinkEvents;
  readonly #onSend: (message: Sent, link: MemoryLink) => void;

  constructor(events: LinkEvents, onSend: (message: Sent, link: MemoryLink) => void) {
    this.#events = events;
    this.#onSend = onSend;
  }

  /** What was asked, the handshake left out. */
  get asked(): readonly Sent[] {
    return this.sent.filter(({ method }) => !method.startsWith("initialize"));
  }

  send(text: string): void {
    const message = JSON.parse(text) as Sent;
    this.sent.push(message);
    this.#onSend(message, this);
  }

  sendSoon(text: string): void {
    this.send(text);
  }

  push(message: object): void {
    this.#events.onText(JSON.stringify(message));
  }

  answer({ id }: Sent, result: unknown): void {
    this.push({ id, result });
  }

  sign(): void {
    this.#events.onSign?.();
  }

  room(): Promise<void> {
    return Promise.resolve();
  }

  ping(): void {
    this.pings++;
  }

  nudge(): void {
    this.nudges++;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  drop(reason: string): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    this.#events.onEnd(reason);
  }
}

/** The other side: what it does with the next attempts, and what it says to a greeting. */
class MemoryOpener implements LinkOpener {
  readonly target = "memory";
  readonly resumable: boolean;
  readonly links: MemoryLink[] = [];
  readonly refusals: { readonly final: boolean; readonly message: string }[] = [];
  isDown = false;
  attempts = 0;
  /** `undefined`: it does not answer. */
  greeting: ((resumeSessionId: unknown) => object) | undefined = () => greetingOf("switchyard");

  constructor(resumable = true) {
    this.resumable = resumable;
  }

  get last(): MemoryLink {
    return this.links.at(-1) ?? assert.fail("there is no link");
  }

  open(events: LinkEvents): Promise<OpenOutcome> {
    this.attempts++;
    const refusal =
      this.refusals.shift() ?? (this.isDown ? { final: false, message: "nobody there" } : undefined);
    if (refusal !== undefined) {
      const error = new ExecutorError("executor_unreachable", refusal.message);
      return Promise.resolve({ kind: "failed", error, final: refusal.final });
    }
    const link = new MemoryLink(events, (message) => {
      if (message.method !== "initialize" || this.greeting === undefined) return;
      const answer = this.greeting(message.params["resumeSessionId"]);
      queueMicrotask(() => link.push({ id: message.id, ...answer }));
    });
    this.links.push(link);
    return Promise.resolve({ kind: "open", link });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function greetingOf(implementation: string | undefined, sessionId = "s"): object {
  const shell = { name: "sh", path: "/bin/sh" };
  return {
    result: {
      sessionId,
      environmentInfo: { shell, ...(implementation === undefined ? {} : { implementation }) },
    },
  };
}

interface Begun {
  readonly session: ExecutorSession;
  readonly opener: MemoryOpener;
  readonly clock: ManualClock;
  readonly log: string[];
}

async function begin(opener = new MemoryOpener(), recoveryMs = 45_000): Promise<Begun> {
  const clock = new ManualClock();
  const log: string[] = [];
  const session = await ExecutorSession.connect(
    {
      name: "box",
      opener,
      clock,
      random: () => 0.5,
      log: (severity, message) => log.push(`${severity}: ${message}`),
      initializeTimeoutMs: 10_000,
      recoveryMs,
    },
    new AbortController().signal,
  );
  return { session, opener, clock, log };
}

function failureOf(promise: Promise<unknown>): Promise<ExecutorError> {
  return promise.then(
    () => assert.fail("it did not fail"),
    (error: unknown) => {
      assert.ok(error instanceof ExecutorError, String(error));
      return error;
    },
  );
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

suite("ExecutorSession", () => {
  test("greets first, and names the session to resume", async () => {
    const { session, opener, clock } = await begin();
    assert.deepEqual(
      opener.last.sent.map(({ method, params }) => [method, params]),
      [
        ["initialize", { clientName: "switchyard", resumeSessionId: null }],
        ["initialized", {}],
      ],
    );
    opener.last.drop("cut");
    await clock.advance(0);
    assert.equal(opener.last.sent[0]?.params["resumeSessionId"], "s");
    assert.equal(session.status, "connected");
    await session.dispose();
    assert.equal(clock.pending, 0);
  });

  for (const [what, greeting, message] of [
    ["an error", () => ({ error: { code: -32602, message: "no" } }), /does not shake hands: no/],
    ["no session", () => ({ result: {} }), /sessionId is missing/],
    ["nothing at all", () => ({ result: null }), /must be an object, but is null/],
  ] as const) {
    test(`is not made with an executor that answers a greeting with ${what}, and drops the link`, async () => {
      const opener = new MemoryOpener();
      opener.greeting = greeting;
      const error = await failureOf(begin(opener));
      assert.equal(error.code, "executor_unreachable");
      assert.match(error.message, message);
      assert.notEqual(opener.last.ended, undefined);
    });
  }

  test("sends requests again over the next link if allowed, and fails the rest (S1)", async () => {
    const { session, opener, clock } = await begin();
    let isAsked = false;
    const again = session.request("again", { n: 1 }, { resend: true });
    const perhaps = session.request("perhaps", {}, { resend: () => (isAsked = true) });
    const never = failureOf(session.request("never", {}, { resend: () => false }));
    const once = failureOf(session.request("once", {}, { resend: false }));
    await settle();
    opener.last.drop("cut");
    assert.deepEqual([(await never).code, (await once).code], ["outcome_unknown", "outcome_unknown"]);
    assert.match((await once).message, /dropped before "once" was answered/);
    await clock.advance(0);
    const asked = opener.last.asked;
    assert.deepEqual(
      asked.map(({ method, params }) => [method, params]),
      [
        ["again", { n: 1 }],
        ["perhaps", {}],
      ],
    );
    assert.equal(isAsked, true);
    for (const each of asked) opener.last.answer(each, each.method);
    assert.deepEqual(await Promise.all([again, perhaps]), ["again", "perhaps"]);
    await session.dispose();
  });

  test("makes new requests wait for the next link, after the missed output (S1, S2)", async () => {
    const { session, opener, clock } = await begin();
    const process = session.newProcess();
    process.started(false);
    opener.isDown = true;
    opener.last.drop("cut");
    await clock.advance(0);
    const waiting = session.request("later", {}, { resend: false });
    const givenUp = new AbortController();
    const left = session.request("left", {}, { resend: true, signal: givenUp.signal });
    givenUp.abort(new Error("enough"));
    await assert.rejects(left, /enough/);
    assert.equal(session.status, "recovering");
    opener.isDown = false;
    await clock.advance(1_000);
    assert.deepEqual(
      opener.last.asked.map(({ method }) => method),
      ["process/read", "later"],
    );
    const [read, later] = opener.last.asked;
    if (read !== undefined) opener.last.answer(read, { chunks: [], nextSeq: 1 });
    if (later !== undefined) opener.last.answer(later, 7);
    assert.equal(await waiting, 7);
    process.fail(new ExecutorError("disposed", "enough"));
    await session.dispose();
  });

  test("tries about every 100 ms for 45 s, then is lost: waiting and later requests fail (S3, K3)", async () => {
    const { session, opener, clock } = await begin();
    const process = session.newProcess();
    const waiting = [
      failureOf(session.request("a", {}, { resend: true })),
      failureOf(process.events().next()),
      failureOf(process.read()),
    ];
    opener.isDown = true;
    opener.last.drop("cut");
    await clock.advance(44_900);
    assert.equal(session.status, "recovering");
    assert.ok(opener.attempts > 400 && opener.attempts < 550, `${opener.attempts} attempts`);
    await clock.advance(200);
    assert.equal(session.status, "lost");
    waiting.push(failureOf(session.request("late", {}, { resend: true })), failureOf(process.interrupt()));
    for (const error of await Promise.all(waiting)) {
      assert.equal(error.code, "executor_lost");
      assert.match(
        error.message,
        /^Executor "box" is lost \(cut; not restored within 45000 ms\): nobody there$/,
      );
    }
    assert.equal(clock.pending, 0);
  });

  for (const [what, spoil] of [
    ["a final refusal", (opener: MemoryOpener) => opener.refusals.push({ final: true, message: "401" })],
    [
      "an unknown session",
      (opener: MemoryOpener) =>
        (opener.greeting = () => ({ error: { code: -32600, message: "unknown session id s" } })),
    ],
    ["another session", (opener: MemoryOpener) => (opener.greeting = () => greetingOf(undefined, "other"))],
  ] as const) {
    test(`is lost at once with ${what} (S3)`, async () => {
      const { session, opener, clock } = await begin();
      spoil(opener);
      opener.last.drop("cut");
      await clock.advance(0);
      assert.equal(session.status, "lost");
      assert.equal((await failureOf(session.request("x", {}, { resend: true }))).code, "executor_lost");
      assert.equal(clock.pending, 0);
    });
  }

  for (const [what, spoil] of [
    ["it is attached elsewhere", () => ({ error: { code: -32010, message: "already attached" } })],
    ["nobody answers", undefined],
  ] as const) {
    test(`is tried again while ${what}`, async () => {
      const { session, opener, clock } = await begin();
      const greeting = opener.greeting;
      opener.greeting = spoil;
      opener.last.drop("cut");
      await clock.advance(20_500);
      assert.ok(opener.links.length > 2, `${opener.links.length} links`);
      opener.greeting = greeting;
      await clock.advance(10_500);
      assert.equal(session.status, "connected");
      assert.ok(opener.links.slice(0, -1).every(({ ended }) => ended !== undefined));
      await session.dispose();
    });
  }

  test("is lost with its link when that cannot be restored", async () => {
    const { session, opener } = await begin(new MemoryOpener(false));
    const waiting = failureOf(session.request("x", {}, { resend: true }));
    await settle();
    opener.last.drop("it exited");
    assert.equal((await waiting).code, "executor_lost");
    assert.equal(opener.attempts, 1);
  });

  test("drops a link without a sign of life, but not one that gives a sign or is not read (K1)", async () => {
    const { session, opener, clock } = await begin();
    const [first] = opener.links;
    await clock.advance(15_000);
    first?.sign();
    await clock.advance(15_000);
    first?.push({ method: "process/output", params: {} });
    await clock.advance(15_000);
    const release = session.holdLink();
    await clock.advance(60_000);
    release();
    await clock.advance(15_000);
    assert.deepEqual([first?.ended, opener.links.length], [undefined, 1]);
    await clock.advance(15_000);
    assert.equal(first?.ended, "no sign of life");
    assert.ok((first?.pings ?? 0) >= 7, "it is asked for one");
    assert.equal(opener.links.length, 2);
    await session.dispose();
  });

  test("does not restart the time for a link that drops at once, nor retry without a pause (K2)", async () => {
    const { session, opener, clock } = await begin(new MemoryOpener(), 5_000);
    await clock.advance(2_000);
    opener.last.drop("cut");
    for (let turn = 0; turn < 2_000 && !session.isOver; turn++) {
      await clock.advance(10);
      opener.last.drop("cut");
    }
    assert.equal(session.status, "lost");
    assert.ok(clock.now() < 7_500, `${clock.now()} ms`);
    assert.ok(opener.attempts < 80, `${opener.attempts} attempts`);
  });

  test("gives up a request at which the link drops each time, a large one sooner", async () => {
    for (const [bytes, times] of [
      [10, 20],
      [100_000, 3],
    ] as const) {
      const { session, opener, clock } = await begin();
      await clock.advance(2_000);
      let sent = 0;
      const waiting = failureOf(session.request("poison", {}, { resend: true, bytes }));
      for (let turn = 0; turn < 1_000 && sent < times; turn++) {
        await clock.advance(50);
        if (opener.last.ended !== undefined || opener.last.asked.length === 0) continue;
        sent++;
        opener.last.drop("cut");
      }
      const error = await waiting;
      assert.equal(error.code, "outcome_unknown");
      assert.match(error.message, new RegExp(`dropped the link ${times} times`));
      await session.dispose();
    }
  });

  test("does not send a message that is too large for any executor", async () => {
    const { session } = await begin();
    const error = await failureOf(session.request("x", {}, { resend: true, bytes: 17 * 1024 * 1024 }));
    assert.equal(error.code, "invalid_request");
    await session.dispose();
  });

  test("stops reading while the link is held, also over the next one", async () => {
    const { session, opener, clock } = await begin();
    const first = session.holdLink();
    const second = session.holdLink();
    assert.equal(opener.last.paused, true);
    opener.last.drop("cut");
    await clock.advance(0);
    assert.deepEqual([opener.links.length, opener.last.paused], [2, true]);
    first();
    first();
    assert.equal(opener.last.paused, true);
    second();
    assert.equal(opener.last.paused, false);
    await session.dispose();
  });

  test("does not time out requests on a link that is not read", async () => {
    const { session, opener, clock } = await begin();
    const release = session.holdLink();
    const waiting = session.request("x", {}, { resend: true, timeoutMs: 1_000 });
    await clock.advance(60_000);
    release();
    const [asked] = opener.last.asked;
    if (asked !== undefined) opener.last.answer(asked, 1);
    assert.equal(await waiting, 1);
    const late = failureOf(session.request("y", {}, { resend: true, timeoutMs: 1_000, extraMs: 500 }));
    await clock.advance(1_500);
    assert.equal((await late).code, "timeout");
    await session.dispose();
  });

  test("answers requests of the executor: it implements none", async () => {
    const { session, opener } = await begin();
    opener.last.push({ id: 5, method: "network/policyRequest", params: {} });
    await settle();
    assert.deepEqual([opener.last.sent.at(-1)?.id, opener.last.sent.at(-1)?.error?.code], [5, -32601]);
    await session.dispose();
  });

  test("sends a frame after messages of an executor that is not ours, one for all that arrive together", async () => {
    const original = new MemoryOpener();
    original.greeting = () => greetingOf(undefined);
    const { session, opener } = await begin(original);
    const before = opener.last.nudges;
    for (let n = 0; n < 3; n++) opener.last.push({ method: "process/output", params: {} });
    await settle();
    assert.equal(opener.last.nudges, before + 1);
    await session.dispose();

    const ours = await begin();
    ours.opener.last.push({ method: "process/output", params: {} });
    await settle();
    assert.equal(ours.opener.last.nudges, 0);
    await ours.session.dispose();
  });

  test("sends an executor that is not ours at most 64 requests at once, in order", async () => {
    const original = new MemoryOpener();
    original.greeting = () => greetingOf(undefined);
    const { session, opener } = await begin(original);
    const all = Array.from({ length: 100 }, (_, n) => session.request(`m${n}`, {}, { resend: true }));
    await settle();
    assert.equal(opener.last.asked.length, 64);
    for (let n = 0; n < 100; n++) {
      const asked = opener.last.asked[n];
      assert.equal(asked?.method, `m${n}`);
      if (asked !== undefined) opener.last.answer(asked, n);
      await settle();
    }
    assert.equal((await Promise.all(all)).length, 100);
    await session.dispose();
  });

  test("fails waiting requests with disposed when it is disposed, and does not wait for a link that is down", async () => {
    const { session, opener, clock } = await begin();
    const process = session.newProcess();
    opener.isDown = true;
    opener.last.drop("cut");
    const waiting = [
      failureOf(session.request("x", {}, { resend: true })),
      failureOf(process.events().next()),
    ];
    await session.dispose();
    for (const error of await Promise.all(waiting)) assert.equal(error.code, "disposed");
    await clock.advance(60_000);
    assert.equal(clock.pending, 0);
  });

  test("gives its processes ids that no other session uses", async () => {
    const [one, other] = await Promise.all([begin(), begin()]);
    const ids = [one, one, other, other].map(({ session }) => session.newProcess().id);
    assert.equal(new Set(ids).size, 4);
    for (const { session, clock } of [one, other]) {
      const disposing = session.dispose();
      await clock.advance(20_000);
      await disposing;
    }
  });
});
