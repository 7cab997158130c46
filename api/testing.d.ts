// mcp-switchyard/testing

export declare class AuthorizationServer implements AsyncDisposable {
    #private;
    readonly behaviour: OAuthBehaviour;
    private constructor();
    static start(options?: AuthorizationServerOptions): Promise<AuthorizationServer>;
    get origin(): string;
    get issuer(): string;
    get requests(): readonly RecordedOAuthRequest[];
    get reuses(): number;
    asked(endpoint: OAuthEndpoint): readonly RecordedOAuthRequest[];
    waitFor<T>(check: (server: this) => T | undefined | false, options?: WaitOptions): Promise<T>;
    issue(grant: Grant): IssuedTokens;
    check(accessToken: string): Grant | undefined;
    expireAccessTokens(): void;
    revokeAll(): void;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface AuthorizationServerOptions {
    readonly issuerPath?: string;
    readonly metadataAt?: "oauth" | "openid-inserted" | "openid-appended" | "nowhere";
    readonly registration?: boolean;
    readonly clientIdMetadata?: boolean;
    readonly clients?: readonly OAuthClient[];
    readonly authMethods?: readonly string[];
    readonly scopes?: readonly string[];
    readonly lifetimeS?: number;
    readonly rotate?: boolean;
    readonly revokeOnReuse?: boolean;
    readonly behaviour?: OAuthBehaviour;
}

export type CallOutcome = "completed" | "failed" | "cancelled";

export interface Grant {
    readonly clientId: string;
    readonly scopes: readonly string[];
    readonly resource: string | undefined;
}

export interface HttpBehaviour {
    startupDelayMs?: number;
    hangInitialize?: boolean;
    refuse?: number | ((request: RecordedHttpRequest) => number | undefined);
    refuseHeaders?: Readonly<Record<string, string>>;
    refuseBody?: (request: RecordedHttpRequest) => string;
    delayMs?: (request: RecordedHttpRequest) => number;
}

export interface IssuedTokens {
    readonly access_token: string;
    readonly token_type: "Bearer";
    readonly expires_in: number;
    readonly refresh_token: string;
    readonly scope: string;
}

export declare class ManualClock implements Clock {
    #private;
    get pending(): number;
    get nextInMs(): number | undefined;
    now(): number;
    schedule(delayMs: number, fire: () => void): Timer;
    advance(ms: number): Promise<void>;
}

export type ModelReply = ReplyPart | readonly ReplyPart[];

export interface ModelRequest {
    readonly model: string;
    readonly prompt: string;
    readonly step: number;
    readonly outputs: readonly ToolOutput[];
    readonly tools: readonly OfferedTool[];
    readonly bearerToken?: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Readonly<Record<string, unknown>>;
    readonly stream: boolean;
    readonly signal: AbortSignal;
}

export interface OAuthAnswer {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
}

export interface OAuthBehaviour {
    delayMs?: (request: RecordedOAuthRequest) => number;
    until?: (request: RecordedOAuthRequest) => Promise<unknown> | undefined;
    meddle?: (truth: OAuthAnswer, request: RecordedOAuthRequest) => OAuthAnswer;
    deny?: boolean;
}

export interface OAuthClient {
    readonly id: string;
    readonly secret?: string;
    readonly authMethod?: "none" | "client_secret_basic" | "client_secret_post";
    readonly redirectUris?: readonly string[];
}

export type OAuthEndpoint = "metadata" | "register" | "authorize" | "token" | "other";

export interface OfferedTool {
    readonly type: string;
    readonly name: string;
    readonly namespace?: string;
}

export interface PlanStep {
    readonly step: string;
    readonly status: "pending" | "in_progress" | "completed";
}

export type PromptScript = readonly (PromptStep | readonly PromptStep[])[];

export interface PromptStep {
    readonly delayMs?: number;
    readonly usage?: Usage;
    readonly chunkLength?: number;
    readonly fail?: {
        readonly status: number;
        readonly body?: unknown;
        readonly headers?: Readonly<Record<string, string>>;
    };
    readonly reason?: string;
    readonly search?: string;
    readonly say?: string;
    readonly plan?: readonly PlanStep[];
    readonly patch?: string;
    readonly run?: string;
    readonly call?: ToolCallRequest;
    readonly raw?: Readonly<Record<string, unknown>>;
    readonly hang?: true;
    readonly cut?: true;
}

export declare class ProtectedResource implements AsyncDisposable {
    #private;
    readonly refusals: (401 | 403)[];
    private constructor();
    static start(options: ProtectedResourceOptions): Promise<ProtectedResource>;
    get origin(): string;
    get url(): string;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface ProtectedResourceOptions {
    readonly authorizationServer: AuthorizationServer;
    readonly target: string;
    readonly scopes?: readonly string[];
    readonly metadataAt?: "path" | "root" | "nowhere";
    readonly challenge?: boolean;
    readonly needs?: (request: IncomingMessage) => readonly string[];
}

export interface RecordedCall {
    readonly order: number;
    readonly tool: string;
    readonly arguments: Readonly<Record<string, unknown>>;
    readonly headers: Readonly<Record<string, string>>;
    readonly path: string;
    readonly sessionId: string | undefined;
    readonly meta: Readonly<Record<string, unknown>>;
    readonly startedAt: number;
    readonly endedAt: number | undefined;
    readonly outcome: CallOutcome | undefined;
}

export interface RecordedHttpRequest {
    readonly order: number;
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly rawHeaders: readonly (readonly [name: string, value: string])[];
    readonly body: unknown;
    readonly rpcMethod: string | undefined;
    readonly tool: string | undefined;
    readonly meta: Readonly<Record<string, unknown>> | undefined;
    readonly sessionId: string | undefined;
}

export interface RecordedModelRequest {
    readonly order: number;
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
    readonly request?: ModelRequest;
}

export interface RecordedOAuthRequest {
    readonly endpoint: OAuthEndpoint;
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly params: Readonly<Record<string, string>>;
    readonly body: unknown;
}

export interface RecordedSession {
    readonly id: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly closedBy: "client" | "server" | undefined;
}

export declare class RecordingMcpServer implements AsyncDisposable {
    #private;
    readonly behaviour: HttpBehaviour;
    private constructor();
    static start(options?: RecordingMcpServerOptions): Promise<RecordingMcpServer>;
    get origin(): string;
    get url(): string;
    get requests(): readonly RecordedHttpRequest[];
    get calls(): readonly RecordedCall[];
    get sessions(): readonly RecordedSession[];
    get openSessions(): number;
    get connections(): number;
    waitFor<T>(check: (server: this) => T | undefined | false, options?: WaitOptions): Promise<T>;
    forgetSessions(): Promise<void>;
    dropConnections(): void;
    announceToolListChange(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface RecordingMcpServerOptions extends TestServerOptions {
    readonly stateless?: boolean;
    readonly port?: number;
    readonly identityHeaders?: readonly string[];
    readonly behaviour?: HttpBehaviour;
    readonly recordMax?: number;
}

export type ReplyControl = {
    readonly kind: "delay";
    readonly delayMs: number;
} | {
    readonly kind: "hang";
} | {
    readonly kind: "cut";
} | {
    readonly kind: "fail";
    readonly status: number;
    readonly body: unknown;
    readonly headers: Readonly<Record<string, string>>;
} | {
    readonly kind: "usage";
    readonly usage: Usage;
} | {
    readonly kind: "pace";
    readonly chunkLength: number;
    readonly chunkDelayMs: number;
};

export type ReplyItem = {
    readonly kind: "message";
    readonly text: string;
} | {
    readonly kind: "reasoning";
    readonly summary: string;
} | {
    readonly kind: "tool";
    readonly call: ToolCallRequest;
} | {
    readonly kind: "command";
    readonly command: string;
} | {
    readonly kind: "patch";
    readonly patch: string;
} | {
    readonly kind: "search";
    readonly query: string;
} | {
    readonly kind: "plan";
    readonly steps: readonly PlanStep[];
} | {
    readonly kind: "raw";
    readonly item: Readonly<Record<string, unknown>>;
};

export type ReplyPart = ReplyItem | ReplyControl;

export type Script = (request: ModelRequest) => ModelReply | Promise<ModelReply>;

export declare class ScriptedModel implements AsyncDisposable {
    #private;
    private constructor();
    static start(options?: ScriptedModelOptions): Promise<ScriptedModel>;
    get baseUrl(): string;
    get requests(): readonly RecordedModelRequest[];
    get received(): number;
    get answering(): number;
    waitForRequests(wanted: number | ((request: RecordedModelRequest) => boolean), options?: WaitOptions): Promise<readonly RecordedModelRequest[]>;
    waitUntilIdle(options?: WaitOptions): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface ScriptedModelOptions {
    readonly script?: Script;
    readonly host?: string;
    readonly port?: number;
    readonly requestsMax?: number;
}

export interface StdioServerEntry {
    readonly command: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
}

export interface StdioServerOptions {
    readonly name?: string;
    readonly instructions?: string;
    readonly annotations?: Readonly<Record<string, ToolAnnotations>>;
    readonly onlyTools?: readonly string[];
    readonly whoamiEnv?: readonly string[];
    readonly startupDelayMs?: number;
    readonly exitAtStart?: {
        readonly code: number;
        readonly stderr?: string;
    };
    readonly hangAtStart?: boolean;
    readonly stubborn?: boolean;
    readonly garbage?: string;
    readonly stderr?: string;
}

export interface TestServerOptions {
    readonly name?: string;
    readonly instructions?: string;
    readonly annotations?: Readonly<Record<string, ToolAnnotations>>;
    readonly extraTools?: readonly TestTool[];
    readonly onlyTools?: readonly string[];
}

export interface TestTool {
    readonly name: string;
    readonly description?: string;
    readonly inputSchema?: Readonly<Record<string, unknown>>;
    readonly annotations?: ToolAnnotations;
    run(args: Readonly<Record<string, unknown>>, context: ToolContext): string | CallToolResult | Promise<string | CallToolResult>;
}

export interface ToolCallRequest {
    readonly server: string;
    readonly tool: string;
    readonly arguments?: unknown;
    readonly callId?: string;
}

export interface ToolContext {
    readonly signal: AbortSignal;
    readonly headers: Readonly<Record<string, string>>;
    readonly meta: Readonly<Record<string, unknown>>;
    progress(done: number, total: number): Promise<void>;
    ask(message: string, options?: {
        readonly signal?: AbortSignal;
    }): Promise<{
        readonly action: string;
        readonly content?: unknown;
    }>;
}

export interface ToolOutput {
    readonly callId: string;
    readonly text: string;
}

export interface Usage {
    readonly inputTokens?: number;
    readonly cachedInputTokens?: number;
    readonly outputTokens?: number;
    readonly reasoningOutputTokens?: number;
}

export interface WaitOptions {
    readonly signal?: AbortSignal;
}

export declare function applyPatch(patch: string): ReplyItem;

export declare function callTool(call: ToolCallRequest): ReplyItem;

export declare function cut(): ReplyControl;

export declare function delay(delayMs: number): ReplyControl;

export declare function descendants(pid: number): number[];

export declare function fail(status: number, body?: unknown, headers?: Readonly<Record<string, string>>): ReplyControl;

export declare function hang(): ReplyControl;

export declare function isAlive(pid: number): boolean;

export declare function maxOverlap(calls: readonly Pick<RecordedCall, "startedAt" | "endedAt">[]): number;

export declare function openHandles(): Readonly<Record<string, number>>;

export declare function pace(options: {
    readonly chunkLength: number;
    readonly chunkDelayMs?: number;
}): ReplyControl;

export declare function pick(value: unknown, ...path: readonly (string | number)[]): unknown;

export declare function pickText(value: unknown, ...path: readonly (string | number)[]): string;

export declare function playPrompt(request: ModelRequest): ModelReply;

export declare function processesWithEnv(name: string, value: string): number[];

export declare function promptOf(...steps: PromptScript): string;

export declare function raw(item: Readonly<Record<string, unknown>>): ReplyItem;

export declare function reason(summary: string): ReplyItem;

export declare function runCommand(command: string): ReplyItem;

export declare function say(text: string): ReplyItem;

export declare function stdioServer(options?: StdioServerOptions, env?: Readonly<Record<string, string>>): StdioServerEntry;

export declare function updatePlan(steps: readonly PlanStep[]): ReplyItem;

export declare function usage(tokens: Usage): ReplyControl;

export declare function waitUntilGone(pids: readonly number[], options?: {
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
}): Promise<number[]>;

export declare function webSearch(query: string): ReplyItem;
