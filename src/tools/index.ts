/** Tools of MCP servers as models are offered them: names, and the way back. */
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
