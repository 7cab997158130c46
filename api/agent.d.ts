// mcp-switchyard/agent

export declare class AbortError extends Error {
    readonly name = "AbortError";
    readonly code = "ABORT_ERR";
    constructor(signal: AbortSignal);
}

export declare class Agent implements Engine, AsyncDisposable {
    #private;
    constructor(options?: AgentOptions);
    startThread(options?: AgentThreadOptions): AgentThread;
    resumeThread(id: string, options?: AgentThreadOptions): AgentThread;
    forkThread(id: string, options?: AgentThreadOptions): AgentThread;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface AgentOptions {
    readonly model?: string;
    readonly baseUrl?: string;
    readonly apiKey?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly instructions?: string;
    readonly tools?: readonly HostTool[];
    readonly toolNames?: "flat" | "namespaces";
    readonly toolExposure?: "direct" | "search";
    readonly manager?: McpManager;
    readonly environments?: readonly EnvironmentDefinition[];
    readonly credentials?: CredentialSource;
    readonly home?: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly stepsMax?: number;
    readonly turnTimeoutMs?: number;
    readonly retriesMax?: number;
    readonly modelSilenceMs?: number;
    readonly idleUnloadMs?: number;
    readonly readerStallMs?: number;
    readonly log?: Log;
    readonly clock?: Clock;
}

export declare class AgentThread implements EngineThread, AsyncDisposable {
    #private;
    constructor(context: AgentContext, options: AgentThreadOptions, start: SessionStart);
    get id(): string | null;
    runStreamed(input: Input, turnOptions?: TurnOptions): Promise<StreamedTurn>;
    run(input: Input, turnOptions?: TurnOptions): Promise<Turn>;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export type AgentThreadOptions = ThreadOptions & {
    instructions?: string;
    tools?: readonly HostTool[];
};

export interface Answer {
    readonly decision: "accept" | "accept_for_session" | "decline" | "cancel";
    readonly content?: JsonValue;
    readonly answers?: Readonly<Record<string, readonly string[]>>;
}

export interface Engine {
    startThread(options?: ThreadOptions): EngineThread;
    resumeThread(id: string, options?: ThreadOptions): EngineThread;
    forkThread(id: string, options?: ThreadOptions): EngineThread;
    close(): Promise<void>;
}

export declare class EngineError extends Error {
    readonly name: string;
    readonly code: string;
    readonly option?: string;
    constructor(code: EngineErrorCode, message: string, options?: EngineErrorOptions);
}

export type EngineErrorCode = "invalid_options" | "login_missing" | "thread_not_found" | "thread_busy" | "request_failed" | "mcp_server_failed" | "model_unreachable" | "model_unauthorized" | "model_rate_limited" | "reader_stalled" | "turn_interrupted" | "closed";

export interface EngineThread {
    runStreamed(input: Input, options?: TurnOptions): Promise<StreamedTurn>;
    close(): Promise<void>;
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

export type Input = string | UserInput[];

export type McpServerEvent = {
    type: "mcp.server";
    thread_id: string;
    server: string;
} & ({
    state: "starting";
} | {
    state: "ready";
    took_ms: number;
    starts: number;
    tools: number;
    shared_with: number;
} | {
    state: "restarting" | "needs_login";
    reason: string;
    code: string;
} | {
    state: "failed";
    reason: string;
    code: string;
    next_attempt_ms?: number;
} | {
    state: "disabled";
    reason: string;
} | {
    state: "ended";
});

export type McpServerHandler = (event: McpServerEvent) => void;

export type OutputPart = {
    readonly type: "input_text";
    readonly text: string;
} | {
    readonly type: "input_image";
    readonly image_url: string;
    readonly detail?: "auto" | "low" | "high" | "original";
};

export type Question = CommandQuestion | FileChangeQuestion | McpToolCallQuestion | ElicitationQuestion | UserInputQuestion;

export type QuestionHandler = (question: Question, options: {
    readonly signal: AbortSignal;
}) => Promise<Answer> | Answer;

export type StreamedTurn = {
    events: AsyncGenerator<ThreadEvent>;
};

export type ThreadEvent = ThreadStartedEvent | TurnStartedEvent | TurnCompletedEvent | TurnFailedEvent | ItemStartedEvent | ItemUpdatedEvent | ItemCompletedEvent | ThreadErrorEvent;

export type ThreadItem = AgentMessageItem | ReasoningItem | CommandExecutionItem | FileChangeItem | McpToolCallItem | WebSearchItem | TodoListItem | ErrorItem;

export type ThreadOptions = {
    model?: string;
    threadSource?: string;
    sandboxMode?: SandboxMode;
    workingDirectory?: string;
    skipGitRepoCheck?: boolean;
    modelReasoningEffort?: ModelReasoningEffort;
    networkAccessEnabled?: boolean;
    webSearchMode?: WebSearchMode;
    webSearchEnabled?: boolean;
    approvalPolicy?: ApprovalMode;
    additionalDirectories?: string[];
    mcpServers?: McpServers | ServerSet;
    mcp?: "managed" | "direct";
    provenance?: ToolPluginProvenance;
    modelRequests?: "relayed" | "direct";
    principal?: string;
    onQuestion?: QuestionHandler;
    questionTimeoutMs?: number;
    onMcpServer?: McpServerHandler;
    config?: CodexConfigObject;
    ephemeral?: boolean;
    env?: Record<string, string>;
    inheritEnv?: boolean;
    baseUrl?: string;
    apiKey?: string;
};

export type ToolOutput = string | readonly OutputPart[];

export type Turn = {
    items: ThreadItem[];
    finalResponse: string;
    usage: Usage | null;
};

export type TurnOptions = {
    cyberAccessProgram?: CyberAccessProgram;
    outputSchema?: unknown;
    signal?: AbortSignal;
    mcpServers?: McpServers | ServerSet;
};

export type Usage = {
    input_tokens: number;
    cached_input_tokens: number;
    cache_write_input_tokens: number;
    output_tokens: number;
    reasoning_output_tokens: number;
};

export type UserInput = {
    type: "text";
    text: string;
} | {
    type: "local_image";
    path: string;
};
