/**
 * Code written for `@openai/codex-sdk` compiles against us, and values pass in both directions.
 *
 * Most of this test is done by the compiler: the file is part of `tsc -p tsconfig.json`, and a line that must not
 * compile is marked so. What runs is a check that the list of names below is the SDK's whole list, so that a type a
 * new SDK brings does not go unseen.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as sdk from "@openai/codex-sdk";
import * as ours from "../../src/index.ts";
import type {
  AgentMessageItem,
  ApprovalMode,
  CodexOptions,
  CommandExecutionItem,
  CyberAccessProgram,
  ErrorItem,
  FileChangeItem,
  Input,
  ItemCompletedEvent,
  ItemStartedEvent,
  ItemUpdatedEvent,
  McpToolCallItem,
  ModelReasoningEffort,
  ReasoningItem,
  RunResult,
  RunStreamedResult,
  SandboxMode,
  ThreadError,
  ThreadErrorEvent,
  ThreadEvent,
  ThreadItem,
  ThreadOptions,
  ThreadStartedEvent,
  TodoListItem,
  TurnCompletedEvent,
  TurnFailedEvent,
  TurnOptions,
  TurnStartedEvent,
  Usage,
  UserInput,
  WebSearchItem,
  WebSearchMode,
} from "../../src/index.ts";

/** Classes with private members are nominal; these are their public members. */
type PublicThread = Pick<sdk.Thread, keyof sdk.Thread>;
type PublicCodex = {
  [Method in keyof sdk.Codex]: (...args: Parameters<sdk.Codex[Method]>) => PublicThread;
};

/** Every type both sides export: ours first. */
interface Exported {
  AgentMessageItem: [AgentMessageItem, sdk.AgentMessageItem];
  ApprovalMode: [ApprovalMode, sdk.ApprovalMode];
  CodexOptions: [CodexOptions, sdk.CodexOptions];
  CommandExecutionItem: [CommandExecutionItem, sdk.CommandExecutionItem];
  CyberAccessProgram: [CyberAccessProgram, sdk.CyberAccessProgram];
  ErrorItem: [ErrorItem, sdk.ErrorItem];
  FileChangeItem: [FileChangeItem, sdk.FileChangeItem];
  Input: [Input, sdk.Input];
  ItemCompletedEvent: [ItemCompletedEvent, sdk.ItemCompletedEvent];
  ItemStartedEvent: [ItemStartedEvent, sdk.ItemStartedEvent];
  ItemUpdatedEvent: [ItemUpdatedEvent, sdk.ItemUpdatedEvent];
  McpToolCallItem: [McpToolCallItem, sdk.McpToolCallItem];
  ModelReasoningEffort: [ModelReasoningEffort, sdk.ModelReasoningEffort];
  ReasoningItem: [ReasoningItem, sdk.ReasoningItem];
  RunResult: [RunResult, sdk.RunResult];
  RunStreamedResult: [RunStreamedResult, sdk.RunStreamedResult];
  SandboxMode: [SandboxMode, sdk.SandboxMode];
  ThreadError: [ThreadError, sdk.ThreadError];
  ThreadErrorEvent: [ThreadErrorEvent, sdk.ThreadErrorEvent];
  ThreadEvent: [ThreadEvent, sdk.ThreadEvent];
  ThreadItem: [ThreadItem, sdk.ThreadItem];
  ThreadOptions: [ThreadOptions, sdk.ThreadOptions];
  ThreadStartedEvent: [ThreadStartedEvent, sdk.ThreadStartedEvent];
  TodoListItem: [TodoListItem, sdk.TodoListItem];
  TurnCompletedEvent: [TurnCompletedEvent, sdk.TurnCompletedEvent];
  TurnFailedEvent: [TurnFailedEvent, sdk.TurnFailedEvent];
  TurnOptions: [TurnOptions, sdk.TurnOptions];
  TurnStartedEvent: [TurnStartedEvent, sdk.TurnStartedEvent];
  Usage: [Usage, sdk.Usage];
  UserInput: [UserInput, sdk.UserInput];
  WebSearchItem: [WebSearchItem, sdk.WebSearchItem];
  WebSearchMode: [WebSearchMode, sdk.WebSearchMode];
}

