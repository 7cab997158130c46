// mcp-switchyard/tools

export interface ApprovalAnswer {
    readonly decision: "accept" | "accept_for_session" | "accept_always" | "decline" | "cancel";
}

export type ApprovalDecision = "run" | "ask" | "refuse";

export type ApprovalOutcome = {
    readonly allowed: true;
}
 | {
    readonly allowed: false;
    readonly text: string;
};

export type ApprovalPolicy = "ask" | "never" | "full_access";

export interface ApprovalQuestion {
    readonly callId: string;
    readonly server: string;
    readonly tool: string;
    readonly title: string | undefined;
    readonly description: string | undefined;
    readonly arguments: JsonObject;
    readonly message: string;
    readonly why: ModeOfTool & {
        readonly effect: ToolEffect;
    };
    readonly canRemember: readonly ("session" | "always")[];
}

export interface ApprovalRequest {
    readonly server: string;
    readonly tool: {
        readonly tool: {
            readonly name: string;
            readonly title?: string | undefined;
            readonly description?: string | undefined;
        };
        readonly annotations: ToolHints | undefined;
    };
    readonly callId: string;
    readonly args: JsonObject;
    readonly signal: AbortSignal | undefined;
}

export declare class Approvals {
    #private;
    constructor(options: ApprovalsOptions);
    check(request: ApprovalRequest): Promise<ApprovalOutcome>;
}

export interface ApprovalsOptions {
    readonly thread: Pick<McpConnectionManager, "servers">;
    readonly policy?: ApprovalPolicy;
    readonly onAsk?: AskHandler;
    readonly remember?: (server: string, tool: string) => Promise<void>;
    readonly timeoutMs?: number;
    readonly redactor?: Redactor;
    readonly log?: Log;
    readonly clock?: Clock;
}

export interface Approver {
    check(about: {
        readonly server: string;
        readonly tool: ToolInfo;
        readonly callId: string;
        readonly args: JsonObject;
        readonly signal: AbortSignal | undefined;
    }): Promise<{
        readonly allowed: true;
    } | {
        readonly allowed: false;
        readonly text: string;
    }>;
}

export type AskHandler = (question: ApprovalQuestion, options: {
    readonly signal: AbortSignal;
}) => Promise<ApprovalAnswer> | ApprovalAnswer;

export type BudgetSchema = (ModelSchema & {
    readonly kind: "schema";
} & {
    readonly cuts: readonly SchemaCut[];
}) | (ModelSchema & {
    readonly kind: "unusable";
});

export declare const DEFAULT_OUTPUT_LIMIT: OutputLimit;

export interface DecideInput {
    readonly mode: AppToolApproval;
    readonly annotations: ToolHints | undefined;
    readonly policy: ApprovalPolicy;
}

export type DeclaredToolName = string;

export type DispatchEvent =
{
    readonly type: "started";
    readonly callId: string;
    readonly routed: RoutedTool;
    readonly args: JsonObject;
    readonly waitedMs: number;
} | {
    readonly type: "progress";
    readonly callId: string;
    readonly progress: Progress;
} | {
    readonly type: "ended";
    readonly callId: string;
    readonly routed: RoutedTool;
    readonly args: JsonObject;
    readonly outcome?: CallOutcome;
    readonly error?: string;
    readonly durationMs: number;
    readonly output: ToolOutput;
};

export interface DispatchOptions {
    readonly signal?: AbortSignal;
    readonly onEvent?: (event: DispatchEvent) => void;
}

export interface ElicitationOptions {
    readonly policy?: ApprovalPolicy;
    readonly onElicit?: ElicitationHandler;
    readonly timeoutMs?: number;
    readonly log?: Log;
    readonly clock?: Clock;
}

export type FoundTool = {
    readonly kind: "found";
    readonly tool: ToolInfo;
    readonly exact: boolean;
}
 | {
    readonly kind: "ambiguous";
    readonly tools: readonly ToolInfo[];
}
 | {
    readonly kind: "gone";
    readonly qualified: QualifiedToolName;
} | {
    readonly kind: "unknown";
    readonly near: ToolInfo | undefined;
};

export interface FunctionCallItem {
    readonly type: "function_call";
    readonly call_id: string;
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly arguments: string;
}

export interface FunctionCallOutputItem {
    readonly type: "function_call_output";
    readonly call_id: string;
    readonly output: ToolOutput;
}

export interface FunctionToolDefinition {
    readonly type: "function";
    readonly name: string;
    readonly description: string;
    readonly parameters: JsonObject;
    readonly strict: false;
}

export declare class Gate {
    #private;
    static of(manager: object): Gate;
    constructor({ callsMax, clock }?: GateOptions);
    get inUse(): number;
    enter({ turn, connection, parallel, signal }: GateRequest): Promise<Pass>;
}

