// mcp-switchyard/runner

export interface AnswerMessage extends Answer {
    readonly type: "answer";
    readonly id: string;
    readonly ask: string;
}

export interface AskClosedMessage {
    readonly type: "ask_closed";
    readonly id: string;
    readonly ask: string;
}

export interface AskMessage {
    readonly type: "ask";
    readonly id: string;
    readonly ask: string;
    readonly question: WireQuestion;
}

export interface CancelMessage {
    readonly type: "cancel";
    readonly id: string;
}

export interface ClientRun extends AsyncIterable<RunOutbound> {
    readonly id: string;
    cancel(): void;
    answer(ask: string, answer: Answer): void;
    end(): Promise<EndMessage>;
}

export type ClientRunParams = Omit<RunParams, "mcp_servers"> & {
    readonly mcp_servers?: McpServers;
};

export type DiagLevel = "debug" | "info" | "warn" | "error";

export type Diagnostic = {
    readonly type: "diag";
    readonly id?: string;
    readonly level: DiagLevel;
    readonly message: string;
} | {
    readonly type: "fatal";
    readonly message: string;
};

export declare class DiagnosticWriter {
    #private;
    constructor(stream: Writable, level: DiagLevel, redactor: Redactor);
    readonly log: Log;
    fatal(message: string): void;
}

export interface EndMessage {
    readonly type: "end";
    readonly id: string;
    readonly status: EndStatus;
    readonly thread_id?: string;
    readonly final_response?: string;
    readonly usage?: Usage;
    readonly error?: {
        readonly message: string;
        readonly code?: string;
    };
    readonly saved?: false;
}

export type EndStatus = "completed" | "failed" | "cancelled";

export interface ErrorMessage extends Rejection {
    readonly line: number;
}

export interface EventMessage {
    readonly type: "event";
    readonly id: string;
    readonly event: ThreadEvent | McpServerEvent;
}

export type Inbound = RunMessage | CancelMessage | AnswerMessage | PingMessage;

export declare const LINE_BYTES_MAX: number;

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

export type Outbound = ReadyMessage | PongMessage | RunOutbound | ErrorMessage;

export interface ParseOptions {
    readonly env?: Variables;
}

export interface PingMessage {
    readonly type: "ping";
    readonly id?: string;
}

export interface PongMessage {
    readonly type: "pong";
    readonly id?: string;
}

export interface ReadyMessage {
    readonly type: "ready";
    readonly versions: Readonly<Record<string, string>>;
}

export interface Rejection {
    readonly type: "error";
    readonly id?: string;
    readonly field?: string;
    readonly code: RejectionCode;
    readonly message: string;
}

export type RejectionCode = "invalid_json" | "line_too_long" | "unknown_type" | "missing_field" | "unknown_field" | "wrong_type" | "invalid_value" | "invalid_mcp_server" | "duplicate_id" | "unknown_run" | "unknown_ask" | "stopping";

export interface RunMessage {
    readonly type: "run";
    readonly id: string;
    readonly params: RunParams;
}

export type RunOutbound = EventMessage | AskMessage | AskClosedMessage | EndMessage;

export interface RunParams {
    readonly input: Input;
    readonly engine?: EngineName;
    readonly model?: string;
    readonly cwd?: string;
    readonly effort?: ModelReasoningEffort;
    readonly web_search_enabled?: boolean;
    readonly sandbox?: SandboxMode;
    readonly approval_policy?: ApprovalMode;
    readonly network_access_enabled?: boolean;
    readonly additional_directories?: readonly string[];
    readonly output_schema?: Readonly<Record<string, unknown>>;
    readonly resume?: string;
    readonly fork?: string;
    readonly ephemeral?: boolean;
    readonly isolation?: "shared" | "process";
    readonly env?: Readonly<Record<string, string>>;
    readonly inherit_env?: boolean;
    readonly mcp_servers?: McpServers | ServerSet;
    readonly mcp?: "managed" | "direct";
    readonly config?: Readonly<Record<string, unknown>>;
    readonly model_requests?: "relayed" | "direct";
    readonly base_url?: string;
    readonly api_key?: string;
    readonly questions?: "decline" | "host";
    readonly question_timeout_ms?: number;
    readonly timeout_ms?: number;
}

export declare class Runner implements AsyncDisposable {
    #private;
    readonly maxConcurrent: number;
    constructor(options: RunnerOptions);
    start(): Promise<void>;
    submit(message: Exclude<Inbound, PingMessage>, bytes?: number): Rejection | undefined;
    whenRoom(): Promise<void>;
    drain(): Promise<void>;
    stop(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export declare class RunnerClient implements AsyncDisposable {
    #private;
    static start(options?: RunnerClientOptions): Promise<RunnerClient>;
    private constructor();
    get versions(): Readonly<Record<string, string>>;
    get pid(): number | undefined;
    run(params: ClientRunParams, { signal }?: {
        readonly signal?: AbortSignal;
    }): ClientRun;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export declare class RunnerClientError extends Error {
    readonly name = "RunnerClientError";
    readonly code: RunnerClientErrorCode;
    readonly field: string | undefined;
    constructor(code: RunnerClientErrorCode, message: string, field?: string);
}

export type RunnerClientErrorCode = RejectionCode | "runner_start_failed" | "runner_ended";

export interface RunnerClientOptions {
    readonly command?: readonly [program: string, ...args: string[]];
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly cwd?: string;
    readonly onDiagnostic?: (diagnostic: Diagnostic) => void;
    readonly startTimeoutMs?: number;
    readonly clock?: Clock;
}

export interface RunnerOptions {
    readonly sink: Sink;
    readonly createEngine: CreateEngine;
    readonly defaultEngine?: EngineName;
    readonly homesRoot: string;
    readonly env?: Variables;
    readonly withheld?: readonly string[];
    readonly log?: Log;
    readonly clock?: Clock;
    readonly maxConcurrent?: number;
    readonly waitingMax?: number;
    readonly waitingBytesMax?: number;
    readonly stopTimeoutMs?: number;
    readonly redactor?: Redactor;
}

export interface ServeOptions extends Omit<RunnerOptions, "sink" | "redactor"> {
    readonly versions?: Readonly<Record<string, string>>;
    readonly secrets?: readonly string[];
    readonly input: Readable;
    readonly output: Writable;
    readonly diagnostics: Writable;
    readonly signal?: AbortSignal;
    readonly diagLevel?: DiagLevel;
}

export type ServeOutcome = "drained" | "stopped" | "output_closed";

export type Sink = (message: Outbound) => Promise<void>;

export type WireQuestion = {
    readonly kind: string;
    readonly thread_id: string;
} & Readonly<Record<string, unknown>>;

export declare function defaultMaxConcurrent(availableBytes?: number): number;

export declare function mcpServerFrom(connection: McpConnection): McpConnectionServer;

export declare function parseLine(text: string, { env }?: ParseOptions): Inbound | Rejection;

export declare function serveNdjson(options: ServeOptions): Promise<ServeOutcome>;