type Name = keyof Exported;
const assignable = <To>(_value: To): void => {};

/** `Yes` for a type that a value of the other can be given to. Not distributed over unions. */
type Takes<To, From> = [From] extends [To] ? "yes" : "no";
type IsAny<T> = 0 extends 1 & T ? "yes" : "no";

/** The names whose types do not pass in one direction: none. */
type OursToTheirs = { [N in Name]: Takes<Exported[N][1], Exported[N][0]> extends "yes" ? never : N }[Name];
type TheirsToOurs = { [N in Name]: Takes<Exported[N][0], Exported[N][1]> extends "yes" ? never : N }[Name];
type Any = { [N in Name]: IsAny<Exported[N][0]> | IsAny<Exported[N][1]> extends "no" ? never : N }[Name];
/** Members that the SDK has and we lack. Unions are compared as a whole, by `OursToTheirs`. */
type Missing = {
  [N in Name]: Exclude<keyof Exported[N][1], keyof Exported[N][0]> extends never ? never : N;
}[Name];

type Block<Item extends { result?: { content: unknown[] } }> = NonNullable<Item["result"]>["content"][number];
type OurBlock = Block<McpToolCallItem>;
type TheirBlock = Block<sdk.McpToolCallItem>;

export type Proofs = [
  Holds<Takes<never, OursToTheirs>>,
  Holds<Takes<never, TheirsToOurs>>,
  Holds<Takes<never, Any>>,
  Holds<Takes<never, Missing>>,
  // The SDK's types come with MCP's; where these are not installed they are `any`, and the proofs above are none.
  Holds<IsAny<TheirBlock> extends "no" ? "yes" : "no">,
  Holds<Takes<OurBlock, TheirBlock>>,
  Holds<Takes<TheirBlock, OurBlock>>,
  // An object type of ours goes wherever the SDK's goes, also into a bag of anything.
  Holds<Takes<Record<string, unknown>, ThreadEvent>>,
  Holds<Takes<Record<string, unknown>, ThreadItem>>,
  Holds<Takes<Record<string, unknown>, Usage>>,
  // The constructors and methods.
  Holds<Takes<new (options?: sdk.CodexOptions) => PublicCodex, typeof ours.Codex>>,
  Holds<Takes<PublicCodex, ours.Codex>>,
  Holds<Takes<PublicThread, ours.Thread>>,
  Holds<Takes<sdk.RunResult, Awaited<ReturnType<ours.Thread["run"]>>>>,
  Holds<Takes<ours.Turn, Awaited<ReturnType<sdk.Thread["run"]>>>>,
  Holds<Takes<ours.StreamedTurn, Awaited<ReturnType<sdk.Thread["runStreamed"]>>>>,
  Holds<Takes<Parameters<ours.Thread["run"]>, Parameters<sdk.Thread["run"]>>>,
  // Our own members are optional, so the SDK's types can be passed for ours; wrong ones are rejected.
  Holds<Takes<ThreadOptions["mcpServers"], undefined>>,
  Holds<Takes<ThreadOptions, { model: number }>, "no">,
  Holds<Takes<ThreadItem, { id: string; type: "image_view" }>, "no">,
  Holds<Takes<Usage, Omit<sdk.Usage, "reasoning_output_tokens">>, "no">,
];
type Holds<Answer extends Expected, Expected extends string = "yes"> = Answer;

