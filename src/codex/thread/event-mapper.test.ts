import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { EventMapper, NO_USAGE } from "./event-mapper.ts";
import type { ThreadEvent, Usage } from "../../thread/events.ts";
import type { FileChange, Notification, WireItem, WireTurn } from "../app-server/protocol.ts";

const threadId = "thread";
const turnId = "turn";

const createMapper = (usage: Usage = NO_USAGE): EventMapper =>
  new EventMapper({ usage, serverName: (name) => name.replace(/_2$/, "") });

const turn = (fields: Partial<WireTurn> = {}): WireTurn => ({
  id: turnId,
  status: "inProgress",
  items: [],
  error: null,
  ...fields,
});
const turnStarted = (): Notification => ({ method: "turn/started", params: { threadId, turn: turn() } });
const turnCompleted = (fields: Partial<WireTurn> = {}): Notification => ({
  method: "turn/completed",
  params: { threadId, turn: turn({ status: "completed", ...fields }) },
});
const started = (item: WireItem, of = turnId): Notification => ({
  method: "item/started",
  params: { threadId, turnId: of, item },
});
const completed = (item: WireItem, of = turnId): Notification => ({
  method: "item/completed",
  params: { threadId, turnId: of, item },
});
const planned = (...statuses: ("pending" | "inProgress" | "completed")[]): Notification => ({
  method: "turn/plan/updated",
  params: { threadId, turnId, plan: statuses.map((status, n) => ({ step: `s${n}`, status })) },
});
const failing = (message: string, additionalDetails: string | null = null): Notification => ({
  method: "error",
  params: { threadId, turnId, willRetry: true, error: { message, additionalDetails, codexErrorInfo: null } },
});

const message = (id: string, text: string): WireItem => ({ type: "agentMessage", id, text });
const command = (fields: Partial<WireItem & { type: "commandExecution" }> = {}): WireItem => ({
  type: "commandExecution",
  id: "call_1",
  command: "bash -lc ls",
  status: "inProgress",
  aggregatedOutput: null,
  exitCode: null,
  ...fields,
});
const fileChange = (
  status: (WireItem & { type: "fileChange" })["status"],
  changes: FileChange[] = [{ path: "/w/a", kind: { type: "add" } }],
): WireItem => ({ type: "fileChange", id: "call_2", changes, status });
const toolCall = (fields: Partial<WireItem & { type: "mcpToolCall" }> = {}): WireItem => ({
  type: "mcpToolCall",
  id: "call_3",
  server: "svc_2",
  tool: "echo",
  status: "inProgress",
  arguments: { text: "hi" },
  result: null,
  error: null,
  ...fields,
});
const collaboration = (fields: Partial<WireItem & { type: "collabAgentToolCall" }> = {}): WireItem => ({
  type: "collabAgentToolCall",
  id: "call_4",
  tool: "spawnAgent",
  status: "inProgress",
  senderThreadId: threadId,
  receiverThreadIds: [],
  prompt: "do it",
  agentsStates: {},
  ...fields,
});

/**
 * Notifications as Codex 0.169 sends them, and the events exec 0.163 and 0.169 print for them. What a model can bring
 * about is not here: `test/codex/sdk-parity.test.ts` compares that with the SDK, event by event.
 */
