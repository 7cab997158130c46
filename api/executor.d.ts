// mcp-switchyard/executor

export declare class AuditLog {
    #private;
    constructor(options: AuditLogOptions);
    connected({ peer }: {
        readonly peer: string;
    }): void;
    refusedConnection({ peer, reason }: {
        readonly peer: string;
        readonly reason: string;
    }): void;
    disconnected({ peer, session, reason, }: {
        readonly peer: string;
        readonly session: string | undefined;
        readonly reason: string;
    }): void;
    started(start: AuditedStart & {
        readonly pid: number;
    }): void;
    refused(start: AuditedStart & {
        readonly reason: string;
    }): void;
    ended(end: AuditedEnd): void;
}

export interface Authenticator {
    check(header: string | undefined): Promise<AuthVerdict>;
}

export interface EnvironmentInfo {
    readonly shell: {
        readonly name: string;
        readonly path: string;
    };
    readonly executorVersion: string | undefined;
    readonly platformOs: string | undefined;
    readonly cwd: string | undefined;
    readonly userHomeDir: string | undefined;
    readonly capabilities: Readonly<Record<string, boolean>>;
}

export interface EnvironmentPolicy {
    readonly inherit: "none" | "core" | "all";
    readonly ignoreDefaultExcludes: boolean;
    readonly exclude: readonly string[];
    readonly set: Readonly<Record<string, string>>;
    readonly includeOnly: readonly string[];
}

export interface Executor extends AsyncDisposable {
    info(options?: WaitOptions): Promise<EnvironmentInfo>;
    start(spec: ProcessSpec, options?: WaitOptions): Promise<ExecutorProcess>;
}

export declare class ExecutorError extends Error {
    readonly name = "ExecutorError";
    readonly code: ExecutorErrorCode;
    constructor(code: ExecutorErrorCode, message: string, options?: ErrorOptions);
}

export type ExecutorErrorCode = "executor_unreachable" | "executor_lost" | "start_failed" | "refused" | "unknown_environment" | "unknown_process" | "stdin_closed" | "stdin_full" | "output_lost" | "reader_stalled" | "outcome_unknown" | "protocol_error" | "connect_failed" | "http_failed" | "unsupported" | "invalid_request" | "timeout" | "disposed";

export interface ExecutorProcess extends AsyncDisposable {
    readonly id: string;
    readonly pid?: number;
    events(options?: WaitOptions): AsyncIterableIterator<ProcessEvent, undefined, undefined>;
    write(bytes: Uint8Array, options?: WaitOptions): Promise<void>;
    read(options?: ReadOptions): Promise<ReadResult>;
    interrupt(options?: WaitOptions): Promise<void>;
    terminate(options?: WaitOptions): Promise<boolean>;
    [Symbol.asyncDispose](): Promise<void>;
}

export declare class ExecutorServer implements AsyncDisposable {
    #private;
    readonly limits: Limits;
    constructor(options?: ExecutorServerOptions);
    get connections(): number;
    get sessions(): number;
    get processes(): number;
    get fullBecause(): string | undefined;
    noteRefusal(peer: string, reason: string): void;
    serve(open: (events: LinkEvents) => Link): ServedLink;
    [Symbol.asyncDispose](): Promise<void>;
    killAll(): void;
}

export interface ExecutorServerOptions {
    readonly clock?: Clock;
    readonly log?: Log;
    readonly limits?: Partial<Limits>;
    readonly policy?: StartPolicy;
    readonly audit?: AuditLog;
    readonly retentionMs?: number;
    readonly graces?: Partial<Graces>;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly ignoreSandbox?: boolean;
    readonly fs?: boolean;
    readonly http?: boolean;
}

export interface Graces {
    readonly stdinMs: number;
    readonly termMs: number;
}

export interface HttpRequestSpec {
    readonly method: string;
    readonly url: URL;
    readonly headers: readonly (readonly [name: string, value: string])[];
    readonly body?: Uint8Array | undefined;
}

export interface HttpResponse {
    readonly status: number;
    readonly headers: readonly {
        readonly name: string;
        readonly value: string;
    }[];
    readonly body: AsyncIterable<Uint8Array>;
    close(): void;
}

export interface Limits {
    readonly processesMax: number;
    readonly connectionsMax: number;
    readonly sessionsMax: number;
    readonly retainedBytesMax: number;
    readonly messageBytesMax: number;
    readonly handshakeMs: number;
    readonly requestsMax: number;
}

