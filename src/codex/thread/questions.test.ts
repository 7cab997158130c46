import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Answer, describe, OPTION_FOR, type Question } from "../../thread/questions.ts";
import { refuse } from "../app-server/refusals.ts";
import { toQuestion } from "./questions.ts";

const at = { threadId: "t", turnId: "u", itemId: "i" };
const form = { type: "object", properties: { name: { type: "string" } } };
const asked = {
  id: "q1",
  header: "Colour",
  question: "Which colour?",
  isOther: false,
  isSecret: true,
  options: [{ label: "red", description: "as a rose" }],
};

interface Row {
  readonly what: string;
  readonly method: string;
  readonly params: object;
  readonly question: Question;
}

const approvals: readonly Row[] = [
  {
    what: "a command",
    method: "item/commandExecution/requestApproval",
    params: { ...at, command: "ls -l", cwd: "/w", reason: "to look", availableDecisions: ["accept"] },
    question: { kind: "command", threadId: "t", itemId: "i", command: "ls -l", cwd: "/w", reason: "to look" },
  },
  {
    what: "a command without details",
    method: "item/commandExecution/requestApproval",
    params: { ...at, command: null },
    question: { kind: "command", threadId: "t", itemId: "i", command: "", cwd: null, reason: null },
  },
  {
    what: "a file change",
    method: "item/fileChange/requestApproval",
    params: { ...at, reason: "to write", grantRoot: "/w" },
    question: { kind: "file_change", threadId: "t", itemId: "i", grantRoot: "/w", reason: "to write" },
  },
  {
    what: "a file change without details",
    method: "item/fileChange/requestApproval",
    params: at,
    question: { kind: "file_change", threadId: "t", itemId: "i", grantRoot: null, reason: null },
  },
];

const elicitation = { threadId: "t", turnId: null, serverName: "s" };
const elicitations: readonly Row[] = [
  {
    what: "a tool call",
    method: "mcpServer/elicitation/request",
    params: {
      ...elicitation,
      mode: "form",
      message: "Allow?",
      requestedSchema: {},
      _meta: {
        codex_approval_kind: "mcp_tool_call",
        tool_name: "add",
        tool_params: { a: 1 },
        persist: ["session"],
      },
    },
    question: {
      kind: "mcp_tool_call",
      threadId: "t",
      server: "s",
      tool: "add",
      arguments: { a: 1 },
      message: "Allow?",
    },
  },
  {
    what: "a tool call without the name of its tool",
    method: "mcpServer/elicitation/request",
    params: {
      ...elicitation,
      mode: "form",
      message: "m",
      requestedSchema: {},
      _meta: { codex_approval_kind: "mcp_tool_call", tool_name: {} },
    },
    question: { kind: "mcp_tool_call", threadId: "t", server: "s", tool: "", arguments: {}, message: "m" },
  },
  ...[null, undefined, "x", [], { codex_approval_kind: "other" }].map((_meta) => ({
    what: `a form, with _meta ${JSON.stringify(_meta)}`,
    method: "mcpServer/elicitation/request",
    params: { ...elicitation, mode: "form", message: "Your name?", requestedSchema: form, _meta },
    question: {
      kind: "elicitation",
      threadId: "t",
      server: "s",
      message: "Your name?",
      schema: form,
      url: null,
    } as const,
  })),
  {
    what: "a page to visit",
    method: "mcpServer/elicitation/request",
    params: {
      ...elicitation,
      mode: "url",
      message: "Log in",
      url: "https://host.example/login",
      _meta: null,
    },
    question: {
      kind: "elicitation",
      threadId: "t",
      server: "s",
      message: "Log in",
      schema: null,
      url: "https://host.example/login",
    },
  },
];

const userInputs: readonly Row[] = [asked.options, null].map((options) => ({
  what: `its user, ${options === null ? "freely" : "for a choice"}`,
  method: "item/tool/requestUserInput",
  params: { ...at, questions: [{ ...asked, options }] },
  question: {
    kind: "user_input",
    threadId: "t",
    itemId: "i",
    questions: [
      { id: "q1", header: "Colour", question: "Which colour?", options: options ?? [], secret: true },
    ],
  },
}));