const recorded: readonly (readonly [
  fact: string,
  notifications: readonly Notification[],
  events: readonly unknown[],
])[] = [
  [
    "a command that was declined before it started",
    [completed(command({ status: "declined" }))],
    [
      {
        type: "item.completed",
        item: {
          id: "item_0",
          type: "command_execution",
          command: "bash -lc ls",
          aggregated_output: "",
          exit_code: null,
          status: "declined",
        },
      },
    ],
  ],
  [
    "files of every kind; a second start and a longer patch are updates; declined is failed",
    [
      started(fileChange("inProgress")),
      started(fileChange("inProgress", [{ path: "/w/b", kind: { type: "delete" } }])),
      {
        method: "item/fileChange/patchUpdated",
        params: { threadId, turnId, itemId: "call_2", changes: [{ path: "/w/c", kind: { type: "update" } }] },
      },
      completed(fileChange("declined")),
    ],
    [
      ["item.started", "/w/a", "add", "in_progress"],
      ["item.updated", "/w/b", "delete", "in_progress"],
      ["item.updated", "/w/c", "update", "in_progress"],
      ["item.completed", "/w/a", "add", "failed"],
    ].map(([type, path, kind, status]) => ({
      type,
      item: { id: "item_0", type: "file_change", changes: [{ path, kind }], status },
    })),
  ],
  [
    "a patch with an update before its start",
    [
      {
        method: "item/fileChange/patchUpdated",
        params: { threadId, turnId, itemId: "call_2", changes: [] },
      },
      completed(fileChange("completed", [])),
    ],
    [
      ["item.updated", "in_progress"],
      ["item.completed", "completed"],
    ].map(([type, status]) => ({ type, item: { id: "item_0", type: "file_change", changes: [], status } })),
  ],
  [
    "a tool call under the host's name of its server, with its whole answer (E3)",
    [
      started(toolCall()),
      completed(
        toolCall({
          status: "completed",
          result: {
            content: [{ type: "text", text: "hi" }],
            structuredContent: { n: 1 },
            _meta: { k: "v" },
          },
        }),
      ),
    ],
    [
      ["item.started", null, "in_progress"],
      [
        "item.completed",
        { content: [{ type: "text", text: "hi" }], structured_content: { n: 1 }, _meta: { k: "v" } },
        "completed",
      ],
    ].map(([type, result, status]) => ({
      type,
      item: {
        id: "item_0",
        type: "mcp_tool_call",
        server: "svc",
        tool: "echo",
        arguments: { text: "hi" },
        result,
        error: null,
        status,
      },
    })),
  ],
  [
    "the call of another agent",
    [
      started(collaboration()),
      completed(
        collaboration({
          status: "completed",
          receiverThreadIds: ["other"],
          agentsStates: { other: { status: "pendingInit", message: null } },
        }),
      ),
    ],
    [
      ["item.started", [], {}, "in_progress"],
      ["item.completed", ["other"], { other: { status: "pending_init", message: null } }, "completed"],
    ].map(([type, receivers, states, status]) => ({
      type,
      item: {
        id: "item_0",
        type: "collab_tool_call",
        tool: "spawn_agent",
        sender_thread_id: threadId,
        receiver_thread_ids: receivers,
        prompt: "do it",
        agents_states: states,
        status,
      },
    })),
  ],
  [
    "warnings to error items",
    [
      { method: "warning", params: { threadId, message: "careful" } },
      { method: "configWarning", params: { summary: "odd", details: "line 1" } },
      { method: "configWarning", params: { summary: "odd", details: "" } },
      { method: "deprecationNotice", params: { summary: "old", details: null } },
      {
        method: "model/rerouted",
        params: { threadId, turnId, fromModel: "a", toModel: "b", reason: "highRiskCyberActivity" },
      },
    ],
    ["careful", "odd (line 1)", "odd", "old", "model rerouted: a -> b (HighRiskCyberActivity)"].map(
      (text, n) => ({ type: "item.completed", item: { id: `item_${n}`, type: "error", message: text } }),
    ),
  ],
  [
    "warnings about the machine, which exec does not have, to nothing",
    [
      {
        method: "configWarning",
        params: { summary: "Codex could not find bubblewrap on PATH. Install it.", details: null },
      },
      {
        method: "configWarning",
        params: { summary: "Codex's Linux sandbox uses bubblewrap and needs access.", details: null },
      },
    ],
    [],
  ],
  [
    "errors with their details, and a turn that fails with its own error",
    [
      failing("Reconnecting... 1/5", "broken pipe"),
      failing("over", ""),
      turnCompleted({
        status: "failed",
        error: { message: "over", additionalDetails: "for good", codexErrorInfo: null },
      }),
    ],
    [
      { type: "error", message: "Reconnecting... 1/5 (broken pipe)" },
      { type: "error", message: "over" },
      { type: "turn.failed", error: { message: "over (for good)" } },
    ],
  ],
  [
    "a turn that fails without an error to the last one",
    [failing("broken"), turnCompleted({ status: "failed" })],
    [
      { type: "error", message: "broken" },
      { type: "turn.failed", error: { message: "broken" } },
    ],
  ],
  [
    "a turn that fails without any error",
    [turnCompleted({ status: "failed" })],
    [{ type: "turn.failed", error: { message: "turn failed" } }],
  ],
  [
    "a turn that was interrupted to nothing, not even its plan",
    [planned("pending"), turnCompleted({ status: "interrupted" })],
    [
      {
        type: "item.started",
        item: { id: "item_0", type: "todo_list", items: [{ text: "s0", completed: false }] },
      },
    ],
  ],
  [
    "items that the end of the turn says are complete",
    [
      started(command()),
      turnCompleted({ items: [command({ status: "completed", exitCode: 0 }), message("m", "said before")] }),
    ],
    [
      {
        type: "item.started",
        item: {
          id: "item_0",
          type: "command_execution",
          command: "bash -lc ls",
          aggregated_output: "",
          exit_code: null,
          status: "in_progress",
        },
      },
      {
        type: "item.completed",
        item: {
          id: "item_0",
          type: "command_execution",
          command: "bash -lc ls",
          aggregated_output: "",
          exit_code: 0,
          status: "completed",
        },
      },
      { type: "turn.completed", usage: NO_USAGE },
    ],
  ],
  [
    "what it does not know to nothing (E2)",
    [
      { method: "turn/somethingNew", params: { threadId, turnId } } as unknown as Notification,
      started({ type: "imageView", id: "x", path: "/w/a.png" } as unknown as WireItem),
      completed({ type: "userMessage", id: "y", content: [] } as unknown as WireItem),
      { method: "thread/closed", params: { threadId } },
      completed(message("m", "hi")),
    ],
    [{ type: "item.completed", item: { id: "item_0", type: "agent_message", text: "hi" } }],
  ],
  [
    "what belongs to another turn to nothing (E2)",
    [
      turnStarted(),
      completed(message("m", "of the turn before"), "other"),
      { method: "turn/completed", params: { threadId, turn: turn({ id: "other", status: "completed" }) } },
      { method: "turn/started", params: { threadId, turn: turn({ id: "other" }) } },
      completed(message("m", "hi")),
    ],
    [
      { type: "turn.started" },
      { type: "item.completed", item: { id: "item_0", type: "agent_message", text: "hi" } },
    ],
  ],
];

