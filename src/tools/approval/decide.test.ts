import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { approvalModeOf, decide, effectOf, type ApprovalDecision, type ToolHints } from "./decide.ts";

const POLICIES = ["ask", "never", "full_access"] as const;

const EFFECTS: readonly (readonly [what: string, hints: ToolHints | undefined])[] = [
  ["read-only", { readOnlyHint: true }],
  ["read-only and destructive", { readOnlyHint: true, destructiveHint: true, openWorldHint: true }],
  ["harmless", { destructiveHint: false, openWorldHint: false }],
  ["not destructive, but outside", { destructiveHint: false, openWorldHint: true }],
  ["not destructive, and nothing else", { destructiveHint: false }],
  ["destructive", { destructiveHint: true, openWorldHint: false }],
  ["without hints", {}],
  ["not known to run", undefined],
];

/** By mode and effect; the columns are the policies. */
const TABLE: Readonly<Record<"auto" | "writes" | "prompt" | "approve", readonly string[]>> = {
  auto: [
    "run run run",
    "run run run",
    "run run run",
    "ask refuse run",
    "ask refuse run",
    "ask refuse run",
    "ask refuse run",
    "ask refuse run",
  ],
  writes: [
    "run run run",
    "run run run",
    "ask refuse run",
    "ask refuse run",
    "ask refuse run",
    "ask refuse run",
    "ask refuse run",
    "ask refuse run",
  ],
  prompt: EFFECTS.map(() => "ask refuse run"),
  approve: EFFECTS.map(() => "run run run"),
};

for (const [mode, rows] of Object.entries(TABLE) as [keyof typeof TABLE, readonly string[]][]) {
  suite(`in the mode ${mode}`, () => {
    for (const [at, [what, annotations]] of EFFECTS.entries()) {
      for (const [column, policy] of POLICIES.entries()) {
        const wanted = rows[at]?.split(" ")[column] as ApprovalDecision;
        test(`a tool that is ${what}, policy ${policy}: ${wanted}`, () =>
          assert.equal(decide({ mode, annotations, policy }), wanted));
      }
    }
  });
}

test("the mode of a tool is its own, its server's, or auto", () => {
  const tools = new Map([
    ["own", { approval_mode: "prompt" as const }],
    ["limit", { output_token_limit: 1 }],
  ]);
  const ofServer = { tools, default_tools_approval_mode: "writes" as const };
  assert.deepEqual(approvalModeOf(ofServer, "own"), { mode: "prompt", from: "tool" });
  assert.deepEqual(approvalModeOf(ofServer, "limit"), { mode: "writes", from: "server" });
  assert.deepEqual(approvalModeOf(ofServer, "other"), { mode: "writes", from: "server" });
  assert.deepEqual(approvalModeOf({ tools }, "limit"), { mode: "auto", from: "default" });
});

test("what a tool does is read from its hints, the missing ones counting as the worse", () => {
  assert.deepEqual(
    EFFECTS.map(([, hints]) => effectOf(hints)),
    ["read_only", "read_only", "harmless", "risky", "risky", "risky", "risky", "risky"],
  );
});
