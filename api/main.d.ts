// mcp-switchyard

export declare class AbortError extends Error {
    readonly name = "AbortError";
    readonly code = "ABORT_ERR";
    constructor(signal: AbortSignal);
}

export type AgentMessageItem = {
    id: string;
    type: "agent_message";
    text: string;
};

export interface Answer {
    readonly decision: "accept" | "accept_for_session" | "decline" | "cancel";
    readonly content?: JsonValue;
    readonly answers?: Readonly<Record<string, readonly string[]>>;
}

export type AppToolApproval = "auto" | "prompt" | "writes" | "approve";

export type ApprovalMode = "never" | "on-request" | "on-failure" | "untrusted";

export declare class Codex implements Engine, AsyncDisposable {
    #private;
    constructor(options?: CodexOptions);
    startThread(options?: ThreadOptions): Thread;
    resumeThread(id: string, options?: ThreadOptions): Thread;
    forkThread(id: string, options?: ThreadOptions): Thread;
    get pid(): number | undefined;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export type CodexConfigObject = {
    [key: string]: CodexConfigValue;
};

export type CodexConfigValue = string | number | boolean | CodexConfigValue[] | CodexConfigObject;

export type CodexEnvironment = CodexUrlEnvironment | CodexProgramEnvironment;

export declare class CodexError extends EngineError {
    readonly name = "CodexError";
    readonly code: CodexErrorCode;
    constructor(code: CodexErrorCode, message: string, options?: EngineErrorOptions);
}

export type CodexErrorCode = EngineErrorCode | "codex_not_found" | "codex_unsupported" | "home_unusable" | "codex_start_failed" | "process_exited" | "request_timeout";

export type CodexOptions = {
    codexPathOverride?: string;
    baseUrl?: string;
    apiKey?: string;
    config?: CodexConfigObject;
    configOverrides?: string[];
    env?: Record<string, string>;
    home?: "switchyard" | "user" | {
        readonly path: string;
    };
    caFile?: string;
    environments?: readonly CodexEnvironment[];
    mcp?: "managed" | "direct";
    modelRequests?: "relayed" | "direct";
    manager?: McpManager;
    credentials?: CredentialSource;
    idleUnloadMs?: number;
    reconnectTimeoutMs?: number;
    readerStallMs?: number;
    log?: Log;
    clock?: Clock;
};

export type CodexProgramEnvironment = {
    readonly id: string;
    readonly kind?: "program";
    readonly program: string;
    readonly args?: readonly string[];
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly initializeTimeoutMs?: number;
};

export type CodexUrlEnvironment = {
    readonly id: string;
    readonly kind?: "url";
    readonly url: string;
    readonly bearerToken?: string;
    readonly connectTimeoutMs?: number;
    readonly initializeTimeoutMs?: number;
};

export type CommandExecutionItem = {
    id: string;
    type: "command_execution";
    command: string;
    aggregated_output: string;
    exit_code?: number;
    status: CommandExecutionStatus;
};

export type CommandExecutionStatus = "in_progress" | "completed" | "failed";

export interface CommandQuestion extends QuestionOf<"command"> {
    readonly itemId: string;
    readonly command: string;
    readonly cwd: string | null;
    readonly reason: string | null;
}

export type ContentBlock = ({
    type: "text";
    text: string;
} & Annotated) | ({
    type: "image";
    data: string;
    mimeType: string;
} & Annotated) | ({
    type: "audio";
    data: string;
    mimeType: string;
} & Annotated) | ({
    type: "resource_link";
    uri: string;
    name: string;
    title?: string | undefined;
    description?: string | undefined;
    mimeType?: string | undefined;
    size?: number | undefined;
    icons?: {
        src: string;
        mimeType?: string | undefined;
        sizes?: string[] | undefined;
        theme?: "light" | "dark" | undefined;
    }[] | undefined;
} & Annotated) | ({
    type: "resource";
    resource: ResourceContents;
} & Annotated);

export type CyberAccessProgram = "standard" | "daybreak_blue" | "daybreak_red";

export interface ElicitationQuestion extends QuestionOf<"elicitation"> {
    readonly server: string;
    readonly message: string;
    readonly schema: JsonValue;
    readonly url: string | null;
}

export type ErrorItem = {
    id: string;
    type: "error";
    message: string;
    code?: "mcp_server_failed" | "mcp_tool_rejected" | "engine_waiting" | "thread_not_saved" | "request_declined";
    server?: string;
    tool?: string;
    reason?: string;
    request?: string;
    option?: string;
};

export type FileChangeItem = {
    id: string;
    type: "file_change";
    changes: FileUpdateChange[];
    status: PatchApplyStatus;
};

export interface FileChangeQuestion extends QuestionOf<"file_change"> {
    readonly itemId: string;
    readonly grantRoot: string | null;
    readonly reason: string | null;
}

export type FileUpdateChange = {
    path: string;
    kind: PatchChangeKind;
};

export type Input = string | UserInput[];

export type ItemCompletedEvent = {
    type: "item.completed";
    item: ThreadItem;
};

export type ItemStartedEvent = {
    type: "item.started";
    item: ThreadItem;
};

export type ItemUpdatedEvent = {
    type: "item.updated";
    item: ThreadItem;
};

export interface McpConnection {
    readonly url: string | URL;
    readonly sessionId?: string | null | undefined;
    readonly authorization?: string | null | undefined;
    readonly userAgent?: string | null | undefined;
    readonly title?: string | null | undefined;
    readonly referer?: string | null | undefined;
}

export interface McpConnectionServer extends McpHttpServerInput {
    readonly headers: Readonly<Record<string, string>>;
}

export interface McpHttpServerInput extends McpServerRules, Pick<WrittenMcpServer, HttpServerKey>, Without<StdioServerKey> {
    readonly url: string;
    readonly headers?: Readonly<Record<string, string>>;
}

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

export type McpServerInput = McpStdioServerInput | McpHttpServerInput;

export interface McpServerRules extends Omit<WrittenMcpServer, StdioServerKey | HttpServerKey | "bearer_token" | "name"> {
    readonly default_tools_approval_mode?: AppToolApproval;
}

export type McpServers = Readonly<Record<string, McpServerInput>>;

export interface McpStdioServerInput extends McpServerRules, Pick<WrittenMcpServer, StdioServerKey>, Without<HttpServerKey | "headers"> {
    readonly command: string;
}

export type McpToolCallItem = {
    id: string;
    type: "mcp_tool_call";
    server: string;
    tool: string;
    arguments: unknown;
    result?: {
        content: ContentBlock[];
        _meta?: unknown;
        structured_content: unknown;
    };
    error?: {
        message: string;
    };
    status: McpToolCallStatus;
};

export interface McpToolCallQuestion extends QuestionOf<"mcp_tool_call"> {
    readonly server: string;
    readonly tool: string;
    readonly arguments: JsonValue;
    readonly message: string;
}

export type McpToolCallStatus = "in_progress" | "completed" | "failed";

export type ModelReasoningEffort = "minimal" | "low" | "medium" | "high" | "xhigh" | "max" | "ultra" | "persistent";

export type PatchApplyStatus = "completed" | "failed";

export type PatchChangeKind = "add" | "delete" | "update";

export type Question = CommandQuestion | FileChangeQuestion | McpToolCallQuestion | ElicitationQuestion | UserInputQuestion;

export type QuestionHandler = (question: Question, options: {
    readonly signal: AbortSignal;
}) => Promise<Answer> | Answer;

export type ReasoningItem = {
    id: string;
    type: "reasoning";
    text: string;
};

export type RunResult = Turn;

export type RunStreamedResult = StreamedTurn;

export type SandboxMode = "read-only" | "workspace-write" | "danger-full-access";

export type StreamedTurn = {
    events: AsyncGenerator<ThreadEvent>;
};

export declare class Thread implements EngineThread, AsyncDisposable {
    #private;
    constructor(context: CodexContext, options: ThreadOptions, start: ThreadStart);
    get id(): string | null;
    runStreamed(input: Input, turnOptions?: TurnOptions): Promise<StreamedTurn>;
    run(input: Input, turnOptions?: TurnOptions): Promise<Turn>;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export type ThreadError = {
    message: string;
    code?: string;
};

export type ThreadErrorEvent = {
    type: "error";
    message: string;
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

export type ThreadStartedEvent = {
    type: "thread.started";
    thread_id: string;
};

export type TodoItem = {
    text: string;
    completed: boolean;
};

export type TodoListItem = {
    id: string;
    type: "todo_list";
    items: TodoItem[];
};

export type Turn = {
    items: ThreadItem[];
    finalResponse: string;
    usage: Usage | null;
};

export type TurnCompletedEvent = {
    type: "turn.completed";
    usage: Usage;
};

export type TurnFailedEvent = {
    type: "turn.failed";
    error: ThreadError;
};

export type TurnOptions = {
    cyberAccessProgram?: CyberAccessProgram;
    outputSchema?: unknown;
    signal?: AbortSignal;
    mcpServers?: McpServers | ServerSet;
};

export type TurnStartedEvent = {
    type: "turn.started";
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

export interface UserInputQuestion extends QuestionOf<"user_input"> {
    readonly itemId: string;
    readonly questions: readonly {
        readonly id: string;
        readonly header: string;
        readonly question: string;
        readonly options: readonly {
            readonly label: string;
            readonly description: string;
        }[];
        readonly secret: boolean;
    }[];
}

export type WebSearchItem = {
    id: string;
    type: "web_search";
    query: string;
};

export type WebSearchMode = "disabled" | "cached" | "live";

export declare function mcpServerFrom(connection: McpConnection): McpConnectionServer;
