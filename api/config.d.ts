// mcp-switchyard/config

export type AppToolApproval = "auto" | "prompt" | "writes" | "approve";

export interface ApplyOptions {
    readonly dryRun?: boolean;
    readonly signal?: AbortSignal;
}

export type BearerTokenReference = {
    readonly from: "variable";
    readonly name: string;
}
 | {
    readonly from: "file";
    readonly reveal: () => string;
};

export type ConfigEdit =
{
    readonly kind: "add";
    readonly name: string;
    readonly server: WrittenMcpServer;
}
 | {
    readonly kind: "replace";
    readonly name: string;
    readonly server: WrittenMcpServer;
} | {
    readonly kind: "remove";
    readonly name: string;
} | {
    readonly kind: "rename";
    readonly name: string;
    readonly to: string;
} | {
    readonly kind: "enable" | "disable";
    readonly name: string;
}
 | {
    readonly kind: "set";
    readonly name: string;
    readonly key: readonly string[];
    readonly value: unknown;
} | {
    readonly kind: "unset";
    readonly name: string;
    readonly key: readonly string[];
} | {
    readonly kind: "approve";
    readonly name: string;
    readonly tool: string;
    readonly mode: AppToolApproval;
}
 | {
    readonly kind: "replace_all";
    readonly servers: McpServerTables;
}
 | {
    readonly kind: "trust";
    readonly folder: string;
    readonly level: "trusted" | "untrusted" | undefined;
};

export declare class ConfigEditor {
    #private;
    constructor(file: string, options?: ConfigEditorOptions);
    add(name: string, server: WrittenMcpServer): this;
    replace(name: string, server: WrittenMcpServer): this;
    remove(name: string): this;
    rename(name: string, to: string): this;
    enable(name: string): this;
    disable(name: string): this;
    set(name: string, key: string | readonly string[], value: unknown): this;
    unset(name: string, key: string | readonly string[]): this;
    approve(name: string, tool: string, mode: AppToolApproval): this;
    replaceMcpServers(servers: McpServerTables): this;
    trust(folder: string, level: "trusted" | "untrusted" | undefined): this;
    edit(edit: ConfigEdit): this;
    apply({ dryRun, signal }?: ApplyOptions): Promise<EditResult>;
}

export interface ConfigEditorOptions {
    readonly own?: boolean;
    readonly partial?: boolean;
    readonly lockTimeoutMs?: number;
    readonly clock?: Clock;
    readonly fs?: ConfigFileSystem;
}

export declare class ConfigError extends Error {
    readonly name = "ConfigError";
    readonly code: ConfigErrorCode;
    readonly problems: readonly ConfigProblem[];
    constructor(code: ConfigErrorCode, message: string, options?: ErrorOptions & {
        readonly problems?: readonly ConfigProblem[];
    });
}

export type ConfigErrorCode = "invalid_config" | "unreadable" | "invalid_edit" | "unprovable_edit" | "conflict" | "locked" | "write_failed";

export interface ConfigLayer {
    readonly name: ConfigLayerName;
    readonly source: Source;
    readonly own: boolean;
    readonly root: TomlTable;
    readonly inactive?: {
        readonly reason: string;
        readonly hint: string;
    };
}

export type ConfigLayerName = "system" | "user" | "profile" | "switchyard" | "project" | "project_switchyard" | "overrides" | "managed";

export interface ConfigLayers {
    readonly layers: readonly ConfigLayer[];
    readonly requirements?: Requirements;
    readonly project: Project;
    readonly plugins?: LoadedPlugins;
}

export interface ConfigProblem extends ProblemText {
    readonly path?: readonly string[] | undefined;
    readonly field?: readonly string[] | undefined;
    readonly place?: Place | undefined;
    readonly hint?: string | undefined;
}

export interface ConfigProblemJson {
    readonly message: string;
    readonly path: string | null;
    readonly file: string | null;
    readonly line: number | null;
    readonly column: number | null;
    readonly excerpt: string | null;
    readonly hint: string | null;
}

export interface ConfiguredMcpServers {
    readonly ok: boolean;
    readonly servers: ReadonlyMap<string, McpServerConfig>;
    readonly errors: readonly ConfigProblem[];
    readonly warnings: readonly ConfigProblem[];
    readonly provenance: ToolPluginProvenance;
    readonly originsOf: (name: string) => Origins;
}

export interface EditResult {
    readonly file: string;
    readonly before: string;
    readonly after: string;
    readonly changed: boolean;
    readonly warnings: readonly ConfigProblem[];
    diff(): string;
}

