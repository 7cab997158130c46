// mcp-switchyard/runner

export interface AnswerMessage extends Answer {
    readonly type: "answer";
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
}

export type EndStatus = "completed" | "failed" | "cancelled";

export interface ErrorMessage extends Rejection {
    readonly line: number;
}

export interface EventMessage {
    readonly type: "event";
    readonly id: string;
    readonly event: ThreadEvent;
}

export type Inbound = RunMessage | CancelMessage | AnswerMessage;

export declare const LINE_BYTES_MAX: number;

export type Outbound = EventMessage | AskMessage | EndMessage | ErrorMessage;

export interface ParseOptions {
    readonly env?: Variables;
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

export interface RunParams {
    readonly input: Input;
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
    readonly ephemeral?: boolean;
    readonly isolation?: "shared" | "process";
    readonly env?: Readonly<Record<string, string>>;
    readonly inherit_env?: boolean;
    readonly mcp_servers?: McpServers | ServerSet;
    readonly config?: Readonly<Record<string, unknown>>;
    readonly base_url?: string;
    readonly api_key?: string;
    readonly questions?: "decline" | "host";
    readonly question_timeout_ms?: number;
}

export declare class Runner implements AsyncDisposable {
    #private;
    readonly maxConcurrent: number;
    constructor(options: RunnerOptions);
    start(): Promise<void>;
    submit(message: Inbound, bytes?: number): Rejection | undefined;
    whenRoom(): Promise<void>;
    drain(): Promise<void>;
    stop(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface RunnerOptions {
    readonly sink: Sink;
    readonly createEngine: CreateEngine;
    readonly homesRoot: string;
    readonly env?: Variables;
    readonly log?: Log;
    readonly clock?: Clock;
    readonly maxConcurrent?: number;
    readonly waitingMax?: number;
    readonly waitingBytesMax?: number;
    readonly stopTimeoutMs?: number;
    readonly redactor?: Redactor;
}

export interface ServeOptions extends Omit<RunnerOptions, "sink" | "redactor"> {
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

export declare function parseLine(text: string, { env }?: ParseOptions): Inbound | Rejection;

export declare function serveNdjson(options: ServeOptions): Promise<ServeOutcome>;