export type GateKey = string | object;

export interface GateOptions {
    readonly callsMax?: number;
    readonly clock?: Clock;
}

export interface GateRequest {
    readonly turn: GateKey;
    readonly connection?: GateKey | undefined;
    readonly parallel: boolean;
    readonly signal?: AbortSignal | undefined;
}

export interface GoneTool {
    readonly qualified: QualifiedToolName;
    readonly visible: VisibleToolName;
}

export interface HostTool {
    readonly name: string;
    readonly description: string;
    readonly parameters: JsonObject;
    readonly parallel?: boolean;
    run(args: JsonObject, about: {
        readonly callId: string;
        readonly signal: AbortSignal;
    }): Promise<ToolOutput>;
}

export interface InputSchemaOptions {
    readonly form?: "budget" | "codex";
    readonly tokensMax?: number;
    readonly onUnusable?: (tool: ToolInfo, reason: string) => void;
}

export declare class Issue {
    readonly code: IssueCode;
    readonly what: string;
    readonly path: Path;
    readonly near: string | undefined;
    constructor(code: IssueCode, what: string, path?: Path, near?: string);
    within(key: string | number): Issue;
}

export declare class KeptOutputs {
    #private;
    constructor(options?: KeptOutputsOptions);
    get bytes(): number;
    keep(callId: string, text: string): boolean;
    read({ call_id: callId, offset, limit }: JsonObject): string;
    tool(): HostTool;
}

export interface KeptOutputsOptions {
    readonly bytesMax?: number;
    readonly outputsMax?: number;
    readonly tokensMax?: number;
}

export interface ModeOfTool {
    readonly mode: AppToolApproval;
    readonly from: "tool" | "server" | "default";
}

export interface ModelOutputOptions extends OutputOptions {
    readonly kept?: {
        readonly outputs: KeptOutputs;
        readonly callId: string;
    } | undefined;
}

export type ModelSchema = {
    readonly kind: "schema";
    readonly schema: JsonObject;
}
 | {
    readonly kind: "unusable";
    readonly reason: string;
};

export interface ModelTraits {
    readonly images?: boolean;
    readonly imageDetail?: "high" | "original";
    readonly outputLimit?: OutputLimit;
}

export interface NamespaceDefinition {
    readonly type: "namespace";
    readonly name: string;
    readonly description: string;
    readonly tools: readonly FunctionToolDefinition[];
}

export interface OutputLimit {
    readonly mode: "tokens" | "bytes";
    readonly limit: number;
}

export type OutputOf = (about: {
    readonly callId: string;
    readonly tool: ToolInfo;
    readonly elapsedMs: number;
}, outcome: CallOutcome) => ToolOutput;

export interface OutputOptions {
    readonly server: string;
    readonly tool: string;
    readonly elapsedMs?: number | undefined;
    readonly model?: ModelTraits | undefined;
    readonly outputTokenLimit?: number | undefined;
    readonly redactor?: Redactor | undefined;
}

export type OutputPart = {
    readonly type: "input_text";
    readonly text: string;
} | {
    readonly type: "input_image";
    readonly image_url: string;
    readonly detail?: "auto" | "low" | "high" | "original";
};

export interface ParallelInput {
    readonly serverFlag?: boolean | undefined;
    readonly annotations?: {
        readonly readOnlyHint?: boolean | undefined;
    } | undefined;
    readonly trustHints?: boolean | undefined;
}

export interface Pass extends Disposable {
    readonly waitedMs: number;
    release(): void;
}

export interface QualifiedToolName {
    readonly server: string;
    readonly tool: DeclaredToolName;
}

export type Route = {
    readonly kind: "mcp";
    readonly tool: ToolInfo;
    readonly args: JsonObject | undefined;
} | {
    readonly kind: "host";
    readonly tool: HostTool;
    readonly args: JsonObject;
} | {
    readonly kind: "search";
    readonly args: JsonObject;
} | {
    readonly kind: "unknown";
    readonly routed: RoutedTool;
    readonly text: string;
};

export type RoutedTool = {
    readonly kind: "mcp";
    readonly server: string ;
    readonly tool: string;
} | {
    readonly kind: "host";
    readonly name: string;
} | {
    readonly kind: "unknown";
};

export declare const SCHEMA_BYTES_MAX = 5000;

export type SchemaCut =
"notes"
 | "conditions"
 | "bounds"
 | "depth"
 | "definitions"
 | "enums"
 | "descriptions"
 | "types";

export interface ServerTool {
    readonly server: string;
    readonly tool: ThreadTool["tool"];
    readonly supportsParallelToolCalls: boolean;
    readonly annotations: ThreadTool["tool"]["annotations"];
    readonly forModel: boolean;
    readonly provenance: ToolProvenance;
    readonly connector?: ToolConnector;
}