function replyTo({ method, params }: Row, answer: Answer): unknown {
  return toQuestion(method, params)?.reply(answer);
}

suite("toQuestion reads", () => {
  for (const row of [...approvals, ...elicitations, ...userInputs]) {
    test(row.what, () => assert.deepEqual(toQuestion(row.method, row.params)?.question, row.question));
  }

  for (const method of ["item/permissions/requestApproval", "item/tool/call", "attestation/generate", ""]) {
    test(`no question in ${JSON.stringify(method)}`, () => assert.equal(toQuestion(method, {}), undefined));
  }
});

/** Answers of a careless host. None of them means yes. */
const noDecision = ["yes", "Accept", "declined", "", null, undefined, true].map(
  (decision) => ({ decision, content: { name: "x" }, answers: { q1: ["red"] } }) as unknown as Answer,
);

suite("toQuestion writes", () => {
  for (const row of approvals) {
    test(`every decision about ${row.what}`, () => {
      const wire = {
        accept: "accept",
        accept_for_session: "acceptForSession",
        decline: "decline",
        cancel: "cancel",
      };
      for (const [decision, want] of Object.entries(wire)) {
        assert.deepEqual(replyTo(row, { decision: decision as Answer["decision"] }), { decision: want });
      }
      for (const answer of noDecision) assert.deepEqual(replyTo(row, answer), { decision: "decline" });
    });
  }

  for (const row of elicitations) {
    test(`every decision about ${row.what}`, () => {
      const content = { name: "x" };
      assert.deepEqual(replyTo(row, { decision: "accept", content }), {
        action: "accept",
        content,
        _meta: null,
      });
      assert.deepEqual(replyTo(row, { decision: "accept" }), { action: "accept", content: {}, _meta: null });
      assert.deepEqual(replyTo(row, { decision: "accept_for_session" }), {
        action: "accept",
        content: {},
        _meta: { persist: "session" },
      });
      for (const decision of ["decline", "cancel"] as const) {
        assert.deepEqual(replyTo(row, { decision, content }), {
          action: decision,
          content: null,
          _meta: null,
        });
      }
      for (const answer of noDecision) {
        assert.deepEqual(replyTo(row, answer), { action: "decline", content: null, _meta: null });
      }
    });
  }

  for (const row of userInputs) {
    test(`every decision about ${row.what}`, () => {
      const answers = { q1: ["red", "blue"] };
      for (const decision of ["accept", "accept_for_session"] as const) {
        assert.deepEqual(replyTo(row, { decision, answers }), {
          answers: { q1: { answers: ["red", "blue"] } },
        });
        assert.deepEqual(replyTo(row, { decision }), { answers: {} });
      }
      for (const decision of ["decline", "cancel"] as const) {
        assert.deepEqual(replyTo(row, { decision, answers }), { answers: {} });
      }
      for (const answer of noDecision) assert.deepEqual(replyTo(row, answer), { answers: {} });
    });
  }
});

suite("refuse", () => {
  test("answers like a host that declines", () => {
    for (const row of [...approvals, ...elicitations, ...userInputs]) {
      assert.deepEqual(refuse(row.method), replyTo(row, { decision: "decline" }), row.method);
    }
  });

  test("grants no permission, and rejects a request that is not a question", () => {
    assert.deepEqual(refuse("item/permissions/requestApproval"), { permissions: {}, scope: "turn" });
    for (const method of ["item/tool/call", "currentTime/read", "toString"]) {
      assert.throws(() => refuse(method), { code: -32601, message: /does not answer/ });
    }
  });
});

suite("describe", () => {
  const words: readonly (readonly [row: Row | undefined, text: string])[] = [
    [approvals[0], 'to run the command "ls -l"'],
    [approvals[2], "to change files"],
    [elicitations[0], 'to call the tool "add" of MCP server "s"'],
    [elicitations[2], 'for input for MCP server "s": Your name?'],
    [userInputs[0], "its user: Which colour?"],
  ];
  for (const [row, text] of words) {
    test(`says ${text}`, () => assert.equal(describe(row!.question), text));
  }

  test("has an option to name for every kind of question", () => {
    for (const [row] of words) assert.match(OPTION_FOR[row!.question.kind], /^onQuestion/);
  });
});