suite("EventMapper", () => {
  for (const [fact, notifications, events] of recorded) {
    test(`maps ${fact}`, () => {
      const mapper = createMapper();
      assert.deepEqual(
        notifications.flatMap((notification) => mapper.map(notification)),
        events,
      );
    });
  }

  test("says what the model's status means for a turn that failed, and no more than that", () => {
    const codeFor = (codexErrorInfo: string | Record<string, unknown> | null): string | undefined => {
      const error = { message: "m", additionalDetails: null, codexErrorInfo };
      const events = createMapper().map({
        method: "turn/completed",
        params: { threadId, turn: turn({ status: "failed", error }) },
      });
      const [event] = events;
      assert.ok(event?.type === "turn.failed");
      return event.error.code;
    };
    const status = (kind: string, httpStatusCode: number | null): string | undefined =>
      codeFor({ [kind]: { httpStatusCode } });
    for (const kind of [
      "httpConnectionFailed",
      "responseStreamDisconnected",
      "responseTooManyFailedAttempts",
    ]) {
      assert.equal(status(kind, 401), "model_unauthorized");
      assert.equal(status(kind, 403), "model_unauthorized");
      assert.equal(status(kind, 429), "model_rate_limited");
      assert.equal(status(kind, 500), undefined);
    }
    assert.equal(codeFor("unauthorized"), "model_unauthorized");
    assert.equal(codeFor("usageLimitExceeded"), "model_rate_limited");
    assert.equal(status("httpConnectionFailed", null), "model_unreachable");
    assert.equal(status("responseStreamDisconnected", null), undefined);
    for (const info of ["other", null, { sandboxError: null }, { x: { httpStatusCode: "401" } }, {}]) {
      assert.equal(codeFor(info), undefined);
    }
  });

  test("begins with the earlier usage of the thread", () => {
    const before = { ...NO_USAGE, input_tokens: 7 };
    const mapper = createMapper(before);
    assert.deepEqual(mapper.map(turnCompleted()), [{ type: "turn.completed", usage: before }]);
    assert.deepEqual(mapper.usage, before);
  });

  test("numbers our own error items along with the others", () => {
    const mapper = createMapper();
    mapper.map(completed(message("m", "hi")));
    const event = mapper.errorItem({ message: "gone", code: "mcp_server_failed", server: "svc" });
    assert.deepEqual(event, {
      type: "item.completed",
      item: { id: "item_1", type: "error", message: "gone", code: "mcp_server_failed", server: "svc" },
    });
  });

  test("never throws, and keeps the id of every item that was started (E1, E4)", () => {
    fc.assert(
      fc.property(fc.array(anyNotification(), { maxLength: 60 }), anyEnd(), (notifications, end) => {
        const mapper = createMapper();
        /** Items that were started and not completed: Codex's id to ours. */
        const open = new Map<string, string>();
        const numbers: number[] = [];
        for (const notification of notifications) {
          for (const event of mapper.map(notification)) {
            const id = itemId(event);
            if (id === undefined) continue;
            const number = /^item_(\d+)$/.exec(id)?.[1];
            if (number !== undefined && !numbers.includes(Number(number))) numbers.push(Number(number));
            const rawId = rawIdOf(notification);
            if (rawId === undefined) continue;
            const known = open.get(rawId);
            if (known !== undefined) assert.equal(id, known);
            if (event.type === "item.completed") open.delete(rawId);
            else open.set(rawId, id);
          }
        }
        // The end completes what was started, and nothing else.
        const started = [...open.values()];
        for (const event of mapper.map(end)) {
          const id = itemId(event);
          if (id !== undefined) assert.ok(started.includes(id), `${id} is none of ${started.join(", ")}`);
        }
        // In the order they are first seen, though a web search leaves a gap.
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
        );
      }),
      { numRuns: 500 },
    );
  });
});

