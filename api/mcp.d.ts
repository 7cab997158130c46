// mcp-switchyard/mcp

export interface AllowedAppsAuth {
    readonly allowsApps: true;
    readonly accountId?: string;
    readonly userId?: string;
    readonly isWorkspaceAccount?: boolean;
    readonly token: (about: {
        readonly why: "open" | "unauthorized";
        readonly signal: AbortSignal;
    }) => string | Promise<string>;
    readonly baseUrl?: string;
}

export type Answerer = (server: string, request: ServerRequest, signal: AbortSignal) => Promise<JsonObject> | undefined;

export type AppsAuth =
{
    readonly allowsApps: false;
} | AllowedAppsAuth;

export interface AppsToolsCacheKey {
    readonly accountId: string | undefined;
    readonly userId: string | undefined;
    readonly isWorkspaceAccount: boolean;
}

export type AuthStatus = "unknown" | "unsupported" | "notLoggedIn" | "bearerToken" | "oAuth";

export interface BudgetOptions {
    readonly processes?: number;
    readonly processesPerThread?: number;
    readonly startsPerSecond?: number;
    readonly memoryBytes?: number;
}

export interface CallName {
    readonly id: string;
    readonly tool: string;
}

export interface CallOptions extends WaitOptions {
    readonly id?: string;
    readonly meta?: JsonObject;
    readonly onProgress?: (progress: Progress) => void;
}

export type CallOutcome = ({
    readonly kind: "result";
} & CallResult)
 | ({
    readonly kind: "tool_error";
} & CallResult)
 | {
    readonly kind: "protocol_error";
    readonly code: number;
    readonly message: string;
    readonly data?: unknown;
}
 | {
    readonly kind: "timeout";
    readonly afterMs: number;
    readonly message: string;
}
 | {
    readonly kind: "cancelled";
    readonly sent: boolean;
}
 | {
    readonly kind: "lost";
    readonly message: string;
}
 | {
    readonly kind: "not_sent";
    readonly reason: NotSentReason;
    readonly message: string;
    readonly wanted?: LoginWanted;
};

export interface CallResult {
    readonly result: CallToolResult;
    readonly truncated?: string;
}

