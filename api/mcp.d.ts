// mcp-switchyard/mcp

export type EnvironmentDefinition = LocalEnvironment
 | (UrlEnvironment & {
    readonly bearerToken?: string;
}) | (ProgramEnvironment & {
    readonly env: Readonly<Record<string, string>>;
});

export interface EnvironmentSource {
    readonly ids: () => readonly string[];
    readonly lookup: (id: string) => EnvironmentDefinition | undefined;
}

export declare class Environments implements AsyncDisposable {
    #private;
    constructor(source: EnvironmentSource | readonly EnvironmentDefinition[], options?: EnvironmentsOptions);
    get ids(): readonly string[];
    get(id: string, allowed?: readonly string[]): Executor;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface EnvironmentsOptions {
    readonly clock?: Clock;
    readonly log?: Log;
    readonly recoveryMs?: number;
}

export declare class ExecutorStdioLauncher implements StdioServerLauncher {
    #private;
    constructor(options: ExecutorStdioLauncherOptions);
    launch(server: StdioServer, options?: LaunchOptions): Promise<ServerTransport>;
}

export interface ExecutorStdioLauncherOptions {
    readonly executor: Executor;
    readonly environment: string;
    readonly env?: Variables;
    readonly clock?: Clock;
}

export declare const LINE_BYTES_MAX: number;

export interface LaunchOptions {
    readonly signal?: AbortSignal | undefined;
    readonly log?: Log;
    readonly workspace?: string | undefined;
}

export declare class LocalStdioLauncher implements StdioServerLauncher {
    #private;
    constructor(options: LocalStdioLauncherOptions);
    launch(server: StdioServer, options?: LaunchOptions): Promise<ServerTransport>;
}

export interface LocalStdioLauncherOptions {
    readonly executor: Executor;
    readonly env?: Variables;
    readonly cwd?: string;
    readonly clock?: Clock;
}

export declare class ProcessTransport implements ServerTransport {
    #private;
    onmessage: Transport["onmessage"];
    onerror: Transport["onerror"];
    onclose: Transport["onclose"];
    readonly server: string;
    readonly pid: null;
    readonly stderr: null;
    constructor(options: ProcessTransportOptions);
    get ended(): Promise<TransportError>;
    start(): Promise<void>;
    send(message: JSONRPCMessage): Promise<void>;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface ProcessTransportOptions {
    readonly process: ExecutorProcess;
    readonly server: string;
    readonly environment: string;
    readonly log?: Log;
    readonly redactor?: Redactor;
    readonly clock?: Clock;
}

export type Remedy = "fix_config" | "relaunch" | "retry" | "none";

export interface ServerTransport extends Transport, AsyncDisposable {
    readonly server: string;
    readonly ended: Promise<TransportError>;
}

export interface StdioServer {
    readonly name: string;
    readonly command: string;
    readonly args?: readonly string[];
    readonly env?: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
    readonly env_vars?: readonly McpServerEnvVar[];
    readonly cwd?: string;
}

export interface StdioServerLauncher {
    launch(server: StdioServer, options?: LaunchOptions): Promise<ServerTransport>;
}

export declare class TransportError extends Error {
    readonly name = "TransportError";
    readonly code: TransportErrorCode;
    readonly server: string;
    constructor(code: TransportErrorCode, server: string, what: string, options?: ErrorOptions);
    get remedy(): Remedy;
}

export type TransportErrorCode = "invalid_server" | "start_failed" | "executor_unreachable" | "executor_lost" | "process_exited" | "message_too_large" | "server_stalled" | "request_failed" | "closed";