export interface LinkOpener extends AsyncDisposable {
    readonly target: string;
    readonly resumable: boolean;
    open(events: LinkEvents, signal: AbortSignal): Promise<OpenOutcome>;
}

export type ListenAddress = {
    readonly kind: "stdio";
} | {
    readonly kind: "websocket";
    readonly host: string;
    readonly port: number;
};

export interface ListenOptions {
    readonly server: ExecutorServer;
    readonly address: ListenAddress & {
        readonly kind: "websocket";
    };
    readonly authenticator: Authenticator;
}

export interface Listener extends AsyncDisposable {
    readonly url: string;
}

export declare class LocalExecutor implements Executor {
    #private;
    constructor(options?: LocalExecutorOptions, shared?: SharedParts);
    info(): Promise<EnvironmentInfo>;
    get running(): number;
    start(spec: ProcessSpec, { signal }?: WaitOptions): Promise<LocalProcess>;
    [Symbol.asyncDispose](): Promise<void>;
    killAll(): void;
}

export interface LocalExecutorOptions {
    readonly clock?: Clock;
    readonly log?: Log;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly graces?: Partial<Graces>;
    readonly retainBytes?: number;
    readonly background?: boolean;
    readonly checkStart?: (start: StartRequest) => void;
}

export type OutputStream = "stdout" | "stderr" | "pty";

export type ProcessEvent = {
    readonly type: "output";
    readonly seq: number;
    readonly stream: OutputStream;
    readonly chunk: Uint8Array;
}
 | {
    readonly type: "exited";
    readonly seq: number;
    readonly exitCode: number;
} | {
    readonly type: "closed";
    readonly seq: number;
};

export interface ProcessSpec {
    readonly argv: readonly [string, ...string[]];
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    readonly envPolicy?: EnvironmentPolicy;
    readonly tty?: boolean;
    readonly pipeStdin?: boolean;
    readonly arg0?: string;
}

export interface ProgramOpenerOptions {
    readonly program: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
    readonly onStderr?: (text: string) => void;
}

export interface ReadOptions extends WaitOptions {
    readonly afterSeq?: number;
    readonly maxBytes?: number;
    readonly waitMs?: number;
}

export interface ReadResult {
    readonly chunks: readonly (ProcessEvent & {
        readonly type: "output";
    })[];
    readonly nextSeq: number;
    readonly exited: boolean;
    readonly exitCode: number | undefined;
    readonly closed: boolean;
}

export declare class RemoteExecutor implements Executor {
    #private;
    constructor(options: RemoteExecutorOptions);
    get status(): "idle" | "connecting" | "connected" | "recovering";
    info({ signal }?: WaitOptions): Promise<EnvironmentInfo>;
    ping({ signal }?: WaitOptions): Promise<number>;
    start(spec: ProcessSpec, { signal }?: WaitOptions): Promise<ExecutorProcess>;
    httpRequest(request: HttpRequestSpec, { signal }?: WaitOptions): Promise<HttpResponse>;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface RemoteExecutorOptions {
    readonly name: string;
    readonly opener: LinkOpener;
    readonly clock?: Clock;
    readonly random?: () => number;
    readonly log?: Log;
    readonly initializeTimeoutMs?: number;
    readonly recoveryMs?: number;
    readonly startTimeoutMs?: number;
}

export declare class StartPolicy {
    #private;
    constructor({ allowCommands, allowCwds, env }: StartPolicyOptions);
    checkStart({ program, cwd, env }: StartRequest): void;
    mayRead(path: string): boolean;
    mayWrite(path: string): boolean;
    mayRemove(path: string): boolean;
}

export interface StartRequest {
    readonly program: string;
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
}

export interface WaitOptions {
    readonly signal?: AbortSignal | undefined;
}

export interface WebSocketOpenerOptions {
    readonly url: string;
    readonly bearerToken?: string;
    readonly connectTimeoutMs?: number;
    readonly clock?: Clock;
}

export declare function bearerAuthenticator(options: BearerOptions): Authenticator;

export declare function jwtAuthenticator(options: JwtOptions): Authenticator;

export declare function listen({ server, address, authenticator }: ListenOptions): Promise<Listener>;

export declare const openAuthenticator: Authenticator;

export declare function parseListenAddress(text: string): ListenAddress;

export declare function programOpener(options: ProgramOpenerOptions): LinkOpener;

export declare function serveStdio(server: ExecutorServer, input: Readable, output: Writable): Promise<string>;

export declare function websocketOpener(options: WebSocketOpenerOptions): LinkOpener;
