/**
 * What an agent loop and a router say to each other, in the shapes of the Responses API.
 *
 *   router.tools() ──> the request to the model        the model's items ──> router.dispatch() ──> outputs, in their order
 */
import type { JsonObject } from "../../base/json.ts";
import type { CallOutcome, Progress } from "../../mcp/index.ts";

/** A call as the model emits it. */
export interface FunctionCallItem {
  readonly type: "function_call";
  readonly call_id: string;
  readonly name: string;
  /** Of a tool in a namespace. */
  readonly namespace?: string | undefined;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
}

export type OutputPart =
  | { readonly type: "input_text"; readonly text: string }
  | {
      readonly type: "input_image";
      readonly image_url: string;
      readonly detail?: "auto" | "low" | "high" | "original";
    };

/** What the model is given for a call. */
export type ToolOutput = string | readonly OutputPart[];

export interface FunctionCallOutputItem {
  readonly type: "function_call_output";
  readonly call_id: string;
  readonly output: ToolOutput;
}

/** A tool as the model is offered it. */
export interface FunctionToolDefinition {
  readonly type: "function";
  readonly name: string;
  readonly description: string;
  /** A JSON Schema. */
  readonly parameters: JsonObject;
  readonly strict: false;
}

/** The tools of one server, where the model knows namespaces. */
export interface NamespaceDefinition {
  readonly type: "namespace";
  readonly name: string;
  readonly description: string;
  readonly tools: readonly FunctionToolDefinition[];
}

export type ToolDefinition = FunctionToolDefinition | NamespaceDefinition;

/** A tool of the host itself. */
export interface HostTool {
  /** At most 64 characters of `A-Z a-z 0-9 _ -`. */
  readonly name: string;
  readonly description: string;
  /** A JSON Schema of an object. */
  readonly parameters: JsonObject;
  /** Whether its calls may overlap with others. @default false */
  readonly parallel?: boolean;
  /** What it throws is the output, with its message. */
  run(
    args: JsonObject,
    about: { readonly callId: string; readonly signal: AbortSignal },
  ): Promise<ToolOutput>;
}

/** The tool that a call was routed to. */
export type RoutedTool =
  | { readonly kind: "mcp"; readonly server: string /** As the server declares it. */; readonly tool: string }
  | { readonly kind: "host"; readonly name: string }
  | { readonly kind: "unknown" };

export type DispatchEvent =
  /** Its turn has come. `waitedMs`: for other calls, and for an approval. */
  | {
      readonly type: "started";
      readonly callId: string;
      readonly routed: RoutedTool;
      readonly args: JsonObject;
      readonly waitedMs: number;
    }
  | { readonly type: "progress"; readonly callId: string; readonly progress: Progress }
  | {
      readonly type: "ended";
      readonly callId: string;
      readonly routed: RoutedTool;
      /** As they were read; empty where they could not be. */
      readonly args: JsonObject;
      /** Of an MCP call that was made. */
      readonly outcome?: CallOutcome;
      /** Why it was not made, or how it failed. */
      readonly error?: string;
      readonly durationMs: number;
      readonly output: ToolOutput;
    };

export interface DispatchOptions {
  /** Cancels what is under way, on the wire too. Every call still has an output. */
  readonly signal?: AbortSignal;
  /** Told in the order things happen. */
  readonly onEvent?: (event: DispatchEvent) => void;
}

/** What an agent loop needs. */
export interface StepTools {
  /** What the model may call in this step. */
  tools(): readonly ToolDefinition[];
  /**
   * Runs the calls of a step. One call's failure is that call's output.
   *
   * @returns outputs in the order of the items; it does not reject
   */
  dispatch(
    items: readonly FunctionCallItem[],
    options?: DispatchOptions,
  ): Promise<readonly FunctionCallOutputItem[]>;
}
