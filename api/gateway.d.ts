// mcp-switchyard/gateway

export interface ClientThreads {
    readonly names: () => readonly string[];
    readonly open: (client: GatewayClient, server: string | undefined) => McpConnectionManager;
}

export declare class Gateway implements AsyncDisposable {
    #private;
    private constructor();
    static start(options?: GatewayOptions): Promise<Gateway>;
    get origin(): string;
    get clients(): number;
    openThread(thread: McpConnectionManager, { joins }?: {
        readonly joins?: boolean;
    }): ThreadGateway;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface GatewayClient {
    readonly name: string;
    readonly version: string;
    readonly offers: ClientCapabilities;
}

export declare class GatewayError extends Error {
    readonly name = "GatewayError";
    readonly code: GatewayErrorCode;
    constructor(code: GatewayErrorCode, message: string, options?: ErrorOptions);
}

export type GatewayErrorCode = "cannot_listen" | "exposed" | "invalid_address" | "ended";

export interface GatewayOptions {
    readonly address?: ListenAddress;
    readonly token?: string;
    readonly limits?: Partial<Limits>;
    readonly threads?: ClientThreads;
    readonly background?: boolean;
    readonly log?: Log;
    readonly clock?: Clock;
}

export interface Limits {
    readonly bodyBytesMax: number;
    readonly requestsMax: number;
    readonly sessionsMax: number;
    readonly sessionsPerSecond: number;
    readonly idleMs: number;
}

export interface ListenAddress {
    readonly host: string;
    readonly port: number;
}

export interface ServeStdioOptions {
    readonly threads: ClientThreads;
    readonly server?: string | undefined;
    readonly input?: Readable;
    readonly output?: Writable;
    readonly signal?: AbortSignal;
    readonly clock?: Clock;
}

export interface ThreadGateway {
    readonly urlOf: (server?: string, options?: {
        readonly capability?: "path";
    }) => string;
    readonly bearer: string;
    readonly clients: number;
    readonly listed: (server: string) => Promise<void>;
    readonly revoke: () => Promise<void>;
}

export declare function parseAddress(text: string): ListenAddress;

export declare function serveStdio(options: ServeStdioOptions): Promise<void>;