export interface EffectiveMcpServer {
    readonly name: string;
    readonly status: "enabled" | "disabled" | "unstartable" | "invalid" | "inactive";
    readonly config?: McpServerConfig;
    readonly reason?: string;
    readonly errors: readonly ConfigProblem[];
    readonly warnings: readonly ConfigProblem[];
    readonly origins: Origins;
    readonly definedIn: Origin | undefined;
    readonly plugin?: PluginAttribution;
}

export interface EffectiveMcpServers {
    readonly servers: readonly EffectiveMcpServer[];
    readonly errors: readonly ConfigProblem[];
    readonly warnings: readonly ConfigProblem[];
    readonly provenance: ToolPluginProvenance;
}

export type EnvironmentConfig = LocalEnvironment | (UrlEnvironment & {
    readonly bearerToken?: BearerTokenReference;
})
 | (ProgramEnvironment & {
    readonly env: ReadonlyMap<string, string>;
});

export type EnvironmentDefinition = LocalEnvironment
 | (UrlEnvironment & {
    readonly bearerToken?: string;
}) | (ProgramEnvironment & {
    readonly env: Readonly<Record<string, string>>;
});

export type EnvironmentOrigin = Origin | {
    readonly layer: "variable";
    readonly file: typeof URL_VARIABLE;
    readonly line?: never;
};

export type FoundEnvironment = {
    readonly ok: true;
    readonly environment: UsableEnvironment;
} | {
    readonly ok: false;
    readonly message: string;
    readonly hint: string;
};

export interface ImportNote {
    readonly server?: string;
    readonly key: string;
    readonly message: string;
}

export interface ImportResult {
    readonly format: ImportFormat;
    readonly servers: ReadonlyMap<string, WrittenMcpServer>;
    readonly names: readonly string[];
    readonly notes: readonly ImportNote[];
    readonly problems: readonly ConfigProblem[];
    readonly unfilled: ReadonlyMap<string, readonly string[]>;
}

export declare const LOCAL_ENVIRONMENT_ID = "local";

export interface LoadEnvironmentsOptions extends LoadLayersOptions {
    readonly layers?: ConfigLayers;
}

export interface LoadLayersOptions {
    readonly cwd?: string;
    readonly env?: Env;
    readonly codexHome?: string;
    readonly switchyardHome?: string;
    readonly systemDir?: string;
    readonly profile?: string;
    readonly overrides?: readonly string[];
    readonly threadConfig?: Readonly<Record<string, unknown>>;
    readonly selectedPlugins?: readonly SelectedPlugin[];
}

export interface LoadSkillsOptions {
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly codexHome?: string;
    readonly systemDir?: string;
    readonly plugins?: readonly SkillPlugin[];
}

export type LoadedEnvironment = UsableEnvironment | UnusableEnvironment;

export interface LoadedEnvironments {
    readonly environments: ReadonlyMap<string, LoadedEnvironment>;
    readonly defaultId?: string;
    readonly errors: readonly ConfigProblem[];
    readonly warnings: readonly ConfigProblem[];
}

export interface LoadedPlugin extends PluginAttribution {
    readonly root: string;
    readonly selected: boolean;
    readonly skills: readonly string[];
    readonly servers: readonly PluginServer[];
}

export interface LoadedPlugins {
    readonly plugins: readonly LoadedPlugin[];
    readonly problems: readonly ConfigProblem[];
}

export interface LoadedSkills {
    readonly skills: readonly Skill[];
    readonly problems: readonly ConfigProblem[];
}

export type McpServerAuth = "oauth" | "chatgpt" | "ema_auth";

export interface McpServerConfig {
    readonly transport: McpServerTransportConfig;
    readonly environment_id: string;
    readonly enabled: boolean;
    readonly disabled_reason?: McpServerDisabledReason;
    readonly required: boolean;
    readonly startup_timeout_sec?: number;
    readonly tool_timeout_sec?: number;
    readonly startup_readiness: McpStartupReadiness;
    readonly supports_parallel_tool_calls: boolean;
    readonly tool_input_schema_max_bytes?: number;
    readonly omit_tools_from?: readonly McpToolSurface[];
    readonly default_tools_approval_mode?: AppToolApproval;
    readonly enabled_tools?: readonly string[];
    readonly disabled_tools?: readonly string[];
    readonly tools: ReadonlyMap<string, McpServerToolConfig>;
    readonly scopes?: readonly string[];
    readonly auth: McpServerAuth;
    readonly oauth?: McpServerOAuthConfig;
    readonly oauth_resource?: string;
    readonly scope: McpServerScope;
    readonly shared_elicitation: boolean;
    readonly startup: McpServerStartup;
}

export type McpServerDisabledReason =
{
    readonly type: "by_hand";
}
 | {
    readonly type: "requirements";
    readonly source: string;
}
 | {
    readonly type: "unknown";
};

export type McpServerEnvVar = string | {
    readonly name: string;
    readonly source?: "local" | "remote";
};

