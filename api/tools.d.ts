// mcp-switchyard/tools

export type DeclaredToolName = string;

export type FoundTool = {
    readonly kind: "found";
    readonly tool: ToolInfo;
    readonly exact: boolean;
}
 | {
    readonly kind: "ambiguous";
    readonly tools: readonly ToolInfo[];
}
 | {
    readonly kind: "gone";
    readonly qualified: QualifiedToolName;
} | {
    readonly kind: "unknown";
    readonly near: ToolInfo | undefined;
};

export declare class Gate {
    #private;
    constructor({ callsMax, clock }?: GateOptions);
    get inUse(): number;
    enter({ turn, connection, parallel, signal }: GateRequest): Promise<Pass>;
}

export type GateKey = string | object;

export interface GateOptions {
    readonly callsMax?: number;
    readonly clock?: Clock;
}

export interface GateRequest {
    readonly turn: GateKey;
    readonly connection?: GateKey | undefined;
    readonly parallel: boolean;
    readonly signal?: AbortSignal | undefined;
}

export interface GoneTool {
    readonly qualified: QualifiedToolName;
    readonly visible: VisibleToolName;
}

export interface ParallelInput {
    readonly serverFlag?: boolean | undefined;
    readonly annotations?: {
        readonly readOnlyHint?: boolean | undefined;
    } | undefined;
    readonly trustHints?: boolean | undefined;
}

export interface Pass extends Disposable {
    readonly waitedMs: number;
    release(): void;
}

export interface QualifiedToolName {
    readonly server: string;
    readonly tool: DeclaredToolName;
}

export interface ServerTool {
    readonly server: string;
    readonly tool: ThreadTool["tool"];
    readonly supportsParallelToolCalls: boolean;
    readonly annotations: ThreadTool["tool"]["annotations"];
    readonly forModel: boolean;
    readonly provenance: ToolProvenance;
}

export declare class ToolCatalog {
    #private;
    readonly offered: ReadonlyMap<string, readonly ToolInfo[]>;
    readonly tools: readonly ToolInfo[];
    constructor(tools: readonly ToolInfo[], gone: readonly GoneTool[]);
    get({ server, tool }: QualifiedToolName): ToolInfo | undefined;
    find({ namespace, name }: WrittenToolName): FoundTool;
}

export interface ToolInfo extends ServerTool {
    readonly qualified: QualifiedToolName;
    readonly visible: VisibleToolName;
}

export declare class ToolNames {
    #private;
    constructor({ match }?: ToolNamesOptions);
    name(tools: Iterable<ServerTool>): ToolCatalog;
}

export interface ToolNamesOptions {
    readonly match?: "codex";
}

export interface ToolProvenance {
    readonly environment: string;
    readonly scope: McpServerScope;
    readonly plugin?: string;
}

export interface VisibleToolName {
    readonly namespace: string;
    readonly name: string;
    readonly flat: string;
}

export interface WrittenToolName {
    readonly namespace?: string | undefined;
    readonly name: string;
}

export declare function isParallel({ serverFlag, annotations, trustHints }: ParallelInput): boolean;

export declare function qualifiedMcpToolNamePrefix(server: string): string;

export declare function toolsOf(thread: McpConnectionManager): readonly ServerTool[];