export interface StepTools {
    tools(): readonly ToolDefinition[];
    dispatch(items: readonly FunctionCallItem[], options?: DispatchOptions): Promise<readonly FunctionCallOutputItem[]>;
}

export interface ThreadOutputOptions {
    readonly thread: Pick<McpConnectionManager, "servers">;
    readonly form?: "clear" | "codex";
    readonly model?: ModelTraits;
    readonly redactor?: Redactor;
    readonly kept?: KeptOutputs;
}

export declare class ToolCatalog {
    #private;
    readonly offered: ReadonlyMap<string, readonly ToolInfo[]>;
    readonly tools: readonly ToolInfo[];
    constructor(tools: readonly ToolInfo[], gone: readonly GoneTool[]);
    get({ server, tool }: QualifiedToolName): ToolInfo | undefined;
    find({ namespace, name }: WrittenToolName): FoundTool;
}

export interface ToolConnector {
    readonly id: string | undefined;
    readonly name: string | undefined;
    readonly description: string | undefined;
}

export type ToolDefinition = FunctionToolDefinition | NamespaceDefinition;

export type ToolEffect = "read_only" | "harmless" | "risky";

export interface ToolHints {
    readonly readOnlyHint?: boolean | undefined;
    readonly destructiveHint?: boolean | undefined;
    readonly openWorldHint?: boolean | undefined;
}

export interface ToolInfo extends ServerTool {
    readonly qualified: QualifiedToolName;
    readonly visible: VisibleToolName;
}

export declare class ToolNames {
    #private;
    constructor({ match }?: ToolNamesOptions);
    name(tools: Iterable<ServerTool>): ToolCatalog;
}

export interface ToolNamesOptions {
    readonly match?: "codex";
}

export type ToolOutput = string | readonly OutputPart[];

export interface ToolProvenance {
    readonly environment: string;
    readonly scope: McpServerScope;
    readonly plugin?: PluginAttribution;
}

export declare class ToolRouter implements StepTools {
    #private;
    constructor(options: ToolRouterOptions);
    tools(): readonly ToolDefinition[];
    route(item: FunctionCallItem): Route;
    dispatch(items: readonly FunctionCallItem[], options?: DispatchOptions): Promise<readonly FunctionCallOutputItem[]>;
}

export interface ToolRouterOptions {
    readonly thread: McpConnectionManager;
    readonly hostTools?: readonly HostTool[];
    readonly spelling?: "flat" | "namespaces";
    readonly exposure?: "direct" | "search";
    readonly gate: Gate;
    readonly trustHints?: (server: string) => boolean;
    readonly approver?: Approver;
    readonly outputOf?: OutputOf;
    readonly schemaOf?: (tool: ToolInfo) => JsonObject | undefined;
    readonly clock?: Clock;
}

export interface VisibleToolName {
    readonly namespace: string;
    readonly name: string;
    readonly flat: string;
}

export interface WrittenToolName {
    readonly namespace?: string | undefined;
    readonly name: string;
}

export declare function approvalModeOf({ tools, default_tools_approval_mode: ofServer, }: Pick<McpServerConfig, "tools" | "default_tools_approval_mode">, tool: string): ModeOfTool;

export declare function budgetInputSchema(declared: JsonObject, tokensMax: number): BudgetSchema;

export declare function checkElicitationAnswer(schema: JsonObject, content?: unknown): readonly Issue[];

export declare function codexInputSchema(declared: JsonObject, maxBytes?: number): ModelSchema;

export declare function codexOutput(outcome: CallOutcome, options: OutputOptions): ToolOutput;

export declare function decide({ mode, annotations, policy }: DecideInput): ApprovalDecision;

export declare function elicitationsFor(options: ElicitationOptions): ElicitationHandler;

export declare function inputSchemasOf(thread: McpConnectionManager, { form, tokensMax, onUnusable }?: InputSchemaOptions): (tool: ToolInfo) => JsonObject | undefined;

export declare function isParallel({ serverFlag, annotations, trustHints }: ParallelInput): boolean;

export declare function modelOutput(outcome: CallOutcome, options: ModelOutputOptions): ToolOutput;

export declare function outputsFor(options: ThreadOutputOptions): (about: {
    readonly callId: string;
    readonly tool: {
        readonly qualified: {
            readonly server: string;
            readonly tool: string;
        };
    };
    readonly elapsedMs: number;
}, outcome: CallOutcome) => ToolOutput;

export declare function qualifiedMcpToolNamePrefix(server: string): string;

export declare function rememberIn(file: string, options?: ConfigEditorOptions): (server: string, tool: string) => Promise<void>;

export declare function resourceTools(thread: McpConnectionManager): readonly HostTool[];

export declare function schemaTokens(schema: JsonValue): number;

export declare function toolsOf(thread: McpConnectionManager): readonly ServerTool[];