export interface McpServerOAuthConfig {
    readonly client_id?: string;
    readonly client_secret?: string;
    readonly token_endpoint_auth_method?: "client_secret_basic" | "client_secret_post";
    readonly callback_url?: string;
    readonly authorization_server_issuer?: string;
    readonly callback_port?: number;
}

export type McpServerScope = "thread" | "project" | "principal" | "host";

export type McpServerStartup = "wait" | "background";

export type McpServerTables = Readonly<Record<string, WrittenMcpServer>> | ReadonlyMap<string, WrittenMcpServer>;

export interface McpServerToolConfig {
    readonly approval_mode?: AppToolApproval;
    readonly output_token_limit?: number;
}

export type McpServerTransportConfig = {
    readonly type: "stdio";
    readonly command: string;
    readonly args: readonly string[];
    readonly env?: ReadonlyMap<string, string>;
    readonly env_vars: readonly McpServerEnvVar[];
    readonly cwd?: string;
} | {
    readonly type: "streamable_http";
    readonly url: string;
    readonly bearer_token_env_var?: string;
    readonly http_headers?: ReadonlyMap<string, string>;
    readonly env_http_headers?: ReadonlyMap<string, string>;
    readonly http_headers_helper?: string;
};

export type McpStartupReadiness = "connection" | "catalog";

export type McpToolSurface = "code_mode" | "deferred" | "direct";

export interface MissingSkillServer {
    readonly name: string;
    readonly server: WrittenMcpServer;
    readonly description?: string;
    readonly skills: readonly Skill[];
}

export interface Origin {
    readonly layer: ConfigLayerName | "plugin";
    readonly plugin?: string;
    readonly file?: string;
    readonly line?: number;
    readonly column?: number;
}

export type Origins = ReadonlyMap<string, Origin>;

export type ParseTomlResult = {
    readonly ok: true;
    readonly document: TomlDocument;
} | {
    readonly ok: false;
    readonly problem: TomlProblem;
};

export interface Place {
    readonly source: Source;
    readonly start: number;
    readonly end: number;
}

export type PlainValue = string | number | boolean | PlainValue[] | {
    [key: string]: PlainValue;
};

export interface PluginAttribution {
    readonly id: string;
    readonly displayName: string;
    readonly dataFolder?: string;
}

export interface PluginServer {
    readonly name: string;
    readonly config?: McpServerConfig;
    readonly written: TomlTable;
    readonly file: string;
    readonly errors: readonly ConfigProblem[];
    readonly warnings: readonly ConfigProblem[];
}

export interface ReadOptions {
    readonly strict?: boolean;
    readonly own?: boolean;
}

export type ReadServersResult = (Read & {
    readonly ok: true;
    readonly errors: readonly [];
})
 | (Read & {
    readonly ok: false;
    readonly errors: readonly [ConfigProblem, ...ConfigProblem[]];
});

export interface SelectedPlugin {
    readonly id: string;
    readonly root: string;
}

export interface Skill {
    readonly name: string;
    readonly description: string;
    readonly file: string;
    readonly scope: SkillScope;
    readonly pluginId?: string;
    readonly enabled: boolean;
    readonly servers: readonly SkillServer[];
}

export interface SkillNeed {
    readonly skill: Skill;
    readonly needs: SkillServer;
    readonly configured: EffectiveMcpServer | undefined;
}

export interface SkillPlugin {
    readonly id: string;
    readonly skills: readonly string[];
}

export type SkillScope = "repo" | "user" | "system" | "admin";

export interface SkillServer {
    readonly name: string;
    readonly description?: string;
    readonly server: WrittenMcpServer;
    readonly place: Place;
}

export interface Source {
    readonly name: string;
    readonly text: string;
    readonly kind?: "toml" | "override" | "text" | "masked";
}

export interface TomlEntry {
    readonly value: TomlNode;
    readonly keyPlace?: Place | undefined;
}

export type TomlNode = ({
    readonly kind: "string";
    readonly value: string;
} & Written)
 | ({
    readonly kind: "integer";
    readonly value: bigint;
} & Written) | ({
    readonly kind: "float";
    readonly value: number;
} & Written) | ({
    readonly kind: "boolean";
    readonly value: boolean;
} & Written)
 | ({
    readonly kind: "datetime";
    readonly value: string;
} & Written) | ({
    readonly kind: "array";
    readonly items: readonly TomlNode[];
} & Written) | TomlTable;

export interface TomlTable extends Written {
    readonly kind: "table";
    readonly entries: ReadonlyMap<string, TomlEntry>;
}

export type ToolPluginProvenance = ReadonlyMap<string, PluginAttribution>;

export interface UnusableEnvironment extends Loaded {
    readonly status: "invalid" | "inactive" | "disabled";
    readonly reason: string;
}

