/** Tools of MCP servers as models are offered them: names, the way back, and which calls may overlap. */
export { Gate, type GateKey, type GateOptions, type GateRequest, type Pass } from "./gate/gate.ts";
export { isParallel, type ParallelInput } from "./gate/is-parallel.ts";
export { qualifiedMcpToolNamePrefix } from "./names/spelling.ts";
export { type FoundTool, type GoneTool, ToolCatalog, type WrittenToolName } from "./names/tool-catalog.ts";
export { ToolNames, type ToolNamesOptions } from "./names/tool-names.ts";
export {
  type DeclaredToolName,
  type QualifiedToolName,
  type ServerTool,
  type ToolInfo,
  type ToolProvenance,
  toolsOf,
  type VisibleToolName,
} from "./tool-info.ts";
export type {
  DispatchEvent,
  DispatchOptions,
  FunctionCallItem,
  FunctionCallOutputItem,
  FunctionToolDefinition,
  HostTool,
  NamespaceDefinition,
  OutputPart,
  RoutedTool,
  StepTools,
  ToolDefinition,
  ToolOutput,
} from "./router/contract.ts";
export {
  type Approver,
  type OutputOf,
  type Route,
  ToolRouter,
  type ToolRouterOptions,
} from "./router/tool-router.ts";