/** Code as people write it for the SDK, reading our types. It is compiled, not run. */
export async function written(codex: ours.Codex, signal: AbortSignal): Promise<string[]> {
  const thread = codex.startThread({ model: "m", sandboxMode: "read-only", webSearchMode: "cached" });
  const turn = await thread.run([{ type: "text", text: "go" }], { outputSchema: {}, signal });
  const lines: string[] = [turn.finalResponse, String(turn.usage?.cache_write_input_tokens)];
  const { events } = await codex.resumeThread(thread.id ?? "").runStreamed("more");
  for await (const event of events) {
    switch (event.type) {
      case "thread.started":
        lines.push(event.thread_id);
        break;
      case "item.started":
      case "item.updated":
      case "item.completed":
        lines.push(...describeItem(event.item));
        break;
      case "turn.failed":
        lines.push(event.error.message);
        break;
      case "turn.completed":
        lines.push(String(event.usage.input_tokens));
        break;
      case "error":
        lines.push(event.message);
        break;
      case "turn.started":
        break;
      default:
        assignable<never>(event);
    }
  }
  return lines;
}

function describeItem(item: ThreadItem): string[] {
  switch (item.type) {
    case "agent_message":
    case "reasoning":
      return [item.text];
    case "command_execution":
      return [item.command, item.aggregated_output, item.exit_code?.toFixed() ?? item.status];
    case "file_change":
      return item.changes.map(({ kind, path }) => `${kind} ${path}`);
    case "mcp_tool_call":
      return [
        item.server,
        item.tool,
        item.error?.message ?? "",
        ...(item.result?.content ?? []).map(describeBlock),
      ];
    case "todo_list":
      return item.items.map(({ text, completed }) => `${completed} ${text}`);
    case "web_search":
      return [item.query];
    case "error":
      return [item.message];
    default:
      assignable<never>(item);
      return [];
  }
}

function describeBlock(block: OurBlock): string {
  const audience = block.annotations?.audience?.join() ?? "";
  switch (block.type) {
    case "text":
      return block.text + audience;
    case "image":
    case "audio":
      return block.mimeType;
    case "resource_link":
      return block.title ?? block.name;
    case "resource":
      return "text" in block.resource ? block.resource.text : block.resource.blob;
    default:
      assignable<never>(block);
      return "";
  }
}

/** What must not compile, with us as with the SDK. */
export function refused(codex: ours.Codex, item: ThreadItem, event: ThreadEvent): void {
  // @ts-expect-error: there is no such option
  codex.startThread({ modell: "m" });
  // @ts-expect-error: no value of this option
  codex.startThread({ sandboxMode: "none" });
  // @ts-expect-error: a present option has a value
  codex.startThread({ model: undefined });
  // @ts-expect-error: an id is a string
  codex.resumeThread(null);
  // @ts-expect-error: no such kind of input
  void codex.startThread().run([{ type: "image", url: "x" }]);
  // @ts-expect-error: a server has a command or a URL
  codex.startThread({ mcpServers: { svc: { required: true } } });
  // @ts-expect-error: not every item has text
  assignable<string>(item.text);
  // @ts-expect-error: not every event has an item
  assignable<ThreadItem>(event.item);
  // @ts-expect-error: the SDK has no servers per thread
  assignable<sdk.ThreadOptions>({ mcpServers: {} });
}

suite("the SDK's exports", () => {
  const own = readFileSync(import.meta.filename, "utf8");
  const declarations = readFileSync(sdkTypes(), "utf8");
  const list = /^export \{([^}]*)\};?\s*$/m.exec(declarations)?.[1] ?? "";
  const names = list.split(",").map((name) => name.trim());

  test("are all compared here, type by type", () => {
    const types = names.filter((name) => name.startsWith("type ")).map((name) => name.slice(5));
    const compared = [...own.matchAll(/^ {2}(\w+): \[\1, sdk\.\1\];$/gm)].map(([, name]) => name);
    assert.ok(types.length > 20);
    assert.deepEqual(compared, types.toSorted());
  });

  test("that are values are values here too", () => {
    const values = names.filter((name) => !name.startsWith("type "));
    assert.deepEqual(values.toSorted(), Object.keys(sdk).toSorted());
    for (const name of values) assert.equal(typeof Reflect.get(ours, name), "function", name);
  });
});

function sdkTypes(): string {
  return join(dirname(fileURLToPath(import.meta.resolve("@openai/codex-sdk"))), "index.d.ts");
}