export interface UsableEnvironment extends Loaded {
    readonly status: "usable";
    readonly config: EnvironmentConfig;
}

export interface WrittenMcpServer {
    readonly command?: string;
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly env_vars?: readonly McpServerEnvVar[];
    readonly cwd?: string;
    readonly url?: string;
    readonly bearer_token_env_var?: string;
    readonly bearer_token?: string;
    readonly http_headers?: Readonly<Record<string, string>>;
    readonly env_http_headers?: Readonly<Record<string, string>>;
    readonly http_headers_helper?: string;
    readonly auth?: McpServerAuth;
    readonly oauth?: McpServerOAuthConfig;
    readonly oauth_resource?: string;
    readonly scopes?: readonly string[];
    readonly environment_id?: string;
    readonly enabled?: boolean;
    readonly required?: boolean;
    readonly startup_timeout_sec?: number;
    readonly startup_timeout_ms?: number;
    readonly tool_timeout_sec?: number;
    readonly startup_readiness?: McpStartupReadiness;
    readonly supports_parallel_tool_calls?: boolean;
    readonly tool_input_schema_max_bytes?: number;
    readonly omit_tools_from?: readonly McpToolSurface[];
    readonly default_tools_approval_mode?: AppToolApproval;
    readonly enabled_tools?: readonly string[];
    readonly disabled_tools?: readonly string[];
    readonly tools?: Readonly<Record<string, McpServerToolConfig>>;
    readonly name?: string;
    readonly scope?: McpServerScope;
    readonly shared_elicitation?: boolean;
    readonly startup?: McpServerStartup;
}

export declare function checkConfig(root: TomlTable, options?: ReadOptions): ReadServersResult;

export declare function checkServerEnvironments({ layers }: ConfigLayers, environments: LoadedEnvironments): ConfigProblem[];

export declare function configJsonSchema(): JsonSchema;

export declare function configuredMcpServers(layers: ConfigLayers, options?: Pick<ReadOptions, "strict">): ConfiguredMcpServers;

export declare function disabledReasonText(reason: McpServerDisabledReason | undefined): string | undefined;

export declare function effectiveMcpServers(layers: ConfigLayers): EffectiveMcpServers;

export declare function findEnvironment({ environments }: LoadedEnvironments, id: string): FoundEnvironment;

export declare function formatEnvironmentOrigin({ file, line }: EnvironmentOrigin): string;

export declare function formatProblem(problem: ConfigProblem, options?: ShowProblemOptions): string;

export declare function fromPlain(value: unknown, path?: readonly string[]): TomlNode;

export declare function importServers(text: string, options: {
    readonly file: string;
    readonly format?: ImportFormat | undefined;
    readonly only?: readonly string[] | undefined;
}): ImportResult;

export declare function lineAndColumn(place: Place): {
    readonly line: number;
    readonly column: number;
};

export declare function loadConfigLayers(options?: LoadLayersOptions): ConfigLayers;

export declare function loadEnvironments(options?: LoadEnvironmentsOptions): LoadedEnvironments;

export declare function loadGlobalMcpServers(codexHome: string): Promise<ReadonlyMap<string, McpServerConfig>>;

export declare function loadSkills(layers: ConfigLayers, options?: LoadSkillsOptions): Promise<LoadedSkills>;

export declare function maskEnvironment(config: EnvironmentConfig): EnvironmentConfig;

export declare function missingSkillDependencies(skills: readonly Skill[], effective: readonly EffectiveMcpServer[]): readonly MissingSkillServer[];

export declare function nodeAt(root: TomlNode, path: readonly string[]): TomlNode | undefined;

export declare function parseMcpServers(input: unknown, options?: ReadOptions): ReadServersResult;

export declare function parseToml(source: Source): ParseTomlResult;

export declare function problemToJson(problem: ConfigProblem, options?: ShowProblemOptions): ConfigProblemJson;

export declare function projectKey(folder: string): string;

export declare function readMcpServers(node: TomlNode | undefined, options?: ReadOptions): ReadServersResult;

export declare function serverNameProblem(name: string): string | undefined;

export declare function serverUrlProblem(url: string, { quoteScheme }?: {
    readonly quoteScheme?: boolean;
}): string | undefined;

export declare function skillNeeds(skills: readonly Skill[], effective: readonly EffectiveMcpServer[]): readonly SkillNeed[];

export declare function toEnvironmentDefinition({ id, config, origins }: UsableEnvironment, env?: Env): EnvironmentDefinition;

export declare function toNormalForm(config: McpServerConfig): Readonly<Record<string, unknown>>;

export declare function toPlain(node: TomlNode): PlainValue;

export declare function toWritten(config: McpServerConfig): WrittenMcpServer;