export declare class CallbackListener implements AsyncDisposable {
    #private;
    readonly redirectUrl: string;
    readonly port: number;
    private constructor();
    static start({ port, path, }?: CallbackListenerOptions): Promise<CallbackListener>;
    complete(login: PendingLogin, { signal }?: {
        readonly signal?: AbortSignal;
    }): Promise<StoredLogin>;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface CallbackListenerOptions {
    readonly port?: number | undefined;
    readonly path?: string | undefined;
}

export interface CatalogChange {
    readonly kind: ListKind;
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly string[];
}

export type ClientRegistration = "auto" | "cimd" | "dcr";

export interface CodexAppsAuthOptions {
    readonly codexHome?: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly baseUrl?: string;
}

export interface CodexLoginStoreOptions {
    readonly codexHome: string;
    readonly kept?: "auto" | "file" | "keyring" | undefined;
    readonly clock?: Clock;
}

export interface ConnectionSnapshot {
    readonly server: string;
    readonly status: ServerStatus;
    readonly shared: boolean;
    readonly holders: readonly LeaseHolder[];
}

export interface CredentialSource {
    token(question: TokenQuestion): Promise<string | LoginToken | undefined>;
}

export interface Elicitation {
    readonly server: string;
    readonly call: CallName | undefined;
    readonly mode: "form" | "url";
    readonly message: string;
    readonly requestedSchema?: JsonObject;
    readonly url?: string;
    readonly elicitationId?: string;
    readonly meta?: JsonObject;
}

export interface ElicitationAnswer {
    readonly action: "accept" | "decline" | "cancel";
    readonly content?: JsonObject;
    readonly meta?: JsonObject;
}

export type ElicitationHandler = (question: Elicitation, options: {
    readonly signal: AbortSignal;
}) => Promise<ElicitationAnswer>;

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

export type Era = "legacy" | "modern";

export interface EraMemory {
    recall(key: string): EraVerdict | undefined;
    learn(key: string, verdict: EraVerdict): void;
    forget(key: string): void;
}

export interface EraVerdict {
    readonly era: Era;
    readonly version: string | undefined;
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

export type FailureCode = "invalid_server" | "start_failed" | "unreachable" | "exited" | "timed_out" | "handshake_failed" | "catalog_failed" | "session_lost" | "unauthorized" | "budget";

export type HeaderResolver = (about: {
    readonly server: string;
    readonly url: string;
    readonly why: "open" | "unauthorized";
    readonly signal: AbortSignal;
}) => HeaderValues | Promise<HeaderValues>;

export type HeaderValues = Readonly<Record<string, string>>;

export type HttpFailureKind = "refused" | "reset" | "cut" | "session_lost" | "unauthorized" | "forbidden" | "rate_limited" | "http_status" | "bad_answer" | "message_too_large";

export interface HttpReason {
    readonly kind: HttpFailureKind;
    readonly status?: number;
    readonly cause?: string;
}

export declare const LINE_BYTES_MAX: number;

export interface LaunchOptions {
    readonly signal?: AbortSignal | undefined;
    readonly log?: Log;
    readonly workspace?: string | undefined;
}

export interface LeaseHolder {
    readonly thread: string;
    readonly server: string;
}

export type ListKind = "tools" | "resources" | "resourceTemplates" | "prompts";

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

export declare class LoginBroker implements CredentialSource, AsyncDisposable {
    #private;
    constructor(options: LoginBrokerOptions);
    token({ server, config, principal, why, last, fetch, signal, }: TokenQuestion): Promise<LoginToken | undefined>;
    [Symbol.asyncDispose](): Promise<void>;
}

export interface LoginBrokerOptions {
    readonly stores: (principal: string | undefined) => LoginStore | undefined;
    readonly advice?: ((server: string) => string) | undefined;
    readonly log?: Log | undefined;
    readonly fetch?: HttpFetch | undefined;
    readonly clock?: Clock | undefined;
    readonly random?: (() => number) | undefined;
}

export interface LoginCallback {
    readonly code?: string | undefined;
    readonly state?: string | undefined;
    readonly iss?: string | undefined;
    readonly error?: string | undefined;
    readonly error_description?: string | undefined;
}

export interface LoginClient {
    readonly name?: string;
    readonly metadataUrl?: string;
}

export declare class LoginError extends Error {
    readonly name = "LoginError";
    readonly code: LoginErrorCode;
    readonly server: string;
    constructor(code: LoginErrorCode, server: string, what: string, options?: ErrorOptions);
}

export type LoginErrorCode = "no_http" | "invalid_server" | "other_credentials" | "not_needed" | "no_metadata" | "bad_metadata" | "cannot_register" | "registration_rejected" | "scopes_rejected" | "scopes_not_granted" | "denied" | "wrong_callback" | "ended" | "unreachable" | "rejected";

export interface LoginKey {
    readonly server: string;
    readonly url: string;
}

export interface LoginOptions {
    readonly store: LoginStore;
    readonly redirectUrl: string;
    readonly scopes?: readonly string[];
    readonly wanted?: LoginWanted | undefined;
    readonly client?: LoginClient;
    readonly registration?: ClientRegistration;
    readonly signal?: AbortSignal;
    readonly timeoutMs?: number;
}

export interface LoginStore {
    read(key: LoginKey, signal: AbortSignal): Promise<StoredLogin | undefined>;
    write(login: StoredLogin, signal: AbortSignal): Promise<void>;
    remove(key: LoginKey, signal: AbortSignal): Promise<boolean>;
    exclusively<T>(key: LoginKey, work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

export interface LoginWanted {
    readonly scopes: readonly string[];
    readonly resourceMetadataUrl: string | undefined;
    readonly insufficientScope: boolean;
}

export declare class McpConnectionManager implements AsyncDisposable {
    #private;
    readonly id: string;
    readonly principal: string | undefined;
    readonly workspace: string | undefined;
    constructor(internals: ThreadInternals);
    get manager(): object;
    get ended(): AbortSignal;
    get servers(): readonly ServerView[];
    server(name: string): ServerView;
    ready(names?: readonly string[], { signal, live }?: {
        readonly signal?: AbortSignal;
        readonly live?: boolean;
    }): Promise<readonly ServerView[]>;
    listTools(server?: string): readonly ThreadTool[];
    tool(server: string, name: string): Tool | undefined;
    currentTools(server: string, options?: WaitOptions): Promise<readonly ThreadTool[]>;
    callTool(server: string, tool: string, args?: JsonObject, options?: CallOptions): Promise<CallOutcome>;
    listResources(server: string, options?: WaitOptions): Promise<readonly Resource[]>;
    listResourceTemplates(server: string, options?: WaitOptions): Promise<readonly ResourceTemplateType[]>;
    listPrompts(server: string, options?: WaitOptions): Promise<readonly Prompt[]>;
    readResource(server: string, uri: string, options?: WaitOptions): Promise<ReadResourceResult>;
    getPrompt(server: string, name: string, args?: Readonly<Record<string, string>>, options?: WaitOptions): Promise<GetPromptResult>;
    request(server: string, method: string, params: JsonObject, options?: WaitOptions): Promise<JsonObject>;
    relay(server: string, method: string, params: JsonObject, options?: RelayOptions): Promise<RelayOutcome>;
    answerWith(answerer: Answerer): Disposable;
    subscribe(server: string, uri: string, options?: WaitOptions): Promise<AsyncDisposable>;
    events({ signal }?: {
        readonly signal?: AbortSignal;
    }): AsyncGenerator<McpEvent, undefined, undefined>;
    beginLogin(server: string, options: LoginOptions): Promise<PendingLogin>;
    authStatus(server: string, options?: WaitOptions): Promise<AuthStatus>;
    check(names?: readonly string[], { signal }?: Pick<WaitOptions, "signal">): Promise<void>;
    retry(server: string): void;
    update(servers: ThreadServers): Promise<ThreadUpdate>;
    [Symbol.asyncDispose](): Promise<void>;
}

export declare class McpError extends Error {
    readonly name = "McpError";
    readonly code: McpErrorCode;
    readonly server: string | undefined;
    readonly wanted: LoginWanted | undefined;
    constructor(code: McpErrorCode, message: string, options?: ErrorOptions & {
        readonly server?: string;
        readonly wanted?: LoginWanted | undefined;
    });
}

export type McpErrorCode = "invalid_servers" | "unknown_server" | "server_unavailable" | "needs_login" | "protocol_error" | "timeout" | "lost" | "not_sent" | "unsupported" | "budget" | "ended";

export type McpEvent = {
    readonly type: "status";
    readonly server: string;
    readonly status: ServerStatus;
} | ({
    readonly type: "catalog";
    readonly server: string;
} & CatalogChange) | {
    readonly type: "log";
    readonly server: string;
    readonly call?: CallName;
    readonly level: string;
    readonly logger?: string;
    readonly data: unknown;
} | {
    readonly type: "resource_updated";
    readonly server: string;
    readonly uri: string;
}
 | {
    readonly type: "question_declined";
    readonly server: string;
    readonly call?: CallName;
    readonly message: string;
}
 | {
    readonly type: "dropped";
    readonly count: number;
};

export declare class McpManager implements AsyncDisposable {
    #private;
    constructor(options?: McpManagerOptions);
    openThread(options: McpThreadOptions): McpConnectionManager;
    beginLogin(server: string, config: McpServerConfig, options: LoginOptions): Promise<PendingLogin>;
    get threads(): readonly McpConnectionManager[];
    get connections(): readonly ConnectionSnapshot[];
    [Symbol.asyncDispose](): Promise<void>;
}

export interface McpManagerOptions {
    readonly environments?: Environments | readonly EnvironmentDefinition[];
    readonly budget?: BudgetOptions;
    readonly credentials?: CredentialSource;
    readonly env?: Variables;
    readonly idleMs?: number;
    readonly eras?: EraMemory;
    readonly catalogFolder?: string | false;
    readonly publish?: boolean | {
        readonly folder: string;
    };
    readonly client?: {
        readonly name: string;
        readonly version: string;
        readonly title?: string;
    };
    readonly background?: boolean;
    readonly log?: Log;
    readonly clock?: Clock;
    readonly random?: () => number;
}

export interface McpSnapshot {
    readonly servers: readonly ServerSnapshot[];
}

export interface McpThreadOptions {
    readonly servers: ThreadServers;
    readonly id?: string;
    readonly principal?: string;
    readonly principals?: Readonly<Record<string, string>>;
    readonly workspace?: string;
    readonly headers?: Readonly<Record<string, HeaderValues | HeaderResolver>>;
    readonly env?: Variables;
    readonly onElicit?: ElicitationHandler;
    readonly onSample?: SamplingHandler;
    readonly offers?: ClientCapabilities;
    readonly roots?: readonly string[];
    readonly logLevel?: string;
    readonly progressCapMs?: number;
    readonly provenance?: ToolPluginProvenance;
    readonly signal?: AbortSignal;
}

export type NotSentReason =
"server_unavailable" | "needs_login"
 | "unknown_server"
 | "tool_disabled"
 | "unreachable"
 | "rejected"
 | "server_stalled"
 | "message_too_large";

export interface PendingLogin {
    readonly server: string;
    readonly url: string;
    readonly issuer: string;
    readonly scopes: readonly string[];
    readonly scopesFrom: ScopesFrom;
    owns(callback: string | URL | LoginCallback): boolean;
    complete(callback: string | URL | LoginCallback, options?: {
        readonly signal?: AbortSignal;
    }): Promise<StoredLogin>;
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
    get localPid(): number | undefined;
    get stderrLines(): readonly string[];
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

export interface Progress {
    readonly progress: number;
    readonly total?: number | undefined;
    readonly message?: string | undefined;
}

export interface ReadyStatus {
    readonly state: "ready";
    readonly tookMs: number;
    readonly stepsMs: Readonly<Record<StartStep, number>>;
    readonly era: Era;
    readonly protocolVersion: string;
    readonly serverInfo: Implementation | undefined;
    readonly starts: number;
}

export interface Reason {
    readonly code: FailureCode;
    readonly message: string;
    readonly brief?: string;
    readonly wanted?: LoginWanted;
    readonly step?: StartStep;
    readonly stderr?: readonly string[];
    readonly http?: HttpReason;
}

export interface RelayOptions extends WaitOptions, RequestSide {
    readonly capabilities?: ClientCapabilities | undefined;
    readonly logLevel?: string | undefined;
    readonly passesInput?: boolean | undefined;
    readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export type RelayOutcome = {
    readonly kind: "answer";
    readonly result: JsonObject;
    readonly era: Era;
} | RequestFailure | Stopped;

export type Remedy = "fix_config" | "relaunch" | "retry" | "none";

export type RequestFailure = Extract<CallOutcome, {
    readonly kind: "protocol_error" | "lost" | "not_sent";
}>;

export interface RequestSide {
    readonly onAsk?: ((request: ServerRequest, signal: AbortSignal) => Promise<JsonObject>) | undefined;
    readonly onLog?: ((params: JsonObject) => void) | undefined;
    readonly onListChanged?: ((method: string) => void) | undefined;
}

export type SamplingHandler = (params: JsonObject, about: {
    readonly server: string;
    readonly call: CallName | undefined;
    readonly signal: AbortSignal;
}) => Promise<JsonObject>;

export type ScopesFrom = "explicit" | "configured" | "challenge" | "resource" | "none";

export interface ServerRequest {
    readonly method: "elicitation/create" | "sampling/createMessage" | "roots/list";
    readonly params: Readonly<Record<string, unknown>>;
}

export interface ServerSnapshot {
    readonly name: string;
    readonly thread: string | undefined;
    readonly status: ServerStatus;
    readonly transport: "stdio" | "streamable_http" | undefined;
    readonly httpOrigin: string | undefined;
    readonly environment: string;
    readonly origin: Origin | undefined;
    readonly plugin: PluginAttribution | undefined;
    readonly authStatus: AuthStatus;
    readonly era: Era | undefined;
    readonly protocolVersion: string | undefined;
    readonly serverInfo: Implementation | undefined;
    readonly capabilities: ServerCapabilities | undefined;
    readonly instructions: string | undefined;
    readonly tools: readonly Tool[];
    readonly toolListMeta: JsonObject | undefined;
    readonly hiddenTools: number;
    readonly resources: readonly Resource[];
    readonly resourceTemplates: readonly ResourceTemplateType[];
    readonly prompts: readonly Prompt[];
    readonly failures: readonly SnapshotFailure[];
}

export type ServerStatus = {
    readonly state: "starting";
} | ReadyStatus | {
    readonly state: "restarting";
    readonly reason: Reason;
} | {
    readonly state: "failed";
    readonly reason: Reason;
    readonly nextAttemptMs?: number;
    readonly failures: number;
} | {
    readonly state: "needs_login";
    readonly reason: Reason;
} | {
    readonly state: "disabled";
    readonly reason: string;
} | {
    readonly state: "ended";
};

export interface ServerTransport extends Transport, AsyncDisposable {
    readonly server: string;
    readonly localPid?: number | undefined;
    readonly stderrLines?: readonly string[];
    readonly ended: Promise<TransportError>;
    readonly joined?: boolean;
    readonly clockAheadMs?: number | undefined;
    resumeStream?(lastEventId: string): Promise<void>;
    onStreamRestored?: (() => void) | undefined;
    onSessionLost?: (() => void) | undefined;
}

export interface ServerView {
    readonly name: string;
    readonly config: McpServerConfig;
    readonly plugin: PluginAttribution | undefined;
    readonly status: ServerStatus;
    readonly connection: string | undefined;
    readonly holders: readonly LeaseHolder[];
    readonly tools: number;
    readonly toolListMeta: JsonObject | undefined;
    readonly capabilities: ServerCapabilities | undefined;
    readonly instructions: string | undefined;
    readonly clockAheadMs: number | undefined;
}

export interface SnapshotFailure {
    readonly list: ListKind;
    readonly message: string;
}

export interface SnapshotOptions {
    readonly servers?: readonly string[];
    readonly lists?: readonly Exclude<ListKind, "tools">[];
    readonly askAuth?: boolean;
    readonly origins?: ReadonlyMap<string, Origin>;
    readonly signal?: AbortSignal;
    readonly clock?: Clock;
}

export interface SnapshotSource extends Omit<McpThreadOptions, "servers"> {
    readonly servers: ThreadServers | readonly EffectiveMcpServer[];
    readonly environments?: McpManagerOptions["environments"];
    readonly credentials?: McpManagerOptions["credentials"];
}

export type StartStep = "start" | "initialize" | "list";

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

export interface StoredLogin extends LoginKey {
    readonly issuer?: string | undefined;
    readonly clientId: string;
    readonly clientSecret?: string | undefined;
    readonly clientAuthMethod?: "none" | "client_secret_basic" | "client_secret_post" | undefined;
    readonly resource?: string | undefined;
    readonly accessToken: string;
    readonly refreshToken?: string | undefined;
    readonly expiresAt?: number | undefined;
    readonly scopes: readonly string[];
}

export type ThreadServers = Readonly<Record<string, McpServers[string] & {
    readonly scope?: McpServerScope;
    readonly shared_elicitation?: boolean;
}>> | ServerSet | ReadonlyMap<string, McpServerConfig>;

export interface ThreadTool {
    readonly server: string;
    readonly tool: Tool;
}

export interface ThreadUpdate {
    readonly started: readonly string[];
    readonly ended: readonly string[];
    readonly replaced: readonly string[];
    readonly kept: readonly string[];
}

export interface ThreadWithApps {
    readonly servers: ServerSet;
    readonly headers: NonNullable<McpThreadOptions["headers"]>;
    readonly principals: NonNullable<McpThreadOptions["principals"]>;
}

export interface TokenQuestion {
    readonly server: string;
    readonly config: McpServerConfig;
    readonly principal: string | undefined;
    readonly why: "open" | "due" | "unauthorized";
    readonly last?: string | undefined;
    readonly fetch?: HttpFetch | undefined;
    readonly signal: AbortSignal;
}

export declare class TransportError extends Error {
    readonly name = "TransportError";
    readonly code: TransportErrorCode;
    readonly server: string;
    readonly brief: string | undefined;
    constructor(code: TransportErrorCode, server: string, what: string, { lastWords, ...options }?: ErrorOptions & {
        readonly lastWords?: string | undefined;
    });
    get remedy(): Remedy;
}

export type TransportErrorCode = "invalid_server" | "start_failed" | "executor_unreachable" | "executor_lost" | "process_exited" | "message_too_large" | "server_stalled" | "request_failed" | "closed";

export interface UserLoginsOptions {
    readonly env?: Variables | undefined;
    readonly layers?: Pick<ConfigLayers, "layers"> | undefined;
}

export interface WaitOptions {
    readonly signal?: AbortSignal;
    readonly timeoutMs?: number;
}

export declare function appsToolsCacheKey(auth: AllowedAppsAuth): AppsToolsCacheKey;

export declare function codexAppsAuth(options?: CodexAppsAuthOptions): AppsAuth;

export declare function codexLoginStore({ codexHome, kept, clock, }: CodexLoginStoreOptions): LoginStore;

export declare function collectMcpSnapshot(source: McpManager | McpConnectionManager | SnapshotSource, options?: SnapshotOptions): Promise<McpSnapshot>;

export declare function folderLoginStores(folder: string): (principal: string | undefined) => LoginStore;

export declare function legacyFirst(now: () => number): EraMemory;

export declare function loginKeyOf(server: string, { transport }: McpServerConfig): LoginKey | undefined;

export declare function memoryLoginStore(): LoginStore;

export declare function memoryOfEras(now: () => number): EraMemory;

export declare function userLoginStore({ env, layers }?: UserLoginsOptions): LoginStore;

export declare function withAppsServer(servers: ThreadServers, auth: AppsAuth | undefined): ThreadWithApps;