function itemId(event: ThreadEvent): string | undefined {
  return "item" in event ? event.item.id : undefined;
}

/** Codex's id of the item a notification is about. The end of a turn is about many, so it has none. */
function rawIdOf({ method, params }: Notification): string | undefined {
  if (method === "item/started" || method === "item/completed") return params.item.id;
  if (method === "item/fileChange/patchUpdated") return params.itemId;
  return method === "turn/plan/updated" ? "plan" : undefined;
}

function anyEnd(): fc.Arbitrary<Notification> {
  const status = fc.constantFrom("completed" as const, "failed" as const, "interrupted" as const);
  const items = fc.uniqueArray(anyItem(), { maxLength: 4, selector: ({ id }) => id });
  return fc.tuple(status, items).map(([state, all]) => turnCompleted({ status: state, items: all }));
}

function anyItem(): fc.Arbitrary<WireItem> {
  const status = fc.constantFrom("inProgress" as const, "completed" as const, "failed" as const);
  const id = anyId;
  return fc.oneof(
    fc.record({ type: fc.constant("agentMessage" as const), id: id("m"), text: fc.string() }),
    fc.record({
      type: fc.constant("reasoning" as const),
      id: id("r"),
      summary: fc.array(fc.string(), { maxLength: 2 }),
    }),
    fc.record({ id: id("c"), status }).map(command),
    fc.record({ id: id("t"), status }).map(toolCall),
    fc.record({ id: id("a"), status }).map(collaboration),
    fc.record({
      type: fc.constant("webSearch" as const),
      id: id("w"),
      query: fc.string(),
      action: fc.constant(null),
    }),
    fc.record({
      type: fc.constant("fileChange" as const),
      id: id("f"),
      changes: fc.constant<FileChange[]>([]),
      status,
    }),
    id("u").map((of) => ({ type: "somethingNew", id: of }) as unknown as WireItem),
  );
}

/** An item never changes its kind, so each kind has ids of its own. */
function anyId(kind: string): fc.Arbitrary<string> {
  return fc.constantFrom(`${kind}_1`, `${kind}_2`);
}

function anyNotification(): fc.Arbitrary<Notification> {
  const of = fc.constantFrom(turnId, turnId, turnId, "another");
  const item = anyItem();
  return fc.oneof(
    fc.tuple(item, of).map(([it, turnOf]) => started(it, turnOf)),
    fc.tuple(item, of).map(([it, turnOf]) => completed(it, turnOf)),
    anyId("f").map(
      (itemId): Notification => ({
        method: "item/fileChange/patchUpdated",
        params: { threadId, turnId, itemId, changes: [] },
      }),
    ),
    fc.constantFrom("pending" as const, "completed" as const).map((state) => planned(state)),
    fc.constant(turnStarted()),
    fc.string().map((text) => failing(text)),
    fc
      .string()
      .map((text): Notification => ({ method: "warning", params: { threadId: null, message: text } })),
    fc.string().map((name) => ({ method: `new/${name}`, params: { threadId } }) as unknown as Notification),
  );
}
